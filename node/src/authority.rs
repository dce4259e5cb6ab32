//! The cluster's authority in the data folder, and the certificates that this node issues itself under it.
//!
//! Every node has the authority: `peers.ca` in the clear, `peers.key` sealed under the cluster key. A node's own key is
//! drawn at its start and lives in memory only; its certificate holds for some days and is made anew long before it
//! ends. So nothing is to be renewed by hand, and a copied disk without the master key is nobody.

use crate::entropy::SystemEntropy;
use crate::exit::{Class, Failure, Outcome, io};
use crate::folder::write_private;
use crypto::certificate::{self, Authority, Validity};
use crypto::{ClusterKey, draw};
use raft::{Clock, Credentials, Tls};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use storage::NodeIdentity;

/// The authority's certificate, for people's tools too.
const CERTIFICATE: &str = "peers.ca";
/// Its private key, sealed under the cluster key.
const KEY: &str = "peers.key";

const DAY_SECS: u64 = 86_400;
/// How long a node's certificate holds.
const LEAF_SECS: u64 = 3 * DAY_SECS;
/// How far back certificates begin: the clocks of two nodes may differ, and one that is off must still be told so.
const BACK_SECS: u64 = 2 * DAY_SECS;
/// How long the authority's certificate holds.
const AUTHORITY_SECS: u64 = 30 * 365 * DAY_SECS;
/// How much of a certificate's time has passed when it is made anew.
const RENEWED_AFTER_SECS: u64 = LEAF_SECS / 3;
/// How far the clock may be set back without a new one: less than certificates begin in the past.
const SET_BACK_MAX_SECS: u64 = 60;
/// How often it is looked whether that is so.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The two files of the authority, as one node hands them to another.
#[derive(Clone)]
pub(crate) struct Files {
    /// The certificate in DER.
    pub(crate) certificate: Vec<u8>,
    /// The private key, sealed under the cluster key.
    pub(crate) key: Vec<u8>,
}

impl Files {
    /// A new authority of the cluster.
    pub(crate) fn generate(cluster: &[u8; 16], cluster_key: &ClusterKey, now_secs: u64) -> Outcome<Files> {
        let validity = Validity {
            not_before: now_secs.saturating_sub(BACK_SECS),
            not_after: now_secs.saturating_add(AUTHORITY_SECS),
        };
        let made = Authority::generate(&title(cluster), validity, &draw(&SystemEntropy)).map_err(unusable)?;
        let key = cluster_key.wrap_authority(made.certificate(), &made.pkcs8(), draw(&SystemEntropy));
        Ok(Files { certificate: made.certificate().to_vec(), key })
    }

    /// Those of a data folder.
    pub(crate) fn read(dir: &Path) -> Outcome<Files> {
        let path = dir.join(CERTIFICATE);
        let text = std::fs::read_to_string(&path).map_err(|error| missing(&path, &error))?;
        let certificate = certificate::from_pem(&text)
            .map_err(|error| Failure::new(Class::Io, format_args!("{}: {error}", path.display())))?;
        let path = dir.join(KEY);
        let key = std::fs::read(&path).map_err(|error| missing(&path, &error))?;
        Ok(Files { certificate, key })
    }

    /// Writes them into a data folder.
    pub(crate) fn write(&self, dir: &Path) -> Outcome<()> {
        write_private(&dir.join(CERTIFICATE), certificate::to_pem(&self.certificate).as_bytes())?;
        write_private(&dir.join(KEY), &self.key)
    }

    /// Opens them.
    pub(crate) fn open(&self, cluster: &[u8; 16], cluster_key: &ClusterKey) -> Outcome<Authority> {
        let pkcs8 = cluster_key.unwrap_authority(&self.certificate, &self.key).map_err(unusable)?;
        Authority::from_parts(&title(cluster), self.certificate.clone(), &pkcs8).map_err(unusable)
    }
}

/// The paths of both files in a data folder, by their names.
pub(crate) const NAMES: [&str; 2] = [CERTIFICATE, KEY];

/// What this node proves itself by, kept new for as long as it runs.
pub(crate) struct Proof {
    authority: Authority,
    identity: NodeIdentity,
    clock: Arc<dyn Clock>,
    /// What connections are made with.
    pub(crate) tls: Arc<Tls>,
    /// When the certificate in use ends, in seconds since the Unix epoch.
    pub(crate) ends: Arc<AtomicU64>,
}

impl Proof {
    /// Issues this node its first certificate.
    pub(crate) fn new(authority: Authority, identity: NodeIdentity, clock: Arc<dyn Clock>) -> Outcome<Proof> {
        let (credentials, ends) = issue(&authority, &identity, &*clock)?;
        let tls = Arc::new(Tls::new(&credentials).map_err(unusable)?);
        Ok(Proof { authority, identity, clock, tls, ends: Arc::new(AtomicU64::new(ends)) })
    }

    /// Issues new ones in time. Runs until it is aborted.
    pub(crate) async fn keep_new(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.renew_if_due();
        }
    }

    fn renew_if_due(&self) {
        let now_secs = self.clock.wall_ms() / 1000;
        if !is_due(self.ends.load(Ordering::Relaxed), now_secs) {
            return;
        }
        let renewed = issue(&self.authority, &self.identity, &*self.clock)
            .and_then(|(credentials, ends)| self.tls.renew(&credentials).map_err(unusable).map(|()| ends));
        match renewed {
            Ok(ends) => {
                self.ends.store(ends, Ordering::Relaxed);
                tracing::info!("the certificate between nodes is renewed");
            }
            Err(failure) => tracing::error!(why = failure.text, "the certificate was not renewed"),
        }
    }
}

/// Whether a certificate that ends then is to be made anew: much of its time has passed, or the clock was ahead when it
/// was made and was set right since, so that it may not hold yet.
fn is_due(ends_secs: u64, now_secs: u64) -> bool {
    let begun_secs = ends_secs.saturating_sub(LEAF_SECS);
    now_secs >= begun_secs.saturating_add(RENEWED_AFTER_SECS)
        || now_secs.saturating_add(SET_BACK_MAX_SECS) < begun_secs
}

fn issue(authority: &Authority, identity: &NodeIdentity, clock: &dyn Clock) -> Outcome<(Credentials, u64)> {
    let now_secs = clock.wall_ms() / 1000;
    let validity = Validity {
        not_before: now_secs.saturating_sub(BACK_SECS),
        not_after: now_secs.saturating_add(LEAF_SECS),
    };
    let issued =
        authority.issue(&raft::names(identity), validity, &draw(&SystemEntropy)).map_err(unusable)?;
    let credentials = Credentials {
        authority: authority.certificate().to_vec(),
        certificate: issued.certificate,
        pkcs8: issued.pkcs8,
    };
    Ok((credentials, validity.not_after))
}

fn title(cluster: &[u8; 16]) -> String {
    format!("Conclave cluster {}", crypto::hex(cluster))
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Class::MasterKey, format_args!("the cluster's authority can't be used: {error}"))
}

fn missing(path: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::NotFound => Failure::new(
            Class::NoData,
            format_args!("{} is missing: copy it from another node of this cluster", path.display()),
        ),
        _ => io("reading", path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft::ManualClock;

    const NOW_SECS: u64 = 1_790_000_000;
    const IDENTITY: NodeIdentity = NodeIdentity { cluster: [7; 16], node: 1, lineage: 1 };

    /// Starts while the clock shows `began`, looks again when it shows `now`; when the certificate in use was made.
    fn made(began_secs: u64, now_secs: u64) -> u64 {
        let clock = Arc::new(ManualClock::new(began_secs * 1000));
        let validity = Validity { not_before: 0, not_after: NOW_SECS + AUTHORITY_SECS };
        let authority = Authority::generate("test", validity, &[1; 16]).expect("it can be made");
        let proof = Proof::new(authority, IDENTITY, clock.clone()).expect("it issues");
        clock.set_wall_ms(now_secs * 1000);
        proof.renew_if_due();
        proof.ends.load(Ordering::Relaxed) - LEAF_SECS
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_time_has_passed() {
        assert_eq!(made(NOW_SECS, NOW_SECS + DAY_SECS - 1), NOW_SECS);
        assert_eq!(made(NOW_SECS, NOW_SECS + DAY_SECS), NOW_SECS + DAY_SECS);
    }

    #[test]
    fn a_certificate_is_renewed_when_the_clock_was_ahead_and_is_set_right() {
        for ahead_secs in [61, DAY_SECS, 10 * 365 * DAY_SECS] {
            assert_eq!(made(NOW_SECS + ahead_secs, NOW_SECS), NOW_SECS, "{ahead_secs} s");
        }
        assert_eq!(made(NOW_SECS + 60, NOW_SECS), NOW_SECS + 60, "clocks are steered all the time");
    }
}
