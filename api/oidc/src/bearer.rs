//! Access tokens as they come back: verified by signature, then alive by the tables.

use crate::error::Error;
use crate::jwt::AccessToken;
use api_core::extract::tenant::Tenant;
use api_core::{Service, View};
use axum::http::{HeaderMap, header};
use crypto::Typ;
use identity::envelope::Source;
use identity::id::Id;
use identity::reader::No;
use identity::record::Record;
use identity::time::Timestamp;
use identity::token::introspect::{self, Bearer};
use identity::user::User;

/// How old a token may be for a view that does not know it to be doubted: more than any view is behind.
const YOUNG_SECS: u64 = 10;

/// A verified access token that is alive, and its user.
pub struct Alive {
    /// What it says.
    pub claims: AccessToken,
    /// Whom it stands for.
    pub user: Record<User>,
}

/// The claims of an access token that this instance has signed, whether it is alive or not.
pub fn verified(service: &Service, view: &View, tenant: &Tenant, token: &str) -> Result<AccessToken, Error> {
    let keys = service.keys.verifiers(view, tenant.instance)?;
    let claims: AccessToken =
        crypto::verify(token, Typ::AccessToken, &keys).map_err(|_| Error::InvalidToken)?;
    if claims.iss != tenant.issuer {
        return Err(Error::InvalidToken);
    }
    Ok(claims)
}

/// What a verified token hangs on.
pub fn bearer_of(claims: &AccessToken) -> Option<Bearer> {
    let source = match (&claims.family, claims.generation, &claims.key) {
        (Some(family), None, None) => Source::Family(Id::parse(family).ok()?),
        (None, Some(generation), None) => Source::Service { generation },
        (None, None, Some(key)) => key.source()?,
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) | (None, None, None) => {
            return None;
        }
    };
    let subject = Id::parse(&claims.sub).ok()?;
    let expires = Timestamp(claims.exp.checked_mul(1000)?);
    Some(Bearer { subject, jti: claims.jti.clone(), expires, source })
}

/// A token that counts at this view, or at the newest if it is too young for this one.
pub async fn alive(service: &Service, view: &View, tenant: &Tenant, token: &str) -> Result<Alive, Error> {
    let claims = verified(service, view, tenant, token)?;
    let bearer = bearer_of(&claims).ok_or(Error::InvalidToken)?;
    let user = match introspect::bearer(&view.reader(tenant.instance), &bearer) {
        // Another node has just issued it, and this one may not have heard of it yet.
        Err(No::Refused(_)) if claims.iat.saturating_add(YOUNG_SECS) >= view.now.secs() => {
            introspect::bearer(&service.newest().await?.reader(tenant.instance), &bearer)
        }
        found => found,
    };
    match user {
        Ok(user) => Ok(Alive { claims, user }),
        Err(No::Refused(_)) => Err(Error::InvalidToken),
        Err(No::Fault(fault)) => Err(crate::error::internal(&fault.0)),
    }
}

/// The bearer token of the Authorization header (RFC 6750 §2.1); `None` if there is none.
pub fn from_header(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut found = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(Error::InvalidRequest("the Authorization header stands more than once".into()));
    }
    let text = value.to_str().map_err(|_| Error::InvalidToken)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        Some(_) | None => Err(Error::InvalidToken),
    }
}
