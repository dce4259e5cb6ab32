//! Which instance a request is for. Only the `Host` header counts, and only if it is a configured domain: no forwarded
//! or custom header can choose a tenant or put a host name into a link.

use crate::backend::View;
use crate::service::Settings;
use http::HeaderMap;
use identity::id::InstanceId;
use identity::instance;

/// The instance that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its number.
    pub instance: InstanceId,
    /// Its issuer, without a slash at its end.
    pub issuer: String,
}

/// No instance has this host name, or it is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no instance has this host name")]
pub struct NoTenant;

/// The tenant of a request's `Host` header.
pub fn tenant(view: &View, settings: &Settings, headers: &HeaderMap) -> Result<Tenant, NoTenant> {
    let host = host_name(headers).ok_or(NoTenant)?;
    let reader = view.reader(identity::id::SYSTEM);
    let instance = instance::by_host(&reader, &host).ok().flatten().ok_or(NoTenant)?;
    view.reader(instance).live_instance().map_err(|_| NoTenant)?;
    Ok(Tenant { instance, issuer: settings.issuer(&host) })
}

/// The host name of a request, folded, without its port. Two `Host` headers name nobody.
fn host_name(headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(http::header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    if hosts.next().is_some() {
        return None;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() => name,
        Some(_) | None => host,
    };
    Some(name.to_ascii_lowercase())
}
