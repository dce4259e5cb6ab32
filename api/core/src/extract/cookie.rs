//! Cookies: read exactly, written with every attribute that narrows them.

use http::HeaderMap;

/// The value of a cookie. A name that stands twice names nothing: a sibling domain may have planted the other.
pub fn get<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = None;
    for header in headers.get_all(http::header::COOKIE) {
        // A sibling domain may have set bytes that are no text: they spoil their own pair only.
        for pair in header.as_bytes().split(|byte| *byte == b';') {
            let Ok(pair) = std::str::from_utf8(pair) else { continue };
            if let Some((key, value)) = pair.trim().split_once('=')
                && key == name
            {
                if found.is_some() {
                    return None;
                }
                found = Some(value);
            }
        }
    }
    found
}

/// Whether a cookie goes over TLS only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `Secure`, and the `__Host-` prefix, so that no sibling domain can set it.
    Tls,
    /// Plain HTTP on loopback, for a developer's machine.
    Plain,
}

/// The name of a cookie on this transport.
pub fn name(transport: Transport, base: &str) -> String {
    match transport {
        Transport::Tls => format!("__Host-{base}"),
        Transport::Plain => base.to_owned(),
    }
}

/// A `Set-Cookie` value. Without an age it lasts as long as the browser runs.
pub fn set(transport: Transport, base: &str, value: &str, max_age_secs: Option<u64>) -> String {
    let mut cookie = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax", name(transport, base));
    if transport == Transport::Tls {
        cookie.push_str("; Secure");
    }
    if let Some(secs) = max_age_secs {
        cookie.push_str(&format!("; Max-Age={secs}"));
    }
    cookie
}

/// A `Set-Cookie` value that removes a cookie.
pub fn clear(transport: Transport, base: &str) -> String {
    set(transport, base, "", Some(0))
}
