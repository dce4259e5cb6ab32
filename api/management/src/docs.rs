//! The API's own description: OpenAPI for programs, a page for people. Neither says anything about an instance, so both
//! are open to everybody; the page loads nothing from elsewhere and runs no script.

use crate::error::Problem;
use crate::route::Route;
use api_core::Service;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use identity::refusal::Refusal;
use serde_json::Value;
use std::fmt::Write;
use std::sync::Arc;

/// The routes of this file, over the description of all others.
pub fn router(routes: &[Route]) -> Router<Service> {
    let description = crate::openapi::describe(routes);
    let page: Arc<str> = page(&description, routes).into();
    let text: Arc<str> = description.to_string().into();
    Router::new()
        .route("/api/openapi.json", get(async move || answer("application/json", &text)))
        .route("/api/docs", get(async move || answer("text/html; charset=utf-8", &page)))
}

fn answer(kind: &'static str, text: &str) -> Response {
    let mut response = text.to_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;\
    color-scheme:light dark}h2{margin-top:2.5rem}summary{cursor:pointer;padding:.2rem 0}code,pre{font:14px/1.4 \
    ui-monospace,monospace}pre{overflow:auto;padding:.75rem;border:1px solid #8886;border-radius:.4rem}\
    td{padding:.1rem .5rem;vertical-align:top}.method{display:inline-block;min-width:4.5em;font-weight:600}.may{opacity:.75}nav a{margin-right:1em}";

/// The codes of what is wrong with a request itself.
pub const OF_REQUESTS: &[(u16, &str, &str)] = &[
    (400, "invalid_body", "the body is no JSON object, or has fields that can't be taken: errors names each"),
    (400, "invalid_cursor", "the cursor is not of this list, filter, order or caller"),
    (
        400,
        "invalid_filter",
        "the filter can't be read, or is about what no index knows: the title says where",
    ),
    (400, "invalid_header", "a header stands twice, or has not the form that it has to have"),
    (400, "invalid_query", "a parameter is unknown, stands twice, or can't be read"),
    (400, "invalid_request", "the Authorization header stands twice, or is not one of a bearer token"),
    (400, "invalid_sort", "nothing is sorted by this: the title says by what"),
    (401, "invalid_token", "the token is expired, revoked or not one of ours"),
    (401, "token_missing", "there is no token"),
    (403, "insufficient_scope", "the access token is not for management"),
    (404, "no_instance", "no instance has this host name"),
    (405, "method_not_allowed", "this address does not take this method"),
    (409, "already_done", "it was done under this Idempotency-Key: its secret is not shown again"),
    (409, "other_lineage", "Conclave-At-Least is of another history of the cluster"),
    (413, "too_large", "the body, a list in it, or its values together are too large"),
    (415, "unsupported_media_type", "the body is not sent as application/json"),
    (503, "unavailable", "the cluster can't answer now: try again"),
];

/// How one begins without the command line.
const BEGIN: &str = "<h2 id=\"begin\">begin</h2><p>Each request carries an access token with the scope \
    <code>urn:zitadel:iam:org:project:id:zitadel:aud</code>, or a personal access token of a service account, as \
    <code>Authorization: Bearer …</code>. A service account gets one for its id and secret:</p><pre>\
curl $URL/oauth/v2/token -u $CLIENT_ID:$CLIENT_SECRET -d grant_type=client_credentials \\\n\
  -d 'scope=openid urn:zitadel:iam:org:project:id:zitadel:aud'</pre><p>Bodies are JSON. This makes a person, and changes \
    him unless somebody else did meanwhile; a repetition under the same Idempotency-Key has no second effect:</p><pre>\
curl -i $URL/api/v1/users -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n\
  -H 'Idempotency-Key: alice-1' -d '{\"id\": \"alice\", \"organization\": \"acme\", \"username\": \"alice\",\n\
       \"kind\": {\"human\": {\"given_name\": \"Alice\", \"family_name\": \"Adams\"}}}'\n\n\
curl -i -X PATCH $URL/api/v1/users/alice -H \"Authorization: Bearer $TOKEN\" \\\n\
  -H 'Content-Type: application/json' -H 'If-Match: \"1\"' -d '{\"username\": \"alice.adams\"}'</pre>\
    <p>The answers' <code>ETag</code> is what If-Match takes, their <code>Conclave-Position</code> what Conclave-At-Least takes, on \
    any node.</p>";

/// A page of all routes: what each does, who may, and what it takes and gives.
fn page(description: &Value, routes: &[Route]) -> String {
    let mut groups: Vec<&str> = Vec::new();
    for route in routes {
        if !groups.contains(&route.group) {
            groups.push(route.group);
        }
    }
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Conclave management API</title><style>{STYLE}</style>\
         <h1>Conclave management API</h1><p>{}</p><p>For programs: <a href=\"/api/openapi.json\">openapi.json</a>.</p><nav><a href=\"#begin\">begin</a> ",
        escaped(description["info"]["description"].as_str().unwrap_or_default())
    );
    for group in &groups {
        let _ = write!(html, "<a href=\"#{0}\">{0}</a> ", escaped(group));
    }
    html += "<a href=\"#schemas\">schemas</a> <a href=\"#problems\">problems</a></nav>";
    html += BEGIN;
    for group in groups {
        let _ = write!(html, "<h2 id=\"{0}\">{0}</h2>", escaped(group));
        for route in routes.iter().filter(|route| route.group == group) {
            html += &entry(description, route);
        }
    }
    html += "<h2 id=\"schemas\">schemas</h2>";
    for (name, schema) in description["components"]["schemas"].as_object().into_iter().flatten() {
        let text = serde_json::to_string_pretty(schema).unwrap_or_default();
        let name = escaped(name);
        let _ = write!(
            html,
            "<details><summary><code>{name}</code></summary><pre id=\"{name}\">{}</pre></details>",
            linked(&text)
        );
    }
    html += "<h2 id=\"problems\">problems</h2><p>Stable codes: of what is wrong with a request before it comes to the log of the \
             cluster, then of what is refused there, with the field that it is about.</p><table>";
    for (status, code, about) in OF_REQUESTS {
        let _ = write!(
            html,
            "<tr><td>{status}</td><td><code>{code}</code></td><td></td><td>{}</td></tr>",
            escaped(about)
        );
    }
    for refusal in Refusal::ALL {
        let (code, field) = (refusal.code(), refusal.field().unwrap_or_default());
        let status = Problem::from(*refusal).status().as_u16();
        let about = escaped(&refusal.to_string());
        let _ = write!(
            html,
            "<tr><td>{status}</td><td><code>{code}</code></td><td><code>{field}</code></td><td>{about}</td></tr>"
        );
    }
    html + "</table></html>"
}

fn entry(description: &Value, route: &Route) -> String {
    let method = route.method.as_str();
    let operation = &description["paths"][&route.path][method.to_ascii_lowercase()];
    let mut html = format!(
        "<details><summary><span class=\"method\">{method}</span> <code>{}</code> {} <span class=\"may\">({})</span>\
         </summary>",
        escaped(&route.path),
        escaped(&route.summary),
        escaped(&route.permission)
    );
    for (name, about) in route.query {
        let _ = write!(html, "<p><code>?{}=</code> {}</p>", escaped(name), escaped(about));
    }
    let schema = |title: &str, schema: &Value| match serde_json::to_string_pretty(meant(description, schema))
    {
        Ok(text) if !schema.is_null() => format!("<p>{title}</p><pre>{}</pre>", linked(&text)),
        Ok(_) | Err(_) => String::new(),
    };
    html += &schema("Takes", &operation["requestBody"]["content"]["application/json"]["schema"]);
    let answer = &operation["responses"][route.status.as_str()];
    html += &schema(&format!("Answers {}", route.status.as_u16()), &answer["content"][route.media]["schema"]);
    html + "</details>"
}

/// A schema, or the one that it refers to.
fn meant<'d>(description: &'d Value, schema: &'d Value) -> &'d Value {
    let reference = schema["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
    reference.and_then(|path| description.pointer(path)).unwrap_or(schema)
}

/// A schema as text, in which what it refers to is a link.
fn linked(schema: &str) -> String {
    const REFERENCE: &str = "&quot;#/components/schemas/";
    let text = escaped(schema);
    let mut parts = text.split(REFERENCE);
    let mut html = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("&quot;").unwrap_or((part, ""));
        // A link into a closed part of the page opens it.
        let _ = write!(html, "<a href=\"#{name}\">{REFERENCE}{name}&quot;</a>{rest}");
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
