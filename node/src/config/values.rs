//! How single values are written: sizes, durations, addresses, URLs.

use std::time::Duration;

/// Reads a number of bytes: `1048576`, `64KiB`, `256MiB`, `2GiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(at);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err(format!("\"{text}\" is no size: write it as 256MiB, with KiB, MiB, GiB or TiB")),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| format!("\"{text}\" is no size: write it as 256MiB"))
}

/// Reads a duration: `30s`, `5m`, `12h`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is no duration: write it as 30s, 5m, 12h or 7d");
    let (digits, secs) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        Some((at, 'd')) => (&text[..at], 86_400),
        Some(_) | None => return Err(wrong()),
    };
    let number: Option<u64> = digits.parse().ok();
    number.and_then(|number| number.checked_mul(secs)).map(Duration::from_secs).ok_or_else(wrong)
}

/// Scheme, host and port of the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// In lower case.
    pub(crate) host: identity::name::HostName,
    /// `None` for the scheme's own; 0 for the one that the public side will listen on.
    pub(crate) port: Option<u16>,
}

impl PublicUrl {
    /// Reads `scheme://host[:port]`, without path, query or user information.
    pub(crate) fn parse(text: &str) -> Result<PublicUrl, String> {
        let wrong =
            |why: &str| format!("\"{text}\" is no public URL ({why}): write it as https://id.example.com");
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let (scheme, own_port) = match scheme {
            "http" => ("http", 80),
            "https" => ("https", 443),
            _ => return Err(wrong("the scheme is http or https")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(wrong("only scheme, host and port"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port: u16 = port.parse().map_err(|_| wrong("the port is no number"))?;
                (host, Some(port).filter(|port| *port != own_port))
            }
            Some(_) | None => (authority, None),
        };
        let host = identity::name::HostName::parse(&host.to_ascii_lowercase())
            .map_err(|error| wrong(&error.to_string()))?;
        if scheme == "http" && !matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") {
            return Err(wrong("http is for localhost only"));
        }
        Ok(PublicUrl { scheme, host, port })
    }

    /// The issuer that it makes.
    pub(crate) fn issuer(&self) -> String {
        match self.port {
            Some(port) => format!("{}://{}:{port}", self.scheme, self.host),
            None => format!("{}://{}", self.scheme, self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(bytes("1048576"), Ok(1 << 20));
        assert_eq!(bytes("256MiB"), Ok(256 << 20));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        for wrong in ["", "MiB", "1MB", "1.5GiB", "-1", "99999999999TiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for wrong in ["", "7", "d", "7w", "1h30m", "ä", "99999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_public_url_is_scheme_host_and_port() {
        let issuer = |text| PublicUrl::parse(text).map(|url| url.issuer());
        assert_eq!(issuer("http://localhost:8080"), Ok("http://localhost:8080".into()));
        assert_eq!(issuer("https://ID.example.com/"), Ok("https://id.example.com".into()));
        assert_eq!(issuer("https://id.example.com:443"), Ok("https://id.example.com".into()));
        assert_eq!(issuer("http://[::1]:8080"), Ok("http://[::1]:8080".into()));
        for wrong in [
            "localhost:8080",
            "ftp://localhost",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://me@a",
            "https://a:99999",
            "https://a_b",
            "http://id.example.com",
        ] {
            assert!(issuer(wrong).is_err(), "{wrong}");
        }
    }
}
