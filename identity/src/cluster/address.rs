//! Where the other nodes reach a node: a host and a port, as text.
//!
//! The parser is our own, because it runs when a record is read: replicas of different builds must agree on it, and the
//! standard library's parsers of addresses have changed before.

use crate::encoding::Invalid;
use crate::name::{HostName, described, text};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

text! {
    /// Where the other nodes reach a node: a host name in lower case, an IPv4 address or a bracketed IPv6 address, a
    /// colon and a port; at most 259 bytes. An address that stands for "every interface" is nobody's.
    PeerAddress [described(3, 259, "")]
}

impl PeerAddress {
    /// Parses an address.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const SHAPE: Invalid = Invalid(
            "a peer address is host:port: a lower-case host name, an IPv4 address or [IPv6], and a port from 1",
        );
        let (host, port) = text.rsplit_once(':').ok_or(SHAPE)?;
        let host_is_plain = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => is_ipv6(inner),
            None => HostName::parse(host).is_ok(),
        };
        if !host_is_plain || !is_port(port) {
            return Err(SHAPE);
        }
        if host == "0.0.0.0" || host == "[::]" {
            return Err(Invalid(
                "a peer address is one that other nodes can reach, not the one of every interface",
            ));
        }
        Ok(PeerAddress(text.into()))
    }

    /// The host, an IPv6 address in its brackets.
    pub fn host(&self) -> &str {
        self.0.rsplit_once(':').map_or("", |(host, _)| host)
    }
}

/// One spelling a number: no sign, no zero in front.
fn is_port(port: &str) -> bool {
    port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
}

/// Eight groups, or fewer with one `::` (RFC 4291 §2.2), without the dotted form and without a zone.
fn is_ipv6(text: &str) -> bool {
    fn groups(side: &str) -> Option<usize> {
        let group = |group: &str| {
            (1..=4).contains(&group.len()) && group.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if side.is_empty() {
            return Some(0);
        }
        side.split(':').all(group).then(|| side.split(':').count())
    }
    match text.split_once("::") {
        Some((left, right)) => groups(left).zip(groups(right)).is_some_and(|(left, right)| left + right <= 7),
        None => groups(text) == Some(8),
    }
}
