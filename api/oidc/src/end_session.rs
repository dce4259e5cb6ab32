//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0 §2).
//!
//! An application signs its person out without a question only by a living ID token of the very session that the
//! browser holds. Everybody else gets the confirmation page, and no redirect.

use crate::jwt::IdToken;
use api_core::extract::cookie;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::{Tenant, tenant};
use api_core::flow::{Browser, SESSION_COOKIE, browser_session, transport};
use api_core::{Service, SubmitError, View};
use api_pages::render::Fault;
use api_pages::respond::{self, Reader as PageReader};
use api_pages::sign_out;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use crypto::Typ;
use identity::application::Application;
use identity::envelope::Caller;
use identity::id::Id;
use identity::session::EndSession;

/// `GET /oidc/v1/end_session`.
pub async fn get(State(service): State<Service>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    match PageReader::with_query(&headers, query.as_deref()) {
        Ok((page, parameters)) => handle(&service, &headers, &parameters, page).await,
        Err(response) => *response,
    }
}

/// `POST /oidc/v1/end_session`.
pub async fn post(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match PageReader::with_form(&headers, body) {
        Ok((page, parameters)) => handle(&service, &headers, &parameters, page).await,
        Err(response) => *response,
    }
}

async fn handle(
    service: &Service,
    headers: &HeaderMap,
    parameters: &Parameters,
    page: PageReader,
) -> Response {
    // A session that began a moment ago ends too.
    let Ok(view) = service.newest().await else { return page.unavailable() };
    let Ok(tenant) = tenant(service, &view, headers) else {
        return page.error(StatusCode::NOT_FOUND, "not_found", Fault::NotFound, None);
    };
    let browser = browser_session(service, &view, &tenant, headers);
    let hint = hint(service, &view, &tenant, parameters);
    let back = hint.as_ref().and_then(|hint| registered_target(&view, &tenant, hint, parameters));
    match (browser, hint) {
        (Some(browser), Some(hint)) if is_of(&hint, &browser) => {
            let caller = Caller::session(browser.session.user, browser.secret.id);
            match service.submit(tenant.instance, caller, &EndSession {}).await {
                // Ended meanwhile is ended.
                Ok(_) | Err(SubmitError::Refused(_)) => {}
                Err(SubmitError::NotApplied(_) | SubmitError::Unknown(_)) => return page.unavailable(),
            }
            let mut response = match back {
                Some(target) => respond::redirect(&target),
                None => page.signed_out(),
            };
            if let Ok(value) = HeaderValue::from_str(&cookie::clear(transport(service), SESSION_COOKIE)) {
                response.headers_mut().append(header::SET_COOKIE, value);
            }
            response
        }
        (Some(browser), _) => sign_out::confirm(service, &view, &tenant, &browser, &page),
        (None, Some(_)) => match back {
            Some(target) => respond::redirect(&target),
            None => page.signed_out(),
        },
        (None, None) => page.signed_out(),
    }
}

/// A living ID token of ours.
fn hint(service: &Service, view: &View, tenant: &Tenant, parameters: &Parameters) -> Option<IdToken> {
    let keys = service.keys.verifiers(view, tenant.instance).ok()?;
    let token: IdToken = crypto::verify(parameters.get("id_token_hint")?, Typ::IdToken, &keys).ok()?;
    let same_client = parameters.get("client_id").is_none_or(|client| client == token.azp);
    (token.iss == tenant.issuer && token.exp > view.now.secs() && same_client).then_some(token)
}

fn is_of(hint: &IdToken, browser: &Browser) -> bool {
    hint.sid == browser.secret.id.as_str() && hint.sub == browser.session.user.as_str()
}

/// Where the hint's application wants its person, if it has registered exactly that.
fn registered_target(
    view: &View,
    tenant: &Tenant,
    hint: &IdToken,
    parameters: &Parameters,
) -> Option<String> {
    let wanted = parameters.get("post_logout_redirect_uri")?;
    let client = view.reader(tenant.instance).live::<Application>(&Id::parse(&hint.azp).ok()?).ok()?;
    let registered = client.spec.post_logout_redirect_uris.iter().any(|uri| uri.as_str() == wanted);
    if !registered {
        return None;
    }
    let Some(state) = parameters.get("state") else { return Some(wanted.to_owned()) };
    let separator = if wanted.contains('?') { '&' } else { '?' };
    let state: String = form_urlencoded::byte_serialize(state.as_bytes()).collect();
    Some(format!("{wanted}{separator}state={state}"))
}
