//! Commands: what can be asked of the log. One table line each; numbers are never reused.

use crate::change::{Create, Delete, SetState, Update};
use crate::encoding::{decode, encode};
use crate::id::Id;
use crate::permission::{Area, Permission, Verb, Within};
use crate::reader::{Reader, Run};
use crate::setting::{Reset, Set};
use crate::tx::Tx;
use minicbor::{Decode, Encode};

/// Who may run a command. `execute` checks it before `run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The cluster itself, and whoever runs it.
    System,
    /// Anyone who signs in: the proof stands in the command.
    Login,
    /// An application, for what it holds itself.
    Client,
    /// Whoever a self-contained token was issued to: an application or a service account.
    Holder,
    /// A signed-in browser, for its own session.
    Session,
    /// Whoever is permitted to do this there.
    Permission(Area, Verb, Within),
    /// Whoever is permitted to do this there, and the user himself where he may do it to his own account.
    OwnOr(Id, Area, Verb, Within),
}

impl Access {
    /// The permission that is asked for and where, if one is.
    pub fn permission(&self) -> Option<(Permission, &Within)> {
        match self {
            Access::Permission(area, verb, within) | Access::OwnOr(_, area, verb, within) => {
                Some((Permission { area: *area, verb: *verb }, within))
            }
            Access::System | Access::Login | Access::Client | Access::Holder | Access::Session => None,
        }
    }
}

/// A command: what someone asks, in the imperative.
pub trait Command: Encode<()> + for<'b> Decode<'b, ()> + Send + 'static {
    /// Its number in the log.
    const NUMBER: u16;
    /// Its name in logs and metrics.
    const NAME: &'static str;
    /// What the caller gets back. It holds no secret, except sealed ones.
    type Reply: Encode<()> + for<'b> Decode<'b, ()> + Send + 'static;

    /// Whether a repetition under the same request id gets the same reply. What may as well run again leaves no row.
    const REMEMBERED: bool = true;

    /// Who may run it, as things stand.
    fn access(&self, reader: &Reader<'_>) -> Run<Access>;

    /// Changes the tables, or refuses.
    fn run(self, tx: &mut Tx<'_, '_>) -> Run<Self::Reply>;
}

/// A line of the table: how a number's body is read, judged and run.
#[derive(Clone, Copy)]
pub struct Line {
    /// The number.
    pub number: u16,
    /// The name.
    pub name: &'static str,
    /// Reads the body, asks `allow` about its access, runs it, and encodes the reply.
    pub run: fn(&[u8], &mut Tx<'_, '_>, Allow) -> Run<Vec<u8>>,
    /// Whether a repetition gets the same reply.
    pub remembered: bool,
    /// Whether the body is strictly readable: asked before a command is proposed.
    pub readable: fn(&[u8]) -> bool,
}

/// Judges an access for the caller of a transaction.
pub type Allow = fn(&Tx<'_, '_>, &Access) -> Run<()>;

/// The table's line of a command.
pub const fn line<C: Command>() -> Line {
    Line {
        number: C::NUMBER,
        name: C::NAME,
        run: run::<C>,
        remembered: C::REMEMBERED,
        readable: readable::<C>,
    }
}

fn run<C: Command>(body: &[u8], tx: &mut Tx<'_, '_>, allow: Allow) -> Run<Vec<u8>> {
    let command: C = decode(body)?;
    let access = command.access(&tx.reader())?;
    allow(tx, &access)?;
    command.run(tx).map(|reply| encode(&reply))
}

fn readable<C: Command>(body: &[u8]) -> bool {
    decode::<C>(body).is_ok()
}

macro_rules! command {
    ($number:literal $name:ident -> $reply:ty, $access:expr, |$self:ident, $tx:ident| $run:expr) => {
        impl $crate::command::Command for $name {
            const NUMBER: u16 = $number;
            const NAME: &'static str = stringify!($name);
            type Reply = $reply;
            #[allow(clippy::redundant_closure_call)]
            fn access(&self, reader: &$crate::reader::Reader<'_>) -> $crate::reader::Run<$crate::command::Access> {
                let access: fn(&$name, &$crate::reader::Reader<'_>) -> $crate::reader::Run<$crate::command::Access> = $access;
                access(self, reader)
            }
            fn run($self, $tx: &mut $crate::tx::Tx<'_, '_>) -> $crate::reader::Run<$reply> {
                $run
            }
        }
    };
}
pub(crate) use command;

/// The four lines of a plain resource.
pub const fn of_resource<T: crate::resource::Resource>() -> [Line; 4] {
    [line::<Create<T>>(), line::<Update<T>>(), line::<SetState<T>>(), line::<Delete<T>>()]
}

macro_rules! lines {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        /// The lines of all plain resources.
        pub static RESOURCES: &[[Line; 4]] = &[$(of_resource::<$type>(),)*];
    };
}
crate::resources!(lines);

macro_rules! commands {
    ($($number:literal $name:ident $word:literal $type:ty;)*) => {
        /// The lines of all other commands, in the order of their numbers; the two of each setting stand last.
        pub static COMMANDS: &[Line] = &[
            line::<crate::instance::CreateInstance>(),
            line::<crate::instance::SetInstanceState>(),
            line::<crate::level::RaiseLevel>(),
            line::<crate::sweep::Sweep>(),
            line::<crate::credential::password::SetPassword>(),
            line::<crate::credential::password::ProvePassword>(),
            line::<crate::credential::throttle::FailPassword>(),
            line::<crate::credential::throttle::Unlock>(),
            line::<crate::credential::throttle::Lock>(),
            line::<crate::credential::secret::SetClientSecret>(),
            line::<crate::credential::secret::SetServiceSecret>(),
            line::<crate::session::EndSession>(),
            line::<crate::session::EndSessionOf>(),
            line::<crate::grant::code::IssueCode>(),
            line::<crate::grant::code::RedeemCode>(),
            line::<crate::token::family::AdvanceFamily>(),
            line::<crate::token::family::RevokeFamily>(),
            line::<crate::token::deny::DenyToken>(),
            line::<crate::signing_key::RotateKeys>(),
            line::<crate::cluster::node::FoundCluster>(),
            line::<crate::cluster::token::CreateJoinToken>(),
            line::<crate::cluster::token::RevokeJoinToken>(),
            line::<crate::cluster::token::AdmitNode>(),
            line::<crate::cluster::node::RecordNode>(),
            line::<crate::cluster::membership::SetNodeRole>(),
            line::<crate::cluster::membership::ReplaceNode>(),
            line::<crate::cluster::membership::RemoveNode>(),
            $(line::<Set<$type>>(), line::<Reset<$type>>(),)*
        ];
    };
}
crate::settings!(commands);

/// The line of a number, among the tables given.
pub fn find(resources: &[[Line; 4]], commands: &[Line], number: u16) -> Option<Line> {
    resources.iter().flatten().chain(commands).find(|line| line.number == number).copied()
}
