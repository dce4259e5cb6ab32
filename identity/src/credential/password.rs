//! Passwords: hashed by the node before the command, sealed before the log, proven by a command that can't be raced.

use crate::administrator::require_all_of_user;
use crate::command::{Access, command};
use crate::credential::throttle::{self, Throttle};
use crate::encoding::Stored;
use crate::event::What;
use crate::id::{Hash, Id};
use crate::permission::{Area, Verb};
use crate::reader::{Reader, Run};
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::resource::place;
use crate::session::{self, Session, Started};
use crate::setting;
use crate::setting::login::Login;
use crate::time::Timestamp;
use crate::user::{User, UserKind};
use minicbor::{Decode, Encode};

/// A person's password.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Password {
    /// One more with each new password: a proof of another revision does not count.
    #[n(0)]
    pub revision: u32,
    /// Its Argon2id hash in PHC form, sealed with the instance's data key for [`Password::PURPOSE`] and the user's id.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
    /// When it was set.
    #[n(2)]
    pub set: Timestamp,
}

impl Password {
    /// What the hash is sealed for.
    pub const PURPOSE: &'static str = "password";
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Password(revision {})", self.revision)
    }
}

impl Stored for Password {}
impl Row for Password {
    const KIND: Kind = Kind::Password;
}

/// Sets a person's password. His sessions and tokens end with the old one.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct SetPassword {
    /// Whose.
    #[n(0)]
    pub user: Id,
    /// The sealed hash.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

fn access(command: &SetPassword, reader: &Reader<'_>) -> Run<Access> {
    let record = reader.existing::<User>(&command.user)?;
    Ok(Access::Permission(Area::Credential, Verb::Write, place(reader, &record)?))
}

command!(12 SetPassword -> u32, access, |self, tx| {
    let record = tx.reader().existing::<User>(&self.user)?;
    if !matches!(record.spec.kind, UserKind::Human(_)) {
        return Err(Refusal::NotPerson.into());
    }
    require_all_of_user(&tx.reader(), &tx.caller, &self.user)?;
    let before = tx.reader().row::<Password>(&self.user)?;
    let revision = before.map_or(0, |password| password.revision).saturating_add(1);
    let set = tx.now;
    tx.put_row(&self.user, &Password { revision, sealed: self.sealed, set });
    tx.tell(What::PasswordSet, Kind::User, &self.user, Some(&record.parent), Vec::new())?;
    Ok(revision)
});

/// Refuses where the organization does not allow signing in with a password.
pub(crate) fn require_allowed(reader: &Reader<'_>, organization: &Id) -> Run<()> {
    let login: Login = setting::effective(reader, Some(organization))?.0;
    if login.password_allowed { Ok(()) } else { Err(Refusal::PasswordNotAllowed.into()) }
}

/// Says that a node has verified a person's password, and starts his session or lets it rise.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ProvePassword {
    /// Whose.
    #[n(0)]
    pub user: Id,
    /// Which password was verified.
    #[n(1)]
    pub revision: u32,
    /// The id of the session to start.
    #[n(2)]
    pub session: Id,
    /// SHA-256 of the secret that the browser will hold.
    #[n(3)]
    pub secret: Hash,
    /// A session of the same browser that this proof renews; of another user, it ends.
    #[n(4)]
    pub renews: Option<Renews>,
}

/// The session that a browser holds already.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Renews {
    /// Which.
    #[n(0)]
    pub session: Id,
    /// SHA-256 of the secret that it holds now.
    #[n(1)]
    pub secret: Hash,
}

command!(13 ProvePassword -> Started, |_, _| Ok(Access::Login), |self, tx| {
    let user = tx.reader().live::<User>(&self.user).map_err(|no| no.or(Refusal::CredentialChanged))?;
    require_allowed(&tx.reader(), &user.parent)?;
    let password = tx.reader().row::<Password>(&self.user)?.ok_or(Refusal::CredentialChanged)?;
    if password.revision != self.revision {
        return Err(Refusal::CredentialChanged.into());
    }
    if throttle::delayed(&tx.reader(), &self.user)?.is_some() {
        return Err(Refusal::Locked.into());
    }
    if tx.reader().row::<Throttle>(&self.user)?.is_some() {
        tx.remove(Kind::Throttle, &self.user);
    }
    let proof = Session {
        user: self.user,
        organization: user.parent,
        secret: self.secret,
        started: tx.now,
        authenticated: tx.now,
        password: self.revision,
        expires: tx.now,
    };
    session::start(tx, self.session, proof, self.renews)
});
