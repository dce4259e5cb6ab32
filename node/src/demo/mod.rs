//! `conclave demo`: a cluster on this machine with something in it to try. One node for now.

mod credentials;
mod seed;

use crate::cli::DemoOptions;
use crate::config::Config;
use crate::config::keys;
use crate::config::sources::Sources;
use crate::exit::{Class, Failure, Outcome};
use crate::output::say;
use crate::serve::{self, Serving, Signals};
use crate::{steps, telemetry};
use credentials::Credentials;

/// How far behind the port base the operations side listens; the port between belongs to the peers.
const OPERATIONS_OFFSET: u16 = 2;

/// Runs the demo until it is stopped.
pub(crate) async fn run(options: DemoOptions) -> Outcome<()> {
    let mut config = config(&options)?;
    telemetry::start_logging(&config);
    let path = options.data.join("credentials");
    let known = Credentials::read(&path)?;
    if known.is_none() && options.data.join("node-1").exists() {
        say("The credentials file is gone: making new passwords and secrets for the data that is there …");
    } else if known.is_none() {
        say("First start: making an instance, its signing keys, an organization, applications and users …");
    }
    let mut signals = Signals::take()?;
    let started = signals.unless(start(&mut config, known)).await;
    let Some((serving, credentials)) = started.transpose()? else { return Ok(()) };
    // The ports are those of this start.
    let issuer = config.public_url.issuer();
    let operations = format!("http://{}", serving.addresses.operations);
    let credentials = Credentials { issuer, operations, ..credentials };
    credentials.write(&path)?;
    credentials.explain(&options.data, &path);
    say("Conclave is ready");
    serving.until(signals).await?;
    say("Stopped; the data is kept");
    Ok(())
}

async fn start(config: &mut Config, known: Option<Credentials>) -> Outcome<(Serving, Credentials)> {
    let open = serve::open(config).await?;
    // Credentials without the data that they open are worth nothing.
    let known = if steps::is_begun(&open.node.service).await? { known } else { None };
    let credentials = match known {
        Some(known) => known,
        None => seed::seed(&open.node.service, &config.public_url).await?,
    };
    Ok((open.serve().await, credentials))
}

/// The demo's own configuration: neither a file nor the environment disturbs it.
fn config(options: &DemoOptions) -> Outcome<Config> {
    let port = |offset: u16| match options.port_base {
        0 => Ok(0),
        base => base.checked_add(offset).ok_or_else(|| {
            Failure::new(Class::Usage, format_args!("--port-base {base}: there are no ports after 65535"))
        }),
    };
    let mut sources = Sources::defaults();
    let mut set = |key, value: String| sources.take_option(key, Some(value));
    set(keys::DATA_DIR, options.data.join("node-1").display().to_string());
    set(keys::PUBLIC_LISTEN, format!("127.0.0.1:{}", port(0)?));
    set(keys::PUBLIC_URL, format!("http://localhost:{}", port(0)?));
    set(keys::OPERATIONS_LISTEN, format!("127.0.0.1:{}", port(OPERATIONS_OFFSET)?));
    set(keys::LOG_LEVEL, options.log_level.clone());
    Config::of(&mut sources)
}
