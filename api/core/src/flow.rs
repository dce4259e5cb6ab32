//! An authorization request in flight: parsed and checked once, sealed, carried by the browser until it is answered.

use crate::backend::{Freshness, Position, SubmitError, Unavailable, View};
use crate::extract::cookie::{self, Transport};
use crate::extract::tenant::Tenant;
use crate::sealed_state::{self, NotOurs, SealError};
use crate::secrets::{self, Bound};
use crate::service::Service;
use http::HeaderMap;
use identity::envelope::Caller;
use identity::grant::code::IssueCode;
use identity::id::{Hash, Id};
use identity::refusal::{Class, Refusal};
use identity::session::{self, Session};
use identity::time::Timestamp;
use minicbor::{Decode, Encode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a flow is sealed for.
const PURPOSE: &str = "authorization request";
/// The cookie that binds a flow to the browser that began it.
pub const BINDING_COOKIE: &str = "conclave_flow";
/// The cookie that holds a session's secret.
pub const SESSION_COOKIE: &str = "conclave_session";

/// An authorization request that passed every check.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Flow {
    /// Its own id: it is answered once.
    #[n(0)]
    pub request: Id,
    /// The hash of the binding cookie of the browser that began it.
    #[n(1)]
    pub binding: Hash,
    /// Until when it may be answered.
    #[n(2)]
    pub expires: Timestamp,
    /// The lineage of the state that it was checked against.
    #[n(3)]
    pub lineage: u32,
    /// The position of that state.
    #[n(4)]
    pub index: u64,
    /// The application.
    #[n(5)]
    pub client: Id,
    /// Where the answer goes.
    #[n(6)]
    pub redirect_uri: String,
    /// Returned as it came.
    #[n(7)]
    pub state: Option<String>,
    /// The S256 code challenge.
    #[n(8)]
    pub challenge: Option<String>,
    /// For the ID token.
    #[n(9)]
    pub nonce: Option<String>,
    /// What is asked for.
    #[n(10)]
    pub scopes: Vec<String>,
    /// The hash of the browser's session secret, if the person must prove himself again.
    #[n(11)]
    pub other_than: Option<Hash>,
    /// Who is expected.
    #[n(12)]
    pub login_hint: Option<String>,
    /// The languages he reads.
    #[n(13)]
    pub ui_locales: Option<String>,
    /// Who alone may answer it, by an ID token of ours.
    #[n(14)]
    pub subject: Option<Id>,
}

/// Why a flow is not answered with a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// The project or the request's scopes keep this person out: `access_denied`.
    #[error("this person may not sign in to the application")]
    Denied,
    /// The session does not count or must be proven again.
    #[error("the session must be proven again")]
    SignIn,
    /// The request's ID token names another person.
    #[error("another person has signed in")]
    OtherPerson,
    /// The request was answered before, or its application is gone.
    #[error("the request can't be answered any more")]
    Over,
    /// Try again soon.
    #[error("the cluster can't answer now")]
    Unavailable,
}

impl Flow {
    /// The position that every later step's view must have reached.
    pub fn position(&self) -> Position {
        Position { shard: 0, lineage: self.lineage, index: self.index }
    }

    /// Seals it for the browser.
    pub fn seal(&self, service: &Service, view: &View, tenant: &Tenant) -> Result<String, SealError> {
        sealed_state::seal(&service.machine, &*service.entropy, view, tenant.instance, PURPOSE, self)
    }

    /// Opens what the browser brings. Whether it has expired or belongs to another browser is the caller's to ask.
    pub fn open(service: &Service, view: &View, tenant: &Tenant, text: &str) -> Result<Flow, NotOurs> {
        sealed_state::open(&service.machine, view, tenant.instance, PURPOSE, text)
    }

    /// Whether this browser began it.
    pub fn belongs_to(&self, service: &Service, headers: &HeaderMap) -> bool {
        let name = cookie::name(transport(service), BINDING_COOKIE);
        cookie::get(headers, &name).is_some_and(|value| Hash::of(value.as_bytes()).same(&self.binding))
    }

    /// Issues the code to the application for a session, and returns where the browser goes with it.
    pub async fn answer(
        &self,
        service: &Service,
        tenant: &Tenant,
        user: &Id,
        session: &Id,
    ) -> Result<String, NotAnswered> {
        if self.subject.as_ref().is_some_and(|subject| subject != user) {
            return Err(NotAnswered::OtherPerson);
        }
        let (code, hash) = secrets::mint(secrets::CODE, &*service.entropy);
        let command = IssueCode {
            code: hash,
            request: self.request.clone(),
            client: self.client.clone(),
            redirect_uri: self.redirect_uri.clone(),
            challenge: self.challenge.clone(),
            nonce: self.nonce.clone(),
            scopes: self.scopes.clone(),
            other_than: self.other_than,
        };
        let caller = Caller::session(user.clone(), session.clone());
        match service.submit(tenant.instance, caller, &command).await {
            Ok(_) => Ok(self.redirect(&tenant.issuer, &[("code", code.expose())])),
            Err(SubmitError::Refused(refusal)) => Err(not_answered(refusal)),
            Err(SubmitError::NotApplied(_) | SubmitError::Unknown(_)) => Err(NotAnswered::Unavailable),
        }
    }

    /// Where the browser goes with an answer: its members, the state as it came, and the issuer (RFC 9207).
    pub fn redirect(&self, issuer: &str, members: &[(&str, &str)]) -> String {
        redirect(&self.redirect_uri, self.state.as_deref(), issuer, members)
    }
}

fn not_answered(refusal: Refusal) -> NotAnswered {
    match (refusal, refusal.class()) {
        (Refusal::NoRole, _) => NotAnswered::Denied,
        (Refusal::SessionNotAlive, _) | (_, Class::Caller) => NotAnswered::SignIn,
        (_, Class::Fault | Class::Late) => NotAnswered::Unavailable,
        (
            _,
            Class::Forbidden
            | Class::Missing
            | Class::Changed
            | Class::Conflict
            | Class::Values
            | Class::Delayed,
        ) => NotAnswered::Over,
    }
}

/// Appends an authorization response to a redirect URI that was accepted for the client.
pub fn redirect(uri: &str, state: Option<&str>, issuer: &str, members: &[(&str, &str)]) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let mut target = uri.to_owned();
    let mut separator = if uri.contains('?') { '&' } else { '?' };
    for (name, value) in
        members.iter().copied().chain(state.map(|state| ("state", state))).chain([("iss", issuer)])
    {
        target.push(separator);
        target.push_str(name);
        target.push('=');
        target.extend(utf8_percent_encode(value, KEPT));
        separator = '&';
    }
    target
}

/// Whether cookies go over TLS only.
pub fn transport(service: &Service) -> Transport {
    if service.settings.is_secure() { Transport::Tls } else { Transport::Plain }
}

/// The session whose secret the browser holds.
#[derive(Clone, Debug)]
pub struct Browser {
    /// The session's id and the hash of the secret.
    pub secret: Bound,
    /// The session.
    pub session: Session,
}

/// The browser's session, if it has one that counts.
pub fn browser_session(
    service: &Service,
    view: &View,
    tenant: &Tenant,
    headers: &HeaderMap,
) -> Option<Browser> {
    let secret = browser_secret(service, headers)?;
    let session = session::live(&view.reader(tenant.instance), &secret.id).ok()?;
    session.secret.same(&secret.hash).then_some(Browser { secret, session })
}

/// The session secret that the browser holds, whether it counts or not.
pub fn browser_secret(service: &Service, headers: &HeaderMap) -> Option<Bound> {
    let name = cookie::name(transport(service), SESSION_COOKIE);
    secrets::parse_bound(secrets::SESSION, cookie::get(headers, &name)?)
}

impl Service {
    /// A view that has reached a position.
    pub async fn at_least(&self, position: Position) -> Result<View, Unavailable> {
        self.backend.view(Freshness::AtLeast(position)).await
    }
}
