//! The process: configuration, wiring, clock, entropy, listeners, jobs, and the `conclave` command line.
//!
//! It decides nothing about identities and knows no protocol: the domain is `identity`, endpoints are `api`. Reading
//! order: [`cli`] (what can be asked), [`config`], [`folder`] (the node's own files), [`wire`] (the parts), [`serve`]
//! (the life of a node), [`init`] and [`demo`] (its first content), [`client`] (the commands that speak to a node's
//! management API), [`exit`] (how it ends).

mod cli;
mod config;
mod exit;
mod fatal;

mod clock;
mod entropy;
mod telemetry;

mod admin;
mod alarms;
mod authority;
mod backend;
mod folder;
mod jobs;
mod join;
mod listener;
mod members;
mod operations;
mod routes;
mod serve;
mod votes;
mod wire;

mod client;
mod demo;
mod doctor;
mod init;
mod output;
mod remote;
mod steps;

use admin::inherit::Inherit;
use admin::switch::Switch;
use clap::Parser;
use cli::{Cli, Command, ConfigCommand, Inherited, NodeOptions, Subject};
use config::Config;
use exit::{Failure, Outcome};
use init::Files;
use output::say;
use serve::{Serving, Signals, StopBy};
use std::process::ExitCode;

/// Blocking threads of the API: password hashes wait for two buffers, everything else is short.
const BLOCKING_THREADS_MAX: usize = 32;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Whatever this program writes is its owner's alone: tables and logs hold personal data.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Outcome<()> {
    match command {
        Command::Serve { options, files, stop_with_stdin } => {
            let stop_by = if stop_with_stdin { StopBy::Stdin } else { StopBy::SignalsOnly };
            on_runtime(serve(configured(&options)?, files, stop_by))
        }
        Command::Init { options, files } => on_runtime(init(configured(&options)?, files)),
        Command::Token(command) => {
            let config = configured(command.options())?;
            on_runtime(remote::token(&config, command))
        }
        Command::Join { token, options } => {
            let config = configured(&options)?;
            on_runtime(join(config, token))
        }
        Command::Cluster(command) => {
            let config = configured(command.options())?;
            on_runtime(remote::cluster(&config, command))
        }
        Command::Disable(subject) => switch(subject, false),
        Command::Enable(subject) => switch(subject, true),
        Command::ResetSettings(Inherited { name, organization, instance, options }) => {
            let config = configured(&options)?;
            on_runtime(remote::inherit(&config, Inherit { name, organization, instance }))
        }
        Command::Demo(options) => on_runtime(demo::run(options)),
        Command::Config(ConfigCommand::Check { options }) => {
            Config::of(&mut options.sources()?)?;
            say("the configuration is sound");
            Ok(())
        }
        Command::Config(ConfigCommand::Print { options, output }) => {
            let mut sources = options.sources()?;
            Config::of(&mut sources)?;
            let row = |(key, text, origin): (&config::keys::Key, String, config::sources::Origin)| {
                [key.name.to_owned(), text, origin.name().to_owned(), key.variable(), key.about.to_owned()]
            };
            let rows: Vec<_> = sources.shown().into_iter().map(row).collect();
            output::rows(output, ["key", "value", "from", "variable", "about"], &rows);
            Ok(())
        }
        Command::Doctor { options, deep, output } => {
            let config = configured(&options)?;
            on_runtime(async move { doctor::run(&config, deep, output).await })
        }
        Command::Manage(command) => on_runtime(client::run(command)),
    }
}

fn switch(subject: Subject, on: bool) -> Outcome<()> {
    let config = configured(&subject.options)?;
    let Subject { noun, name, instance, .. } = subject;
    on_runtime(remote::switch(&config, Switch { noun, name, instance, on }))
}

/// The configuration of a node that is about to do something; from here on it logs.
fn configured(options: &NodeOptions) -> Outcome<Config> {
    let config = Config::of(&mut options.sources()?)?;
    telemetry::start_logging(&config);
    Ok(config)
}

fn on_runtime<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.max_blocking_threads(BLOCKING_THREADS_MAX).thread_name("api").enable_all();
    builder.build().map_err(Failure::other)?.block_on(work)
}

async fn serve(mut config: Config, files: Files, stop_by: StopBy) -> Outcome<()> {
    let mut signals = Signals::take(stop_by)?;
    let started = signals.unless(start(&mut config, &files)).await;
    let Some(serving) = started.transpose()? else { return Ok(()) };
    say(format_args!("Conclave listens on http://{}", serving.addresses.public));
    say(format_args!("Operations listen on http://{}", serving.addresses.operations));
    say(format_args!("The issuer is {}", config.public_url.issuer()));
    say("Conclave is ready");
    serving.until(signals).await
}

async fn start(config: &mut Config, files: &Files) -> Outcome<Serving> {
    let open = serve::open(config).await?;
    tell_made(&open.made);
    // Only the node that founded the cluster makes its first content; whoever joins finds it there.
    if open.is_founder()
        && let Some(made) =
            init::ensure(&open.node.service, &config.public_url, &config.data_dir, files).await?
    {
        made.lines().iter().for_each(say);
    }
    steps::require_known_host(&open.node.service, &config.public_url).await?;
    Ok(open.serve().await)
}

async fn init(mut config: Config, files: Files) -> Outcome<()> {
    // Nobody is served meanwhile: any free port does. The issuer is the configured one all the same.
    if config.public_url.port == Some(0) {
        config.public_url.port = None;
    }
    config.may_found = true;
    config.peers_address = Some(config.peer_address(config.peers_listen)?);
    config.public_listen.set_port(0);
    config.peers_listen.set_port(0);
    config.operations_listen.set_port(0);
    let open = serve::open(&mut config).await?;
    tell_made(&open.made);
    let made = init::ensure(&open.node.service, &config.public_url, &config.data_dir, &files).await;
    let stopped = open.stop().await;
    match made? {
        Some(made) => made.lines().iter().for_each(say),
        None => say(format_args!(
            "{} is initialised already: nothing was changed, and no password or secret was written",
            config.data_dir.display()
        )),
    }
    stopped
}

async fn join(config: Config, token: String) -> Outcome<()> {
    let token = match token.as_str() {
        "-" => std::io::read_to_string(std::io::stdin()).map_err(Failure::other)?,
        _ => token,
    };
    let node = join::join(&config, &token).await?;
    say(format_args!(
        "This is node {node} of the cluster now, with its data in {}",
        config.data_dir.display()
    ));
    say("Start it with `conclave serve` and the same configuration; it votes once it has caught up");
    Ok(())
}

fn tell_made(made: &folder::Made) {
    if made.folder {
        say("The data folder is new: a new cluster begins in it");
    }
    if let Some(path) = &made.master_key {
        say(format_args!(
            "A master key was made in {}; keep a copy elsewhere: without it the data can't be read",
            path.display()
        ));
    }
}
