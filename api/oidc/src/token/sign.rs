//! The last phase: claims from the view in which the grant stands, signed with a parsed key.

use super::{FamilyGrant, Granted, ServiceGrant};
use crate::claims;
use crate::error::{Error, internal};
use crate::jwt::{AccessToken, Audience, IdToken, KeyClaim};
use api_core::Service;
use api_core::extract::tenant::Tenant;
use crypto::draw;
use identity::application::TokenAlg;
use identity::envelope::Source;
use identity::grant::scope;
use identity::id::{Fixed, Id};
use identity::token::claims::{Asserted, audience, audience_of_service, roles, roles_of_service};
use identity::token::family;
use identity::user::User;
use serde::Serialize;

/// A token response (RFC 6749 §5.1).
#[derive(Serialize)]
pub(super) struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u32,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

pub(super) async fn tokens(service: &Service, tenant: &Tenant, granted: Granted) -> Result<Tokens, Error> {
    match granted {
        Granted::Family(grant) => of_family(service, tenant, grant).await,
        Granted::Service(grant) => of_service(service, tenant, grant).await,
    }
}

async fn of_family(service: &Service, tenant: &Tenant, grant: FamilyGrant) -> Result<Tokens, Error> {
    let FamilyGrant { view, application, id, family, scopes, nonce, refresh } = grant;
    let reader = view.reader(tenant.instance);
    // Between the command and this view something may have been revoked: nothing is signed for what is gone.
    family::live(&reader, &id)?;
    let user = reader.live::<User>(&family.user)?;
    let lifetimes = service.lifetimes(&view, tenant.instance).map_err(|fault| internal(&fault.0))?;
    let signer = service.signer(&view, tenant.instance, application.spec.alg)?;
    let now = view.now.secs();
    let asserted = |yes: bool| if yes { Asserted::Yes } else { Asserted::No };
    let in_access = asserted(application.spec.access_token_roles);
    let access_roles = roles(&reader, &application, in_access, &user, &scopes)?;
    let mut meant: Vec<String> = vec![application.id.to_string()];
    meant.extend(audience(&reader, &application, &scopes)?.iter().map(Id::to_string));
    let access = AccessToken {
        iss: tenant.issuer.clone(),
        sub: user.id.to_string(),
        aud: Audience::Many(meant),
        exp: now + u64::from(lifetimes.access_token_secs),
        iat: now,
        jti: new_jti(service),
        client_id: application.id.to_string(),
        scope: scopes.join(" "),
        auth_time: Some(family.authenticated.secs()),
        sid: Some(family.session.to_string()),
        family: Some(id.to_string()),
        generation: None,
        key: None,
        more: claims::of_roles(application.parent.as_str(), &access_roles),
    };
    let access_token = crypto::issue(&*signer, "at+jwt", &access).await?;
    let id_token = if scope::has(&scopes, scope::OPENID) {
        let in_id = asserted(application.spec.id_token_roles);
        let id_roles = roles(&reader, &application, in_id, &user, &scopes)?;
        let mut more = claims::of_roles(application.parent.as_str(), &id_roles);
        if application.spec.id_token_userinfo {
            more.extend(claims::of_user(&reader, &user, &scopes)?);
        }
        let claims = IdToken {
            iss: tenant.issuer.clone(),
            sub: user.id.to_string(),
            aud: Audience::One(application.id.to_string()),
            azp: application.id.to_string(),
            exp: now + u64::from(lifetimes.id_token_secs),
            iat: now,
            auth_time: family.authenticated.secs(),
            amr: vec!["pwd".into()],
            sid: family.session.to_string(),
            nonce,
            at_hash: crypto::half_hash(&access_token),
            more,
        };
        Some(crypto::issue(&*signer, "JWT", &claims).await?)
    } else {
        None
    };
    Ok(Tokens {
        access_token,
        token_type: "Bearer",
        expires_in: lifetimes.access_token_secs,
        scope: scopes.join(" "),
        refresh_token: refresh.map(|secret| secret.expose().clone()),
        id_token,
    })
}

async fn of_service(service: &Service, tenant: &Tenant, grant: ServiceGrant) -> Result<Tokens, Error> {
    let ServiceGrant { view, user, source, scopes } = grant;
    let (generation, key) = match &source {
        Source::Service { generation } => (Some(*generation), None),
        Source::Key { key, jwk } => (None, Some(KeyClaim::new(key, jwk))),
        Source::Family(_) => return Err(internal("a service account's token hangs on a family")),
    };
    let lifetimes = service.lifetimes(&view, tenant.instance).map_err(|fault| internal(&fault.0))?;
    let signer = service.signer(&view, tenant.instance, TokenAlg::Es256)?;
    let now = view.now.secs();
    let reader = view.reader(tenant.instance);
    let meant: Vec<String> =
        audience_of_service(&reader, &user, &scopes)?.iter().map(Id::to_string).collect();
    // Without a project it is meant for ourselves (RFC 9068 §3).
    let aud = if meant.is_empty() { Audience::One(tenant.issuer.clone()) } else { Audience::Many(meant) };
    let roles = roles_of_service(&reader, &user, &scopes)?;
    let scope = scopes.join(" ");
    let access = AccessToken {
        iss: tenant.issuer.clone(),
        sub: user.id.to_string(),
        aud,
        exp: now + u64::from(lifetimes.access_token_secs),
        iat: now,
        jti: new_jti(service),
        client_id: user.id.to_string(),
        scope: scope.clone(),
        auth_time: None,
        sid: None,
        family: None,
        generation,
        key,
        more: claims::of_roles("", &roles),
    };
    let access_token = crypto::issue(&*signer, "at+jwt", &access).await?;
    let expires_in = lifetimes.access_token_secs;
    Ok(Tokens { access_token, token_type: "Bearer", expires_in, scope, refresh_token: None, id_token: None })
}

fn new_jti(service: &Service) -> String {
    let Fixed(bytes) = Fixed::<16>(draw(&*service.entropy));
    crypto::b64url(&bytes)
}
