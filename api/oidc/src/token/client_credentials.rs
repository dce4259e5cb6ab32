//! The client credentials grant (RFC 6749 §4.4): for service accounts. It writes nothing to the log.

use super::Granted;
use crate::error::{Error, internal};
use api_core::View;
use api_core::extract::client::Client;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::Tenant;
use identity::grant::code::is_meant;
use identity::grant::scope;
use identity::reader::No;

pub(super) fn grant(
    view: View,
    tenant: &Tenant,
    client: &Client,
    form: &Parameters,
) -> Result<Granted, Error> {
    let account = match client {
        Client::Service { record, .. } => record,
        Client::Application { .. } => return Err(Error::UnauthorizedClient),
    };
    let mut scopes =
        scope::parse(form.get("scope").unwrap_or_default()).map_err(|error| Error::InvalidScope(error.0))?;
    // There is no person who could be away.
    scopes.retain(|scope| scope != scope::OFFLINE_ACCESS);
    // Some scopes say that the user belongs to an organization. There is no project here whose roles could be asked.
    match is_meant(&view.reader(tenant.instance), account, &scopes) {
        Ok(()) => {}
        Err(No::Refused(_)) => {
            return Err(Error::InvalidScope("the service account is no member of that organization"));
        }
        Err(No::Fault(fault)) => return Err(internal(&fault.0)),
    }
    Ok(Granted::Service { view, scopes })
}
