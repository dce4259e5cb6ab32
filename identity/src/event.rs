//! Events: what happened, in the words of the audit trail. Each belongs to one position of the log.

use crate::encoding::Stored;
use crate::envelope::Subject;
use crate::id::{Hash, Id, RequestId};
use crate::record::Kind;
use crate::time::Timestamp;
use minicbor::{Decode, Encode};

/// How long an event is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Class {
    /// Changes of resources: 10 years.
    #[n(1)]
    Configuration,
    /// Proofs, failures, revocations: 1 year.
    #[n(2)]
    Security,
    /// What happens in each flow: 30 days.
    #[n(3)]
    Activity,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 3] = [Class::Configuration, Class::Security, Class::Activity];

    /// The number that stands in the key.
    pub fn number(self) -> u16 {
        match self {
            Class::Configuration => 1,
            Class::Security => 2,
            Class::Activity => 3,
        }
    }
}

macro_rules! events {
    ($($number:literal $name:ident $word:literal $class:ident $text:literal;)*) => {
        /// What happened. Numbers and words are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum What { $(#[doc = $text] $name = $number,)* }

        impl What {
            /// Every event, in the order of the table.
            pub const ALL: &'static [What] = &[$(What::$name),*];
            /// The event with this number.
            pub fn from_number(number: u16) -> Option<What> {
                match number { $($number => Some(What::$name),)* _ => None }
            }
            /// The word for it in the API and in exports.
            pub fn word(self) -> &'static str {
                match self { $(What::$name => $word,)* }
            }
            /// The event with this word.
            pub fn from_word(word: &str) -> Option<What> {
                match word { $($word => Some(What::$name),)* _ => None }
            }
            /// How long it is kept.
            pub fn class(self) -> Class {
                match self { $(What::$name => Class::$class,)* }
            }
            /// The predicate of its sentence in the trail: actor, this, target.
            pub fn sentence(self) -> &'static str {
                match self { $(What::$name => $text,)* }
            }
        }
    };
}

events! {
    1 Created "created" Configuration "created";
    2 Changed "changed" Configuration "changed";
    3 StateSet "state_set" Configuration "switched the state of";
    4 Deleted "deleted" Configuration "deleted";
    5 Swept "swept" Configuration "removed, with what it belonged to,";
    6 SecretSet "secret_set" Configuration "gave a new secret to";
    7 KeyPublished "key_published" Configuration "published the signing key";
    8 KeyActivated "key_activated" Configuration "began to sign with the key";
    9 KeyReplaced "key_replaced" Configuration "ceased to sign with the key";
    10 KeyRetired "key_retired" Configuration "retired the signing key";
    11 Erased "erased" Configuration "erased the personal data of";
    12 LevelRaised "level_raised" Configuration "raised the level of";
    13 NodeFounded "node_founded" Configuration "founded the cluster with";
    14 NodeAdmitted "node_admitted" Configuration "admitted";
    15 NodeReported "node_reported" Configuration "recorded what was reported by";
    16 NodeRoleSet "node_role_set" Configuration "set the wanted role of";
    17 NodeRemoved "node_removed" Configuration "removed for ever";
    18 JoinTokenUsed "join_token_used" Configuration "admitted a node by";
    20 SignedIn "signed_in" Security "signed in with a password as";
    21 PasswordFailed "password_failed" Security "failed to prove the password of";
    22 PasswordSet "password_set" Security "set the password of";
    23 SessionEnded "session_ended" Security "ended the session";
    24 SessionRose "session_rose" Security "proved again who they are in the session";
    25 CodeReplayed "code_replayed" Security "presented a redeemed code again of";
    26 RefreshReused "refresh_reused" Security "presented a used refresh token of";
    27 RefreshGrace "refresh_grace" Security "got the same successor once more of";
    28 FamilyRevoked "family_revoked" Security "revoked the tokens of";
    29 TokenDenied "token_denied" Security "revoked an access token of";
    30 Unlocked "unlocked" Security "lifted the delay of";
    31 Locked "locked" Security "locked";
    40 CodeIssued "code_issued" Activity "was sent back with a code to";
    41 CodeRedeemed "code_redeemed" Activity "received tokens of";
}

/// A field's value in an event.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Value {
    /// The field's bytes.
    #[n(0)]
    Plain(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// Personal: sealed with the key of the person; unreadable once that key is gone.
    #[n(1)]
    Sealed(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// More than [`Value::MAX`] bytes.
    #[n(2)]
    Digest {
        /// SHA-256 of the bytes.
        #[n(0)]
        hash: Hash,
        /// How many there were.
        #[n(1)]
        length: u32,
    },
    /// A secret: that it changed is all that is told.
    #[n(3)]
    Secret,
}

impl Value {
    /// The longest value that is kept whole, in bytes.
    pub const MAX: usize = 1024;

    /// A value that is no secret and not personal.
    pub fn plain(bytes: &[u8]) -> Value {
        if bytes.len() <= Self::MAX {
            return Value::Plain(bytes.to_vec());
        }
        Value::Digest { hash: Hash::of(bytes), length: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
    }
}

/// Stands where a field's number stands, for the state of a resource.
pub const STATE: u16 = u16::MAX;

/// One field of the target, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Field {
    /// The field's number in the spec.
    #[n(0)]
    pub number: u16,
    /// Before; absent when it was created.
    #[n(1)]
    pub before: Option<Value>,
    /// After; absent when it is gone.
    #[n(2)]
    pub after: Option<Value>,
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Event {
    /// The number of what happened.
    #[n(0)]
    pub what: u16,
    /// Log time.
    #[n(1)]
    pub time: Timestamp,
    /// The request that caused it.
    #[n(2)]
    pub request: RequestId,
    /// Who did it.
    #[n(3)]
    pub actor: Subject,
    /// The number of the kind of what it happened to.
    #[n(4)]
    pub kind: u16,
    /// What it happened to.
    #[n(5)]
    pub target: Id,
    /// The organization it happened in, where there is one.
    #[n(6)]
    pub organization: Option<Id>,
    /// What changed.
    #[n(7)]
    pub fields: Vec<Field>,
    /// Whose personal data the sealed fields are, if it is not the target's.
    #[n(8)]
    pub person: Option<Id>,
}

/// The fields of an event and whose personal data the sealed ones are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// What changed.
    pub fields: Vec<Field>,
    /// The person, if it is not the target.
    pub person: Option<Id>,
}

impl From<Vec<Field>> for Fields {
    fn from(fields: Vec<Field>) -> Fields {
        Fields { fields, person: None }
    }
}

impl Stored for Event {}

impl Event {
    /// Whose personal data its sealed fields are.
    pub fn person(&self) -> &Id {
        self.person.as_ref().unwrap_or(&self.target)
    }

    /// The sentence of the trail, in English: who did what to what.
    pub fn sentence(&self) -> String {
        let who = match &self.actor {
            Subject::System => "the system".to_owned(),
            Subject::Operator => "the operator".to_owned(),
            Subject::Nobody => "someone".to_owned(),
            Subject::User(id) => format!("user {id}"),
            Subject::Client(id) => format!("application {id}"),
        };
        let what = What::from_number(self.what).map_or("did something unknown to", What::sentence);
        let kind = Kind::from_number(self.kind).map_or("thing", Kind::word);
        format!("{who} {what} {kind} {}", self.target)
    }
}
