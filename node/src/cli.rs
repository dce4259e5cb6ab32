//! The command line: what can be asked of the one program, in the words of its help.

pub(crate) mod manage;

use crate::admin::switch::Noun;
use crate::config::keys;
use crate::config::sources::Sources;
use crate::exit::{Class, Outcome};
use crate::init::Files;
use crate::output::Form;
use clap::{Args, Parser, Subcommand};
use manage::Manage;
use std::path::PathBuf;

/// An identity and access management system that needs nothing but itself.
///
/// Try `conclave demo`, or begin a node of your own with `conclave serve`.
#[derive(Debug, Parser)]
#[command(name = "conclave", version, after_long_help = exit_codes(), max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node; on an empty data folder, begin a cluster of one first, unless peers.* is configured
    Serve {
        #[command(flatten)]
        options: NodeOptions,
        #[command(flatten)]
        files: Files,
        /// Stop when standard input ends: for whoever starts nodes and may be killed
        #[arg(long, hide = true)]
        stop_with_stdin: bool,
    },
    /// Begin a cluster: the data folder, the first instance and its administrator; then exit
    Init {
        #[command(flatten)]
        options: NodeOptions,
        #[command(flatten)]
        files: Files,
    },
    /// Make, list and revoke the tokens by which other nodes join the cluster of a running node
    #[command(subcommand)]
    Token(TokenCommand),
    /// Become a member of a cluster by a token; `conclave serve` then runs the node
    Join {
        /// What `conclave token create` printed on a member; `-` reads it from standard input
        #[arg(value_name = "TOKEN")]
        token: String,
        #[command(flatten)]
        options: NodeOptions,
    },
    /// Look after the cluster of a running node
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Switch a user, an application or an organization off, on all nodes, without signing in: for emergencies
    Disable(Subject),
    /// Switch on again what was switched off
    Enable(Subject),
    /// Let settings be inherited again, without signing in: where they keep all administrators from it
    ResetSettings(Inherited),
    /// Run a cluster on this machine behind one address, with an application, an administrator and a user to try
    Demo(DemoOptions),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look whether a node could start, and with --deep at every byte of a stopped node's data
    Doctor {
        #[command(flatten)]
        options: NodeOptions,
        /// Read the whole data folder and compare every checksum; the node must be stopped
        #[arg(long)]
        deep: bool,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    #[command(flatten)]
    Manage(Manage),
}

/// What can be asked about join tokens. Each asks the node that runs on the data folder.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print a new token: whoever has it may add one node, once
    Create {
        #[command(flatten)]
        options: NodeOptions,
        /// How long it may be used: 1m to 7d
        #[arg(long, value_name = "DURATION", default_value = "1h")]
        lifetime: String,
        /// The node will follow and serve without a vote, for example in a further region
        #[arg(long)]
        learner: bool,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// List the tokens that have not expired; their secrets are known to nobody any more
    List {
        #[command(flatten)]
        options: NodeOptions,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// End a token that was not used
    Revoke {
        /// Its id, as `conclave token list` shows it
        id: String,
        #[command(flatten)]
        options: NodeOptions,
    },
}

impl TokenCommand {
    /// Where the node is.
    pub(crate) fn options(&self) -> &NodeOptions {
        match self {
            TokenCommand::Create { options, .. }
            | TokenCommand::List { options, .. }
            | TokenCommand::Revoke { options, .. } => options,
        }
    }
}

/// What can be asked of the cluster. Each asks the node that runs on the data folder.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Show each member, how it is, and what should worry an operator
    Status {
        #[command(flatten)]
        options: NodeOptions,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Give a node a vote, once it has caught up
    Promote {
        /// Its number
        node: u64,
        #[command(flatten)]
        options: NodeOptions,
    },
    /// Take a node's vote; it follows and serves on
    Demote {
        /// Its number
        node: u64,
        /// Even if the voters that are left could not lose one more
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        options: NodeOptions,
    },
    /// Remove a node for ever; its number never comes back
    Remove {
        /// Its number
        node: u64,
        /// Even if the voters that are left could not lose one more
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        options: NodeOptions,
    },
    /// Put a node that has joined in the place of another, which is removed for ever
    Replace {
        /// The number of the one that goes
        old: u64,
        /// The number of the one that comes
        new: u64,
        /// Even if the new one has not caught up
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        options: NodeOptions,
    },
    /// Hand leadership from this node to another
    TransferLeader {
        /// To whom; not given: to the voter that has most of the log
        #[arg(long, value_name = "NODE")]
        to: Option<u64>,
        #[command(flatten)]
        options: NodeOptions,
    },
    /// Have this node take no more work, before it is stopped: it leads no more, and /ready says 503
    Drain {
        /// Take work again
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        options: NodeOptions,
    },
    /// Build a snapshot of this node's state now
    Snapshot {
        #[command(flatten)]
        options: NodeOptions,
    },
    /// Turn on what a newer version brings, once every node runs it; there is no way back
    RaiseLevel {
        /// The level
        level: u32,
        #[command(flatten)]
        options: NodeOptions,
    },
}

impl ClusterCommand {
    /// Where the node is.
    pub(crate) fn options(&self) -> &NodeOptions {
        match self {
            ClusterCommand::Status { options, .. }
            | ClusterCommand::Promote { options, .. }
            | ClusterCommand::Demote { options, .. }
            | ClusterCommand::Remove { options, .. }
            | ClusterCommand::Replace { options, .. }
            | ClusterCommand::TransferLeader { options, .. }
            | ClusterCommand::Drain { options, .. }
            | ClusterCommand::Snapshot { options }
            | ClusterCommand::RaiseLevel { options, .. } => options,
        }
    }
}

/// What is switched off or on, by the node that runs on the data folder.
#[derive(Debug, Args)]
pub(crate) struct Subject {
    /// What it is
    #[arg(value_name = "WHAT")]
    pub(crate) noun: Noun,
    /// Its id; for a user also the name that he signs in with
    #[arg(value_name = "ID")]
    pub(crate) name: String,
    /// The number of its instance
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) instance: u64,
    #[command(flatten)]
    pub(crate) options: NodeOptions,
}

/// Which settings are reset, by the node that runs on the data folder.
#[derive(Debug, Args)]
pub(crate) struct Inherited {
    /// Their name: domain, lifetimes, lockout, login or password-complexity
    #[arg(value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(identity::setting::NAMES))]
    pub(crate) name: String,
    /// Of this organization; not given: of the instance, where the defaults hold from then on
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<String>,
    /// The number of the instance
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) instance: u64,
    #[command(flatten)]
    pub(crate) options: NodeOptions,
}

/// What can be asked of the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration is sound
    Check {
        #[command(flatten)]
        options: NodeOptions,
    },
    /// Print every key with its effective value and where it comes from; secrets are masked
    Print {
        #[command(flatten)]
        options: NodeOptions,
        /// The form of what is printed
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
}

/// Where a node's configuration comes from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct NodeOptions {
    /// The configuration file, in TOML; `conclave config print` lists its keys
    #[arg(long, value_name = "FILE", env = "CONCLAVE_CONFIG")]
    config: Option<PathBuf>,
    /// Where the node keeps its data [key: data_dir]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address of the public side; port 0 takes a free one [key: public.listen]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Scheme, host and port of the issuer, as browsers see them [key: public.url]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Address for the other nodes [key: peers.listen]
    #[arg(long, value_name = "ADDRESS")]
    peers_listen: Option<String>,
    /// Host and port by which the other nodes reach this one [key: peers.address]
    #[arg(long, value_name = "ADDRESS")]
    peers_address: Option<String>,
    /// Address of /live, /ready, /metrics and /cluster [key: operations.listen]
    #[arg(long, value_name = "ADDRESS")]
    operations_listen: Option<String>,
}

impl NodeOptions {
    /// Everything that was said, wherever it was said.
    pub(crate) fn sources(&self) -> Outcome<Sources> {
        let mut sources = Sources::gather(self.config.as_deref())?;
        sources.take_option(keys::DATA_DIR, self.data_dir.clone());
        sources.take_option(keys::PUBLIC_LISTEN, self.listen.clone());
        sources.take_option(keys::PUBLIC_URL, self.public_url.clone());
        sources.take_option(keys::PEERS_LISTEN, self.peers_listen.clone());
        sources.take_option(keys::PEERS_ADDRESS, self.peers_address.clone());
        sources.take_option(keys::OPERATIONS_LISTEN, self.operations_listen.clone());
        Ok(sources)
    }
}

/// What the demo can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoOptions {
    /// How many nodes: 1, 3 or 5
    #[arg(long, value_name = "NUMBER", default_value = "3", value_parser = demo_nodes)]
    pub(crate) nodes: u64,
    /// Where the demo keeps its data and its credentials; remove it to begin anew
    #[arg(long, value_name = "DIR", default_value = "./conclave-demo")]
    pub(crate) data: PathBuf,
    /// The first of the ports: the edge takes it; node 1 takes the tenth, eleventh and twelfth after it for the public
    /// side, peers and operations, node 2 the twentieth and so on; 0 takes free ones
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) port_base: u16,
    /// What each node logs, into DIR/node-1.log and so on: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
}

/// Odd numbers only: an even one survives no more failures than the number below it.
fn demo_nodes(text: &str) -> Result<u64, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        "5" => Ok(5),
        _ => Err("a demo has 1, 3 or 5 nodes".to_owned()),
    }
}

fn exit_codes() -> String {
    let mut text = "Exit codes:\n  0   it was done; a node was stopped by SIGINT or SIGTERM\n".to_owned();
    for (class, about) in Class::ALL {
        text += &format!("  {:<3} {about}\n", *class as u8);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for (class, about) in Class::ALL {
            assert!(help.contains(about), "{class:?}");
        }
    }
}
