//! What a node says of itself on its operations side.

use super::Cluster;
use serde_json::Value;
use std::time::Duration;

/// A node that stands still does not answer; one that runs does at once.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// `/ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Whether it serves.
    pub is: bool,
    /// Why not.
    pub reasons: Vec<String>,
}

/// `/cluster`.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Whose it is.
    pub node: usize,
    /// Its part.
    pub role: String,
    /// The term.
    pub term: u64,
    /// Whom it follows.
    pub leader: Option<u64>,
    /// Who votes.
    pub voters: Vec<u64>,
    /// Up to where it has applied the log.
    pub applied: Option<u64>,
    /// The digest of its state there.
    pub digest: String,
    /// All of it.
    pub whole: Value,
}

impl Cluster {
    /// What `/ready` says; `None` if nobody answers.
    pub async fn ready(&self, number: usize) -> Option<Ready> {
        let answer = self.node(number).operations.waiting(LOOK_MAX).get("/ready", &[]).await.ok()?;
        let reasons = answer.json()["reasons"].as_array().cloned().unwrap_or_default();
        let reasons = reasons.iter().filter_map(|reason| reason.as_str().map(str::to_owned)).collect();
        Some(Ready { is: answer.status == 200, reasons })
    }

    /// What `/cluster` says; `None` if nobody answers, or not yet.
    pub async fn status(&self, number: usize) -> Option<Status> {
        let answer = self.node(number).operations.waiting(LOOK_MAX).get("/cluster", &[]).await.ok()?;
        if answer.status != 200 {
            return None;
        }
        let whole = answer.json();
        let voters = whole["voters"].as_array().cloned().unwrap_or_default();
        Some(Status {
            node: number,
            role: whole["role"].as_str()?.to_owned(),
            term: whole["term"].as_u64()?,
            leader: whole["leader"].as_u64(),
            voters: voters.iter().filter_map(Value::as_u64).collect(),
            applied: whole["log"]["applied"].as_u64(),
            digest: whole["digest"].as_str()?.to_owned(),
            whole,
        })
    }

    /// A sample of `/metrics`, by its name with labels; `None` if it is not there.
    pub async fn metric(&self, number: usize, name: &str) -> Option<f64> {
        let answer = self.node(number).operations.waiting(LOOK_MAX).get("/metrics", &[]).await.ok()?;
        let text = answer.text();
        let mut samples = text.lines().filter_map(|line| line.rsplit_once(' '));
        samples.find(|(sample, _)| *sample == name).and_then(|(_, value)| value.parse().ok())
    }
}
