//! The golden files: which routes there are, for whom, tested by which test; and how the API describes itself.
//! `make goldens` writes both anew; the tests that a line names stay.

use crate::world::*;
use axum::http::Method;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

const ROUTES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/routes.golden");
const DESCRIPTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.golden.json");

const HEAD: &str = "\
# What api-management serves. A route that is not here is not served; HEAD is served wherever GET is. Each line names the
# test that shows who may use it (goldens.rs compares this list with the router).
#
";

/// What tests a route of which no line says otherwise: all of them.
const BY_DEFAULT: &str = "matrix::every_caller_may_what_his_roles_say_and_nothing_else";

/// What is open to everybody and stands outside the table of routes.
const OPEN: [(&str, &str); 2] = [("GET", "/api/docs"), ("GET", "/api/openapi.json")];

#[test]
fn every_code_of_a_request_is_told() {
    let mut used = BTreeSet::new();
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    for file in fs::read_dir(sources).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        // The code is the first text after the status.
        let one_line = text.split("Problem::new(StatusCode::").skip(1);
        let codes = one_line.chain(text.split("Problem::new(\n").skip(1));
        used.extend(
            codes
                .filter_map(|rest| rest.split('"').nth(1))
                .filter(|code| code.contains('_'))
                .map(str::to_owned),
        );
    }
    let told: BTreeSet<String> =
        api_management::docs::OF_REQUESTS.iter().map(|(_, code, _)| (*code).to_owned()).collect();
    let missing: Vec<_> = used.difference(&told).collect();
    assert!(missing.is_empty() && told.len() > 15, "{missing:?}");
}

/// A line of `routes.golden`.
#[derive(Clone, Debug)]
struct Line {
    method: String,
    path: String,
    who: String,
    tested_by: String,
}

#[expect(clippy::disallowed_methods, reason = "golden files are written on request")]
fn is_writing() -> bool {
    std::env::var("CONCLAVE_GOLDENS").is_ok_and(|what| what == "write")
}

#[track_caller]
fn compare(file: &str, text: &str) {
    if is_writing() {
        fs::write(file, text).unwrap();
        return;
    }
    let golden =
        fs::read_to_string(file).unwrap_or_else(|_| panic!("{file} is missing: make goldens writes it"));
    let first = text.lines().zip(golden.lines()).find(|(new, old)| new != old);
    assert!(text == golden, "{file} differs, first in {first:?}: make goldens writes it anew");
}

fn golden() -> Vec<Line> {
    let text = fs::read_to_string(ROUTES).unwrap_or_default();
    let parse = |line: &str| {
        let columns: Vec<&str> =
            line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
        let [method, path, who, tested_by] = columns[..] else { panic!("four columns: {line}") };
        let (method, path) = (method.to_owned(), path.to_owned());
        Line { method, path, who: who.to_owned(), tested_by: tested_by.to_owned() }
    };
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(parse).collect()
}

/// The lines as the routes have them, with the tests that the file names.
fn lines() -> Vec<Line> {
    let known: BTreeMap<(String, String), String> =
        golden().into_iter().map(|line| ((line.method, line.path), line.tested_by)).collect();
    let routes = api_management::routes();
    let routes =
        routes.iter().map(|route| (route.method.as_str(), route.path.as_str(), route.permission.as_str()));
    let open = OPEN.iter().map(|(method, path)| (*method, *path, "anyone"));
    let line = |(method, path, who): (&str, &str, &str)| {
        let (method, path) = (method.to_owned(), path.to_owned());
        let tested_by =
            known.get(&(method.clone(), path.clone())).map_or(BY_DEFAULT, String::as_str).to_owned();
        Line { method, path, who: who.to_owned(), tested_by }
    };
    open.chain(routes).map(line).collect()
}

#[test]
fn the_golden_list_names_every_route() {
    let lines = lines();
    let width = |of: fn(&Line) -> &str| lines.iter().map(|line| of(line).len()).max().unwrap_or_default();
    let (path, who) = (width(|line| &line.path), width(|line| &line.who));
    let mut text = HEAD.to_owned();
    for line in &lines {
        let Line { method, path: at, who: may, tested_by } = line;
        writeln!(text, "{method:<6}  {at:<path$}  {may:<who$}  {tested_by}").unwrap();
    }
    compare(ROUTES, &text);
}

#[test]
fn the_golden_description_is_the_one_that_is_served() {
    let description = api_management::openapi::describe(&api_management::routes());
    compare(DESCRIPTION, &(serde_json::to_string_pretty(&description).unwrap() + "\n"));
}

#[test]
fn every_route_is_tested_by_a_test_that_exists_and_is_called_by_one_name() {
    for line in golden() {
        let (module, name) = line.tested_by.split_once("::").unwrap();
        let file = format!("{}/tests/main/{module}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = fs::read_to_string(&file).unwrap_or_else(|_| panic!("no {file}"));
        assert!(
            source.contains(&format!("fn {name}(")),
            "no {} for {} {}",
            line.tested_by,
            line.method,
            line.path
        );
    }
    let mut names = BTreeSet::new();
    for route in api_management::routes() {
        assert!(names.insert(route.operation.clone()), "{} twice", route.operation);
        assert!(!route.summary.is_empty() && !route.permission.is_empty() && !route.group.is_empty());
        let reads = route.method == Method::GET || route.method == Method::DELETE;
        assert!(!reads || route.body.is_none(), "{} has a body", route.operation);
    }
}

/// A path of this pattern.
fn probe(pattern: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "x".to_owned() } else { part.to_owned() };
    pattern.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern.iter().zip(&path).all(|(part, is)| part == is || (part.starts_with('{') && !is.is_empty()))
}

#[tokio::test]
async fn what_the_golden_list_names_is_served_and_nothing_else() {
    let world = World::new().await;
    let mut served: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in golden() {
        assert!(served.entry(line.path.clone()).or_default().insert(line.method), "{} twice", line.path);
    }
    let methods =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"];
    for (pattern, listed) in &served {
        let path = probe(pattern);
        for method in methods {
            let answer = world.ask(method, &path, "", None).await;
            let status = answer.status.as_u16();
            if listed.contains(method) || (method == "HEAD" && listed.contains("GET")) {
                assert!([200, 401].contains(&status), "{method} {path}: {status}");
            } else {
                assert_eq!(status, 405, "{method} {path} is served and not in the list");
                assert!(!answer.header("allow").is_empty(), "{method} {path}");
            }
        }
        let beside = [
            format!("{path}/"),
            format!("{path}/y/z"),
            format!("{path}y"),
            format!("/{path}"),
            path.to_uppercase(),
        ];
        for other in beside.iter().filter(|other| !served.keys().any(|pattern| fits(pattern, other))) {
            for method in ["GET", "POST", "PUT", "DELETE"] {
                let status = world.ask(method, other, &world.acme.iam_owner, None).await.status.as_u16();
                assert_eq!(status, 404, "{method} {other}");
            }
        }
    }
}

#[tokio::test]
async fn the_description_and_its_page_are_open_and_load_nothing_from_elsewhere() {
    let world = World::new().await;
    let json = world.get("/api/openapi.json", "").await.expect(200);
    assert_eq!(json.json()["openapi"], "3.1.0");
    let page = world.get("/api/docs", "").await.expect(200);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for elsewhere in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!page.body.contains(elsewhere), "{elsewhere}");
    }
    for route in api_management::routes() {
        assert!(page.body.contains(&route.summary.replace('"', "&quot;")), "{}", route.summary);
    }
}
