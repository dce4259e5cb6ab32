//! The golden list of routes: what is served, to whom, and by which test that is shown; nothing else is served.

use crate::world::*;
use std::collections::{BTreeMap, BTreeSet};

/// A line of `routes.golden`.
struct Route {
    method: &'static str,
    path: &'static str,
    who: &'static str,
    tested_by: &'static str,
}

const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"];

fn golden() -> Vec<Route> {
    let lines =
        include_str!("../routes.golden").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &'static str| {
        let columns: Vec<&str> =
            line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
        let [method, path, who, tested_by] = columns[..] else { panic!("four columns: {line}") };
        Route { method, path, who, tested_by }
    };
    lines.map(parse).collect()
}

/// A path that the router takes for this pattern.
fn probe(path: &str) -> String {
    path.replace("/ui/assets/{name}", api_pages::assets::STYLE_PATH)
}

async fn status(world: &World, method: &str, path: &str) -> u16 {
    world.raw(method, path, &[("host", HOST)], b"").await.status.as_u16()
}

#[tokio::test]
async fn what_the_golden_list_names_is_served_and_nothing_else() {
    let world = World::new().await;
    let mut served: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for route in golden() {
        assert!(served.entry(route.path).or_default().insert(route.method), "{} twice", route.path);
    }
    for (path, methods) in &served {
        let path = probe(path);
        for method in METHODS {
            let status = status(&world, method, &path).await;
            if methods.contains(method) {
                assert!(![404, 405].contains(&status) && status < 500, "{method} {path}: {status}");
            } else {
                assert_eq!(status, 405, "{method} {path} is served and not in the list");
            }
        }
        // Nothing hangs below, beside or above it.
        for other in [
            format!("{path}/"),
            format!("{path}/x"),
            format!("{path}x"),
            format!("/{path}"),
            path.to_uppercase(),
        ] {
            for method in ["GET", "POST", "PUT"] {
                let found = status(&world, method, &other).await;
                assert!(
                    found == 404 || (other.starts_with("/ui/assets/") && found == 405),
                    "{method} {other}: {found}"
                );
            }
        }
    }
}

#[tokio::test]
async fn paths_that_nobody_has_made_are_not_there() {
    let world = World::new().await;
    let deep = "/a".repeat(4000);
    for path in [
        "/",
        "/index.html",
        "/oauth",
        "/oauth/v2",
        "/oauth/v2/register",
        "/oauth/v2/device_authorization",
        "/oauth/v2/par",
        "/oauth/v1/token",
        "/oidc/v1/users",
        "/.well-known/",
        "/.well-known/jwks.json",
        "/.well-known/webfinger",
        "/api/v1/users",
        "/ui",
        "/ui/assets",
        "/ui/assets/",
        "/ui/assets/x.css",
        "/ui/assets/../login",
        "/ui/assets/..%2f..%2fetc%2fpasswd",
        "/ui/assets/style-0000000000000000.js",
        "/oauth/v2/./token",
        "/oauth//v2/token",
        "/oauth/v2/token%2f",
        "/oauth/v2/token;x=1",
        "/%6fauth/v2/token",
        "/metrics",
        "/debug/pprof",
        "/.env",
        &deep,
    ] {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let found = status(&world, method, path).await;
            assert!(
                found == 404 || (path.starts_with("/ui/assets/") && found == 405),
                "{method} {path}: {found}"
            );
        }
    }
    assert_eq!(status(&world, "GET", "/ui/assets/%ff").await, 400);
}

#[test]
fn the_golden_list_names_every_route_of_the_routers() {
    let listed: BTreeSet<String> = golden().iter().map(|route| route.path.to_owned()).collect();
    let mut routed = BTreeSet::new();
    let root = env!("CARGO_MANIFEST_DIR");
    for file in ["src/lib.rs", "../pages/src/lib.rs"] {
        let source = std::fs::read_to_string(format!("{root}/{file}")).unwrap();
        for route in source.split(".route(").skip(1) {
            let path = route.split(',').next().unwrap().trim();
            routed.insert(match path {
                "sign_in::PATH" => api_pages::sign_in::PATH.to_owned(),
                "sign_out::PATH" => api_pages::sign_out::PATH.to_owned(),
                literal => literal.trim_matches('"').to_owned(),
            });
        }
    }
    assert_eq!(listed, routed);
}

#[test]
fn every_route_is_tested_by_a_test_that_exists() {
    for route in golden() {
        let (module, name) = route.tested_by.split_once("::").unwrap();
        let file = format!("{}/tests/main/{module}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("no {file}"));
        assert!(
            source.contains(&format!("fn {name}(")),
            "{} {}: no {}",
            route.method,
            route.path,
            route.tested_by
        );
        assert!(!route.who.is_empty());
    }
}

#[tokio::test]
async fn other_origins_may_call_what_reads_no_cookie_and_nothing_else() {
    let world = World::new().await;
    let origin =
        [("host", HOST), ("origin", "https://spa.example"), ("access-control-request-method", "POST")];
    for route in golden() {
        let path = probe(route.path);
        let is_open =
            !path.starts_with("/ui/") && !path.ends_with("/authorize") && !path.ends_with("/end_session");
        let answer = world.raw(route.method, &path, &origin, b"").await;
        let allowed = answer.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(allowed, is_open.then_some("*"), "{} {path}", route.method);
        assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{path}");
    }
    let unknown = world.raw("OPTIONS", "/oauth/v2/unknown", &origin, b"").await;
    assert_eq!(unknown.status, 404);
    assert!(!unknown.headers.contains_key("access-control-allow-origin"));
}
