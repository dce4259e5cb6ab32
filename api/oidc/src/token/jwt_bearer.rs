//! The JWT profile grant (RFC 7523 §2.1): a service account signs with one of its keys who it is. It writes nothing to the
//! log, so that an assertion may be used again until it expires, as often as its key may sign.
//!
//! What costs little comes first: nothing is read for what has the wrong form, no signature is checked for what names no
//! key, and nothing of what the claims say counts before the signature does.

use super::{Granted, ServiceGrant, required, scopes_of_service};
use crate::error::{Error, internal};
use crate::jwt::Audience;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::Tenant;
use api_core::{Service, View};
use crypto::{Assertion, TokenFault};
use identity::credential::service_key::{Usable, usable};
use identity::reader::No;
use serde::Deserialize;
use std::sync::Arc;

/// How far away the end of an assertion may be: one that is stolen must not be good for longer.
const LIFETIME_SECS_MAX: u64 = 3600;
/// How far the clock of who signed may be ahead of ours.
const SKEW_SECS: u64 = 10;

/// The claims that are read (RFC 7523 §3); others are allowed and say nothing. Times are numbers that may have a
/// fraction (RFC 7519 §2).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
}

pub(super) async fn grant(
    service: &Service,
    view: View,
    tenant: &Tenant,
    form: &Parameters,
) -> Result<Granted, Error> {
    let assertion = Assertion::parse(required(form, "assertion")?).map_err(|_| {
        Error::InvalidGrant(
            "the assertion is a signed JWT with alg and kid in its header, typ JWT if any, and nothing else",
        )
    })?;
    let (view, key) = key_of(service, view, tenant, assertion.kid()).await?;
    let claims: Claims = assertion.verify(&key.jwk).map_err(|error| {
        if error == crypto::Error::Token(TokenFault::Claims) {
            Error::InvalidGrant("the assertion needs the claims iss, sub, aud and exp, each once")
        } else {
            // As for a kid that nobody has: who holds no key learns nothing of those that there are.
            UNKNOWN
        }
    })?;
    check(&claims, &key, &view, tenant)?;
    if form.get("client_id").is_some_and(|client| client != key.user.id.as_str()) {
        return Err(Error::InvalidGrant("client_id is another than the service account that signed"));
    }
    let scopes = scopes_of_service(&view, tenant, &key.user, form)?;
    let Usable { user, source, .. } = key;
    Ok(Granted::Service(ServiceGrant { view, user: Arc::new(user), source, scopes }))
}

const UNKNOWN: Error = Error::InvalidGrant(
    "the assertion is not signed by a key of a service account, or not by one that serves",
);

/// The key of a kid and the view in which it serves: this one, or the newest, since it may have been made a moment ago.
async fn key_of(service: &Service, view: View, tenant: &Tenant, kid: &str) -> Result<(View, Usable), Error> {
    let look = |view: &View| match usable(&view.reader(tenant.instance), kid) {
        Ok(found) => Ok(found),
        Err(No::Refused(_)) => Ok(None),
        Err(No::Fault(fault)) => Err(internal(&fault.0)),
    };
    if let Some(key) = look(&view)? {
        return Ok((view, key));
    }
    let newest = service.newest().await?;
    let key = look(&newest)?.ok_or(UNKNOWN)?;
    Ok((newest, key))
}

fn check(claims: &Claims, key: &Usable, view: &View, tenant: &Tenant) -> Result<(), Error> {
    let wrong = |text| Err(Error::InvalidGrant(text));
    let user = key.user.id.as_str();
    if claims.iss != user || claims.sub != user {
        return wrong(
            "iss and sub of the assertion are the id of the service account whose key has signed it",
        );
    }
    let endpoint = format!("{}/oauth/v2/token", tenant.issuer);
    if !claims.aud.list().iter().any(|aud| *aud == tenant.issuer || *aud == endpoint) {
        return wrong("aud of the assertion names neither this issuer nor its token endpoint");
    }
    let now = view.now.secs();
    if is_by(claims.exp, now) {
        return wrong("the assertion has expired");
    }
    if !is_by(claims.exp, now.saturating_add(LIFETIME_SECS_MAX + SKEW_SECS)) {
        return wrong("exp of the assertion is more than an hour away");
    }
    let begun = |time: Option<f64>| time.is_none_or(|time| is_by(time, now.saturating_add(SKEW_SECS)));
    if !begun(claims.iat) || !begun(claims.nbf) {
        return wrong("iat or nbf of the assertion lies in the future: set the clock of who signs");
    }
    Ok(())
}

/// Whether a time of the claims is reached at a second of ours. No second of ours is too large for the comparison.
fn is_by(time: f64, second: u64) -> bool {
    time <= second as f64
}
