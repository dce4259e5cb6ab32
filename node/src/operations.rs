//! The operations side, on a listener of its own: is it alive, is it ready, how is it.

use crate::alarms::{self, Alarm};
use crate::members;
use crate::routes::problem;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use identity::cluster::node::nodes;
use identity::id::SYSTEM;
use identity::reader::Reader;
use identity::time::Timestamp;
use metrics::{describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use raft::{About, CLOCK_OFF_MAX_MS, Clock, Cluster, Freshness, Role, Status};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

/// A node that could not prove for this long that it knows what was acknowledged is not ready. It tries twice a second.
const PROVEN_WITHIN: Duration = Duration::from_millis(1600);

/// What the operations side looks at. The cluster is there once it has started.
#[derive(Clone)]
pub(crate) struct Operations {
    /// This node's part in the cluster.
    pub(crate) cluster: Arc<OnceLock<Cluster>>,
    /// Whether the public side serves: the log is re-applied and the first instance exists.
    pub(crate) serving: watch::Receiver<bool>,
    /// Whether an operator wants it to take no more work.
    pub(crate) drained: watch::Receiver<bool>,
    /// Whether the node is stopping.
    pub(crate) stop: watch::Receiver<bool>,
    /// The clocks.
    pub(crate) clock: Arc<dyn Clock>,
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

    /// What an operator should know now; nothing before the cluster has started.
    pub(crate) fn alarms(&self) -> Vec<Alarm> {
        let now_secs = self.clock.wall_ms() / 1000;
        self.status().map(|status| alarms::alarms(&status, now_secs)).unwrap_or_default()
    }

    /// Why the node does not serve; empty when it does.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if *self.stop.borrow() {
            reasons.push("the node is stopping".to_owned());
        } else if *self.drained.borrow() {
            reasons.push("the node is drained: it takes no more work".to_owned());
        }
        match self.status() {
            None => reasons.push("the data folder is being opened".to_owned()),
            Some(status) => reasons.extend(reasons_of(&status)),
        }
        if reasons.is_empty() && !*self.serving.borrow() {
            reasons.push("the first instance is being made".to_owned());
        }
        reasons
    }
}

/// Why the cluster is no ground to serve on.
fn reasons_of(status: &Status) -> Vec<String> {
    if let Some(why) = &status.withdrawn {
        return vec![format!("the node has withdrawn: {why}")];
    }
    let mut reasons = Vec::new();
    if !status.ready {
        reasons.push("the log is not re-applied yet".to_owned());
    }
    if status.leader.is_none() {
        reasons.push("no leader is known".to_owned());
    }
    if status.ready && status.proven_before.is_none_or(|before| before > PROVEN_WITHIN) {
        reasons.push("no majority of the cluster answers".to_owned());
    }
    if let Some(ahead_ms) = status.clock_ahead_ms.filter(|ms| ms.unsigned_abs() > CLOCK_OFF_MAX_MS) {
        reasons.push(format!("the clock is {ahead_ms} ms off the median of the cluster: set it"));
    }
    reasons
}

async fn ready(State(operations): State<Operations>) -> Response {
    let reasons = operations.reasons();
    let shown = Json(json!({ "ready": reasons.is_empty(), "reasons": reasons }));
    if reasons.is_empty() {
        return shown.into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], shown).into_response()
}

pub(crate) async fn cluster(State(operations): State<Operations>) -> Response {
    match operations.status() {
        Some(status) => {
            let wanted = operations.wanted_voters(&status).await;
            Json(operations.shown(&status, &wanted)).into_response()
        }
        None => problem(StatusCode::SERVICE_UNAVAILABLE, "not_started", "the data folder is being opened"),
    }
}

impl Operations {
    /// Who is wanted as a voter, as far as this node has applied the log; nobody where it can't say.
    async fn wanted_voters(&self, status: &Status) -> BTreeSet<u64> {
        let Some(cluster) = self.cluster.get().filter(|_| status.ready) else { return BTreeSet::new() };
        match cluster.view(Freshness::Stale).await {
            Ok(view) => {
                let reader = Reader { read: &view, instance: SYSTEM, now: Timestamp::default() };
                nodes(&reader).map(|nodes| members::wanted_voters(&nodes)).unwrap_or_default()
            }
            Err(_) => BTreeSet::new(),
        }
    }

    fn shown(&self, status: &Status, wanted: &BTreeSet<u64>) -> Value {
        let now_secs = self.clock.wall_ms() / 1000;
        let reasons = self.reasons();
        let mut shown = of_node(status);
        shown["ready"] = json!(reasons.is_empty());
        shown["may_fail"] = json!(alarms::may_fail(status));
        let alarms = alarms::alarms(status, now_secs);
        shown["alarms"] = alarms.into_iter().map(|alarm| alarm.text).collect();
        // What one that has withdrawn knows of the others is old.
        let known = status.members.keys().filter(|node| status.withdrawn.is_none() || **node == status.node);
        let members = known.map(|node| {
            let mut shown = member(*node, status, now_secs);
            if members::spare(status, wanted) == Some(*node) {
                shown["role"] = json!("spare");
            }
            if *node == status.node {
                shown["ready"] = json!(reasons.is_empty());
            }
            shown
        });
        shown["members"] = members.collect();
        shown["reasons"] = json!(reasons);
        shown
    }
}

/// A member as this node knows it.
fn member(node: u64, status: &Status, now_secs: u64) -> Value {
    let voter = status.voters.contains(&node);
    let leads = status.leader == Some(node) && status.withdrawn.is_none();
    let mut shown = json!({
        "node": node,
        "address": status.members.get(&node).map(|peer| &peer.address),
        "role": if leads { "leader" } else if voter { "voter" } else { "learner" },
    });
    let mut tell = |about: &About| {
        shown["version"] = json!(about.version);
        shown["level_min"] = json!(about.levels.0);
        shown["level_max"] = json!(about.levels.1);
        shown["certificate_ends_in_s"] = json!(about.certificate_ends.saturating_sub(now_secs));
        shown["disk_free_bytes"] = json!(about.disk_free);
    };
    if node == status.node {
        tell(&status.about);
        shown["applied"] = json!(status.applied);
        shown["lag"] = json!(0);
        return shown;
    }
    let Some(neighbour) = status.neighbours.get(&node) else { return shown };
    tell(&neighbour.about);
    let lag = status.applied.unwrap_or_default().saturating_sub(neighbour.applied.unwrap_or_default());
    let heard = status.now.saturating_sub(neighbour.heard_at);
    shown["ready"] = json!(neighbour.ready && alarms::answers(neighbour, status));
    shown["applied"] = json!(neighbour.applied);
    shown["lag"] = json!(lag);
    shown["round_trip_us"] = json!(u64::try_from(neighbour.round_trip.as_micros()).unwrap_or(u64::MAX));
    shown["clock_offset_ms"] = json!(neighbour.clock_offset_ms);
    shown["heard_ms_ago"] = json!(u64::try_from(heard.as_millis()).unwrap_or(u64::MAX));
    shown["agrees"] = json!(neighbour.agrees);
    shown["withdrawn"] = json!(neighbour.withdrawn);
    shown
}

fn of_node(status: &Status) -> Value {
    json!({
        "cluster": crypto::hex(&status.cluster),
        "node": status.node,
        "lineage": status.lineage,
        "role": role(status.role),
        "term": status.term,
        // The last thing that one knew before it withdrew is no knowledge.
        "leader": status.leader.filter(|_| status.withdrawn.is_none()),
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
        "withdrawn": status.withdrawn,
        "clock_ahead_ms": status.clock_ahead_ms,
        "proven_ms_ago": status.proven_before.map(|before| u64::try_from(before.as_millis()).unwrap_or(u64::MAX)),
        "read_rounds": status.rounds,
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
    let status = operations.status();
    measure(status.as_ref(), operations.reasons().is_empty(), operations.alarms().len());
    metrics.run_upkeep();
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics.render()).into_response()
}

const GAUGES: [(&str, &str); 20] = [
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
    (
        "conclave_clock_behind_seconds",
        "How far the wall clock was behind log time when this node, as leader, stamped its last entry; 0 if it never did.",
    ),
    ("conclave_resident_bytes", "Resident memory of the process."),
    ("conclave_read_rounds", "Rounds of ReadIndex begun by this node since its start; reads share them."),
    ("conclave_withdrawn", "Whether the node has withdrawn, because its state differs or it was removed."),
    ("conclave_voters", "How many nodes vote."),
    ("conclave_members_answering", "How many members answer, this node included."),
    (
        "conclave_clock_ahead_seconds",
        "How far the wall clock is ahead of the cluster's median; beyond 2 the node is not ready.",
    ),
    ("conclave_alarms", "How many alarms `conclave cluster status` shows."),
    ("conclave_disk_free_bytes", "Bytes that are free where the data is."),
    (
        "conclave_certificate_end_timestamp_seconds",
        "When the certificate that this node shows the others ends, in seconds since the Unix epoch.",
    ),
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
fn measure(status: Option<&Status>, ready: bool, alarms: usize) {
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
        storage::allocator::resident_bytes().unwrap_or_default() as f64,
        status.rounds as f64,
        flag(status.withdrawn.is_some()),
        status.voters.len() as f64,
        answering(status) as f64,
        status.clock_ahead_ms.unwrap_or_default() as f64 / 1000.0,
        alarms as f64,
        status.about.disk_free as f64,
        status.about.certificate_ends as f64,
    ];
    for ((name, _), value) in GAUGES.into_iter().zip(values) {
        gauge!(name).set(value);
    }
}

/// How many members answer, this one included.
fn answering(status: &Status) -> usize {
    let others = status.neighbours.values().filter(|neighbour| alarms::answers(neighbour, status));
    1 + if status.withdrawn.is_none() { others.count() } else { 0 }
}
