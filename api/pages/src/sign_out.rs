//! Signing out by the person's own hand: the confirmation and its answer.

use crate::form_token;
use crate::render::{self, Fault, SignOut};
use crate::respond::{Reader, page_response};
use api_core::extract::cookie;
use api_core::extract::tenant::{Tenant, tenant};
use api_core::flow::{Browser, SESSION_COOKIE, browser_session, transport};
use api_core::{Service, SubmitError, View};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use identity::envelope::Caller;
use identity::session::EndSession;
use identity::user::User;

/// The path of the confirmation's form.
pub const PATH: &str = "/ui/logout";
const ABOUT: &str = "sign out";

/// Asks whether to sign out.
pub fn confirm(
    service: &Service,
    view: &View,
    tenant: &Tenant,
    browser: &Browser,
    page: &Reader,
) -> Response {
    let token = token(service, view, tenant, browser).unwrap_or_default();
    let user = view.reader(tenant.instance).live::<User>(&browser.session.user).ok();
    let person = user.map(|user| user.spec.username.to_string());
    let form = SignOut { action: PATH, csrf: &token, hidden: &[], person: person.as_deref(), cancel: None };
    page_response(StatusCode::OK, render::sign_out(page.locale, &form), &[])
}

fn token(service: &Service, view: &View, tenant: &Tenant, browser: &Browser) -> Option<String> {
    form_token::of(service, view, tenant, &crypto::b64url(&browser.secret.hash.0), ABOUT)
}

/// `POST /ui/logout`.
pub async fn post(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (page, form) = match Reader::with_form(&headers, body) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    // A session that began a moment ago ends too.
    let Ok(view) = service.newest().await else { return page.unavailable() };
    let Ok(tenant) = tenant(&service, &view, &headers) else {
        return page.error(StatusCode::NOT_FOUND, "not_found", Fault::NotFound, None);
    };
    let Some(browser) = browser_session(&service, &view, &tenant, &headers) else { return page.signed_out() };
    let expected = token(&service, &view, &tenant, &browser);
    if !form_token::is_right(expected.as_deref(), form.get("csrf"), &headers) {
        return page.error(StatusCode::FORBIDDEN, "forbidden", Fault::Forbidden, None);
    }
    let caller = Caller::session(browser.session.user, browser.secret.id);
    match service.submit(tenant.instance, caller, &EndSession {}).await {
        Ok(_) | Err(SubmitError::Refused(_)) => {}
        Err(SubmitError::NotApplied(_) | SubmitError::Unknown(_)) => return page.unavailable(),
    }
    let mut response = page.signed_out();
    if let Ok(value) = HeaderValue::from_str(&cookie::clear(transport(&service), SESSION_COOKIE)) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
