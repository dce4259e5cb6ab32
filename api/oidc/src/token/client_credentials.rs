//! The client credentials grant (RFC 6749 §4.4): for service accounts. It writes nothing to the log.

use super::{Granted, ServiceGrant, scopes_of_service};
use crate::error::Error;
use api_core::View;
use api_core::extract::client::Client;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::Tenant;
use identity::envelope::Source;
use std::sync::Arc;

pub(super) fn grant(
    view: &View,
    tenant: &Tenant,
    client: &Client,
    form: &Parameters,
) -> Result<Granted, Error> {
    let (user, generation) = match client {
        Client::Service { record, generation } => (Arc::clone(record), *generation),
        Client::Application { .. } => return Err(Error::UnauthorizedClient),
    };
    let scopes = scopes_of_service(view, tenant, &user, form)?;
    let source = Source::Service { generation };
    Ok(Granted::Service(ServiceGrant { view: view.clone(), user, source, scopes }))
}
