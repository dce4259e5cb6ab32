//! The client credentials grant (RFC 6749 §4.4): for service accounts. It writes nothing to the log.

use super::Granted;
use crate::error::Error;
use api_core::View;
use api_core::extract::client::Client;
use api_core::extract::form::Parameters;
use identity::grant::scope;

pub(super) fn grant(view: View, client: &Client, form: &Parameters) -> Result<Granted, Error> {
    match client {
        Client::Service { .. } => {}
        Client::Application { .. } => return Err(Error::UnauthorizedClient),
    }
    let mut scopes =
        scope::parse(form.get("scope").unwrap_or_default()).map_err(|error| Error::InvalidScope(error.0))?;
    // There is no person who could be away.
    scopes.retain(|scope| scope != scope::OFFLINE_ACCESS);
    Ok(Granted::Service { view, scopes })
}
