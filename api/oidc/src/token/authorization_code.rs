//! The authorization code grant (RFC 6749 §4.1.3) with PKCE (RFC 7636 §4.5).

use super::{FamilyGrant, Granted, application, required, view_at};
use crate::error::Error;
use api_core::Service;
use api_core::extract::client::Client;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::Tenant;
use api_core::secrets;
use identity::grant::code::{self, RedeemCode, Redeemed};

pub(super) async fn redeem(
    service: &Service,
    tenant: &Tenant,
    client: &Client,
    form: &Parameters,
) -> Result<Granted, Error> {
    let application = application(client)?;
    let invalid = Error::InvalidGrant("the code is not valid, or not any more");
    let code = secrets::parse(secrets::CODE, required(form, "code")?).ok_or_else(|| invalid.clone())?;
    let challenge = match form.get("code_verifier") {
        Some(verifier) if crypto::is_pkce_text(verifier) => Some(crypto::pkce_s256(verifier)),
        Some(_) => return Err(Error::InvalidGrant("the code_verifier is 43 to 128 unreserved characters")),
        None => None,
    };
    let family_id = service.new_id();
    // A made-up code must not reach the log: strangers can make up as many as they like.
    let view = service.newest().await?;
    if !code::is_issued_to(&view.reader(tenant.instance), &code, client.id())? {
        return Err(invalid);
    }
    let key = service.data_key_at(&view, tenant.instance)?;
    let (refresh, hash) = secrets::mint_refresh(&key, &family_id, &*service.entropy);
    let command = RedeemCode {
        code,
        redirect_uri: form.get("redirect_uri").map(str::to_owned),
        challenge,
        family: family_id.clone(),
        refresh: hash,
    };
    let done = service.submit(tenant.instance, client.caller(), &command).await?;
    match done.reply {
        Redeemed::Granted { family, nonce } => Ok(Granted::Family(FamilyGrant {
            view: view_at(service, done.position).await?,
            application,
            id: family_id,
            refresh: family.generation.is_some().then_some(refresh),
            scopes: family.scopes.clone(),
            family: Box::new(family),
            nonce,
        })),
        Redeemed::Replayed => Err(invalid),
    }
}
