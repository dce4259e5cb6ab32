//! Metadata: what others keep with a user or an organization, under keys of their own.

use crate::administrator::require_all_of_user;
use crate::encoding::{Invalid, Stored};
use crate::id::Id;
use crate::label::{Label, labels};
use crate::name::{described, text};
use crate::organization::Organization;
use crate::permission::Area;
use crate::reader::{Names, Reader, Run};
use crate::record::{Kind, State};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::user::User;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

text! {
    /// A key of metadata: 1 to 200 characters, no control characters.
    MetadataKey [described(1, 200, "^[^\\x00-\\x1f\\x7f-\\x9f]+$")]
}

impl MetadataKey {
    /// Parses a key.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let length = text.chars().count();
        if length == 0 || length > 200 || text.chars().any(char::is_control) {
            return Err(Invalid(
                "a key of metadata is 1 to 200 characters, none of them a control character",
            ));
        }
        Ok(MetadataKey(text.into()))
    }
}

/// A value of metadata: any bytes, at most 64 KiB; base64 in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct MetadataValue(Box<[u8]>);

impl MetadataValue {
    /// The longest value, in bytes.
    pub const MAX: usize = 64 * 1024;

    /// Takes bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() > Self::MAX {
            return Err(Invalid("a value of metadata is at most 64 KiB long"));
        }
        Ok(MetadataValue(bytes.into()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<C> Encode<C> for MetadataValue {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for MetadataValue {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        MetadataValue::new(d.bytes()?).map_err(decode::Error::custom)
    }
}

impl Serialize for MetadataValue {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&crypto::b64(&self.0))
    }
}

impl<'de> Deserialize<'de> for MetadataValue {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let bytes = crypto::unb64(&String::deserialize(d)?);
        let bytes =
            bytes.ok_or_else(|| serde::de::Error::custom("a value of metadata is base64 with padding"))?;
        MetadataValue::new(&bytes).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for MetadataValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MetadataValue".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = described(0, MetadataValue::MAX.div_ceil(3) * 4, "");
        schema.insert("contentEncoding".into(), "base64".into());
        schema
    }
}

/// How many a user or an organization may have.
pub const METADATA_MAX: usize = 500;

macro_rules! metadata {
    ($(#[$doc:meta])* $name:ident of $parent:ident, personal $personal:expr, also $also:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Unique among those of its parent.
            #[n(0)]
            pub key: MetadataKey,
            /// What is kept under it.
            #[n(1)]
            pub value: MetadataValue,
        }

        impl fmt::Debug for $name {
            /// What others keep stays out of logs.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl Stored for $name {}

        impl Resource for $name {
            const KIND: Kind = Kind::$name;
            const AREA: Area = Area::$parent;
            const KEYED: Option<Names> = Some(Names::$name);
            const PERSONAL: &'static [u16] = $personal;
            const LEAF: bool = true;
            const FIELDS: &'static [Label] = labels![$name: key, value];
            type Parent = $parent;
            type Birth = ();

            fn key(&self) -> Option<&str> {
                Some(self.key.as_str())
            }

            fn person<'i>(_id: &'i Id, parent: &'i Id) -> &'i Id {
                parent
            }

            fn indexes(&self, to: &mut Indexes<'_>) {
                to.unique_in_parent(Names::$name, self.key.as_str());
            }

            fn check(change: &Change<'_, Self>) -> Run<()> {
                let also: fn(&Change<'_, Self>) -> Run<()> = $also;
                also(change)?;
                if change.after.is_none() || change.reader.is_taken::<Self>(change.id)? {
                    return Ok(());
                }
                let had = change.reader.children(Kind::$parent, change.parent, Kind::$name, METADATA_MAX)?;
                if had.len() < METADATA_MAX { Ok(()) } else { Err(Refusal::LimitReached.into()) }
            }
        }
    };
}

metadata! {
    /// Metadata of a user: personal data.
    UserMetadata of User, personal &[0, 1],
    // It goes into his tokens: who writes it must not stand below him.
    also |change| require_all_of_user(&change.reader, change.caller, change.parent)
}

metadata! {
    /// Metadata of an organization.
    OrganizationMetadata of Organization, personal &[], also |_| Ok(())
}

/// How many bytes of metadata stand in a token: it travels in headers, and is read back only below 16 KiB.
pub const CLAIM_BYTES_MAX: usize = 6 * 1024;
/// How many bytes are looked at for it.
const LOOKED_AT_BYTES_MAX: usize = 1024 * 1024;

/// The metadata of a user for his tokens, by key: of those that serve, in the order of their ids, each that fits into
/// what is left of [`CLAIM_BYTES_MAX`].
pub fn of_user(reader: &Reader<'_>, user: &Id) -> Run<BTreeMap<MetadataKey, MetadataValue>> {
    let mut found = BTreeMap::new();
    let (mut room, mut work) = (CLAIM_BYTES_MAX, LOOKED_AT_BYTES_MAX);
    for id in reader.children(Kind::User, user, Kind::UserMetadata, METADATA_MAX)? {
        let Some(record) = reader.find::<UserMetadata>(&id)? else { continue };
        let UserMetadata { key, value } = record.spec;
        let bytes = key.as_str().len().saturating_add(value.as_bytes().len());
        if record.state == State::Active
            && let Some(left) = room.checked_sub(bytes)
        {
            room = left;
            found.insert(key, value);
        }
        work = work.saturating_sub(bytes);
        if work == 0 {
            break;
        }
    }
    Ok(found)
}
