//! Token introspection (RFC 7662): only for clients that the token concerns, from a state no older than `d`.
//!
//! A node that can't prove its state answers 503: never `active: false` for what it does not know.

use crate::bearer::{self, Alive};
use crate::claims;
use crate::error::{Error, internal};
use crate::jwt::AccessToken;
use api_core::extract::client::{Client, authenticate};
use api_core::extract::form::Parameters;
use api_core::extract::tenant::tenant;
use api_core::secrets;
use api_core::{Service, View};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use identity::application::Application;
use identity::id::Id;
use identity::reader::No;
use identity::record::Record;
use identity::token::claims::{Asserted, roles, roles_of_service};
use identity::token::{family, introspect};
use serde_json::{Map, Value, json};

/// `POST /oauth/v2/introspect`.
pub async fn handle(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let form = Parameters::of_body(&headers, &body?)?;
    let view = service.bounded().await?;
    let tenant = tenant(&service, &view, &headers)?;
    let client = match authenticate(&service, &view, tenant.instance, &headers, &form)? {
        Client::Application { record, generation: Some(_) } => record,
        // A public client proves nothing, and a service account is nobody's resource server.
        Client::Application { .. } | Client::Service { .. } => return Err(Error::InvalidClient),
    };
    let token =
        form.get("token").ok_or_else(|| Error::InvalidRequest("the parameter token is missing".into()))?;
    let found = if token.starts_with(secrets::REFRESH) {
        // It may have been given by another node a moment ago.
        refresh_token(&service, &service.newest().await?, &tenant, &client, token)?
    } else {
        match bearer::alive(&service, &view, &tenant, token).await {
            Ok(alive) => access_token(&view, &tenant, &client, alive)?,
            Err(Error::InvalidToken) => None,
            Err(other) => return Err(other),
        }
    };
    let answer = match found {
        Some(mut members) => {
            members.insert("active".into(), true.into());
            Value::Object(members)
        }
        // Nothing else is told: not even why (RFC 7662 §2.2).
        None => json!({ "active": false }),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

type Members = Option<Map<String, Value>>;
use api_core::extract::tenant::Tenant;

fn access_token(
    view: &View,
    tenant: &Tenant,
    client: &Record<Application>,
    alive: Alive,
) -> Result<Members, Error> {
    let Alive { claims: token, user } = alive;
    if !introspect::may_introspect(client, &token.client_id, token.aud.list()) {
        return Ok(None);
    }
    let scopes: Vec<String> = token.scope.split(' ').map(str::to_owned).collect();
    let mut members = claims::of_user(&view.reader(tenant.instance), &user, &scopes)?;
    members.insert("username".into(), json!(user.spec.username));
    members.insert("token_type".into(), "Bearer".into());
    let Ok(Value::Object(own)) = serde_json::to_value::<&AccessToken>(&token) else {
        return Err(internal("claims are no object"));
    };
    members.extend(
        own.into_iter().filter(|(name, _)| !name.starts_with("urn:conclave:") && !claims::is_role(name)),
    );
    // The roles of now, not those of when it was signed: some may have been taken away.
    let reader = view.reader(tenant.instance);
    let id = Id::parse(&token.client_id).map_err(|_| Error::InvalidToken)?;
    if let Some(issued_to) = reader.find::<Application>(&id).map_err(|fault| internal(&fault.0))? {
        let asserted = if issued_to.spec.access_token_roles { Asserted::Yes } else { Asserted::No };
        let held = roles(&reader, &issued_to, asserted, &user, &scopes)?;
        members.extend(claims::of_roles(issued_to.parent.as_str(), &held));
    } else if id == user.id {
        members.extend(claims::of_roles("", &roles_of_service(&reader, &user, &scopes)?));
    }
    Ok(Some(members))
}

fn refresh_token(
    service: &Service,
    view: &View,
    tenant: &Tenant,
    client: &Record<Application>,
    token: &str,
) -> Result<Members, Error> {
    let key = service.data_key_at(view, tenant.instance)?;
    let Some(bound) = secrets::parse_refresh(&key, token) else { return Ok(None) };
    let family = match family::live(&view.reader(tenant.instance), &bound.id) {
        Ok(family) => family,
        Err(No::Refused(_)) => return Ok(None),
        Err(No::Fault(fault)) => return Err(internal(&fault.0)),
    };
    let current = family.generation.as_ref().is_some_and(|generation| generation.current.same(&bound.hash));
    if !current || family.client != client.id {
        return Ok(None);
    }
    let members = json!({
        "iss": tenant.issuer,
        "sub": family.user,
        "client_id": family.client,
        "scope": family.scopes.join(" "),
        "exp": family.idle.min(family.absolute).secs(),
        "token_type": "refresh_token",
    });
    match members {
        Value::Object(members) => Ok(Some(members)),
        _ => Err(internal("members are no object")),
    }
}
