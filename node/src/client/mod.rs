//! The command line of the management API: it speaks HTTP to any node, in the name of who is signed in.
//!
//! It knows nothing of a data folder and nothing of the domain: what a value may be is for the node to say. Reading order:
//! [`nouns`] and `address` (what there is), `surroundings`, `terminal` and `profiles` (who asks), `sign_in`, `oauth`,
//! `key_file` and `access` (by which token), `http`, `api` and `problem` (how), `values`, `resources`, `settings`, `new_key`
//! `show` and `explain` (one of them), `apply` (many), `audit` and `event` (what happened). Secrets in files are read by `secret_file` alone.

pub(crate) mod nouns;

mod address;
mod profiles;
mod secret_file;
mod surroundings;
mod terminal;

mod access;
mod key_file;
mod oauth;
mod sign_in;

mod api;
mod http;
mod problem;

mod apply;
mod audit;
mod completions;
mod event;
mod explain;
mod new_key;
mod password;
mod resources;
mod settings;
mod show;
mod values;

#[cfg(test)]
mod testing;

use crate::cli::manage::Manage;
use crate::exit::Outcome;
use surroundings::Surroundings;

/// Carries out a command.
pub(crate) async fn run(command: Manage) -> Outcome<()> {
    let surroundings = Surroundings::gather();
    match command {
        Manage::Login(login) => sign_in::login(login, &surroundings).await,
        Manage::Logout { who } => sign_in::logout(&who, &surroundings).await,
        Manage::Profile(command) => sign_in::profile(command, &surroundings).await,
        Manage::Apply(apply) => apply::run(apply, &surroundings).await,
        Manage::Settings(command) => settings::run(command, &surroundings).await,
        Manage::Audit(command) => audit::run(command, &surroundings).await,
        Manage::NewKey(command) => new_key::run(command, &surroundings).await,
        Manage::Explain { kind, output } => explain::run(&kind, output),
        Manage::Completions { shell } => {
            completions::print(shell);
            Ok(())
        }
        command => resources::run(command, &surroundings).await,
    }
}
