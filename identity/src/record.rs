//! Records: what stands in the state table under a kind and an id.

use crate::encoding::Stored;
use crate::id::Id;
use crate::tables::Fault;
use crate::time::Timestamp;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

macro_rules! kinds {
    ($($number:literal $name:ident $text:literal;)*) => {
        /// The kind of a record. Its number stands in keys and events and is never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Kind { $(#[doc = $text] $name = $number,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];
            /// The kind with this number.
            pub fn from_number(number: u16) -> Option<Kind> {
                match number { $($number => Some(Kind::$name),)* _ => None }
            }
            /// The kind with this word.
            pub fn from_word(word: &str) -> Option<Kind> {
                match word { $($text => Some(Kind::$name),)* _ => None }
            }
            /// The word for it in events and paths.
            pub fn word(self) -> &'static str {
                match self { $(Kind::$name => $text,)* }
            }
        }
    };
}

/// The kinds of plain resources, and those of rows with a life of their own.
macro_rules! all_kinds {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        kinds! {
            $($number $name $word;)*
            1 Instance "instance";
            10 Session "session";
            11 Code "code";
            12 Family "token_family";
            13 SigningKey "signing_key";
            14 Lifetimes "lifetimes";
            15 Denied "denied_token";
            16 Throttle "throttle";
            17 Password "password";
            18 ClientSecret "client_secret";
            19 Answered "answered_request";
            20 PersonKey "person_key";
            21 Cluster "cluster";
            22 Node "node";
            23 JoinToken "join_token";
            31 TokenSecret "token_secret";
            33 PasswordComplexity "password_complexity";
            34 Lockout "lockout";
            35 Login "login";
            36 DomainSettings "domain_settings";
            37 GrantedRoles "granted_roles";
            240 Probe "probe";
        }
    };
}
crate::resources!(all_kinds);

impl Kind {
    /// The number.
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// A value that stands alone under a kind and an id.
pub trait Row: Stored {
    /// Its kind.
    const KIND: Kind;
}

/// Whether a resource serves.
///
/// ```text
/// Active ⇄ Inactive → Deleted (waits for its sweep, keeps its id and names until then)
///    └────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum State {
    /// It serves.
    #[n(0)]
    Active,
    /// An administrator switched it off: it authenticates nothing until he switches it on.
    #[n(1)]
    Inactive,
    /// It is gone for everyone; its rows follow in bounded sweeps.
    #[n(2)]
    Deleted,
}

/// A plain resource: its own values and what all resources have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<T> {
    /// Chosen by the creator.
    pub id: Id,
    /// The id of what it hangs under; the instance's number for what hangs under nothing.
    pub parent: Id,
    /// 1 after creation, one more with each change.
    pub revision: u64,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
    /// Whether it serves.
    pub state: State,
    /// Its own values.
    pub spec: T,
}

impl<T: Encode<()>> Encode<()> for Record<T> {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        c: &mut (),
    ) -> Result<(), encode::Error<W::Error>> {
        e.array(7)?.encode(&self.id)?.encode(&self.parent)?.u64(self.revision)?;
        e.encode(self.created)?.encode(self.changed)?.encode(self.state)?;
        self.spec.encode(e, c)
    }
}

impl Record<()> {
    /// What stands before the spec.
    fn read_head(d: &mut Decoder<'_>) -> Result<Record<()>, decode::Error> {
        if d.array()? != Some(7) {
            return Err(decode::Error::message("a record has seven members"));
        }
        Ok(Record {
            id: d.decode()?,
            parent: d.decode()?,
            revision: d.u64()?,
            created: d.decode()?,
            changed: d.decode()?,
            state: d.decode()?,
            spec: (),
        })
    }

    fn with<T>(self, spec: T) -> Record<T> {
        let Record { id, parent, revision, created, changed, state, spec: () } = self;
        Record { id, parent, revision, created, changed, state, spec }
    }
}

impl<'b, T: Decode<'b, ()>> Decode<'b, ()> for Record<T> {
    fn decode(d: &mut Decoder<'b>, c: &mut ()) -> Result<Self, decode::Error> {
        let head = Record::read_head(d)?;
        Ok(head.with(T::decode(d, c)?))
    }
}

impl<T: Stored> Stored for Record<T> {
    const VERSION: u8 = T::VERSION;

    /// An older record differs in its spec only: it is read member by member, its spec by `T::upgrade`.
    fn upgrade(version: u8, body: &[u8]) -> Option<Result<Self, Fault>> {
        let mut d = Decoder::new(body);
        let head = match Record::read_head(&mut d) {
            Ok(head) => head,
            Err(error) => return Some(Err(Fault(format!("a record can't be read: {error}")))),
        };
        let spec = T::upgrade(version, body.get(d.position()..)?)?;
        Some(spec.map(|spec| head.with(spec)))
    }
}
