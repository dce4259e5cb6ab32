//! The token that ties a form of ours to the browser that was shown it.

use api_core::extract::tenant::Tenant;
use api_core::{Service, View};
use axum::http::HeaderMap;

/// The token of a form: an HMAC over what the browser alone holds and what the form is about.
pub fn of(service: &Service, view: &View, tenant: &Tenant, held: &str, about: &str) -> Option<String> {
    let record = view.reader(tenant.instance).live_instance().ok()?;
    let key = service.machine.keyring.instance(tenant.instance, &record.spec.data_key).ok()?;
    let mut message = crypto::sha256(held.as_bytes()).to_vec();
    message.extend(about.as_bytes());
    Some(crypto::b64url(&key.hmac("form token", &message)))
}

/// Whether a form was sent by the page it was shown on: its token is right, and the browser does not say otherwise.
pub fn is_right(expected: Option<&str>, presented: Option<&str>, headers: &HeaderMap) -> bool {
    let same_site = match headers.get("sec-fetch-site").map(|value| value.as_bytes()) {
        Some(b"same-origin" | b"none") | None => true,
        Some(_) => false,
    };
    match (expected, presented) {
        (Some(expected), Some(presented)) => {
            same_site && crypto::same(expected.as_bytes(), presented.as_bytes())
        }
        (Some(_) | None, Some(_) | None) => false,
    }
}
