//! How the process ends: one exit code for each thing that an operator does something else about.

use std::fmt;
use std::process::ExitCode;

macro_rules! classes {
    ($($code:literal $name:ident $text:literal;)*) => {
        /// Why the process ended. The numbers are part of the command line: scripts rely on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Class {
            $(#[doc = $text] $name = $code,)*
        }

        impl Class {
            /// Every class with what it means, for the help text.
            pub(crate) const ALL: &[(Class, &str)] = &[$((Class::$name, $text),)*];
        }
    };
}

classes! {
    1 Failed "something else; the message says what";
    2 Usage "the command line is wrong";
    3 Config "the configuration is wrong";
    4 MasterKey "the master key is missing, unreadable or another one";
    5 WrongCluster "the data folder belongs to another node or cluster";
    6 Locked "another process has the data folder open";
    7 PortInUse "an address to listen on is taken or can't be used";
    8 DiskFull "no space is left on the device; nothing acknowledged is lost";
    9 TornTail "the last record of the log is torn, as a power cut may leave it";
    10 CorruptLog "the log is damaged before its end";
    11 CorruptState "the state tables are damaged";
    12 LogTailLost "the end of the log is gone";
    13 CorruptSnapshot "a snapshot is damaged";
    14 NewerFormat "the data folder was written by a newer version";
    15 Io "the operating system refused an operation on the data folder";
    16 NoData "the data folder does not exist or was never initialised";
    17 NotRunning "no node runs on the data folder, or it does not answer";
    18 Removed "this node was removed from its cluster, for ever";
    19 NotJoined "the cluster did not let this node in";
    20 Refused "the cluster refused what was asked; the message says why";
    21 NotFound "the cluster has nothing of that name";
    22 NotSignedIn "nobody is signed in, or the node does not accept the sign-in any more";
    23 Forbidden "the one who is signed in may not do that";
    24 Conflict "it is there already, it was changed meanwhile, or something depends on it";
    25 Invalid "the node does not take a value; the message names the field";
    26 Unavailable "the node named by its address does not answer, or can't work now; try again";
    27 Altered "the audit trail in a file is not as it was written";
}

/// The end of the process: its class, and one line that says what to do; under it, a line for each thing that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// Its exit code.
    pub(crate) class: Class,
    /// One line.
    pub(crate) text: String,
    /// Lines that stand under it.
    pub(crate) under: Vec<String>,
}

impl Failure {
    /// A failure of a class.
    pub(crate) fn new(class: Class, text: impl fmt::Display) -> Failure {
        Failure { class, text: one_line(&text.to_string()), under: Vec::new() }
    }

    /// With lines under it.
    pub(crate) fn with(mut self, under: impl IntoIterator<Item = String>) -> Failure {
        self.under.extend(under.into_iter().map(|line| one_line(&line)));
        self
    }

    /// The same in other words; what stands under it stays.
    pub(crate) fn told_as(mut self, text: impl fmt::Display) -> Failure {
        self.text = one_line(&text.to_string());
        self
    }

    /// Anything that has no class of its own.
    pub(crate) fn other(text: impl fmt::Display) -> Failure {
        Failure::new(Class::Failed, text)
    }

    /// Says the lines and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("conclave: {}", self.text);
        for line in &self.under {
            eprintln!("  {line}");
        }
        ExitCode::from(self.class as u8)
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// What an operation of the node returns.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// The class of an error of the data folder.
pub(crate) fn storage_class(error: &storage::Error) -> Class {
    use storage::Error as E;
    match error {
        E::Locked { .. } => Class::Locked,
        E::NoIdentity { .. } => Class::NoData,
        E::WrongIdentity { .. } => Class::WrongCluster,
        E::TornTail { .. } => Class::TornTail,
        E::LogTailLost { .. } => Class::LogTailLost,
        E::CorruptLog { .. } => Class::CorruptLog,
        E::CorruptState { .. } => Class::CorruptState,
        E::CorruptSnapshot { .. } => Class::CorruptSnapshot,
        E::NewerFormat { .. } => Class::NewerFormat,
        E::DiskFull { .. } => Class::DiskFull,
        E::Io { .. } => Class::Io,
        E::OutOfOrder { .. } | E::Closed { .. } => Class::Failed,
    }
}

impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Failure {
        let class = storage_class(&error);
        match error {
            // The store knows no commands, and this is where an operator has to know them.
            storage::Error::LogTailLost { last, synced } => Failure::new(
                class,
                format_args!(
                    "the log ends at index {last}, but this node had synced index {synced}: this is an older copy, do \
                     not start it as it is. Wipe the data folder, `conclave token create` on a member, and \
                     `conclave join` here; where there is no other member, restore the newest copy of the whole folder"
                ),
            ),
            error => Failure::new(class, error),
        }
    }
}

impl From<raft::Error> for Failure {
    fn from(error: raft::Error) -> Failure {
        match error {
            raft::Error::Storage(error) => error.into(),
            raft::Error::Settings(_)
            | raft::Error::Start(_)
            | raft::Error::AlreadyInitialized
            | raft::Error::Membership(_)
            | raft::Error::Transfer(_)
            | raft::Error::Stopped(_) => Failure::other(error),
        }
    }
}

impl From<identity::tables::Fault> for Failure {
    /// A read that fails is a damaged table: writes have a way of their own to say so.
    fn from(fault: identity::tables::Fault) -> Failure {
        Failure::new(
            Class::CorruptState,
            format_args!(
                "{fault}; look with `conclave doctor --deep`, and restore a copy of the whole data folder"
            ),
        )
    }
}

impl From<api_core::bootstrap::Error> for Failure {
    fn from(error: api_core::bootstrap::Error) -> Failure {
        Failure::other(error)
    }
}

/// Names an error of a file that is the node's own.
pub(crate) fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        std::io::ErrorKind::StorageFull => Failure::new(
            Class::DiskFull,
            format_args!("no space left on the device of {path} ({doing}): free some and start again"),
        ),
        _ => Failure::new(Class::Io, format_args!("{doing} {path} failed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_copy_is_told_the_way_out() {
        let failure = Failure::from(storage::Error::LogTailLost { last: 46, synced: 49 });
        assert_eq!(failure.class, Class::LogTailLost);
        for part in ["index 46", "index 49", "Wipe", "`conclave token create`", "`conclave join`"] {
            assert!(failure.text.contains(part), "{}", failure.text);
        }
    }
}
