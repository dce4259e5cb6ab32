//! Positions of the log as clients carry them: opaque, good for asking any node for a state at least as new.

use api_core::Position;
use axum::http::HeaderName;

/// In every answer to a write and every read: up to where the log was applied.
pub const POSITION: HeaderName = HeaderName::from_static("conclave-position");
/// In a request: answer from no older a state than this.
pub const AT_LEAST: HeaderName = HeaderName::from_static("conclave-at-least");

/// The text of a position.
pub fn write(position: Position) -> String {
    let mut bytes = Vec::with_capacity(14);
    bytes.extend(position.shard.to_be_bytes());
    bytes.extend(position.lineage.to_be_bytes());
    bytes.extend(position.index.to_be_bytes());
    crypto::b64url(&bytes)
}

/// Reads a position; `None` for anything that [`write`] would not have written.
pub fn read(text: &str) -> Option<Position> {
    let bytes = crypto::unb64url(text)?;
    let (shard, rest) = bytes.split_first_chunk::<2>()?;
    let (lineage, rest) = rest.split_first_chunk::<4>()?;
    let (index, rest) = rest.split_first_chunk::<8>()?;
    rest.is_empty().then(|| Position {
        shard: u16::from_be_bytes(*shard),
        lineage: u32::from_be_bytes(*lineage),
        index: u64::from_be_bytes(*index),
    })
}
