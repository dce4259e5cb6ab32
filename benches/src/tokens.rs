//! client_credentials with ES256: server CPU per request and requests per second, beside the bare handler.

use crate::Error;
use crate::http::{Client, basic};
use crate::load::{self, Runs};
use crate::process::{Process, credentials, node_ready, ready};
use crate::report::{Report, Target, median};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PORT: u16 = 28_080;
const BARE_PORT: u16 = 28_090;
const CONNECTIONS: usize = 16;
const RUNS: usize = 3;

pub(crate) async fn measure(conclave: &Path, run: Duration, report: &mut Report) -> Result<(), Error> {
    let data = tempfile::tempdir()?;
    let node = Process::node(conclave, data.path(), PORT).await?;
    ready(&node_ready(PORT)).await?;
    let bare = Process::start(Command::new(std::env::current_exe()?).arg("bare").arg(BARE_PORT.to_string()))?;
    ready(&format!("http://127.0.0.1:{BARE_PORT}/ready")).await?;
    let known = credentials(data.path())?;
    let text = |name: &str| known["service"][name].as_str().unwrap_or_default().to_owned();
    let ours = basic(&text("client_id"), &text("client_secret"));
    let issuer = known["issuer"].as_str().unwrap_or_default();
    let (url, host) = (format!("{issuer}/oauth/v2/token"), issuer.trim_start_matches("http://").to_owned());
    let bare_url = format!("http://127.0.0.1:{BARE_PORT}/token");
    let bare_auth = basic("bare", "bare");
    let (mut tokens, mut bares, mut shares) = (Runs::default(), Runs::default(), Vec::new());
    for _ in 0..RUNS {
        let askers = (0..CONNECTIONS).map(|_| Asker::new(&url, &host, &ours));
        let ours = load::watched(askers.collect(), run, || node.cpu_micros()).await?;
        let askers = (0..CONNECTIONS).map(|_| Asker::new(&bare_url, &host, &bare_auth));
        let bare = load::watched(askers.collect(), run, || bare.cpu_micros()).await?;
        shares.push(ours.cpu_us / bare.cpu_us);
        tokens.push(ours);
        bares.push(bare);
    }
    tokens.report("client_credentials ES256", report);
    bares.report("bare handler", report);
    report.add("client_credentials CPU over bare", median(shares), "x", Some(Target::AtMost(1.6)));
    bare.stop()?;
    node.stop()
}

/// Asks for a token of a service account with each request, over a connection of its own.
pub(crate) struct Asker {
    client: Client,
    url: String,
    host: String,
    authorization: String,
}

impl Asker {
    /// One that asks at `url` for the issuer of `host`: behind its own port, too, a node serves the issuer's name only.
    pub(crate) fn new(url: &str, host: &str, authorization: &str) -> Asker {
        Asker {
            client: Client::new(),
            url: url.to_owned(),
            host: host.to_owned(),
            authorization: authorization.to_owned(),
        }
    }
}

impl load::Client for Asker {
    async fn ask(&mut self) -> Result<(), Error> {
        let headers = [("host", self.host.as_str()), ("authorization", self.authorization.as_str())];
        let body = "grant_type=client_credentials&scope=openid".to_owned();
        let answer = self.client.form(&self.url, &headers, body).await?;
        match answer.status {
            200 => Ok(()),
            other => Err(format!("{} answered {other}: {:?}", self.url, answer.body).into()),
        }
    }
}
