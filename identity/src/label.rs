//! The names of a spec's values in JSON, and how their stored bytes are told: as the API shows them.

use crate::encoding::decode;
use minicbor::{Decode, Encode};
use serde::Serialize;
use serde_json::Value;

/// A value's name, and how it is told.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name in JSON.
    pub name: &'static str,
    told: fn(&[u8]) -> Option<Value>,
}

impl Label {
    /// The label of the value that `of` leads to.
    pub const fn new<S, F>(name: &'static str, _of: fn(&S) -> &F) -> Label
    where
        F: Serialize + Encode<()> + for<'b> Decode<'b, ()>,
    {
        Label { name, told: json::<F> }
    }

    /// The label of a value that has no form of its own in JSON.
    pub const fn plain(name: &'static str) -> Label {
        Label { name, told: |_| None }
    }

    /// The stored bytes in JSON; nothing for those that have no form of their own, or are none of this version's.
    pub fn told(&self, bytes: &[u8]) -> Option<Value> {
        (self.told)(bytes)
    }
}

fn json<F: Serialize + Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Option<Value> {
    serde_json::to_value(decode::<F>(bytes).ok()?).ok()
}

/// The labels of a type's values, in the order of their numbers.
macro_rules! labels {
    ($type:ty: $($field:ident),* $(,)?) => {
        &[$($crate::label::Label::new(stringify!($field), |it: &$type| &it.$field)),*]
    };
}
pub(crate) use labels;
