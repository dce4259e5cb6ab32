use super::*;
use crate::assets::{ICON, ICON_PATH, STYLE, STYLE_PATH};
use crate::locale::Locale;

const PLAIN: SignIn<'_> = SignIn {
    application: "Demo Shop",
    organization: None,
    login_name: "",
    action: "/ui/login",
    flow: "sealed-flow",
    csrf: "sealed-token",
    problem: None,
    cancel: None,
};
const PROBLEMS: [SignInProblem; 8] = [
    SignInProblem::WrongCredentials,
    SignInProblem::PasswordNotAllowed,
    SignInProblem::TryLater { seconds: 0 },
    SignInProblem::TryLater { seconds: 30 },
    SignInProblem::TryLater { seconds: 600 },
    SignInProblem::TryLater { seconds: u64::MAX },
    SignInProblem::Expired,
    SignInProblem::Unavailable,
];

/// Every page in every state, with `value` in each field that can hold any text.
fn samples(locale: Locale, value: &str) -> Vec<(String, String)> {
    let path = format!("/{}", value.replace(char::is_control, ""));
    let full = SignIn {
        application: value,
        organization: Some(value),
        login_name: value,
        action: &path,
        flow: value,
        csrf: value,
        problem: None,
        cancel: Some(&path),
    };
    let mut pages = vec![
        ("sign-in plain".to_owned(), sign_in(locale, &PLAIN)),
        ("sign-in full".to_owned(), sign_in(locale, &full)),
        ("signed-out".to_owned(), signed_out(locale)),
        ("not-found".to_owned(), not_found(locale, value)),
    ];
    for problem in PROBLEMS {
        let page = sign_in(locale, &SignIn { problem: Some(problem), ..full });
        pages.push((format!("sign-in {problem:?}"), page));
    }
    for fault in Fault::ALL {
        for detail in [None, Some(value)] {
            let page = ErrorPage { code: value, fault, detail, request_id: value };
            pages.push((format!("error {fault:?}"), error_page(locale, &page)));
        }
    }
    let hidden = [(value, value), ("state", value)];
    for (person, cancel) in [(None, None), (Some(value), Some(path.as_str()))] {
        let page = SignOut { action: &path, csrf: value, hidden: &hidden, person, cancel };
        pages.push(("sign-out".to_owned(), sign_out(locale, &page)));
    }
    pages
}

fn every_sample(check: impl Fn(Locale, &str, &str)) {
    for locale in Locale::ALL {
        for (name, page) in samples(locale, "harmless") {
            check(locale, &format!("{name} in {}", locale.tag()), &page);
        }
    }
}

/// What stands between `<` and `>`; fails on a stray `<` or `>` anywhere.
fn tags(page: &str) -> Vec<&str> {
    page.split('<')
        .skip(1)
        .map(|piece| {
            let (tag, text) = piece.split_once('>').expect("every tag is closed");
            assert!(!text.contains('>'), "a stray bracket after {tag}");
            tag
        })
        .collect()
}

/// Names and values of a tag's attributes, all of which must be in double quotes.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut rest = tag.trim_end_matches('/').split_once(' ').map_or("", |(_, rest)| rest).trim_start();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = &rest[end..];
        let mut value = "";
        if let Some(quoted) = rest.strip_prefix("=\"") {
            (value, rest) = quoted.split_once('"').expect("a value is closed");
            assert!(rest.is_empty() || rest.starts_with(' '), "text after a value in {tag}");
        }
        found.push((name, value));
        rest = rest.trim_start();
    }
    found
}

fn values<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    tags(page)
        .into_iter()
        .flat_map(attributes)
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value)
        .collect()
}

fn tag_with_id<'a>(page: &'a str, id: &str) -> &'a str {
    let wanted = format!("id=\"{id}\"");
    tags(page).into_iter().find(|tag| tag.contains(&wanted)).unwrap_or_else(|| panic!("no #{id}"))
}

#[test]
fn case_23_values_from_outside_are_escaped_everywhere() {
    for hostile in [
        "<script>alert(1)</script>",
        "</title></p></main><h1>",
        "\"><img src=x onerror=alert(1)>",
        "\" onfocus=\"alert(1)",
        "' autofocus onfocus='alert(1)",
        "x\r\nSet-Cookie: a=b\r\n\r\n<b>",
        "&lt;&#x3C;&amp;<!--",
        "{{ locale }}{% raw %}{ $x }",
        "\u{202E}<i>\u{0}",
    ] {
        for locale in Locale::ALL {
            for ((name, page), (_, harmless)) in
                samples(locale, hostile).iter().zip(&samples(locale, "harmless"))
            {
                // Nothing broke out of its place: the same tags with the same attributes as around a harmless value.
                assert_eq!(shape(page), shape(harmless), "{name} in {}", locale.tag());
                assert!(!hostile.contains(['<', '"', '\'', '&']) || !page.contains(hostile), "{name}");
            }
        }
    }
}

/// The tags of a page, each with the names of its attributes.
fn shape(page: &str) -> Vec<(&str, Vec<&str>)> {
    tags(page)
        .into_iter()
        .map(|tag| {
            let names = attributes(tag).into_iter().map(|(name, _)| name).collect();
            (tag.split(' ').next().unwrap_or_default(), names)
        })
        .collect()
}

#[test]
fn a_hostile_value_comes_back_as_it_was() {
    let page = sign_in(Locale::En, &SignIn { flow: "a\"b<c>&'d", ..PLAIN });
    let tag = tags(&page).into_iter().find(|tag| tag.contains("name=\"flow\"")).expect("the hidden field");
    assert_eq!(attributes(tag)[2], ("value", "a&#34;b&#60;c&#62;&#38;&#39;d"));
}

#[test]
fn pages_hold_no_script_no_style_and_no_foreign_address() {
    every_sample(|_, name, page| {
        assert!(!page.contains("://") && !page.contains("src="), "{name}");
        for tag in tags(page) {
            let element = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
            assert!(
                !["script", "style", "iframe", "object", "embed", "base", "img"].contains(&element),
                "{name}"
            );
            for (attribute, value) in attributes(tag) {
                assert!(!attribute.starts_with("on") && attribute != "style", "{name}: {attribute}");
                if ["href", "action"].contains(&attribute) {
                    assert!(is_local_path(value), "{name}: {value}");
                }
            }
        }
    });
}

#[test]
fn every_page_is_small() {
    every_sample(|_, name, page| {
        let total = page.len() + STYLE.len() + ICON.len();
        assert!(total < 20_000, "{name}: {total} bytes");
    });
}

#[test]
fn every_page_has_the_frame_that_assistive_technology_needs() {
    every_sample(|locale, name, page| {
        let html = format!("<html lang=\"{}\" dir=\"{}\">", locale.tag(), locale.dir());
        assert!(page.starts_with(&format!("<!doctype html>\n{html}")), "{name}");
        for element in ["<h1>", "<main ", "<title>", "<meta charset=\"utf-8\">"] {
            assert_eq!(page.matches(element).count(), 1, "{name}: {element}");
        }
        assert!(values(page, "href").starts_with(&[ICON_PATH, STYLE_PATH]), "{name}");
        let ids = values(page, "id");
        for id in &ids {
            assert_eq!(ids.iter().filter(|other| *other == id).count(), 1, "{name}: #{id} stands twice");
        }
        for id in values(page, "for").into_iter().chain(values(page, "aria-describedby")) {
            assert!(ids.contains(&id), "{name}: #{id} is pointed at");
        }
        assert!(values(page, "autofocus").len() <= 1, "{name}");
    });
}

#[test]
fn the_sign_in_form_is_known_to_password_managers_and_test_drivers() {
    for locale in Locale::ALL {
        let page = sign_in(locale, &PLAIN);
        let username = attributes(tag_with_id(&page, "username"));
        for expected in [
            ("name", "username"),
            ("autocomplete", "username"),
            ("autocapitalize", "none"),
            ("spellcheck", "false"),
        ] {
            assert!(username.contains(&expected), "{expected:?}");
        }
        let password = attributes(tag_with_id(&page, "password"));
        for expected in [("name", "password"), ("type", "password"), ("autocomplete", "current-password")] {
            assert!(password.contains(&expected), "{expected:?}");
        }
        assert!(tag_with_id(&page, "login-submit").starts_with("button "));
        assert_eq!(values(&page, "for"), ["username", "password"]);
        assert_eq!(values(&page, "method"), ["post"]);
        assert_eq!(values(&page, "action"), ["/ui/login"]);
        assert!(page.contains("<input type=\"hidden\" name=\"flow\" value=\"sealed-flow\">"));
        assert!(page.contains("<input type=\"hidden\" name=\"csrf\" value=\"sealed-token\">"));
    }
}

#[test]
fn the_field_that_is_still_empty_has_the_focus() {
    assert!(tag_with_id(&sign_in(Locale::En, &PLAIN), "username").contains(" autofocus"));
    let named = sign_in(Locale::En, &SignIn { login_name: "alice", ..PLAIN });
    assert!(tag_with_id(&named, "password").contains(" autofocus"));
    assert!(tag_with_id(&named, "username").contains("value=\"alice\""));
}

#[test]
fn a_problem_is_announced_and_wired_to_the_fields() {
    for problem in PROBLEMS {
        let page = sign_in(Locale::De, &SignIn { problem: Some(problem), ..PLAIN });
        assert!(tag_with_id(&page, "sign-in-problem").contains("role=\"alert\""));
        assert!(page.contains("<title>Problem: "));
        for id in ["username", "password"] {
            let attributes = attributes(tag_with_id(&page, id));
            assert!(attributes.contains(&("aria-describedby", "sign-in-problem")));
            let invalid = attributes.contains(&("aria-invalid", "true"));
            assert_eq!(invalid, problem == SignInProblem::WrongCredentials);
        }
    }
    assert!(!sign_in(Locale::De, &PLAIN).contains("sign-in-problem"));
}

#[test]
fn a_wait_is_rounded_up() {
    for (seconds, expected) in [
        (0, "in 1 second."),
        (1, "in 1 second."),
        (90, "in 90 seconds."),
        (91, "in 2 minutes."),
        (5400, "in 90 minutes."),
        (5401, "in 2 hours."),
    ] {
        let problem = Some(SignInProblem::TryLater { seconds });
        let page = sign_in(Locale::En, &SignIn { problem, ..PLAIN });
        assert!(page.contains(&format!("Try again {expected}")), "{seconds}");
    }
}

#[test]
fn forms_and_links_stay_on_this_origin() {
    for foreign in [
        "",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/\t/evil.example/",
        "javascript:alert(1)",
        "login",
    ] {
        let page = sign_in(Locale::En, &SignIn { action: foreign, cancel: Some(foreign), ..PLAIN });
        assert_eq!(values(&page, "action"), ["/"], "{foreign:?}");
        assert!(!page.contains("login-cancel"), "{foreign:?}");
        let out = SignOut { action: foreign, csrf: "", hidden: &[], person: None, cancel: Some(foreign) };
        let page = sign_out(Locale::En, &out);
        assert_eq!(values(&page, "action"), ["/"], "{foreign:?}");
        assert!(!page.contains("logout-cancel"), "{foreign:?}");
    }
}

#[test]
fn the_error_page_names_the_fault_and_what_to_do() {
    for locale in Locale::ALL {
        let mut headings = Vec::new();
        for fault in Fault::ALL {
            let page = ErrorPage { code: "some_code", fault, detail: Some("why"), request_id: "req-1" };
            let page = error_page(locale, &page);
            let (_, part) = page.split_once("id=\"error-page\"").expect("the element");
            for expected in ["<code>some_code</code>", "<code>req-1</code>", ">why</p>", "<p class=\"lead\">"]
            {
                assert!(part.contains(expected), "{fault:?}: {expected}");
            }
            let heading = part.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
            headings.push(heading.expect("a heading").to_owned());
        }
        headings.sort();
        headings.dedup();
        assert_eq!(headings.len(), Fault::ALL.len(), "two faults read alike in {}", locale.tag());
    }
}

#[test]
fn signing_out_asks_and_then_says_so() {
    let page = SignOut {
        action: "/oidc/v1/end_session",
        csrf: "sealed-token",
        hidden: &[("state", "s"), ("flow", "f")],
        person: Some("Alice Adams"),
        cancel: Some("/ui/account"),
    };
    let page = sign_out(Locale::En, &page);
    assert!(tag_with_id(&page, "logout-confirm").contains("type=\"submit\""));
    assert!(tag_with_id(&page, "logout-cancel").contains("href=\"/ui/account\""));
    assert!(page.contains("You are signed in as <bdi>Alice Adams</bdi>."));
    for field in
        ["name=\"csrf\" value=\"sealed-token\"", "name=\"state\" value=\"s\"", "name=\"flow\" value=\"f\""]
    {
        assert!(page.contains(&format!("<input type=\"hidden\" {field}>")), "{field}");
    }
    assert!(signed_out(Locale::En).contains("<h1>You are signed out</h1>"));
    assert!(signed_out(Locale::De).contains("<h1>Sie sind abgemeldet</h1>"));
    tag_with_id(&signed_out(Locale::En), "signed-out");
}

/// The promise to conformance drivers and password managers, byte for byte.
#[test]
fn the_sign_in_page_reads_as_before() {
    for (locale, golden) in [
        (Locale::En, include_str!("../../golden/sign_in.en.html")),
        (Locale::De, include_str!("../../golden/sign_in.de.html")),
    ] {
        let page = SignIn {
            organization: Some("Acme & Co"),
            login_name: "alice",
            problem: Some(SignInProblem::WrongCredentials),
            cancel: Some("/ui/login/cancel"),
            ..PLAIN
        };
        let page = sign_in(locale, &page).replace(STYLE_PATH, "STYLE").replace(ICON_PATH, "ICON");
        assert!(page == golden.trim_end(), "{} reads now:\n{page}", locale.tag());
    }
}
