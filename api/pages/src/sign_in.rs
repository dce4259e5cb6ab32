//! Signing in: the form, and what happens when it comes back.

use crate::assets;
use crate::form_token;
use crate::render::{self, Fault, SignIn, SignInProblem};
use crate::respond::{self, Reader, page_response};
use crate::strangers::Strangers;
use api_core::extract::cookie;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::{Tenant, tenant};
use api_core::flow::{BINDING_COOKIE, Flow, NotAnswered, SESSION_COOKIE, browser_secret, transport};
use api_core::passwords::PasswordError;
use api_core::{Service, SubmitError, View, secrets};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use crypto::{PASSWORD_BYTES_MAX, Secret};
use identity::application::Application;
use identity::credential::password::{Password, ProvePassword, Renews};
use identity::credential::throttle::{self, FailPassword, Throttle};
use identity::envelope::Caller;
use identity::id::Id;
use identity::instance::lifetimes::{self, Lifetimes};
use identity::organization::Organization;
use identity::project::{OWN_PROJECT, Project};
use identity::reader::No;
use identity::refusal::Refusal;
use identity::session::{self, Started};
use identity::setting::effective;
use identity::setting::login::Login;
use identity::time::Timestamp;
use identity::user::{User, UserKind, by_login_name};
use std::sync::Arc;

/// The path of the sign-in page.
pub const PATH: &str = "/ui/login";

/// A flow that this browser has brought back, and the view in which it goes on.
struct Step {
    view: View,
    tenant: Tenant,
    flow: Flow,
    sealed: String,
    application: String,
    organization: Option<String>,
    /// Whether the people of the application's organization sign in with a password.
    password_allowed: bool,
    token: Option<String>,
    reader: Reader,
}

/// `GET /ui/login`.
pub async fn get(State(service): State<Service>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let (_, parameters) = match Reader::with_query(&headers, query.as_deref()) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    match step(&service, &headers, &parameters).await {
        Ok(step) => {
            let hint = step.flow.login_hint.clone().unwrap_or_default();
            step.show(StatusCode::OK, &hint, None)
        }
        Err(response) => *response,
    }
}

/// `POST /ui/login`.
pub async fn post(
    State(service): State<Service>,
    Extension(strangers): Extension<Arc<Strangers>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (page, mut form) = match Reader::with_form(&headers, body) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let step = match step(&service, &headers, &form).await {
        Ok(step) => Arc::new(step),
        Err(response) => return *response,
    };
    if !form_token::is_right(step.token.as_deref(), form.get("csrf"), &headers) {
        return page.error(StatusCode::FORBIDDEN, "forbidden", Fault::Forbidden, None);
    }
    let name = form.take("username").unwrap_or_default();
    let password = Secret::new(form.take("password").unwrap_or_default());
    // A task of its own: a browser that hangs up must not take its guess back before it is counted.
    let proving = {
        let (service, strangers, step, headers, name) =
            (service.clone(), Arc::clone(&strangers), Arc::clone(&step), headers.clone(), name.clone());
        tokio::spawn(async move { prove(&service, &strangers, &step, &headers, &name, password).await })
    };
    match proving.await.unwrap_or(Err(Wrong::Unavailable)) {
        Ok((user, proven)) => step.finish(&service, user, proven).await,
        Err(Wrong::Credentials) => step.show(StatusCode::OK, &name, Some(SignInProblem::WrongCredentials)),
        Err(Wrong::Delayed { secs }) => {
            let problem = SignInProblem::TryLater { seconds: secs };
            let mut response = step.show(StatusCode::TOO_MANY_REQUESTS, &name, Some(problem));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
            response
        }
        Err(Wrong::Unavailable) => {
            let problem = Some(SignInProblem::Unavailable);
            let mut response = step.show(StatusCode::SERVICE_UNAVAILABLE, &name, problem);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    }
}

/// Opens the flow that a browser brings, or says why it can't go on.
async fn step(
    service: &Service,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Step, Box<Response>> {
    let page = Reader::of(headers, None);
    let Ok(view) = service.bounded().await else { return Err(Box::new(page.unavailable())) };
    let Ok(tenant) = tenant(service, &view, headers) else {
        return Err(Box::new(page.error(StatusCode::NOT_FOUND, "not_found", Fault::NotFound, None)));
    };
    let expired =
        || Box::new(page.error(StatusCode::BAD_REQUEST, "expired_request", Fault::ExpiredRequest, None));
    let sealed = parameters.get("flow").ok_or_else(expired)?.to_owned();
    let flow = Flow::open(service, &view, &tenant, &sealed).map_err(|_| expired())?;
    if flow.expires <= view.now {
        return Err(expired());
    }
    // Whoever planted this link in a browser does not hold that browser's cookie.
    if !flow.belongs_to(service, headers) {
        let wrong = page.error(StatusCode::FORBIDDEN, "wrong_browser", Fault::WrongBrowser, None);
        return Err(Box::new(wrong));
    }
    // The state must be at least as new as the one that the request was checked against.
    let Ok(view) = service.at_least(flow.position()).await else { return Err(Box::new(page.unavailable())) };
    let reader = view.reader(tenant.instance);
    let Ok(application) = reader.live::<Application>(&flow.client) else { return Err(expired()) };
    let organization = reader
        .live::<Project>(&application.parent)
        .and_then(|project| reader.live::<Organization>(&project.parent))
        .ok()
        // The instance's own applications are for the people of all organizations.
        .filter(|_| application.parent.as_str() != OWN_PROJECT);
    let within = organization.as_ref().map(|organization| &organization.id);
    let Ok((login, _)) = effective::<Login>(&reader, within) else {
        return Err(Box::new(page.unavailable()));
    };
    let held = cookie::get(headers, &cookie::name(transport(service), BINDING_COOKIE)).unwrap_or_default();
    let token = form_token::of(service, &view, &tenant, held, flow.request.as_str());
    let reader = Reader::with_locales(headers, flow.ui_locales.as_deref());
    Ok(Step {
        application: application.spec.name.to_string(),
        organization: organization.map(|organization| organization.spec.name.to_string()),
        password_allowed: login.password_allowed,
        view,
        tenant,
        flow,
        sealed,
        token,
        reader,
    })
}

impl Step {
    fn show(&self, status: StatusCode, login_name: &str, problem: Option<SignInProblem>) -> Response {
        // The same for every name, also for those of other organizations, who may still sign in: it is about the
        // organization that the page speaks of, and tells nothing of the name.
        let problem = match problem {
            None | Some(SignInProblem::WrongCredentials) if !self.password_allowed => {
                Some(SignInProblem::PasswordNotAllowed)
            }
            other => other,
        };
        let page = SignIn {
            application: &self.application,
            organization: self.organization.as_deref(),
            login_name,
            action: PATH,
            flow: &self.sealed,
            csrf: self.token.as_deref().unwrap_or_default(),
            problem,
            cancel: None,
        };
        let html = render::sign_in(self.reader.locale, &page);
        page_response(status, html, &[assets::form_target(&self.flow.redirect_uri)])
    }

    /// Sends the browser back with a code, or with the reason why there is none.
    async fn finish(&self, service: &Service, user: Id, proven: Proven) -> Response {
        let session = &proven.started.session;
        let mut response = match self.flow.answer(service, &self.tenant, &user, session).await {
            Ok(target) => respond::redirect(&target),
            Err(NotAnswered::Denied) => {
                let text = "this person may not sign in to the application";
                let members = [("error", "access_denied"), ("error_description", text)];
                respond::redirect(&self.flow.redirect(&self.tenant.issuer, &members))
            }
            Err(NotAnswered::OtherPerson) => {
                let text = "the person of the id_token_hint must sign in";
                let members = [("error", "login_required"), ("error_description", text)];
                respond::redirect(&self.flow.redirect(&self.tenant.issuer, &members))
            }
            Err(NotAnswered::SignIn | NotAnswered::Over) => {
                self.reader.error(StatusCode::BAD_REQUEST, "expired_request", Fault::ExpiredRequest, None)
            }
            Err(NotAnswered::Unavailable) => self.reader.unavailable(),
        };
        // The proof stands whatever became of the request.
        let secret = proven.secret.expose();
        if let Ok(value) =
            HeaderValue::from_str(&cookie::set(transport(service), SESSION_COOKIE, secret, None))
        {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
        response
    }
}

/// Why nobody was signed in. Unknown, inactive and wrong are one.
enum Wrong {
    Credentials,
    Delayed { secs: u64 },
    Unavailable,
}

/// A session that was started, and the secret for the browser.
struct Proven {
    started: Started,
    secret: Secret<String>,
}

impl From<PasswordError> for Wrong {
    fn from(error: PasswordError) -> Wrong {
        match error {
            PasswordError::Busy => Wrong::Unavailable,
            PasswordError::Hash(crypto::Error::PasswordTooLong { .. }) => Wrong::Credentials,
            PasswordError::Hash(error) => {
                tracing::error!(%error, "a stored password can't be read");
                Wrong::Unavailable
            }
        }
    }
}

/// Whom a name belongs to.
enum Named {
    /// Somebody whose password can be checked.
    Account(Account),
    /// Nobody who could sign in. Who is locked is one of those, with as many wrong passwords as he has.
    Stranger { failures: u32 },
}

/// An account that a password can be checked for.
struct Account {
    user: Id,
    revision: u32,
    phc: String,
}

/// Checks the password, then lets the log decide.
async fn prove(
    service: &Service,
    strangers: &Strangers,
    step: &Step,
    headers: &HeaderMap,
    name: &str,
    password: Secret<String>,
) -> Result<(Id, Proven), Wrong> {
    if password.expose().is_empty() || password.expose().len() > PASSWORD_BYTES_MAX {
        // Nobody's: asked before anything is known of the name, and counted for none.
        return Err(Wrong::Credentials);
    }
    let seen = match account(service, &step.view, step, name)? {
        Named::Account(account) => Named::Account(account),
        Named::Stranger { .. } => {
            // As early as for a name that somebody has.
            let (instance, now) = (step.tenant.instance, step.view.now);
            if let Some(until) = strangers.delayed(instance, name, now) {
                return Err(Wrong::Delayed { secs: until.secs_since(now).max(1) });
            }
            account(service, &newest(service).await?, step, name)?
        }
    };
    let mut seen = match seen {
        Named::Account(account) => account,
        Named::Stranger { failures } => {
            strangers.remember(step.tenant.instance, name, failures, step.view.now);
            return stranger(service, strangers, step, name, password).await;
        }
    };
    let mut right = service.passwords.verify(password.clone(), seen.phc.clone()).await?;
    if !right {
        // A mismatch is believed only of the newest password.
        match account(service, &newest(service).await?, step, name) {
            Ok(Named::Account(newer)) if newer.revision != seen.revision => {
                right = service.passwords.verify(password, newer.phc.clone()).await?;
                seen = newer;
            }
            Ok(Named::Account(_) | Named::Stranger { .. }) => {}
            // Delayed meanwhile, by guesses on other nodes or at the same moment: the log says so to right and wrong
            // ones alike. An answer from here would come sooner, and tell them apart.
            Err(Wrong::Delayed { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    if right {
        return start(service, step, headers, seen).await;
    }
    let throttle = fail(service, step, seen).await?;
    if throttle.is_locked() {
        // From now on nobody can sign in by this name: it goes on like one that nobody has.
        let lifetimes = lifetimes_of(step)?;
        let until = step.view.now.plus_secs(u64::from(lifetimes.delay_after(throttle.failures)));
        strangers.remember(step.tenant.instance, name, throttle.failures, until);
    }
    Err(Wrong::Credentials)
}

async fn newest(service: &Service) -> Result<View, Wrong> {
    service.newest().await.map_err(|_| Wrong::Unavailable)
}

/// The account of a name, if a person has it who can sign in; refused while it is delayed.
fn account(service: &Service, view: &View, step: &Step, name: &str) -> Result<Named, Wrong> {
    const NOBODY: Named = Named::Stranger { failures: 0 };
    let reader = view.reader(step.tenant.instance);
    let unreadable = |_| Wrong::Unavailable;
    let Some(user) = by_login_name(&reader, name).map_err(unreadable)? else { return Ok(NOBODY) };
    let live = match reader.live::<User>(&user.id) {
        Ok(live) => live,
        Err(No::Refused(_)) => return Ok(NOBODY),
        Err(No::Fault(_)) => return Err(Wrong::Unavailable),
    };
    let password = reader.row::<Password>(&live.id).map_err(|_| Wrong::Unavailable)?;
    let (UserKind::Human(_), Some(password)) = (&live.spec.kind, password) else { return Ok(NOBODY) };
    let (login, _) = effective::<Login>(&reader, Some(&live.parent)).map_err(|_| Wrong::Unavailable)?;
    if !login.password_allowed {
        return Ok(NOBODY);
    }
    let throttle = reader.row::<Throttle>(&live.id).map_err(|_| Wrong::Unavailable)?;
    if let Some(throttle) = throttle.filter(Throttle::is_locked) {
        return Ok(Named::Stranger { failures: throttle.failures });
    }
    if let Some(until) = throttle::delayed(&reader, &live.id).map_err(|_| Wrong::Unavailable)? {
        return Err(Wrong::Delayed { secs: until.secs_since(view.now).max(1) });
    }
    let record = reader.live_instance().map_err(unreadable)?;
    let key = service.machine.keyring.instance(step.tenant.instance, &record.spec.data_key);
    let key = key.map_err(|_| Wrong::Unavailable)?;
    let opened = key.seal_key().open(Password::PURPOSE, live.id.as_str().as_bytes(), &password.sealed);
    let phc = opened.ok().and_then(|opened| String::from_utf8(opened.expose().clone()).ok());
    let Some(phc) = phc else {
        tracing::error!("a stored password can't be opened");
        return Err(Wrong::Unavailable);
    };
    Ok(Named::Account(Account { user: live.id, revision: password.revision, phc }))
}

fn lifetimes_of(step: &Step) -> Result<Lifetimes, Wrong> {
    lifetimes::of(&step.view.reader(step.tenant.instance)).map_err(|_| Wrong::Unavailable)
}

/// Nobody can sign in by this name: the same work, the same delays, the same answer.
async fn stranger(
    service: &Service,
    strangers: &Strangers,
    step: &Step,
    name: &str,
    password: Secret<String>,
) -> Result<(Id, Proven), Wrong> {
    let (instance, now) = (step.tenant.instance, step.view.now);
    let lifetimes = lifetimes_of(step)?;
    service.passwords.dummy(password).await?;
    let delayed = strangers.failed(instance, name, &lifetimes, now);
    // A known name's failure waits for a quorum to count it: this waits for one too, and fails without.
    newest(service).await?;
    match delayed {
        Some(until) => Err(Wrong::Delayed { secs: until.secs_since(now).max(1) }),
        None => Err(Wrong::Credentials),
    }
}

async fn start(
    service: &Service,
    step: &Step,
    headers: &HeaderMap,
    account: Account,
) -> Result<(Id, Proven), Wrong> {
    let instance = step.tenant.instance;
    let renews = browser_secret(service, headers).map(|held| Renews { session: held.id, secret: held.hash });
    // A session that rises keeps its id, so that the secret must carry the id it will have.
    let newest = newest(service).await?;
    let rises = renews.as_ref().filter(|old| {
        let held = session::live(&newest.reader(instance), &old.session);
        held.is_ok_and(|held| held.user == account.user && held.secret.same(&old.secret))
    });
    let id = rises.map_or_else(|| service.new_id(), |old| old.session.clone());
    let (secret, hash) = secrets::mint_bound(secrets::SESSION, &id, &*service.entropy);
    let proof = ProvePassword {
        user: account.user.clone(),
        revision: account.revision,
        session: id,
        secret: hash,
        renews,
    };
    match service.submit(instance, Caller::nobody(), &proof).await {
        Ok(done) => Ok((account.user, Proven { started: done.reply, secret })),
        Err(SubmitError::Refused(Refusal::Locked)) => Err(delayed(service, step, &account.user).await),
        // Its own session rose meanwhile, in another tab: the password was right all the same.
        Err(SubmitError::Refused(Refusal::AlreadyExists)) => Err(Wrong::Unavailable),
        Err(SubmitError::Refused(_)) => Err(Wrong::Credentials),
        Err(SubmitError::NotApplied(_) | SubmitError::Unknown(_)) => Err(Wrong::Unavailable),
    }
}

/// Counts a wrong password; what is counted of the account by now.
async fn fail(service: &Service, step: &Step, account: Account) -> Result<Throttle, Wrong> {
    let failure = FailPassword { user: account.user, revision: account.revision };
    match service.submit(step.tenant.instance, Caller::nobody(), &failure).await {
        // Not counted, and so not answered: neither is a right one.
        Err(SubmitError::Refused(Refusal::Locked)) => Err(delayed(service, step, &failure.user).await),
        Err(SubmitError::Refused(_)) => Err(Wrong::Credentials),
        Ok(done) => Ok(done.reply),
        // An uncounted guess is not answered.
        Err(SubmitError::NotApplied(_) | SubmitError::Unknown(_)) => Err(Wrong::Unavailable),
    }
}

/// Until when an account is delayed that the log has just refused for it.
async fn delayed(service: &Service, step: &Step, user: &Id) -> Wrong {
    let Ok(view) = service.newest().await else { return Wrong::Unavailable };
    match throttle::delayed(&view.reader(step.tenant.instance), user) {
        // Locked meanwhile.
        Ok(Some(Timestamp::END)) => Wrong::Credentials,
        Ok(until) => Wrong::Delayed { secs: until.map_or(1, |until| until.secs_since(view.now).max(1)) },
        Err(_) => Wrong::Unavailable,
    }
}
