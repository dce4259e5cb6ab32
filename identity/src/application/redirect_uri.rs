//! Redirect URIs: parsed when registered, compared as text when used.
//!
//! The parser is our own and small on purpose: it runs inside `execute`, and replicas of different builds must agree.

use crate::encoding::Invalid;
use crate::name::{described, text};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

text! {
    /// Where an authorization response may go (RFC 6749 §3.1.2): absolute, without fragment, user information,
    /// backslashes or dot segments, at most 2,000 bytes. `https`, `http` to loopback, or a private-use scheme.
    RedirectUri [described(1, 2000, "^[a-z][a-z0-9.+-]*:.+$")]
}

/// What a URI's scheme says about who receives the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `https`.
    Https,
    /// `http` to this machine.
    Loopback,
    /// A reverse-domain scheme such as `com.example.app` (RFC 8252 §7.1).
    PrivateUse,
}

const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

impl RedirectUri {
    /// Parses a URI as it is registered.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let plain = text.len() <= 2000
            && text.bytes().all(|b| {
                b.is_ascii_graphic() && !matches!(b, b'\\' | b'#' | b'"' | b'<' | b'>' | b'`' | b'*')
            });
        if !plain {
            return Err(Invalid(
                "a redirect URI is ASCII without fragment, backslash or wildcard, at most 2000 bytes",
            ));
        }
        let uri = RedirectUri(text.into());
        let (scheme, rest) = text.split_once(':').ok_or(Invalid("a redirect URI is absolute"))?;
        match scheme {
            "https" | "http" => {
                let authority = uri.authority().ok_or(Invalid("a redirect URI names a host"))?;
                let (host, port) = split_port(authority);
                if host.is_empty() || authority.contains('@') || !host_is_plain(host) || !port_is_plain(port)
                {
                    return Err(Invalid("a redirect URI names a plain host, without user information"));
                }
                if scheme == "http" && !LOOPBACK.contains(&host) {
                    return Err(Invalid("a redirect URI is https, or http to 127.0.0.1, [::1] or localhost"));
                }
            }
            _ => {
                let reverse_domain = scheme.contains('.')
                    && scheme.split('.').all(|label| !label.is_empty())
                    && scheme
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'));
                if !reverse_domain || !scheme.starts_with(|c: char| c.is_ascii_lowercase()) || rest.is_empty()
                {
                    return Err(Invalid(
                        "a private scheme is a reversed domain name such as com.example.app",
                    ));
                }
            }
        }
        let path = rest.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(Invalid("a redirect URI has no dot segments"));
        }
        Ok(uri)
    }

    /// Who receives the response.
    pub fn scheme(&self) -> Scheme {
        if self.0.starts_with("https:") {
            Scheme::Https
        } else if self.0.starts_with("http:") {
            Scheme::Loopback
        } else {
            Scheme::PrivateUse
        }
    }

    /// Scheme, host and port, for what a browser calls an origin; `None` for private schemes.
    pub fn origin(&self) -> Option<&str> {
        let authority = self.authority()?;
        let end = self.0.find("://")? + 3 + authority.len();
        self.0.get(..end)
    }

    /// Whether `uri` is this one but for the port, both being http to a loopback IP address.
    pub fn same_but_loopback_port(&self, uri: &str) -> bool {
        let Ok(other) = RedirectUri::parse(uri) else { return false };
        let (Some(mine), Some(theirs)) = (self.authority(), other.authority()) else { return false };
        let (host, _) = split_port(mine);
        let (other_host, _) = split_port(theirs);
        // `localhost` may resolve to somewhere else: only the addresses themselves count (RFC 8252 §8.3).
        let tail = |uri: &RedirectUri, authority: &str| {
            uri.0.get("http://".len() + authority.len()..).map(str::to_owned)
        };
        self.scheme() == Scheme::Loopback
            && other.scheme() == Scheme::Loopback
            && host == other_host
            && host != "localhost"
            && tail(self, mine) == tail(&other, theirs)
    }

    fn authority(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("://")?;
        rest.split(['/', '?']).next()
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    }
}

fn host_is_plain(host: &str) -> bool {
    host == "[::1]" || host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

fn port_is_plain(port: Option<&str>) -> bool {
    port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port))
}
