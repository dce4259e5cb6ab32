//! What a node says it runs, as people read it. Nothing is decided by it: levels are for that.

use crate::encoding::Invalid;
use crate::name::{described, text};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

text! {
    /// The version of a node's program: at most 64 visible ASCII characters; empty until the node has said it.
    ProgramVersion [described(0, 64, "")]
}

impl ProgramVersion {
    /// The longest version, in bytes.
    pub const MAX: usize = 64;

    /// Parses a version.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > Self::MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Invalid("a version is at most 64 visible ASCII characters"));
        }
        Ok(ProgramVersion(text.into()))
    }

    /// The one of a node that has not yet said it.
    pub fn unknown() -> ProgramVersion {
        ProgramVersion("".into())
    }
}
