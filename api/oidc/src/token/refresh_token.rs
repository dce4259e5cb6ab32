//! The refresh token grant (RFC 6749 §6), rotated: each token advances its family once.

use super::{FamilyGrant, Granted, application, required, view_at};
use crate::error::Error;
use api_core::Service;
use api_core::extract::client::Client;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::Tenant;
use api_core::secrets;
use crypto::{Secret, draw};
use identity::grant::scope;
use identity::id::Hash;
use identity::token::family::{self, AdvanceFamily, Advanced, Family};

pub(super) async fn advance(
    service: &Service,
    tenant: &Tenant,
    client: &Client,
    form: &Parameters,
) -> Result<Granted, Error> {
    let application = application(client)?;
    let invalid = Error::InvalidGrant("the refresh token is not valid, or not any more");
    let presented = required(form, "refresh_token")?;
    let wanted =
        form.get("scope").map(scope::parse).transpose().map_err(|error| Error::InvalidScope(error.0))?;
    // Looked at before the log: what was made up or belongs to another client must not reach it, and a client that asks
    // too much keeps what it has.
    let view = service.newest().await?;
    let data_key = service.data_key_at(&view, tenant.instance)?;
    let presented = secrets::parse_refresh(&data_key, presented).ok_or_else(|| invalid.clone())?;
    let family = family::live(&view.reader(tenant.instance), &presented.id)?;
    if family.client != *client.id() {
        return Err(invalid);
    }
    let asks_more = |wanted: &Vec<String>| !wanted.iter().all(|scope| scope::has(&family.scopes, scope));
    if holds(&family, client, &presented.hash) && wanted.as_ref().is_some_and(asks_more) {
        return Err(Error::InvalidScope("a refresh can't ask for more than was granted"));
    }
    let family_id = presented.id;
    let (next, hash) = secrets::mint_refresh(&data_key, &family_id, &*service.entropy);
    let aad = family_id.as_str().as_bytes();
    let sealed =
        data_key.seal_key().seal(Family::PURPOSE, aad, draw(&*service.entropy), next.expose().as_bytes());
    let command = AdvanceFamily { family: family_id.clone(), presented: presented.hash, next: hash, sealed };
    let done = service.submit(tenant.instance, client.caller(), &command).await?;
    let (family, refresh) = match done.reply {
        Advanced::Next { family } => (family, next),
        Advanced::Again { family, successor } => {
            let opened = data_key.seal_key().open(Family::PURPOSE, aad, &successor)?;
            let text = String::from_utf8(opened.expose().clone());
            (family, Secret::new(text.map_err(|_| crate::error::internal("a sealed successor is no text"))?))
        }
        Advanced::Reused => return Err(invalid),
    };
    Ok(Granted::Family(FamilyGrant {
        view: view_at(service, done.position).await?,
        application,
        id: family_id,
        scopes: wanted.unwrap_or_else(|| family.scopes.clone()),
        family: Box::new(family),
        nonce: None,
        refresh: Some(refresh),
    }))
}

/// Whether this is a client's own token, be it the one that was just used.
fn holds(family: &Family, client: &Client, presented: &Hash) -> bool {
    let Client::Application { record, .. } = client else { return false };
    family.client == record.id
        && family.generation.as_ref().is_some_and(|generation| {
            let previous = generation.previous.as_ref();
            generation.current.same(presented)
                || previous.is_some_and(|previous| previous.hash.same(presented))
        })
}
