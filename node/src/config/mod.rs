//! The configuration: one TOML file, every key also as a variable, a few as options of a command.
//!
//! [`keys`] is the one table of all keys. [`sources`] gathers what was said and where; this file turns it into values
//! that are known to be sound. Nothing else in the node reads the environment.

pub(crate) mod keys;
pub(crate) mod sources;
pub(crate) mod values;

use crate::exit::{Class, Failure, Outcome};
use crypto::{PasswordParams, Secret};
use identity::cluster::address::PeerAddress;
use keys as k;
use sources::Sources;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use values::PublicUrl;

/// What an operator has decided.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where this node keeps its data.
    pub(crate) data_dir: PathBuf,
    /// Where the public side listens.
    pub(crate) public_listen: SocketAddr,
    /// What browsers see.
    pub(crate) public_url: PublicUrl,
    /// Where the other nodes come in.
    pub(crate) peers_listen: SocketAddr,
    /// By which address they do.
    pub(crate) peers_address: Option<PeerAddress>,
    /// Whether an empty data folder may become a cluster of its own. Where the configuration speaks of other nodes it
    /// is more likely that of a member whose data is gone.
    pub(crate) may_found: bool,
    /// Where the operations side listens.
    pub(crate) operations_listen: SocketAddr,
    /// A file with master keys.
    pub(crate) master_key_file: Option<PathBuf>,
    /// Master keys themselves.
    pub(crate) master_key: Option<Secret<String>>,
    /// Memory of the store, in bytes.
    pub(crate) memory: u64,
    /// When the log is cut.
    pub(crate) retention: storage::retention::Policy,
    /// How often all tables are hashed and compared.
    pub(crate) verify_every: Duration,
    /// What a password hash costs.
    pub(crate) password: PasswordParams,
    /// What is logged.
    pub(crate) log_level: String,
    /// And how.
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The least memory that the store works with, in bytes.
const MEMORY_MIN: u64 = 32 << 20;
/// Erasure ends when the log forgets, within 30 days.
const AGE_MAX: Duration = Duration::from_secs(30 * 86_400);

impl Config {
    /// Makes values of what was said, and refuses what contradicts itself.
    pub(crate) fn of(sources: &mut Sources) -> Outcome<Config> {
        let public_listen: SocketAddr = sources.parsed(k::PUBLIC_LISTEN, address)?;
        sources.set_default(k::PUBLIC_URL, format!("http://localhost:{}", public_listen.port()));
        if !public_listen.ip().is_loopback() {
            return Err(sources.refuse(
                k::PUBLIC_LISTEN,
                "it speaks plain HTTP, which must not leave this machine: listen on 127.0.0.1 and let a proxy on \
                 this machine terminate TLS",
            ));
        }
        let age = sources.parsed(k::RETENTION_AGE, values::duration)?;
        if age > AGE_MAX || age < Duration::from_secs(60) {
            return Err(sources.refuse(k::RETENTION_AGE, "it lies between 60s and 30d"));
        }
        let memory = sources.parsed(k::MEMORY, values::bytes)?;
        if memory < MEMORY_MIN {
            return Err(sources.refuse(k::MEMORY, "it is at least 32MiB"));
        }
        let peers_listen = sources.parsed(k::PEERS_LISTEN, address)?;
        let peers_address = match sources.given(k::PEERS_ADDRESS) {
            None if peers_listen.ip().is_unspecified() => {
                return Err(sources.refuse(
                    k::PEERS_LISTEN,
                    "the other nodes can't be told to come to every interface: set peers.address as well",
                ));
            }
            None => None,
            Some(_) => Some(sources.parsed(k::PEERS_ADDRESS, |text| {
                PeerAddress::parse(text).map_err(|error| format!("\"{text}\": {error}"))
            })?),
        };
        let verify_every = sources.parsed(k::VERIFY_EVERY, values::duration)?;
        if verify_every < Duration::from_secs(1) {
            return Err(sources.refuse(k::VERIFY_EVERY, "it is at least 1s"));
        }
        let log_level = sources.text(k::LOG_LEVEL).to_owned();
        if crate::telemetry::filter(&log_level).is_err() {
            return Err(
                sources.refuse(k::LOG_LEVEL, "it is error, warn, info, debug or trace, also per module")
            );
        }
        Ok(Config {
            data_dir: PathBuf::from(sources.text(k::DATA_DIR)),
            public_listen,
            public_url: sources.parsed(k::PUBLIC_URL, PublicUrl::parse)?,
            peers_listen,
            peers_address,
            may_found: ![k::PEERS_LISTEN, k::PEERS_ADDRESS].iter().any(|key| sources.is_configured(key)),
            operations_listen: sources.parsed(k::OPERATIONS_LISTEN, address)?,
            master_key_file: sources.given(k::MASTER_KEY_FILE).map(PathBuf::from),
            master_key: sources.given(k::MASTER_KEY).map(|text| Secret::new(text.to_owned())),
            memory,
            retention: storage::retention::Policy {
                bytes_max: sources.parsed(k::RETENTION_BYTES, values::bytes)?,
                age_ms_max: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            },
            verify_every,
            password: password(sources)?,
            log_level,
            log_format: sources.parsed(k::LOG_FORMAT, |text| match text {
                "auto" => Ok(LogFormat::Auto),
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("it is auto, text or json".to_owned()),
            })?,
        })
    }

    /// The address by which other nodes reach this one, which listens at `listening`.
    pub(crate) fn peer_address(&self, listening: SocketAddr) -> Outcome<PeerAddress> {
        if let Some(address) = &self.peers_address {
            return Ok(address.clone());
        }
        PeerAddress::parse(&listening.to_string()).map_err(|error| {
            Failure::new(Class::Config, format_args!("peers.listen: {listening}: {error}: set peers.address"))
        })
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no address: write it as 127.0.0.1:8080 or [::1]:8080"))
}

fn password(sources: &Sources) -> Outcome<PasswordParams> {
    let number =
        |text: &str| text.parse::<u32>().map_err(|_| format!("\"{text}\" is no number: write digits only"));
    let params = PasswordParams {
        memory_kib: sources.parsed(k::PASSWORD_MEMORY_KIB, number)?,
        passes: sources.parsed(k::PASSWORD_PASSES, number)?,
        lanes: sources.parsed(k::PASSWORD_LANES, number)?,
    };
    // Making a hasher checks the bounds and allocates nothing yet.
    match crypto::PasswordHasher::new(params, 1) {
        Ok(_) => Ok(params),
        Err(error) => Err(Failure::new(Class::Config, format_args!("password: {error}"))),
    }
}
