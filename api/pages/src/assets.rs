//! The files a page refers to, and the headers it must be sent with.
//!
//! There is one style sheet and one icon; no script, no font, no picture. Each is served under a name made of its
//! content, so that it may be cached for ever.

/// The style sheet of every page.
pub const STYLE: &str = include_str!("../assets/style.css");
/// The path of [`STYLE`].
pub const STYLE_PATH: &str = text(&STYLE_NAME);
/// The icon of the browser's tab, an SVG picture.
pub const ICON: &str = include_str!("../assets/icon.svg");
/// The path of [`ICON`].
pub const ICON_PATH: &str = text(&ICON_NAME);

/// The type of every page.
pub const PAGE_CONTENT_TYPE: &str = "text/html; charset=utf-8";

const STYLE_NAME: [u8; 37] = named("/ui/assets/style-", STYLE, ".css");
const ICON_NAME: [u8; 36] = named("/ui/assets/icon-", ICON, ".svg");

/// Hosts longer than this are no DNS names.
const HOST_BYTES_MAX: usize = 253;
/// Longest custom scheme that is let into the policy.
const SCHEME_BYTES_MAX: usize = 100;

/// A file as it is to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    pub content_type: &'static str,
    pub cache_control: &'static str,
    pub body: &'static str,
}

/// The file at a path, if there is one.
///
/// While nodes of two versions serve one cluster, a page of one may ask the other for its style sheet: then this
/// version's file answers, and no cache may keep it under the foreign name.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    [(STYLE_PATH, "text/css; charset=utf-8", STYLE), (ICON_PATH, "image/svg+xml", ICON)].into_iter().find_map(
        |(name, content_type, body)| {
            let cache_control = if path == name {
                "public, max-age=31536000, immutable"
            } else if without_hash(path)? == without_hash(name)? {
                "no-store"
            } else {
                return None;
            };
            Some(Asset { content_type, cache_control, body })
        },
    )
}

/// The headers of every page, besides the policy.
///
/// With `no-referrer` a browser sends `Origin: null` with our own forms too (Fetch §3.2.5): whoever checks the origin
/// of a form looks at `Sec-Fetch-Site` and the form's own token instead. There is no Cross-Origin-Opener-Policy on
/// purpose: it would cut an application that signs in within a pop-up off from that window.
#[must_use]
pub const fn security_headers() -> [(&'static str, &'static str); 4] {
    [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ]
}

/// What a page whose form ends in a redirect to `redirect_uri` names as its form target.
///
/// An application may redirect once more behind its callback, to another host of its own, and Chromium holds that
/// against the policy too. So every https target is let in where the callback is https.
#[must_use]
pub fn form_target(redirect_uri: &str) -> &str {
    if redirect_uri.starts_with("https://") { ANY_HTTPS } else { redirect_uri }
}

/// The form target that is every https address. No redirect URI is this: each names a host.
const ANY_HTTPS: &str = "https:";

/// The value of the Content-Security-Policy header.
///
/// Chromium holds every redirect that follows a form against `form-action`, and signing in ends in one to the
/// application. So the redirect URI of the flow, if there is one, belongs into `form_targets`; of each only the
/// origin (or the custom scheme) is let in, and nothing of one that is odd in any way.
#[must_use]
pub fn content_security_policy(form_targets: &[&str]) -> String {
    let mut sources = vec!["'self'".to_owned()];
    for source in form_targets.iter().filter_map(|target| form_source(target)) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action {}; frame-ancestors 'none'; \
         base-uri 'none'",
        sources.join(" ")
    )
}

/// The source expression (CSP 3 §2.3.1) that matches a redirect to `target`.
fn form_source(target: &str) -> Option<String> {
    if target == ANY_HTTPS {
        return Some(ANY_HTTPS.to_owned());
    }
    let (scheme, rest) = target.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => {
            let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
            authority_source(&scheme, authority)
        }
        // Never addresses to be sent to.
        "about" | "blob" | "data" | "file" | "filesystem" | "javascript" | "vbscript" | "ws" | "wss" => None,
        _ => is_scheme(&scheme).then(|| format!("{scheme}:")),
    }
}

fn authority_source(scheme: &str, authority: &str) -> Option<String> {
    // A source expression cannot name an IPv6 address, and native apps may listen on this one (RFC 8252 §7.3).
    if let Some(port) = authority.strip_prefix("[::1]") {
        return (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
            .then(|| format!("{scheme}:"));
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let host = host.to_ascii_lowercase();
    let host_is_plain = !host.is_empty()
        && host.len() <= HOST_BYTES_MAX
        && !host.starts_with(['.', '-'])
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    match port {
        _ if !host_is_plain => None,
        None => Some(format!("{scheme}://{host}")),
        Some(port) => is_port(port).then(|| format!("{scheme}://{host}:{port}")),
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_scheme(scheme: &str) -> bool {
    scheme.len() <= SCHEME_BYTES_MAX
        && scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

const HASH_DIGITS: usize = 16;

/// `/ui/assets/style-0123456789abcdef.css` as `/ui/assets/style` and `css`; nothing for any other shape.
fn without_hash(path: &str) -> Option<(&str, &str)> {
    let (stem, extension) = path.rsplit_once('.')?;
    let (stem, hash) = stem.rsplit_once('-')?;
    let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|digit| b"0123456789abcdef".contains(&digit));
    is_hash.then_some((stem, extension))
}

/// A path with the hash of the file's content, made while compiling.
const fn named<const LENGTH: usize>(prefix: &str, content: &str, extension: &str) -> [u8; LENGTH] {
    assert!(prefix.len() + HASH_DIGITS + extension.len() == LENGTH, "the name has another length");
    let (prefix, extension) = (prefix.as_bytes(), extension.as_bytes());
    let hash = fnv1a(content.as_bytes());
    let mut name = [0; LENGTH];
    let mut place = 0;
    while place < LENGTH {
        name[place] = if place < prefix.len() {
            prefix[place]
        } else if place < prefix.len() + HASH_DIGITS {
            let shift = 4 * (HASH_DIGITS - 1 - (place - prefix.len()));
            b"0123456789abcdef"[((hash >> shift) & 15) as usize]
        } else {
            extension[place - prefix.len() - HASH_DIGITS]
        };
        place += 1;
    }
    name
}

const fn text(name: &[u8]) -> &str {
    match str::from_utf8(name) {
        Ok(name) => name,
        Err(_) => panic!("names are ASCII"),
    }
}

/// FNV-1a, 64 bits: equal in every build of every compiler, and enough to tell our own files apart.
const fn fnv1a(content: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut place = 0;
    while place < content.len() {
        hash = (hash ^ content[place] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        place += 1;
    }
    hash
}

#[cfg(test)]
mod tests;
