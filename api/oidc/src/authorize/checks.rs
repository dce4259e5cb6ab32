//! The checks of an authorization request, in their order. Until client and redirect URI are known to belong together
//! a fault is shown on a page of ours; after that it goes back to the application.

use crate::jwt::IdToken;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::Tenant;
use api_core::{Service, View};
use api_pages::render::Fault;
use crypto::Typ;
use identity::application::{Application, ApplicationKind};
use identity::grant::scope;
use identity::id::Id;

/// A request that passed.
pub(super) struct Request {
    pub(super) client: Id,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) prompt: Prompt,
    pub(super) max_age: Option<u64>,
    pub(super) expected: Expected,
    pub(super) login_hint: Option<String>,
    pub(super) ui_locales: Option<String>,
}

/// Whom the request's `id_token_hint` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// There is none.
    Anyone,
    /// It is forged, foreign or signed with a key that is long retired: no session fits it, but a proof does.
    Unknown,
    /// One of ours.
    Person(Id),
}

/// What the request says about asking the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Nothing.
    Unsaid,
    /// Don't ask.
    None,
    /// Ask in any case.
    Login,
}

/// An error for the application.
pub(super) struct Back {
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) code: &'static str,
    pub(super) text: &'static str,
}

/// What the checks found.
pub(super) enum Outcome {
    Sound(Box<Request>),
    Page(&'static str, Fault),
    Back(Back),
}

type Check = Result<(), (&'static str, &'static str)>;

/// The longest `state`, `nonce` and `login_hint`, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// Runs every check.
pub(super) fn run(service: &Service, view: &View, tenant: &Tenant, parameters: &Parameters) -> Outcome {
    // Unknown, disabled and foreign clients are told apart by nobody.
    let reader = view.reader(tenant.instance);
    let id = parameters.get("client_id").and_then(|id| Id::parse(id).ok());
    let Some(client) = id.and_then(|id| reader.live::<Application>(&id).ok()) else {
        return Outcome::Page("unknown_application", Fault::UnknownApplication);
    };
    if client.spec.kind == ApplicationKind::Api {
        return Outcome::Page("unknown_application", Fault::UnknownApplication);
    }
    let Some(redirect_uri) = parameters.get("redirect_uri").filter(|uri| client.spec.accepts_redirect(uri))
    else {
        return Outcome::Page("invalid_redirect_uri", Fault::InvalidRedirectUri);
    };
    let state = parameters.get("state").filter(|state| state.len() <= TEXT_BYTES_MAX).map(str::to_owned);
    let checks: [fn(&Parameters, &Application) -> Check; 8] = [
        no_request_object,
        response_type,
        response_mode,
        lengths,
        scopes_have_openid,
        code_challenge,
        |parameters, _| prompt(parameters).map(|_| ()),
        |parameters, _| max_age(parameters).map(|_| ()),
    ];
    for check in checks {
        if let Err((code, text)) = check(parameters, &client.spec) {
            return Outcome::Back(Back { redirect_uri: redirect_uri.to_owned(), state, code, text });
        }
    }
    let text = |name: &str| parameters.get(name).map(str::to_owned);
    Outcome::Sound(Box::new(Request {
        client: client.id,
        redirect_uri: redirect_uri.to_owned(),
        state,
        challenge: text("code_challenge"),
        nonce: text("nonce"),
        scopes: scope::parse(parameters.get("scope").unwrap_or_default()).unwrap_or_default(),
        prompt: prompt(parameters).unwrap_or(Prompt::Login),
        max_age: max_age(parameters).unwrap_or(Some(0)),
        expected: hinted(service, view, tenant, parameters),
        login_hint: text("login_hint"),
        ui_locales: text("ui_locales"),
    }))
}

/// What is not offered is refused by its name (OpenID Connect Core §6).
fn no_request_object(parameters: &Parameters, _: &Application) -> Check {
    if parameters.has("request") {
        return Err((
            "request_not_supported",
            "send the parameters themselves: request objects are not supported",
        ));
    }
    if parameters.has("request_uri") {
        return Err((
            "request_uri_not_supported",
            "send the parameters themselves: request_uri is not supported",
        ));
    }
    Ok(())
}

fn response_type(parameters: &Parameters, _: &Application) -> Check {
    match parameters.get("response_type") {
        Some("code") => Ok(()),
        Some(_) => Err(("unsupported_response_type", "use response_type=code")),
        None => Err(("invalid_request", "the parameter response_type is missing")),
    }
}

fn response_mode(parameters: &Parameters, _: &Application) -> Check {
    match parameters.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(("invalid_request", "use response_mode=query, or leave it out")),
    }
}

fn lengths(parameters: &Parameters, _: &Application) -> Check {
    for name in ["state", "nonce", "login_hint", "ui_locales"] {
        if parameters.get(name).is_some_and(|value| value.len() > TEXT_BYTES_MAX) {
            return Err((
                "invalid_request",
                "state, nonce, login_hint and ui_locales have at most 1024 bytes",
            ));
        }
    }
    Ok(())
}

fn scopes_have_openid(parameters: &Parameters, _: &Application) -> Check {
    let scopes = scope::parse(parameters.get("scope").unwrap_or_default())
        .map_err(|error| ("invalid_scope", error.0))?;
    if scope::has(&scopes, scope::OPENID) {
        Ok(())
    } else {
        Err(("invalid_scope", "the scope openid is missing"))
    }
}

/// RFC 7636 §4.3, without `plain`.
fn code_challenge(parameters: &Parameters, client: &Application) -> Check {
    let method = parameters.get("code_challenge_method");
    match parameters.get("code_challenge") {
        Some(challenge) if method == Some("S256") => {
            let sha256 = challenge.len() == 43 && crypto::unb64url(challenge).is_some();
            if sha256 {
                Ok(())
            } else {
                Err(("invalid_request", "code_challenge is not the base64url of a SHA-256"))
            }
        }
        Some(_) => Err(("invalid_request", "use code_challenge_method=S256")),
        None if method.is_some() => Err(("invalid_request", "the parameter code_challenge is missing")),
        None if client.needs_pkce() => {
            Err(("invalid_request", "this client must use PKCE: code_challenge is missing"))
        }
        None => Ok(()),
    }
}

fn prompt(parameters: &Parameters) -> Result<Prompt, (&'static str, &'static str)> {
    let mut prompt = Prompt::Unsaid;
    let values: Vec<&str> =
        parameters.get("prompt").unwrap_or_default().split(' ').filter(|v| !v.is_empty()).collect();
    for value in &values {
        match *value {
            "none" if values.len() == 1 => prompt = Prompt::None,
            "none" => return Err(("invalid_request", "prompt=none stands alone")),
            "login" | "select_account" => prompt = Prompt::Login,
            // The administrator's consent stands for the person's: there is nothing to ask.
            "consent" => {}
            _ => return Err(("invalid_request", "use the prompts none, login, select_account or consent")),
        }
    }
    Ok(prompt)
}

fn max_age(parameters: &Parameters) -> Result<Option<u64>, (&'static str, &'static str)> {
    match parameters.get("max_age") {
        None => Ok(None),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => match text.parse() {
            Ok(secs) => Ok(Some(secs)),
            Err(_) => Err(("invalid_request", "max_age is a number of seconds")),
        },
        Some(_) => Err(("invalid_request", "max_age is a number of seconds")),
    }
}

fn hinted(service: &Service, view: &View, tenant: &Tenant, parameters: &Parameters) -> Expected {
    let Some(hint) = parameters.get("id_token_hint") else { return Expected::Anyone };
    let Ok(keys) = service.keys.verifiers(view, tenant.instance) else { return Expected::Unknown };
    match crypto::verify::<IdToken>(hint, Typ::IdToken, &keys) {
        Ok(token) if token.iss == tenant.issuer => {
            Id::parse(&token.sub).map_or(Expected::Unknown, Expected::Person)
        }
        Ok(_) | Err(_) => Expected::Unknown,
    }
}
