//! Three processes of ours on loopback, each this very binary as `member`, under an authority of the bench's own.

use super::trio::Trio;
use crate::Error;
use crate::engine::identity;
use crate::process::Process;
use crypto::certificate::{Authority, Validity};
use std::path::Path;
use std::process::Command;

const CLIENT_PORT: u16 = 28_220;
const VALIDITY: Validity = Validity { not_before: 1_500_000_000, not_after: 4_000_000_000 };

/// The files by which a member proves itself, beside its data.
pub(super) const AUTHORITY: &str = "authority.der";
pub(super) const CERTIFICATE: &str = "certificate.der";
pub(super) const KEY: &str = "key.der";

/// Starts three with their data under `folder`.
pub(super) async fn start(folder: &Path) -> Result<Trio, Error> {
    let authority = Authority::generate("bench", VALIDITY, &[1; 16])?;
    let (mut processes, mut urls) = (Vec::new(), Vec::new());
    for node in 1..=3 {
        let own = folder.join(format!("node-{node}"));
        std::fs::create_dir(&own)?;
        let issued = authority.issue(&raft::names(&identity(node)), VALIDITY, &[2; 16])?;
        std::fs::write(own.join(AUTHORITY), authority.certificate())?;
        std::fs::write(own.join(CERTIFICATE), &issued.certificate)?;
        std::fs::write(own.join(KEY), issued.pkcs8.expose())?;
        let port = CLIENT_PORT + u16::try_from(node)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("member").arg(own).arg(node.to_string()).arg(port.to_string());
        processes.push(Process::start_held(&mut command)?);
        urls.push(format!("http://127.0.0.1:{port}"));
    }
    Trio::of(processes, urls).await
}
