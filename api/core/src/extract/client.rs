//! Client authentication at the token, introspection and revocation endpoints (RFC 6749 §2.3).
//!
//! One method only, and the one that is registered. Every no is the same `invalid_client`, and an unknown client costs
//! what a wrong secret costs.

use crate::backend::View;
use crate::extract::form::Parameters;
use crate::memo::About;
use crate::secrets;
use crate::service::Service;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use identity::application::{Application, ClientAuth};
use identity::credential::secret::ClientSecret;
use identity::envelope::Caller;
use identity::id::{Fixed, Hash, Id, InstanceId};
use identity::reader::{No, Reader};
use identity::record::Record;
use identity::refusal::Refusal;
use identity::user::{User, UserKind};
use std::sync::Arc;

/// Who has authenticated, as which the log will know him.
#[derive(Clone, Debug)]
pub enum Client {
    /// An application.
    Application {
        /// Its record.
        record: Arc<Record<Application>>,
        /// The generation of the secret that it proved; `None` for a public one.
        generation: Option<u32>,
    },
    /// A service account.
    Service {
        /// Its record.
        record: Arc<Record<User>>,
        /// The generation of the secret that it proved.
        generation: u32,
    },
}

impl Client {
    /// Its id.
    pub fn id(&self) -> &Id {
        match self {
            Client::Application { record, .. } => &record.id,
            Client::Service { record, .. } => &record.id,
        }
    }

    /// The caller of its commands.
    pub fn caller(&self) -> Caller {
        match self {
            Client::Application { record, generation } => Caller::client(record.id.clone(), *generation),
            Client::Service { record, generation } => Caller::service(record.id.clone(), *generation),
        }
    }
}

/// Why a client is not authenticated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Two methods at once, or a malformed request.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// Unknown, wrong, disabled, by another method: always the same.
    #[error("client authentication failed")]
    InvalidClient,
    /// The state can't be read.
    #[error("the state can't be read")]
    Fault(String),
}

struct Presented {
    id: String,
    secret: Option<String>,
    method: ClientAuth,
}

/// Authenticates the client of a request.
pub fn authenticate(
    service: &Service,
    view: &View,
    instance: InstanceId,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Client, ClientError> {
    let presented = presented(headers, form)?;
    check(service, view, instance, &presented).map_err(|no| match no {
        No::Refused(_) => ClientError::InvalidClient,
        No::Fault(fault) => ClientError::Fault(fault.0),
    })
}

fn presented(headers: &HeaderMap, form: &Parameters) -> Result<Presented, ClientError> {
    let mut basic = headers.get_all(http::header::AUTHORIZATION).iter();
    match (basic.next(), basic.next()) {
        (Some(_), Some(_)) => {
            Err(ClientError::InvalidRequest("the Authorization header stands more than once"))
        }
        (Some(header), None) => {
            if form.has("client_secret") || form.has("client_assertion") {
                return Err(ClientError::InvalidRequest("a client authenticates by one method only"));
            }
            let (id, secret) = header.to_str().ok().and_then(basic_pair).ok_or(ClientError::InvalidClient)?;
            if form.get("client_id").is_some_and(|other| other != id) {
                return Err(ClientError::InvalidRequest("client_id differs from the Authorization header"));
            }
            Ok(Presented { id, secret: Some(secret), method: ClientAuth::Basic })
        }
        (None, _) => {
            if form.has("client_assertion") {
                return Err(ClientError::InvalidClient);
            }
            let id = form.get("client_id").ok_or(ClientError::InvalidClient)?.to_owned();
            // An empty secret is a wrong secret, not none.
            let secret =
                form.has("client_secret").then(|| form.get("client_secret").unwrap_or_default().to_owned());
            let method = if secret.is_some() { ClientAuth::Post } else { ClientAuth::None };
            Ok(Presented { id, secret, method })
        }
    }
}

/// The id and secret of a `Basic` header, each form-decoded (RFC 6749 §2.3.1).
fn basic_pair(header: &str) -> Option<(String, String)> {
    let (scheme, text) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || text.len() > 2048 {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn form_decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let mut rest = spaced.as_str();
    while let Some(at) = rest.find('%') {
        let digits = rest.get(at + 1..at + 3)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        rest = rest.get(at + 3..)?;
    }
    percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
}

/// Whom a client id names.
enum Named {
    Application(Arc<Record<Application>>, Option<ClientSecret>),
    Service(Arc<Record<User>>, Option<ClientSecret>),
}

/// Whom a client id names, if it serves. A service account names itself by its id or its username.
fn named(reader: &Reader<'_>, text: &str) -> Result<Named, No> {
    let id = Id::parse(text).ok();
    if let Some(id) = &id
        && reader.find::<Application>(id)?.is_some()
    {
        let record = reader.live::<Application>(id)?;
        return Ok(Named::Application(Arc::new(record), reader.row::<ClientSecret>(id)?));
    }
    let by_id = match &id {
        Some(id) => reader.find::<User>(id)?,
        None => None,
    };
    let user = match by_id {
        Some(user) => Some(user),
        None => identity::user::by_login_name(reader, text)?,
    };
    let user = user.filter(|user| matches!(user.spec.kind, UserKind::Service { .. }));
    let user = user.ok_or(Refusal::CallerNotAlive)?;
    let record = reader.live::<User>(&user.id)?;
    let secret = reader.row::<ClientSecret>(&record.id)?;
    Ok(Named::Service(Arc::new(record), secret))
}

fn check(service: &Service, view: &View, instance: InstanceId, presented: &Presented) -> Result<Client, No> {
    let wrong = || No::Refused(Refusal::CallerNotAlive);
    let reader = view.reader(instance);
    let found =
        service.memo.get(view, instance, About::Client, &presented.id, || named(&reader, &presented.id));
    let found = found.inspect_err(|_| {
        // What a wrong secret costs.
        proves(presented.secret.as_deref(), None);
    })?;
    match &*found {
        Named::Application(record, secret) => {
            let proven = proves(presented.secret.as_deref(), secret.as_ref());
            if record.spec.auth != presented.method {
                return Err(wrong());
            }
            let record = Arc::clone(record);
            match (record.spec.auth, proven) {
                (ClientAuth::None, _) => Ok(Client::Application { record, generation: None }),
                (ClientAuth::Basic | ClientAuth::Post, Some(generation)) => {
                    Ok(Client::Application { record, generation: Some(generation) })
                }
                (ClientAuth::Basic | ClientAuth::Post, None) => Err(wrong()),
            }
        }
        // It may use the header or the form.
        Named::Service(record, secret) => match proves(presented.secret.as_deref(), secret.as_ref()) {
            Some(generation) => Ok(Client::Service { record: Arc::clone(record), generation }),
            None => Err(wrong()),
        },
    }
}

/// The generation of the secret, if this is it. One hash and one comparison in every case.
fn proves(presented: Option<&str>, secret: Option<&ClientSecret>) -> Option<u32> {
    let text = presented.unwrap_or_default();
    let hash = secrets::parse(secrets::CLIENT_SECRET, text).unwrap_or_else(|| Hash::of(text.as_bytes()));
    let stored = secret.map_or(Fixed([0; 32]), |secret| secret.hash);
    let same = stored.same(&hash);
    secret.filter(|_| same && presented.is_some()).map(|secret| secret.generation)
}
