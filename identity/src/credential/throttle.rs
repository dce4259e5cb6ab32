//! Wrong passwords: counted one by one for each account, cluster-wide, each followed by a growing delay.
//!
//! A stranger can delay an account by at most `delay_max_secs` at a time, and while a delay lasts nothing is counted, so
//! that no flood of guesses writes to the log. He can lock it only where an administrator has chosen so by [`Lockout`]:
//! then the delay ends with the end of time, unless somebody lifts it.

use crate::administrator::{require_all_of_user, require_owner_besides};
use crate::command::{Access, command};
use crate::credential::password::{Password, require_allowed};
use crate::encoding::Stored;
use crate::event::What;
use crate::id::Id;
use crate::instance::lifetimes;
use crate::permission::{Area, Verb};
use crate::reader::{Reader, Run, optional};
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::resource::place;
use crate::setting;
use crate::setting::lockout::Lockout;
use crate::tables::Fault;
use crate::time::Timestamp;
use crate::user::{User, UserKind};
use minicbor::{Decode, Encode};

/// The wrong passwords of an account since the last right one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Throttle {
    /// How many.
    #[n(0)]
    pub failures: u32,
    /// Until when no password is looked at, right or wrong: the end of time if the account is locked.
    #[n(1)]
    pub until: Timestamp,
}

impl Stored for Throttle {}
impl Row for Throttle {
    const KIND: Kind = Kind::Throttle;
}

impl Throttle {
    /// Whether the account waits for an administrator.
    pub fn is_locked(&self) -> bool {
        self.until == Timestamp::END
    }
}

/// After so many quiet seconds behind its delay an account's failures are forgotten, unless they will lock it.
pub const QUIET_SECS: u64 = 6 * 3600;

/// Until when the account is delayed; `None` if it is not.
pub fn delayed(reader: &Reader<'_>, user: &Id) -> Result<Option<Timestamp>, Fault> {
    let throttle = reader.row::<Throttle>(user)?;
    Ok(throttle.map(|throttle| throttle.until).filter(|until| *until > reader.now))
}

/// Whether an account waits for somebody to unlock it.
pub fn is_locked(reader: &Reader<'_>, user: &Id) -> Result<bool, Fault> {
    Ok(reader.row::<Throttle>(user)?.is_some_and(|throttle| throttle.is_locked()))
}

/// Counts a wrong password.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FailPassword {
    /// Whose.
    #[n(0)]
    pub user: Id,
    /// Which password it was compared with: a failure against an older one says nothing.
    #[n(1)]
    pub revision: u32,
}

command!(14 FailPassword -> Throttle, |_, _| Ok(Access::Login), |self, tx| {
    let user = tx.reader().live::<User>(&self.user)?;
    require_allowed(&tx.reader(), &user.parent)?;
    let password = tx.reader().row::<Password>(&self.user)?.ok_or(Refusal::CredentialChanged)?;
    if password.revision != self.revision {
        return Err(Refusal::CredentialChanged.into());
    }
    if delayed(&tx.reader(), &self.user)?.is_some() {
        return Err(Refusal::Locked.into());
    }
    let lifetimes = lifetimes::of(&tx.reader())?;
    let before = tx.reader().row::<Throttle>(&self.user)?;
    // What nobody went on with for a while was a typing error, or an attack that is over. Where accounts are locked, it
    // may be an attack that is patient.
    let lockout: Lockout = setting::effective(&tx.reader(), Some(&user.parent))?.0;
    let before =
        before.filter(|before| lockout.is_on() || tx.now <= before.until.plus_secs(QUIET_SECS));
    let failures = before.map_or(0, |before| before.failures).saturating_add(1);
    let delay = u64::from(lifetimes.delay_after(failures));
    // Strangers lock nobody without whom nobody would govern the instance: for him there are the delays.
    let locks = lockout.locks(failures) && optional(require_owner_besides(&tx.reader(), &self.user))?.is_some();
    let until = if locks { Timestamp::END } else { tx.now.plus_secs(delay) };
    let throttle = Throttle { failures, until };
    tx.put_row(&self.user, &throttle);
    tx.tell(What::PasswordFailed, Kind::User, &self.user, Some(&user.parent), Vec::new())?;
    Ok(throttle)
});

/// Locks a person's account until somebody lifts that: no password is looked at, and his sessions and tokens end. Refused:
/// a service account, which is deactivated instead; the last owner of the instance who can sign in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lock {
    /// Whose.
    #[n(0)]
    pub user: Id,
}

command!(18 Lock -> (), |command: &Lock, reader| access(&command.user, reader), |self, tx| {
    let user = tx.reader().existing::<User>(&self.user)?;
    if !matches!(user.spec.kind, UserKind::Human(_)) {
        return Err(Refusal::NotPerson.into());
    }
    require_all_of_user(&tx.reader(), &tx.caller, &self.user)?;
    require_owner_besides(&tx.reader(), &self.user)?;
    let failures = tx.reader().row::<Throttle>(&self.user)?.map_or(0, |before| before.failures);
    tx.put_row(&self.user, &Throttle { failures, until: Timestamp::END });
    // What he has proven by his password hangs on its revision, and ends with it; the password stays. So it is also where
    // wrong passwords have locked him before: whoever sends those may hold a session of his.
    if let Some(password) = tx.reader().row::<Password>(&self.user)? {
        let revision = password.revision.saturating_add(1);
        tx.put_row(&self.user, &Password { revision, ..password });
    }
    tx.tell(What::Locked, Kind::User, &self.user, Some(&user.parent), Vec::new())?;
    Ok(())
});

/// Lifts an account's delay or lock and forgets its failures.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Unlock {
    /// Whose.
    #[n(0)]
    pub user: Id,
}

fn access(user: &Id, reader: &Reader<'_>) -> Run<Access> {
    let record = reader.existing::<User>(user)?;
    Ok(Access::Permission(Area::Credential, Verb::Write, place(reader, &record)?))
}

command!(15 Unlock -> (), |command: &Unlock, reader| access(&command.user, reader), |self, tx| {
    let user = tx.reader().existing::<User>(&self.user)?;
    // The delay keeps guesses away: whoever lifts it must not stand below the one it protects.
    require_all_of_user(&tx.reader(), &tx.caller, &self.user)?;
    tx.remove(Kind::Throttle, &self.user);
    tx.tell(What::Unlocked, Kind::User, &self.user, Some(&user.parent), Vec::new())?;
    Ok(())
});
