//! The envelope of a command: which request it is, until when it may run, where, and who asks with which credential.

use crate::id::{Hash, Id, InstanceId, RequestId};
use crate::time::Timestamp;
use minicbor::{Decode, Encode};

/// A command on its way into the log.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    /// Names the request for ever; a retry carries the same.
    #[n(0)]
    pub request: RequestId,
    /// Later it is refused; at most [`Envelope::DEADLINE_SECS`] of log time away.
    #[n(1)]
    pub not_after: Timestamp,
    /// Which instance it touches, 0 for the system.
    #[n(2)]
    pub instance: InstanceId,
    /// Who asks.
    #[n(3)]
    pub caller: Caller,
    /// How long a repetition gets the same reply.
    #[n(4)]
    pub remember: Remember,
    /// The number of the command's kind.
    #[n(5)]
    pub number: u16,
    /// The command's own bytes.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

impl Envelope {
    /// How far away the deadline may be, in seconds of log time.
    pub const DEADLINE_SECS: u64 = 30;
    /// The largest encoded envelope, in bytes.
    pub const MAX_BYTES: usize = 256 * 1024;
}

impl std::fmt::Debug for Envelope {
    /// The kind and the request only: bodies hold hashes and sealed values that no log line needs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelope({} of {:?})", self.number, self.request)
    }
}

/// How long a request's row is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Remember {
    /// Long enough for every retry inside the cluster.
    #[n(0)]
    Retry,
    /// As long as an Idempotency-Key lasts.
    #[n(1)]
    Key {
        /// SHA-256 of what was asked for over HTTP: another request under the same key is refused.
        #[n(0)]
        asked: Hash,
    },
}

impl Remember {
    /// In seconds of log time.
    pub fn secs(self) -> u64 {
        match self {
            Remember::Retry => 90,
            Remember::Key { .. } => 24 * 3600,
        }
    }
}

/// Who asks, and by which credential. `execute` checks that the credential is alive at this position of the log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Caller {
    /// Who it is.
    #[n(0)]
    pub subject: Subject,
    /// By which credential.
    #[n(1)]
    pub via: Via,
    /// What the credential was granted for; empty where the credential knows no scopes.
    #[n(2)]
    pub scopes: Vec<String>,
}

impl Caller {
    /// The system's own work: bootstrap, rotation, sweeps.
    pub fn system() -> Caller {
        Caller { subject: Subject::System, via: Via::System, scopes: Vec::new() }
    }

    /// The operator, by the socket in a node's data folder: whoever may read that folder may do anything.
    pub fn operator() -> Caller {
        Caller { subject: Subject::Operator, via: Via::System, scopes: Vec::new() }
    }

    /// A person who has proven nothing yet.
    pub fn nobody() -> Caller {
        Caller { subject: Subject::Nobody, via: Via::Login, scopes: Vec::new() }
    }

    /// A signed-in person.
    pub fn session(user: Id, session: Id) -> Caller {
        Caller { subject: Subject::User(user), via: Via::Session(session), scopes: Vec::new() }
    }

    /// An application that has proven its secret, or a public one that has none.
    pub fn client(application: Id, generation: Option<u32>) -> Caller {
        let via = Via::Client { application: application.clone(), generation };
        Caller { subject: Subject::Client(application), via, scopes: Vec::new() }
    }

    /// A service account that has proven its secret.
    pub fn service(user: Id, generation: u32) -> Caller {
        let via = Via::Service { generation };
        Caller { subject: Subject::User(user), via, scopes: Vec::new() }
    }

    /// The bearer of an access token.
    pub fn bearer(user: Id, token: Hash, source: Source, scopes: Vec<String>) -> Caller {
        Caller { subject: Subject::User(user), via: Via::Access { token, source }, scopes }
    }

    /// The bearer of a personal access token.
    pub fn personal(user: Id, token: Id) -> Caller {
        Caller { subject: Subject::User(user), via: Via::PersonalToken(token), scopes: Vec::new() }
    }
}

/// Who acts. It stands in events.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Subject {
    /// The cluster itself.
    #[n(0)]
    System,
    /// A stranger.
    #[n(1)]
    Nobody,
    /// A user: a person or a service account.
    #[n(2)]
    User(#[n(0)] Id),
    /// An application.
    #[n(3)]
    Client(#[n(0)] Id),
    /// Whoever runs a node.
    #[n(4)]
    Operator,
}

/// The credential that a caller used.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Via {
    /// Inside the node; no endpoint can make it.
    #[n(0)]
    System,
    /// None: a sign-in in progress.
    #[n(1)]
    Login,
    /// A browser's session.
    #[n(2)]
    Session(#[n(0)] Id),
    /// An application with the generation of its secret; none for public clients.
    #[n(4)]
    Client {
        /// Which application.
        #[n(0)]
        application: Id,
        /// Which secret.
        #[n(1)]
        generation: Option<u32>,
    },
    /// A service account with the generation of its secret.
    #[n(5)]
    Service {
        /// Which secret.
        #[n(0)]
        generation: u32,
    },
    /// A self-contained access token.
    #[n(6)]
    Access {
        /// SHA-256 of its `jti`, by which it may have been denied.
        #[n(0)]
        token: Hash,
        /// What it hangs on.
        #[n(1)]
        source: Source,
    },
    /// A personal access token.
    #[n(7)]
    PersonalToken(#[n(0)] Id),
}

/// What an access token hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Source {
    /// A token family.
    #[n(0)]
    Family(#[n(0)] Id),
    /// A service account's secret.
    #[n(1)]
    Service {
        /// Which secret.
        #[n(0)]
        generation: u32,
    },
    /// A key of a service account.
    #[n(2)]
    Key {
        /// Which record: the `kid`.
        #[n(0)]
        key: Id,
        /// SHA-256 of its JWK: a key that is made later under the same id revives nothing.
        #[n(1)]
        jwk: Hash,
    },
}
