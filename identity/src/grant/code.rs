//! Authorization codes: issued to a session, redeemed once by the client they were issued to (RFC 6749 §4.1).
//!
//! ```text
//! (none) ─IssueCode→ Issued ─RedeemCode→ Redeemed ─RedeemCode→ Redeemed, its family revoked
//! ```

use crate::application::{Application, ApplicationKind};
use crate::authorization;
use crate::command::{Access, command};
use crate::encoding::Stored;
use crate::event::What;
use crate::execute::calling_session;
use crate::grant::scope::{self, DOMAIN_PREFIX, ORGANIZATION_PREFIX};
use crate::id::{Hash, Id};
use crate::instance::lifetimes;
use crate::organization::Organization;
use crate::permission::MANAGEMENT_SCOPE;
use crate::project::grant::{self, ProjectGrant};
use crate::project::{OWN_PROJECT, Project};
use crate::reader::{Reader, Run, optional};
use crate::record::{Kind, Record, Row};
use crate::refusal::Refusal;
use crate::session;
use crate::time::Timestamp;
use crate::token::family::{self, Family, Generation};
use crate::user::User;
use minicbor::{Decode, Encode};

/// An authorization code, under the SHA-256 of its text.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Code {
    /// To which application it was issued.
    #[n(0)]
    pub client: Id,
    /// Where it was sent; it must be named again (RFC 6749 §4.1.3).
    #[n(1)]
    pub redirect_uri: String,
    /// The S256 code challenge (RFC 7636 §4.3).
    #[n(2)]
    pub challenge: Option<String>,
    /// The nonce for the ID token.
    #[n(3)]
    pub nonce: Option<String>,
    /// What was granted.
    #[n(4)]
    pub scopes: Vec<String>,
    /// The session that it stands for.
    #[n(5)]
    pub session: Id,
    /// The person.
    #[n(6)]
    pub user: Id,
    /// When he proved himself.
    #[n(7)]
    pub authenticated: Timestamp,
    /// Until when it can be redeemed.
    #[n(8)]
    pub expires: Timestamp,
    /// What was given for it.
    #[n(9)]
    pub redeemed: Option<Id>,
}

impl Stored for Code {}
impl Row for Code {
    const KIND: Kind = Kind::Code;
}

/// How long a redeemed code is remembered, in seconds: a second use within this time revokes what the first was given.
pub const REMEMBERED_SECS: u64 = 3600;

/// An authorization request that was answered: it is not answered twice.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Answered {}

impl Stored for Answered {}
impl Row for Answered {
    const KIND: Kind = Kind::Answered;
}

/// How long an authorization request lives in the browser, in seconds.
pub const REQUEST_SECS: u64 = 600;

fn id_of(hash: &Hash) -> Run<Id> {
    Id::parse(&crate::id::hex(&hash.0)).map_err(|_| Refusal::InvalidSpec.into())
}

/// Whether a code is known and belongs to this application, redeemed or not: what else is presented concerns nobody.
pub fn is_issued_to(reader: &Reader<'_>, code: &Hash, client: &Id) -> Run<bool> {
    Ok(reader.row::<Code>(&id_of(code)?)?.is_some_and(|code| code.client == *client))
}

/// Issues a code to an application for the calling session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct IssueCode {
    /// SHA-256 of the code.
    #[n(0)]
    pub code: Hash,
    /// The authorization request that this answers.
    #[n(1)]
    pub request: Id,
    /// To which application.
    #[n(2)]
    pub client: Id,
    /// Where it is sent.
    #[n(3)]
    pub redirect_uri: String,
    /// The S256 code challenge.
    #[n(4)]
    pub challenge: Option<String>,
    /// The nonce for the ID token.
    #[n(5)]
    pub nonce: Option<String>,
    /// What was asked for.
    #[n(6)]
    pub scopes: Vec<String>,
    /// The hash of the browser's secret when it was asked to prove again (prompt=login, max_age): by now the session
    /// must have another. No clock is asked.
    #[n(7)]
    pub other_than: Option<Hash>,
}

command!(20 IssueCode -> (), |_, _| Ok(Access::Session), |self, tx| {
    let reader = tx.reader();
    let session_id = calling_session(tx)?;
    let session = session::live(&reader, &session_id)?;
    let client = reader.live::<Application>(&self.client)?;
    let accepted = client.spec.kind != ApplicationKind::Api && client.spec.accepts_redirect(&self.redirect_uri);
    let challenged = self.challenge.is_some() || !client.spec.needs_pkce();
    if !accepted || !challenged || self.scopes.len() > scope::SCOPES_MAX {
        return Err(Refusal::FlowNotAllowed.into());
    }
    if self.other_than.is_some_and(|before| before.same(&session.secret)) {
        return Err(Refusal::SessionNotAlive.into());
    }
    let project = reader.live::<Project>(&client.parent)?;
    let user = reader.live::<User>(&session.user)?;
    may_sign_in(&reader, &project, &user, &self.scopes)?;
    let id = id_of(&self.code)?;
    if reader.row::<Answered>(&self.request)?.is_some() || reader.row::<Code>(&id)?.is_some() {
        return Err(Refusal::RequestUsed.into());
    }
    let mut scopes = self.scopes;
    if project.id.as_str() != OWN_PROJECT {
        // Else whoever owns an application would act as any administrator who visits it.
        scopes.retain(|scope| scope != MANAGEMENT_SCOPE);
    }
    let expires = tx.now.plus_secs(u64::from(lifetimes::of(&reader)?.code_secs));
    let code = Code {
        client: self.client,
        redirect_uri: self.redirect_uri,
        challenge: self.challenge,
        nonce: self.nonce,
        scopes,
        session: session_id,
        user: session.user.clone(),
        authenticated: session.authenticated,
        expires,
        redeemed: None,
    };
    tx.put_row(&id, &code);
    tx.expire(Kind::Code, &id, tx.now.plus_secs(REMEMBERED_SECS));
    tx.put_row(&self.request, &Answered {});
    tx.expire(Kind::Answered, &self.request, tx.now.plus_secs(REQUEST_SECS));
    tx.tell(What::CodeIssued, Kind::Application, &code.client, Some(&project.parent), Vec::new())?;
    Ok(())
});

/// Refuses a person whom the project or the request's scopes keep out.
pub fn may_sign_in(
    reader: &Reader<'_>,
    project: &Record<Project>,
    user: &Record<User>,
    scopes: &[String],
) -> Run<()> {
    if project.spec.role_check && authorization::roles(reader, project, user)?.is_empty() {
        return Err(Refusal::NoRole.into());
    }
    if project.spec.has_project_check && !has_project(reader, project, &user.parent)? {
        return Err(Refusal::NoRole.into());
    }
    is_meant(reader, user, scopes)
}

/// Refuses a user whom the scopes keep out: they name another organization than his.
pub fn is_meant(reader: &Reader<'_>, user: &Record<User>, scopes: &[String]) -> Run<()> {
    for scope in scopes {
        let member = if let Some(id) = scope.strip_prefix(ORGANIZATION_PREFIX) {
            user.parent.as_str() == id
        } else if let Some(domain) = scope.strip_prefix(DOMAIN_PREFIX) {
            reader.live::<Organization>(&user.parent)?.spec.domain.as_str() == domain
        } else {
            true
        };
        if !member {
            return Err(Refusal::NoRole.into());
        }
    }
    Ok(())
}

/// Whether an organization owns a project or was granted it.
fn has_project(reader: &Reader<'_>, project: &Record<Project>, organization: &Id) -> Run<bool> {
    if project.parent == *organization {
        return Ok(true);
    }
    match grant::of(reader, &project.id, organization)? {
        Some(id) => Ok(optional(reader.live::<ProjectGrant>(&id))?.is_some()),
        None => Ok(false),
    }
}

/// Redeems a code for a token family. The caller is the application.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RedeemCode {
    /// SHA-256 of the code.
    #[n(0)]
    pub code: Hash,
    /// The redirect URI as the client names it.
    #[n(1)]
    pub redirect_uri: Option<String>,
    /// S256 of the verifier as the client sent it.
    #[n(2)]
    pub challenge: Option<String>,
    /// The id of the family to begin.
    #[n(3)]
    pub family: Id,
    /// Its first refresh token, if one is given.
    #[n(4)]
    pub refresh: Hash,
}

/// What became of a redemption.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[expect(
    clippy::large_enum_variant,
    reason = "a reply lives for a moment, and nearly all are of the large kind"
)]
pub enum Redeemed {
    /// The family began.
    #[n(0)]
    Granted {
        /// Its state.
        #[n(0)]
        family: Family,
        /// The nonce for the ID token.
        #[n(1)]
        nonce: Option<String>,
    },
    /// The code had been redeemed: what the first redemption was given is revoked (RFC 6749 §4.1.2).
    #[n(1)]
    Replayed,
}

command!(21 RedeemCode -> Redeemed, |_, _| Ok(Access::Client), |self, tx| {
    let client = tx.client()?.clone();
    let id = id_of(&self.code)?;
    let reader = tx.reader();
    let mut code = reader.row::<Code>(&id)?.ok_or(Refusal::CodeUnknown)?;
    // A code of another client is unknown to this one, and stays as it is for the one it belongs to.
    if code.client != client {
        return Err(Refusal::CodeUnknown.into());
    }
    let application = reader.live::<Application>(&client)?;
    let organization = reader.live::<Project>(&application.parent)?.parent;
    if let Some(family) = code.redeemed {
        family::revoke(tx, &family)?;
        tx.tell(What::CodeReplayed, Kind::Application, &client, Some(&organization), Vec::new())?;
        return Ok(Redeemed::Replayed);
    }
    if code.expires <= tx.now {
        return Err(Refusal::CodeUnknown.into());
    }
    // The verifier must be there exactly when a challenge was (RFC 9700 §4.8.2: no downgrade in either direction).
    let uri_matches = self.redirect_uri.as_deref() == Some(code.redirect_uri.as_str());
    if !uri_matches || self.challenge != code.challenge {
        return Err(Refusal::CodeMismatch.into());
    }
    let session = session::live(&reader, &code.session)?;
    if session.started > code.authenticated {
        return Err(Refusal::SessionNotAlive.into());
    }
    let lifetimes = lifetimes::of(&reader)?;
    let refreshes = application.spec.refresh && scope::has(&code.scopes, scope::OFFLINE_ACCESS);
    let family = Family {
        client,
        user: code.user.clone(),
        session: code.session.clone(),
        scopes: code.scopes.clone(),
        authenticated: code.authenticated,
        generation: refreshes.then_some(Generation { number: 1, current: self.refresh, previous: None }),
        idle: tx.now.plus_secs(u64::from(lifetimes.refresh_idle_secs)),
        absolute: tx.now.plus_secs(u64::from(lifetimes.refresh_absolute_secs)),
        secret_generation: tx.client_generation(),
        began: tx.now,
    };
    family::begin(tx, &self.family, &family)?;
    code.redeemed = Some(self.family);
    tx.put_row(&id, &code);
    tx.tell(What::CodeRedeemed, Kind::Application, &code.client, Some(&organization), Vec::new())?;
    Ok(Redeemed::Granted { family, nonce: code.nonce })
});
