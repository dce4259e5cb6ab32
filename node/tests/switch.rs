//! What the operator switches off and on at the socket of a running node.

use std::path::{Path, PathBuf};

use crate::conclave::{Done, Node, exchange, run, status};
use rustix::process::Signal;
use serde_json::Value;

/// A node with an administrator and a service account, both of them owners.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn start(&self) -> Node {
        let secret = self.folder.path().join("secret");
        Node::start_with(&self.dir(), &["--bootstrap-secret-file", secret.to_str().unwrap()])
    }

    /// The service account's id and the status that the token endpoint gives it.
    fn service(&self, node: &Node) -> (String, u16) {
        let (id, answer) = self.asked(node, "openid");
        (id, status(&answer))
    }

    /// The service account's id and what the token endpoint answers it.
    fn asked(&self, node: &Node, scope: &str) -> (String, String) {
        let text = std::fs::read(self.folder.path().join("secret")).unwrap();
        let known: Value = serde_json::from_slice(&text).unwrap();
        let field = |name: &str| known[name].as_str().unwrap().to_owned();
        let body = format!(
            "grant_type=client_credentials&scope={scope}&client_id={}&client_secret={}",
            field("client_id"),
            field("client_secret")
        );
        let request = format!(
            "POST /oauth/v2/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
            body.len()
        );
        (field("client_id"), exchange(&node.public, request.as_bytes()))
    }

    /// An access token of the service account that opens the management API.
    fn token(&self, node: &Node) -> String {
        let answer = self.asked(node, "urn:zitadel:iam:org:project:id:zitadel:aud").1;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let told: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("no token: {answer}"));
        told["access_token"].as_str().unwrap().to_owned()
    }
}

fn ask(dir: &Path, words: &[&str]) -> Done {
    run(&[words, &["--data-dir", dir.to_str().unwrap()]].concat())
}

#[test]
fn who_is_switched_off_is_refused_until_he_is_switched_on() {
    let place = Place { folder: tempfile::tempdir().unwrap() };
    let node = place.start();
    let dir = place.dir();
    let (id, answered) = place.service(&node);
    assert_eq!(answered, 200);
    for (what, name) in [("user", id.as_str()), ("user", "bootstrap"), ("organization", "conclave")] {
        // Once more is no error: whoever is not sure repeats it.
        for _ in 0..2 {
            let done = ask(&dir, &["disable", what, name]);
            assert!(done.code == 0 && done.out.contains("is switched off"), "{done:?}");
            assert_eq!(place.service(&node).1, 401, "{what} {name}");
        }
        for _ in 0..2 {
            let done = ask(&dir, &["enable", what, name, "--instance", "1"]);
            assert!(done.code == 0 && done.out.contains("is switched on"), "{done:?}");
            assert_eq!(place.service(&node).1, 200, "{what} {name}");
        }
    }
    assert_eq!(ask(&dir, &["disable", "application", "conclave-cli"]).code, 0);
    assert_eq!(ask(&dir, &["enable", "application", "conclave-cli"]).code, 0);
    assert_eq!(node.signal(Signal::TERM).code, 0);
    let nobody = ask(&dir, &["disable", "user", "admin"]);
    assert!(nobody.refused(17).contains("no node runs on"), "{nobody:?}");
}

#[test]
fn what_is_not_there_is_not_switched() {
    let place = Place { folder: tempfile::tempdir().unwrap() };
    let _node = place.start();
    let dir = place.dir();
    for (what, name, instance) in [
        ("user", "nobody", "1"),
        ("user", "who has spaces", "1"),
        ("application", "admin", "1"),
        ("application", "../../status", "1"),
        ("organization", "conclave-cli", "1"),
        ("user", "admin", "2"),
        ("user", "admin", "0"),
    ] {
        for verb in ["disable", "enable"] {
            let refused = ask(&dir, &[verb, what, name, "--instance", instance]);
            let line = refused.refused(21).to_owned();
            assert_eq!(line, format!("conclave: instance {instance} has no {what} {name}"));
        }
    }
    for words in [&["disable", "project", "conclave"][..], &["disable", "user"], &["enable"]] {
        assert_eq!(ask(&dir, words).code, 2, "{words:?}");
    }
}

#[test]
fn settings_are_reset_without_signing_in() {
    let place = Place { folder: tempfile::tempdir().unwrap() };
    let node = place.start();
    let dir = place.dir();
    // An instance in which no password signs in.
    let token = place.token(&node);
    let shown = |body: Option<&str>| {
        let method = if body.is_some() { "PUT" } else { "GET" };
        let body = body.unwrap_or_default();
        let request = format!(
            "{method} /api/v1/settings/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(&node.public, request.as_bytes())
    };
    let set = shown(Some(r#"{"password_allowed":false,"password_check_secs":300}"#));
    assert_eq!(status(&set), 200, "{set}");
    let reset = ask(&dir, &["reset-settings", "login"]);
    assert_eq!(reset.code, 0, "{reset:?}");
    let after = shown(None);
    assert!(after.contains(r#""from":"default""#) && after.contains(r#""password_allowed":true"#), "{after}");
    // Nothing is set any more: that is no error. Whoever is not sure repeats it.
    for words in [&["login"][..], &["lifetimes"], &["login", "--organization", "conclave"]] {
        let done = ask(&dir, &[&["reset-settings"], words].concat());
        assert!(done.code == 0 && done.out.contains("again"), "{done:?}");
    }
    for (words, text) in [
        (&["login", "--organization", "nobody"][..], "instance 1 has no organization nobody"),
        (&["login", "--organization", "two words"], "instance 1 has no organization two words"),
        (&["lifetimes", "--organization", "conclave"], "there is no such resource"),
        (
            &["login", "--organization", "conclave", "--instance", "2"],
            "instance 2 has no organization conclave",
        ),
    ] {
        let refused = ask(&dir, &[&["reset-settings"], words].concat());
        assert!(refused.refused(21).contains(text), "{words:?}: {refused:?}");
    }
    assert_eq!(ask(&dir, &["reset-settings", "branding"]).code, 2);
    assert_eq!(node.signal(Signal::TERM).code, 0);
}

#[test]
fn an_owner_who_is_switched_off_is_not_made_again_at_the_next_start() {
    let place = Place { folder: tempfile::tempdir().unwrap() };
    let node = place.start();
    let dir = place.dir();
    for name in ["admin", "bootstrap"] {
        assert_eq!(ask(&dir, &["disable", "user", name]).code, 0, "also the last owner");
    }
    let password = || std::fs::read(dir.join("admin.password")).unwrap();
    let before = password();
    assert_eq!(node.signal(Signal::TERM).code, 0);
    let node = place.start();
    assert!(!node.lines.iter().any(|line| line.contains("The first instance is made")), "{:?}", node.lines);
    assert_eq!(password(), before);
    assert_eq!(place.service(&node).1, 401);
    assert_eq!(ask(&dir, &["enable", "user", "bootstrap"]).code, 0);
    assert_eq!(place.service(&node).1, 200);
}
