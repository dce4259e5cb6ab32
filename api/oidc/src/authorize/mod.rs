//! The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2): check, then answer or send to sign in.

mod checks;

use api_core::backend::Freshness;
use api_core::extract::cookie;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::{Tenant, tenant};
use api_core::flow::{
    self, BINDING_COOKIE, Browser, Flow, NotAnswered, browser_secret, browser_session, transport,
};
use api_core::{Service, View};
use api_pages::render::Fault;
use api_pages::respond::{self, Reader as PageReader};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use checks::{Expected, Outcome, Prompt, Request};
use crypto::draw;
use identity::grant::code::REQUEST_SECS;
use identity::id::Hash;

/// `GET /oauth/v2/authorize`.
pub async fn get(State(service): State<Service>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    match PageReader::with_query(&headers, query.as_deref()) {
        Ok((page, parameters)) => handle(&service, &headers, parameters, page).await,
        Err(response) => *response,
    }
}

/// `POST /oauth/v2/authorize`: the same parameters in a form (OpenID Connect Core §3.1.2.1).
pub async fn post(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match PageReader::with_form(&headers, body) {
        Ok((page, parameters)) => handle(&service, &headers, parameters, page).await,
        Err(response) => *response,
    }
}

async fn handle(
    service: &Service,
    headers: &HeaderMap,
    parameters: Parameters,
    page: PageReader,
) -> Response {
    let Ok(view) = service.backend.view(Freshness::Bounded(service.settings.bounded)).await else {
        return page.unavailable();
    };
    let Ok(tenant) = tenant(service, &view, headers) else {
        return page.error(StatusCode::NOT_FOUND, "not_found", Fault::NotFound, None);
    };
    let mut view = view;
    let mut browser = browser_session(service, &view, &tenant, headers);
    if browser.is_none() && browser_secret(service, headers).is_some() {
        // It may have begun, or changed its secret, on another node a moment ago.
        let Ok(newest) = service.newest().await else { return page.unavailable() };
        view = newest;
        browser = browser_session(service, &view, &tenant, headers);
    }
    let request = match checks::run(service, &view, &tenant, &parameters) {
        Outcome::Sound(request) => *request,
        Outcome::Page(code, fault) => return page.error(StatusCode::BAD_REQUEST, code, fault, None),
        Outcome::Back(error) => {
            let members = [("error", error.code), ("error_description", error.text)];
            let target =
                flow::redirect(&error.redirect_uri, error.state.as_deref(), &tenant.issuer, &members);
            return respond::redirect(&target);
        }
    };
    match decide(&request, browser.as_ref(), &view) {
        Decision::Answer(browser) => {
            let flow = flow_of(service, &view, &request, Hash::of(b""), None);
            let answered = flow.answer(service, &tenant, &browser.session.user, &browser.secret.id).await;
            match answered {
                Ok(target) => respond::redirect(&target),
                Err(NotAnswered::SignIn) if request.prompt != Prompt::None => {
                    sign_in(service, headers, &view, &tenant, &request, None, &page)
                }
                Err(no) => respond::redirect(&refusal(&flow, &tenant, &no)),
            }
        }
        Decision::Refuse => {
            let flow = flow_of(service, &view, &request, Hash::of(b""), None);
            let text = "the person must sign in, and the request forbids to ask him";
            respond::redirect(
                &flow.redirect(&tenant.issuer, &[("error", "login_required"), ("error_description", text)]),
            )
        }
        Decision::SignIn(other_than) => {
            sign_in(service, headers, &view, &tenant, &request, other_than, &page)
        }
    }
}

/// The error that an application gets when a request can't be answered with a code.
fn refusal(flow: &Flow, tenant: &Tenant, no: &NotAnswered) -> String {
    let (error, text) = match no {
        NotAnswered::Denied => ("access_denied", "this person may not sign in to the application"),
        NotAnswered::SignIn => ("login_required", "the person must sign in"),
        NotAnswered::OtherPerson => ("login_required", "the person of the id_token_hint must sign in"),
        NotAnswered::Over => ("invalid_request", "the request can't be answered any more"),
        NotAnswered::Unavailable => ("temporarily_unavailable", "the cluster can't answer now"),
    };
    flow.redirect(&tenant.issuer, &[("error", error), ("error_description", text)])
}

enum Decision<'b> {
    /// The session suffices.
    Answer(&'b Browser),
    /// The person must prove himself; the session's secret must change, if one is given.
    SignIn(Option<Hash>),
    /// He would have to, but must not be asked.
    Refuse,
}

/// What a session is worth to a request: the only place that decides it.
fn decide<'b>(request: &Request, browser: Option<&'b Browser>, view: &View) -> Decision<'b> {
    let Some(browser) = browser else {
        return if request.prompt == Prompt::None { Decision::Refuse } else { Decision::SignIn(None) };
    };
    let age = view.now.secs_since(browser.session.authenticated);
    let too_old = request.max_age.is_some_and(|max| max == 0 || age >= max);
    let other = match &request.expected {
        Expected::Anyone => false,
        Expected::Unknown => true,
        Expected::Person(id) => *id != browser.session.user,
    };
    let again = Some(browser.secret.hash);
    match request.prompt {
        Prompt::None if too_old || other => Decision::Refuse,
        Prompt::None | Prompt::Unsaid if !too_old && !other => Decision::Answer(browser),
        Prompt::None | Prompt::Unsaid | Prompt::Login => Decision::SignIn(again),
    }
}

fn flow_of(
    service: &Service,
    view: &View,
    request: &Request,
    binding: Hash,
    other_than: Option<Hash>,
) -> Flow {
    Flow {
        request: service.new_id(),
        binding,
        expires: view.now.plus_secs(REQUEST_SECS),
        lineage: view.position.lineage,
        index: view.position.index,
        client: request.client.clone(),
        redirect_uri: request.redirect_uri.clone(),
        state: request.state.clone(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        scopes: request.scopes.clone(),
        other_than,
        login_hint: request.login_hint.clone(),
        ui_locales: request.ui_locales.clone(),
        subject: match &request.expected {
            Expected::Anyone | Expected::Unknown => None,
            Expected::Person(id) => Some(id.clone()),
        },
    }
}

/// Seals the request, binds it to this browser and sends it to the sign-in page.
fn sign_in(
    service: &Service,
    headers: &HeaderMap,
    view: &View,
    tenant: &Tenant,
    request: &Request,
    other_than: Option<Hash>,
    page: &PageReader,
) -> Response {
    let name = cookie::name(transport(service), BINDING_COOKIE);
    let present =
        cookie::get(headers, &name).filter(|value| value.len() == 43 && crypto::unb64url(value).is_some());
    let binding = present.map_or_else(|| crypto::b64url(&draw::<32>(&*service.entropy)), str::to_owned);
    let flow = flow_of(service, view, request, Hash::of(binding.as_bytes()), other_than);
    let Ok(sealed) = flow.seal(service, view, tenant) else {
        return page.error(
            StatusCode::BAD_REQUEST,
            "request_too_long",
            Fault::InvalidRequest,
            Some("the request is too long"),
        );
    };
    let mut response = respond::redirect(&format!("/ui/login?flow={sealed}"));
    let set = cookie::set(transport(service), BINDING_COOKIE, &binding, Some(REQUEST_SECS * 2));
    if let Ok(value) = HeaderValue::from_str(&set) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response.into_response()
}
