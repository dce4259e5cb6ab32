//! The operations side, on a listener of its own: is it alive, is it ready, how is it.

use crate::routes::problem;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use metrics::{describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use raft::{Cluster, Role, Status};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// What the operations side looks at. The cluster is there once it has started.
#[derive(Clone)]
pub(crate) struct Operations {
    /// This node's part in the cluster.
    pub(crate) cluster: Arc<OnceLock<Cluster>>,
    /// Whether the public side serves: the log is re-applied and the first instance exists.
    pub(crate) serving: watch::Receiver<bool>,
    /// Whether the node is stopping.
    pub(crate) stop: watch::Receiver<bool>,
    /// The metrics.
    pub(crate) metrics: Option<PrometheusHandle>,
}

impl Operations {
    /// Its routes.
    pub(crate) fn router(self) -> Router {
        describe();
        Router::new()
            .route("/live", get(|| async { Json(json!({ "live": true })) }))
            .route("/ready", get(ready))
            .route("/metrics", get(render))
            .route("/cluster", get(cluster))
            .fallback(|| async {
                problem(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
            })
            .with_state(self)
    }

    fn status(&self) -> Option<Status> {
        self.cluster.get().map(Cluster::status)
    }

    /// Why the node does not serve; empty when it does.
    fn reasons(&self) -> Vec<&'static str> {
        let mut reasons = Vec::new();
        if *self.stop.borrow() {
            reasons.push("the node is stopping");
        }
        match self.status() {
            None => reasons.push("the data folder is being opened"),
            Some(status) => {
                if !status.ready {
                    reasons.push("the log is not re-applied yet");
                }
                if status.leader.is_none() {
                    reasons.push("no leader is known");
                }
            }
        }
        if reasons.is_empty() && !*self.serving.borrow() {
            reasons.push("the first instance is being made");
        }
        reasons
    }
}

async fn ready(State(operations): State<Operations>) -> Response {
    let reasons = operations.reasons();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons }))).into_response()
}

async fn cluster(State(operations): State<Operations>) -> Response {
    match operations.status() {
        Some(status) => Json(shown(&status)).into_response(),
        None => problem(StatusCode::SERVICE_UNAVAILABLE, "not_started", "the data folder is being opened"),
    }
}

fn shown(status: &Status) -> Value {
    json!({
        "cluster": crypto::hex(&status.cluster),
        "node": status.node,
        "lineage": status.lineage,
        "ready": status.ready,
        "role": role(status.role),
        "term": status.term,
        "leader": status.leader,
        "voters": status.voters,
        "log": {
            "last": status.last,
            "synced": status.synced,
            "applied": status.applied,
            "snapshot": status.snapshot,
            "purged": status.purged,
            "bytes": status.log_bytes,
            "time_ms": status.log_time_ms,
        },
        "digest": crypto::hex(&status.digest),
        "clock_behind_ms": status.behind_ms,
        "queued_bytes": status.queued_bytes,
        "bound_ms": u64::try_from(raft::Timing::LAN.bound.as_millis()).unwrap_or(u64::MAX),
    })
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Candidate => "candidate",
        Role::Follower => "follower",
        Role::Learner => "learner",
        Role::Stopping => "stopping",
    }
}

async fn render(State(operations): State<Operations>) -> Response {
    let Some(metrics) = &operations.metrics else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "no_metrics", "metrics are not gathered");
    };
    measure(operations.status().as_ref(), operations.reasons().is_empty());
    metrics.run_upkeep();
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics.render()).into_response()
}

const GAUGES: [(&str, &str); 12] = [
    ("conclave_ready", "Whether the node serves."),
    ("conclave_leader", "Whether the node leads."),
    ("conclave_term", "The current term."),
    ("conclave_log_last_index", "The end of the log."),
    ("conclave_log_synced_index", "The end of the log that a crash leaves."),
    ("conclave_applied_index", "Up to where commands are applied."),
    ("conclave_log_bytes", "Bytes of the entries in the log."),
    ("conclave_log_entries_proposed", "Entries proposed by this node since its start."),
    ("conclave_log_commands_proposed", "Commands in them."),
    ("conclave_queued_bytes", "Bytes of commands that wait or are in flight."),
    ("conclave_clock_behind_seconds", "How far the wall clock is behind log time; more than 1 is an alarm."),
    ("conclave_resident_bytes", "Resident memory of the process."),
];

fn describe() {
    for (name, about) in GAUGES {
        describe_gauge!(name, about);
    }
    metrics::describe_counter!(crate::backend::COMMANDS, "Commands proposed here, by what became of them.");
    metrics::describe_counter!(crate::routes::REQUESTS, "Requests of the public side.");
    metrics::describe_histogram!(crate::routes::REQUEST_SECONDS, "How long requests took.");
}

/// Sets the gauges that are read rather than counted.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; indices stay below 2^53")]
fn measure(status: Option<&Status>, ready: bool) {
    let unset = Status::default();
    let status = status.unwrap_or(&unset);
    let flag = |value: bool| if value { 1.0 } else { 0.0 };
    let values = [
        flag(ready),
        flag(status.role == Role::Leader),
        status.term as f64,
        status.last.unwrap_or_default() as f64,
        status.synced.unwrap_or_default() as f64,
        status.applied.unwrap_or_default() as f64,
        status.log_bytes as f64,
        status.entries as f64,
        status.commands as f64,
        status.queued_bytes as f64,
        status.behind_ms as f64 / 1000.0,
        resident_bytes().unwrap_or_default() as f64,
    ];
    for ((name, _), value) in GAUGES.into_iter().zip(values) {
        gauge!(name).set(value);
    }
}

/// Resident memory as the kernel counts it.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}
