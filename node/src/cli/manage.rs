//! The commands that speak to the management API of a node, wherever it runs: sign in, resources, whole sets of them.
//!
//! How they are carried out stands in `client`.

use crate::output::Form;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What can be asked of the management API.
#[derive(Debug, Subcommand)]
pub(crate) enum Manage {
    /// Sign in to a node and keep that in a profile, which from then on is the one that the other commands use
    Login(Login),
    /// Sign out: end the tokens of a profile and forget them
    Logout {
        #[command(flatten)]
        who: Who,
    },
    /// Look at the profiles: which node, signed in how
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Show a resource, or list those of a kind
    Get(Get),
    /// Say what a kind of resource, or a setting, is made of: its fields, and what each may be; no node is asked
    Explain {
        /// The kind, as `user` or `users`, or the name of a setting
        #[arg(value_name = "KIND")]
        kind: String,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Make a resource and show it: a token this once; applications and service accounts get their secrets by new-secret
    Create(Create),
    /// Change values of a resource; those that are not named stay
    Update(Update),
    /// Delete a resource with all that hangs under it; on a terminal it is shown and asked for first
    Delete {
        #[command(flatten)]
        one: One,
        /// Delete without asking; where nobody can be asked, this is wanted
        #[arg(long)]
        yes: bool,
        /// Only if it still has this revision
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u64>,
    },
    /// Let a resource count again that was deactivated
    Activate {
        #[command(flatten)]
        one: One,
    },
    /// Let a resource count no more until it is activated
    Deactivate {
        #[command(flatten)]
        one: One,
    },
    /// Give a user a password: it is asked for on the terminal, or read from a file or standard input
    SetPassword {
        /// The user's id
        #[arg(value_name = "USER")]
        user: String,
        /// The file that the password stands in, without its line end, and that not everybody may read; `-` is standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        #[command(flatten)]
        who: Who,
    },
    /// Lock a person's account until it is unlocked: no password signs in, and sessions and tokens end
    Lock {
        /// The user's id
        #[arg(value_name = "USER")]
        user: String,
        #[command(flatten)]
        who: Who,
    },
    /// Let a user sign in again who was locked, or has failed too often
    Unlock {
        /// The user's id
        #[arg(value_name = "USER")]
        user: String,
        #[command(flatten)]
        who: Who,
    },
    /// Give a service account or an application another secret, shown this once; the one before ends
    NewSecret {
        #[command(flatten)]
        one: One,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Make a key pair for a service account: the private half is written to a file, the node is given the public one
    NewKey(NewKey),
    /// Show what happened to a resource, the newest first
    History {
        #[command(flatten)]
        one: One,
        /// At most so many
        #[arg(long, value_name = "NUMBER", default_value_t = LIMIT)]
        limit: usize,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// See and change what is decided for the whole instance, or otherwise for an organization
    #[command(subcommand)]
    Settings(Settings),
    /// Make the resources be as files say; a second run changes nothing
    Apply(Apply),
    /// See what happened, and prove that a file of it is whole
    #[command(subcommand)]
    Audit(Audit),
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// What can be asked of settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Settings {
    /// Show settings as they are in force, and where they come from
    Get {
        #[command(flatten)]
        which: Which,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Change some values; from then on nothing is inherited
    Set {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        values: Values,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Inherit again what was set
    Reset {
        #[command(flatten)]
        which: Which,
    },
    /// Show who set what, and what it was before, the newest first
    History {
        #[command(flatten)]
        which: Which,
        /// At most so many
        #[arg(long, value_name = "NUMBER", default_value_t = LIMIT)]
        limit: usize,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
}

/// Which settings.
#[derive(Clone, Debug, Args)]
pub(crate) struct Which {
    /// Their name: domain, lifetimes, lockout, login or password-complexity
    #[arg(value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(identity::setting::NAMES))]
    pub(crate) name: String,
    /// Of this organization; not given: of the instance
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<String>,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// What can be asked of the audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Show the last events, the newest at the end
    Tail {
        /// Only what this user or application did
        #[arg(long, value_name = "ID")]
        actor: Option<String>,
        /// Only what happened to this
        #[arg(long, value_name = "ID")]
        target: Option<String>,
        /// Only what happened to things of this kind, such as project
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// Only this, such as created; several, separated by commas
        #[arg(long, value_name = "WHAT")]
        what: Option<String>,
        /// Only what happened in this organization
        #[arg(long, value_name = "ID")]
        organization: Option<String>,
        /// Only from this moment on (RFC 3339)
        #[arg(long, value_name = "MOMENT")]
        since: Option<String>,
        /// Only before this moment (RFC 3339)
        #[arg(long, value_name = "MOMENT", conflicts_with = "follow")]
        until: Option<String>,
        /// How many
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: usize,
        /// Go on with what happens from now on, until Ctrl-C
        #[arg(long, short)]
        follow: bool,
        #[command(flatten)]
        who: Who,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Write the whole trail to a file that proves itself
    Export {
        /// The file, which must not be there yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Prove that a file is as it was written, without any node; else name the first line that is not
    Verify {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// How many of a list are shown when nobody says.
const LIMIT: usize = 50;

/// In whose name.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Who {
    /// The profile; not given: the current one
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// One resource.
#[derive(Clone, Debug, Args)]
pub(crate) struct One {
    /// Its kind, as `user` or `users`; `conclave get --help` lists them
    #[arg(value_name = "KIND")]
    pub(crate) kind: String,
    /// Its id; for what hangs under another resource PARENT/ID, as `my-project/admin` for a role
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// What it hangs under; ID is then its own alone. Of what hangs under something else, nothing is done
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// How one signs in.
#[derive(Clone, Debug, Args)]
pub(crate) struct Login {
    /// Scheme, host and port of the issuer; not given: that of the key file or of the profile, or http://localhost:8080
    #[arg(value_name = "URL", env = "CONCLAVE_API_URL")]
    pub(crate) url: Option<String>,
    /// The profile, which becomes the current one; not given: `default`
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Sign in with a browser elsewhere: print the address to open, and ask for the one at which it ended
    #[arg(long, conflicts_with_all = ["client_secret_file", "key_file", "token_file"])]
    pub(crate) no_browser: bool,
    /// Sign in as a service account whose client_id and client_secret stand in this JSON file, which must stay there and
    /// which not everybody may read
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key_file", "token_file"])]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Sign in as the service account whose key stands in this JSON file, as `conclave new-key` writes it; the file must
    /// stay there, and which not everybody may read
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    pub(crate) key_file: Option<PathBuf>,
    /// Use the personal access token in this file, which must stay there and which not everybody may read
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// Which key to make.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewKey {
    /// The service account's id
    #[arg(value_name = "USER")]
    pub(crate) user: String,
    /// Where the private half goes, as JSON with type, keyId, key, userId and issuer; the file must not be there yet
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    /// When the key ends (RFC 3339); not given: never
    #[arg(long, value_name = "MOMENT")]
    pub(crate) expires: Option<String>,
    /// Its algorithm
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
    pub(crate) algorithm: KeyType,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// By what a service account signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyType {
    /// ECDSA on P-256
    #[default]
    Es256,
    /// RSA of 2048 bits, for libraries that know nothing else
    Rs256,
    /// Ed25519 (EdDSA)
    Ed25519,
}

/// What can be asked of the profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List them; a star marks the current one
    List {
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Make one the current one
    Use {
        /// Its name
        name: String,
    },
    /// Sign out of one and forget it
    Remove {
        /// Its name
        name: String,
    },
}

/// What to show.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = crate::client::nouns::help())]
pub(crate) struct Get {
    /// The kind, as `user` or `users`
    #[arg(value_name = "KIND")]
    pub(crate) kind: String,
    /// One of them; not given: a list. For what hangs under another resource PARENT/ID, as `my-project/admin`
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Those that hang under this resource
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
    /// Those that fit, as 'name co "shop" and state eq "active"'; parts of a name have 3 characters or more
    #[arg(long, value_name = "FILTER", conflicts_with = "id")]
    pub(crate) filter: Option<String>,
    /// By which field; `-name` turns the order round
    #[arg(long, value_name = "FIELD", conflicts_with = "id", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = LIMIT, conflicts_with_all = ["id", "all"])]
    pub(crate) limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
    /// The form of what is printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Form,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// Values of a resource.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Values {
    /// A file with the values, in JSON or TOML; `-` is standard input, in JSON
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Single values, as `name=Acme role_check=true roles='["admin"]'`: JSON where it is JSON, else text; a dot leads
    /// into a value, and `null` takes it away
    #[arg(long, value_name = "FIELD=VALUE", num_args = 1..)]
    pub(crate) set: Vec<String>,
}

/// What to make.
#[derive(Clone, Debug, Args)]
pub(crate) struct Create {
    /// Its kind, as `user`
    #[arg(value_name = "KIND")]
    pub(crate) kind: String,
    /// Its id; not given: one is made up. For what hangs under another resource PARENT/ID, as `my-project/admin`
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// What it hangs under: the organization of a user, the project of a role
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
    #[command(flatten)]
    pub(crate) values: Values,
    /// The form of what is printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Form,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// What to change.
#[derive(Clone, Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) one: One,
    #[command(flatten)]
    pub(crate) values: Values,
    /// Only if it still has this revision
    #[arg(long, value_name = "NUMBER")]
    pub(crate) revision: Option<u64>,
    /// The form of what is printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Form,
}

/// Which files say how resources are to be.
#[derive(Clone, Debug, Args)]
pub(crate) struct Apply {
    /// A file in JSON or TOML, or a folder of them
    #[arg(short, long, value_name = "PATH")]
    pub(crate) file: PathBuf,
    /// Show what would change, or all that is wrong in the files, and change nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// Delete what the files do not name, of the kinds that they name, under the parents that they declare
    #[arg(long)]
    pub(crate) prune: bool,
    /// Delete without asking
    #[arg(long, requires = "prune")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// A shell that can complete commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}
