use std::collections::BTreeMap;

use super::*;

#[test]
fn files_are_served_under_the_name_of_their_content() {
    assert_ne!(STYLE_PATH, ICON_PATH);
    for (path, content_type, body) in
        [(STYLE_PATH, "text/css; charset=utf-8", STYLE), (ICON_PATH, "image/svg+xml", ICON)]
    {
        let asset = asset(path).expect("a file of ours");
        assert_eq!((asset.content_type, asset.body), (content_type, body));
        assert_eq!(asset.cache_control, "public, max-age=31536000, immutable");
    }
    assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8, "the published test vector");
}

#[test]
fn the_name_of_another_version_answers_but_is_not_kept() {
    let other = asset("/ui/assets/style-0123456789abcdef.css").expect("some version's style sheet");
    assert_eq!((other.body, other.cache_control), (STYLE, "no-store"));
}

#[test]
fn other_paths_lead_nowhere() {
    for path in [
        "",
        "/ui/assets/",
        "/ui/assets/style-.css",
        "/ui/assets/style-0123456789abcdeg.css",
        "/ui/assets/style-0123456789abcdef0.css",
        "/ui/assets/style-0123456789abcdef.svg",
        "/ui/assets/../style-0123456789abcdef.css",
        "/ui/assets/icon-ééééé0123456789ab.svg",
        "style-0123456789abcdef.css",
    ] {
        assert_eq!(asset(path), None, "{path}");
    }
}

#[test]
fn files_name_no_other_place() {
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains("//"));
    assert_eq!(ICON.matches("//").count(), ICON.matches("http://www.w3.org/2000/svg").count());
    assert!(!ICON.contains("<script") && !ICON.contains("href"));
}

#[test]
fn the_policy_lets_the_origin_of_the_redirect_in() {
    for (target, expected) in [
        ("https://app.example.com/callback?x=1#y", "https://app.example.com"),
        ("https://APP.example.com:8443", "https://app.example.com:8443"),
        ("HTTP://127.0.0.1:49152/cb", "http://127.0.0.1:49152"),
        ("http://localhost/cb", "http://localhost"),
        ("http://[::1]:49152/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
        ("myapp://callback", "myapp:"),
    ] {
        assert!(
            content_security_policy(&[target]).contains(&format!("; form-action 'self' {expected};")),
            "{target}: {}",
            content_security_policy(&[target])
        );
    }
}

#[test]
fn the_policy_lets_nothing_odd_in() {
    let bare = content_security_policy(&[]);
    assert_eq!(
        bare,
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    let long = format!("https://{}/", "a".repeat(254));
    for target in [
        "",
        "/ui/login",
        "//app.example.com/",
        "https:app.example.com",
        "https://",
        "https:///cb",
        "https://*/",
        "https://*.example.com/",
        "https://user@example.com/",
        "https://a.example; script-src *",
        "https://a.example;script-src/",
        "https://a.example,b/",
        "https://a.example 'unsafe-inline'",
        "https://a.example\\@b.example/",
        "https://a.example\r\nSet-Cookie: x=y",
        "https://a.example:/",
        "https://a.example:0/",
        "https://a.example:+1/",
        "https://a.example:65536/",
        "https://a.example:*/",
        "https://bücher.example/",
        "https://[::2]/",
        "https://[::1]x/",
        "javascript:alert(1)",
        "JavaScript://x",
        "data:text/html,x",
        "blob:https://a.example/x",
        "my app:/cb",
        "1app:/cb",
        "app;x:/cb",
        "*:",
        ":",
        &long,
    ] {
        assert_eq!(content_security_policy(&[target]), bare, "{target:?}");
    }
}

#[test]
fn a_form_that_ends_at_an_https_callback_may_go_on_to_any() {
    for (redirect_uri, expected) in [
        ("https://app.example/callback", "https:"),
        ("http://127.0.0.1:49152/cb", "http://127.0.0.1:49152"),
        ("com.example.app:/cb", "com.example.app:"),
    ] {
        let policy = content_security_policy(&[form_target(redirect_uri)]);
        assert!(policy.contains(&format!("; form-action 'self' {expected};")), "{policy}");
    }
}

#[test]
fn the_policy_names_each_origin_once() {
    let policy = content_security_policy(&["https://a.example/1", "https://a.example/2", "app:/"]);
    assert!(policy.contains("; form-action 'self' https://a.example app:;"), "{policy}");
}

#[test]
fn headers_hold_back_framing_sniffing_referrers_and_caches() {
    assert_eq!(
        security_headers(),
        [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ]
    );
}

/// WCAG 2.2 §1.4.3 asks 4.5 of text, §1.4.11 asks 3 of the borders of fields and of focus rings.
#[test]
fn colours_have_contrast_in_light_and_dark() {
    let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").expect("two palettes");
    for (name, palette) in [("light", palette(light)), ("dark", palette(dark))] {
        for (front, back, least) in [
            ("text", "card", 4.5),
            ("text", "ground", 4.5),
            ("text", "ground-tint", 4.5),
            ("text", "field", 4.5),
            ("text", "inset", 4.5),
            ("muted", "card", 4.5),
            ("muted", "inset", 4.5),
            ("on-accent", "accent", 4.5),
            ("on-accent", "accent-hover", 4.5),
            ("accent", "card", 4.5),
            ("accent", "accent-ground", 4.5),
            ("accent", "ground-tint", 3.0),
            ("danger", "danger-ground", 4.5),
            ("danger", "card", 3.0),
            ("warning", "warning-ground", 3.0),
            ("field-line", "card", 3.0),
            ("field-line", "field", 3.0),
        ] {
            let contrast = contrast(palette[front], palette[back]);
            assert!(contrast >= least, "{name}: {front} on {back} is {contrast:.2}");
        }
    }
}

fn palette(css: &str) -> BTreeMap<&str, u32> {
    css.lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #"))
        .map(|(name, digits)| (name, u32::from_str_radix(digits, 16).expect("six hexadecimal digits")))
        .collect()
}

fn contrast(one: u32, other: u32) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: u32) -> f64 {
    let [_, red, green, blue] = colour.to_be_bytes().map(|channel| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}
