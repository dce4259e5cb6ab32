//! Which instance a request is for. Only the `Host` header counts, and only if it is a configured domain: no forwarded
//! or custom header can choose a tenant or put a host name into a link.

use crate::backend::View;
use crate::memo::About;
use crate::service::Service;
use http::{HeaderMap, HeaderValue, Request, header};
use identity::id::{InstanceId, SYSTEM};
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
pub fn tenant(service: &Service, view: &View, headers: &HeaderMap) -> Result<Tenant, NoTenant> {
    let host = host_name(headers).ok_or(NoTenant)?;
    let found = service.memo.get(view, SYSTEM, About::Host, &host, || {
        let instance = instance::by_host(&view.reader(SYSTEM), &host).ok().flatten().ok_or(NoTenant)?;
        view.reader(instance).live_instance().map_err(|_| NoTenant)?;
        Ok(Tenant { instance, issuer: service.settings.issuer(&host) })
    })?;
    Ok(Tenant::clone(&found))
}

/// Puts the host of a request target, which HTTP/2 has instead of the header (RFC 9113 §8.3.1), where [`tenant`] looks.
/// A request that says both and not the same names nobody.
pub fn settle_host<B>(mut request: Request<B>) -> Request<B> {
    let Some(authority) = request.uri().authority() else { return request };
    let named = HeaderValue::from_str(authority.as_str());
    let headers = request.headers_mut();
    let agrees = |host: &HeaderValue| {
        named.as_ref().is_ok_and(|named| named.as_bytes().eq_ignore_ascii_case(host.as_bytes()))
    };
    if headers.get_all(header::HOST).iter().all(agrees) {
        if let (Ok(named), false) = (named, headers.contains_key(header::HOST)) {
            headers.insert(header::HOST, named);
        }
    } else {
        headers.remove(header::HOST);
    }
    request
}

/// The host name of a request, folded, without its port. Two `Host` headers name nobody.
fn host_name(headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(header::HOST).iter();
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
