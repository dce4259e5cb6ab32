//! Texts that are parsed once: what is registered, what is typed, what is asked for.

use identity::application::redirect_uri::{RedirectUri, Scheme};
use identity::cluster::address::PeerAddress;
use identity::cluster::version::ProgramVersion;
use identity::grant::scope;
use identity::id::Id;
use identity::name::{EmailAddress, HostName, LanguageTag, Name, Username};
use identity::project::role::RoleKey;

#[track_caller]
fn check<T, E>(parse: impl Fn(&str) -> Result<T, E>, good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(parse(text).is_ok(), "{text:?} is refused");
    }
    for text in bad {
        assert!(parse(text).is_err(), "{text:?} is taken");
    }
}

#[test]
fn a_redirect_uri_is_https_loopback_or_a_reversed_domain() {
    check(
        RedirectUri::parse,
        &[
            "https://app.example/callback",
            "https://app.example:8443/callback?x=1",
            "http://127.0.0.1/cb",
            "http://[::1]:5000/cb",
            "http://localhost:5000/cb",
            "com.example.app:/cb",
            "com.example.app://host/cb",
        ],
        &[
            "",
            "/callback",
            "app.example/callback",
            "http://app.example/callback",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1@evil.example/cb",
            "http://localhost.evil.example/cb",
            "https://",
            "https:///callback",
            "https:app.example",
            "https://user@app.example/cb",
            "https://user:pass@app.example/cb",
            "https://app.example\\@evil.example/cb",
            "https://app.example/cb#fragment",
            "https://*.app.example/cb",
            "https://app.example/../cb",
            "https://app.example/a/./cb",
            "https://app.example/a/%2e%2E/cb",
            "https://app.example:0/cb",
            "https://app.example:99999/cb",
            "https://app.example:08/cb",
            "https://app.example:/cb",
            "https://app.example/ cb",
            "https://app.example/\u{e9}",
            "https://app.ex%61mple/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "myapp:/cb",
            "COM.example.app:/cb",
            ".example:/cb",
            "1.example:/cb",
            "com.example.app:",
            "ftp://app.example/cb",
        ],
    );
    let long = format!("https://app.example/{}", "x".repeat(2000));
    assert!(RedirectUri::parse(&long).is_err());
    let scheme = |text: &str| RedirectUri::parse(text).unwrap().scheme();
    assert_eq!(scheme("https://a.example/"), Scheme::Https);
    assert_eq!(scheme("http://[::1]/"), Scheme::Loopback);
    assert_eq!(scheme("com.example:/"), Scheme::PrivateUse);
    let origin = |text: &str| RedirectUri::parse(text).unwrap().origin().map(str::to_owned);
    assert_eq!(origin("https://a.example:8443/cb?x").as_deref(), Some("https://a.example:8443"));
    assert_eq!(origin("com.example.app:/cb"), None);
}

#[test]
fn only_the_port_of_a_loopback_address_may_differ() {
    let registered = RedirectUri::parse("http://127.0.0.1:1/cb?x=1").unwrap();
    for (uri, same) in [
        ("http://127.0.0.1:5000/cb?x=1", true),
        ("http://127.0.0.1/cb?x=1", true),
        ("http://127.0.0.1:5000/cb", false),
        ("http://127.0.0.1:5000/cb?x=1&y=2", false),
        ("http://127.0.0.1:5000/cb/?x=1", false),
        ("http://[::1]:5000/cb?x=1", false),
        ("https://127.0.0.1:5000/cb?x=1", false),
        ("http://127.0.0.1:5000x/cb?x=1", false),
        ("http://127.0.0.1:5000@evil.example/cb?x=1", false),
        ("http://localhost:5000/cb?x=1", false),
    ] {
        assert_eq!(registered.same_but_loopback_port(uri), same, "{uri}");
    }
    let localhost = RedirectUri::parse("http://localhost:1/cb").unwrap();
    assert!(!localhost.same_but_loopback_port("http://localhost:2/cb"));
}

#[test]
fn names_have_no_hidden_characters() {
    check(
        Name::<5>::parse,
        &["a", "a b c", "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}"],
        &["", " a", "a ", "abcdef", "a\nb", "\u{0}", "a\u{7f}"],
    );
    let long = "x".repeat(201);
    check(Username::parse, &["a", "Alice.L", "\u{e4}\u{f6}"], &["", "a b", "a\t", "\u{a0}x", &long]);
    check(EmailAddress::parse, &["a@b", "a+x@b.example"], &["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n"]);
    check(LanguageTag::parse, &["en", "de-CH", "zh-Hant-TW"], &["", "-", "en-", "e n", "abcdefghi", "en_US"]);
    check(
        HostName::parse,
        &["a", "a.example", "xn--4ca.example", "[::1]", "127.0.0.1"],
        &["", "A.example", "a..b", "-a.b", "a-.b", "a b", "a:80", "a/b", "\u{e9}.example"],
    );
    check(RoleKey::parse, &["admin", "a:b-c"], &["", "a b", "\u{e9}"]);
    check(Id::parse, &["1", "a:b/c"], &["", "a b", "\u{e9}", "a\n", &long]);
    assert_eq!(Username::parse("ALICE\u{c4}").unwrap().folded(), "alice\u{c4}", "ASCII folds, nothing else");
}

#[test]
fn a_peer_address_names_a_host_that_others_can_reach_and_a_port() {
    check(
        PeerAddress::parse,
        &[
            "a:1",
            "node-2.example:8081",
            "127.0.0.1:65535",
            "[::1]:8081",
            "[2001:db8::5:0:1]:8081",
            "[1:2:3:4:5:6:7:8]:1",
            "[fe80::]:1",
        ],
        &[
            "",
            ":",
            "node",
            "node:",
            ":8081",
            "node:0",
            "node:08081",
            "node:+1",
            "node:65536",
            "node: 1",
            "NODE:1",
            "a b:1",
            "\u{e9}:1",
            "http://node:1",
            "user@node:1",
            "node:1/",
            "node:1:2",
            "::1:8081",
            "[::1]",
            "[::1]:",
            "[::1",
            "[]:1",
            "[:]:1",
            "[:::]:1",
            "[1::2::3]:1",
            "[12345::]:1",
            "[1:2:3:4:5:6:7]:1",
            "[1:2:3:4:5:6:7:8:9]:1",
            "[1:2:3:4:5:6:7::8]:1",
            "[::FF]:1",
            "[::ffff:1.2.3.4]:1",
            "[fe80::1%eth0]:1",
            "[node]:1",
            "0.0.0.0:1",
            "[::]:1",
        ],
    );
    let host = |length: usize| ["x".repeat(63), "y".repeat(63), "z".repeat(63), "w".repeat(length)].join(".");
    assert!(PeerAddress::parse(&format!("{}:65535", host(61))).is_ok());
    assert!(PeerAddress::parse(&format!("{}:65535", host(62))).is_err());
    let host = |text: &str| PeerAddress::parse(text).unwrap().host().to_owned();
    assert_eq!(host("[::1]:8081"), "[::1]");
    assert_eq!(host("node.example:1"), "node.example");
    let (longest, longer) = ("x".repeat(64), "x".repeat(65));
    check(
        ProgramVersion::parse,
        &["", "0.1.0-rc.1+abc", &longest],
        &[" ", "0.1 0", "\u{e9}", "1\n", &longer],
    );
}

#[test]
fn scopes_that_mean_nothing_here_are_dropped() {
    let parse = |text: &str| scope::parse(text).map(|scopes| scopes.join(" "));
    assert_eq!(parse("openid  profile openid unknown email").unwrap(), "openid profile email");
    assert_eq!(parse("").unwrap(), "");
    assert_eq!(parse("OPENID").unwrap(), "");
    let audience = "urn:zitadel:iam:org:project:id:p1:aud";
    assert_eq!(parse(audience).unwrap(), audience);
    assert_eq!(scope::audience_of(audience), Some("p1"));
    assert_eq!(scope::audience_of("urn:zitadel:iam:org:project:id::aud"), None);
    let many =
        (0..51).map(|n| format!("urn:zitadel:iam:org:project:role:r{n}")).collect::<Vec<_>>().join(" ");
    for bad in ["openid \"x\"", "a\\b", "a\u{e9}", &"x".repeat(301), &many] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}
