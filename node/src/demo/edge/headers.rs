//! What an intermediary changes in the fields of a message: RFC 9110 §7.6.1 and RFC 7239.

use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;

/// RFC 7239.
pub(super) const FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// Fields of one connection only, whether `Connection` names them or not.
const HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Removes what is meant for this connection only, also what `Connection` names. `Host` stays whatever a client says:
/// without it nobody knows which instance is asked.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok());
    let named: Vec<HeaderName> = names.filter(|name| *name != HOST).collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Adds who asked, and for which host. What an earlier proxy said stays before it, unless it is malformed: an open
/// quote would swallow what follows.
pub(super) fn add_forwarded(headers: &mut HeaderMap, remote: Option<IpAddr>) {
    let is_sound = |value: &HeaderValue| value.to_str().is_ok_and(is_forwarded);
    if !headers.get_all(FORWARDED).iter().all(is_sound) {
        headers.remove(FORWARDED);
    }
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    if let Ok(value) = HeaderValue::from_str(&element(remote, host)) {
        headers.append(FORWARDED, value);
    }
}

fn element(remote: Option<IpAddr>, host: Option<&str>) -> String {
    let mut element = match remote {
        None => "for=unknown".to_owned(),
        Some(IpAddr::V4(address)) => format!("for={address}"),
        // Colons and brackets are no token: RFC 7239 §6.
        Some(IpAddr::V6(address)) => format!("for=\"[{address}]\""),
    };
    if let Some(host) = host {
        let escaped = host.replace('\\', "\\\\").replace('"', "\\\"");
        element += &format!(";host=\"{escaped}\"");
    }
    element + ";proto=http"
}

/// Whether a field value is a list of elements as RFC 7239 §4 has them.
fn is_forwarded(value: &str) -> bool {
    let mut rest = value;
    loop {
        let Some(after) = pair(rest.trim_start_matches([' ', '\t'])) else { return false };
        rest = after.trim_start_matches([' ', '\t']);
        match rest.chars().next() {
            None => return true,
            Some(',' | ';') => rest = &rest[1..],
            Some(_) => return false,
        }
    }
}

/// What follows a pair at the beginning of a text.
fn pair(text: &str) -> Option<&str> {
    let rest = token(text)?.strip_prefix('=')?;
    match rest.strip_prefix('"') {
        Some(quoted) => after_quote(quoted),
        None => token(rest),
    }
}

/// What follows a token (RFC 9110 §5.6.2) of at least one character.
fn token(text: &str) -> Option<&str> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let rest = text.trim_start_matches(is_token);
    (rest.len() < text.len()).then_some(rest)
}

/// What follows the closing quote.
fn after_quote(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.get(at + 1..),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn fields_of_one_connection_go_no_further() {
        let mut headers = map(&[
            ("connection", "close, X-Mine"),
            ("connection", "keep-alive,, host"),
            ("x-mine", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-connection", "close"),
            ("host", "localhost:8080"),
            ("authorization", "Basic x"),
            ("cookie", "a=b"),
        ]);
        remove_hop_by_hop(&mut headers);
        assert_eq!(
            headers,
            map(&[("host", "localhost:8080"), ("authorization", "Basic x"), ("cookie", "a=b")])
        );
    }

    #[test]
    fn forwarded_is_well_formed() {
        for (remote, host, expected) in [
            (Some("127.0.0.1"), Some("localhost:8080"), r#"for=127.0.0.1;host="localhost:8080";proto=http"#),
            (Some("::1"), Some("[::1]:8080"), r#"for="[::1]";host="[::1]:8080";proto=http"#),
            (Some("127.0.0.1"), None, "for=127.0.0.1;proto=http"),
            (None, Some(r#"a",for=evil\"#), r#"for=unknown;host="a\",for=evil\\";proto=http"#),
        ] {
            let found = element(remote.map(|text| text.parse().unwrap()), host);
            assert_eq!(found, expected);
            assert!(is_forwarded(&found), "{found}");
        }
    }

    #[test]
    fn an_earlier_proxy_is_believed_to_have_said_what_it_said() {
        let said = |before: &str| {
            let mut headers = map(&[("forwarded", before)]);
            add_forwarded(&mut headers, Some("127.0.0.1".parse().unwrap()));
            headers
                .get_all(FORWARDED)
                .iter()
                .map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let ours = "for=127.0.0.1;proto=http";
        for sound in [r#"for=192.0.2.1, for="[2001:db8::1]:4711";by=_x"#, "For=a;PROTO=https"] {
            assert_eq!(said(sound), [sound, ours]);
        }
        for malformed in [r#"for="192.0.2.1"#, "for", "for=;x=y", "=a", "for=a for=b", r#"for="\"#, ""] {
            assert_eq!(said(malformed), [ours], "{malformed}");
        }
    }
}
