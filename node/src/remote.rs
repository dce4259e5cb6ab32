//! The commands that ask a running node: join tokens, the cluster, what is switched off. They find it by its data folder.

use crate::admin::connect;
use crate::admin::inherit::Inherit;
use crate::admin::switch::Switch;
use crate::cli::{ClusterCommand, TokenCommand};
use crate::config::Config;
use crate::exit::{Class, Failure, Outcome};
use crate::output::{self, Form, say};
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use identity::cluster::token::{LIFETIME_SECS_MAX, LIFETIME_SECS_MIN};
use identity::refusal::Refusal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How long an answer may take: a handed over leadership, a token and a snapshot of a large state take some seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The largest answer.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Asks the node that runs on `dir`.
async fn ask(dir: &Path, method: Method, path: &str, body: Option<Value>) -> Outcome<Value> {
    let stream = connect(dir).await?;
    let lost = |error: &dyn std::fmt::Display| {
        Failure::new(Class::NotRunning, format_args!("the node on {} did not answer: {error}", dir.display()))
    };
    let answered = tokio::time::timeout(ANSWER_WITHIN, async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| lost(&error))?;
        tokio::spawn(connection);
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::<bytes::Bytes>::from(text))
            .map_err(Failure::other)?;
        let answer = sender.send_request(request).await.map_err(|error| lost(&error))?;
        let done = answer.status().is_success();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| lost(&error))?;
        let value: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        if done {
            return Ok(value);
        }
        let title = value.get("title").and_then(Value::as_str).unwrap_or("it gave no reason");
        let code = value.get("code").and_then(Value::as_str);
        let class = if code == Some(Refusal::NotFound.code()) { Class::NotFound } else { Class::Refused };
        Err(Failure::new(class, title))
    });
    answered.await.map_err(|_| lost(&"it took too long"))?
}

/// What a field of an answer says; nothing where it is absent.
fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A moment of an answer, for people and programs.
fn moment(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_u64).map(output::moment).unwrap_or_default()
}

/// How long a token is to hold, in seconds.
fn lifetime_secs(given: &str) -> Outcome<u32> {
    let wrong = |why: &str| Failure::new(Class::Usage, format_args!("--lifetime: {why}"));
    let secs = crate::config::values::duration(given).map_err(|why| wrong(&why))?.as_secs();
    let secs = u32::try_from(secs).ok().filter(|secs| (LIFETIME_SECS_MIN..=LIFETIME_SECS_MAX).contains(secs));
    secs.ok_or_else(|| wrong(&format!("a token holds for 1m to 7d, and {given} was given")))
}

/// `conclave token …`
pub(crate) async fn token(config: &Config, command: TokenCommand) -> Outcome<()> {
    let dir = &config.data_dir;
    match command {
        TokenCommand::Create { lifetime, learner, output, .. } => {
            let asked = json!({ "lifetime_secs": lifetime_secs(&lifetime)?, "learner": learner });
            let mut made = ask(dir, Method::POST, "/tokens", Some(asked)).await?;
            made["expires"] = json!(moment(&made, "expires"));
            match output {
                Form::Json => say(format_args!("{made:#}")),
                // The token alone, so that a script may take it as it is.
                Form::Table => say(text(&made, "token")),
            }
        }
        TokenCommand::List { output, .. } => {
            let tokens = ask(dir, Method::GET, "/tokens", None).await?;
            let row = |token: &Value| {
                [text(token, "id"), text(token, "for"), moment(token, "expires"), text(token, "used_by")]
            };
            let rows: Vec<_> = tokens.as_array().into_iter().flatten().map(row).collect();
            output::rows(output, ["id", "for", "expires", "used by"], &rows);
        }
        TokenCommand::Revoke { id, .. } => {
            ask(dir, Method::DELETE, &format!("/tokens/{id}"), None).await?;
            say("The token admits nobody any more");
        }
    }
    Ok(())
}

/// `conclave cluster …`
pub(crate) async fn cluster(config: &Config, command: ClusterCommand) -> Outcome<()> {
    let dir = &config.data_dir;
    let post = async |path: String| ask(dir, Method::POST, &path, None).await;
    let forced = |force: bool| if force { "?force=true" } else { "" };
    match command {
        ClusterCommand::Status { output, .. } => {
            let status = ask(dir, Method::GET, "/status", None).await?;
            match output {
                Form::Json => say(format_args!("{status:#}")),
                Form::Table => say(shown(&status)),
            }
        }
        ClusterCommand::Promote { node, .. } => {
            let answer = post(format!("/nodes/{node}/promote")).await?;
            say(text(&answer, "comes_of_it"));
        }
        ClusterCommand::Demote { node, force, .. } => {
            post(format!("/nodes/{node}/demote{}", forced(force))).await?;
            say(format_args!("Node {node} is wanted as a learner: it follows and serves without a vote"));
        }
        ClusterCommand::Remove { node, force, .. } => {
            post(format!("/nodes/{node}/remove{}", forced(force))).await?;
            say(format_args!("Node {node} is removed for ever; stop it and wipe its data folder"));
        }
        ClusterCommand::Replace { old, new, force, .. } => {
            post(format!("/nodes/{old}/replace/{new}{}", forced(force))).await?;
            say(format_args!("Node {new} takes the place of node {old}, which is removed for ever"));
        }
        ClusterCommand::TransferLeader { to, .. } => {
            let to = to.map_or(String::new(), |to| format!("?to={to}"));
            let answer = post(format!("/transfer-leader{to}")).await?;
            say(format_args!("Node {} leads now", text(&answer, "leader")));
        }
        ClusterCommand::Drain { undo, .. } => {
            let answer = post(format!("/drain{}", if undo { "?undo=true" } else { "" })).await?;
            match (undo, answer.get("warning")) {
                (true, _) => say("The node takes work again"),
                (false, None) => say("The node leads no more and says at /ready that it takes no work"),
                (false, Some(_)) => say(format_args!(
                    "The node says at /ready that it takes no work, but leads on: {}",
                    text(&answer, "warning")
                )),
            }
        }
        ClusterCommand::Snapshot { .. } => {
            let answer = post("/snapshot".to_owned()).await?;
            say(format_args!("A snapshot covers the log up to {}", text(&answer, "index")));
        }
        ClusterCommand::RaiseLevel { level, .. } => {
            post(format!("/level/{level}")).await?;
            say(format_args!("The cluster runs level {level} from now on"));
        }
    }
    Ok(())
}

/// `conclave disable …` and `conclave enable …`
pub(crate) async fn switch(config: &Config, asked: Switch) -> Outcome<()> {
    let body = serde_json::to_value(&asked).map_err(Failure::other)?;
    let id = text(&ask(&config.data_dir, Method::POST, "/switch", Some(body)).await?, "id");
    let noun = asked.noun;
    if asked.on {
        say(format_args!("The {noun} {id} is switched on"));
    } else {
        let ms = raft::Timing::LAN.bound.as_millis();
        say(format_args!("The {noun} {id} is switched off: in {ms} ms no node accepts it any more"));
    }
    Ok(())
}

/// `conclave reset-settings …`
pub(crate) async fn inherit(config: &Config, asked: Inherit) -> Outcome<()> {
    let body = serde_json::to_value(&asked).map_err(Failure::other)?;
    ask(&config.data_dir, Method::POST, "/inherit", Some(body)).await?;
    let Inherit { name, organization, .. } = asked;
    match organization {
        Some(id) => say(format_args!("The organization {id} inherits the settings {name} again")),
        None => say(format_args!("The instance has the default settings {name} again")),
    }
    Ok(())
}

/// The status for people: a line on the cluster, a row for each member, a line for each alarm.
fn shown(status: &Value) -> String {
    let mut lines = Vec::new();
    let leader = text(status, "leader");
    let leads =
        if leader.is_empty() { "no leader is known".to_owned() } else { format!("node {leader} leads") };
    let may_fail = match status.get("may_fail").and_then(Value::as_u64) {
        None => "no majority answers".to_owned(),
        Some(0) => "no further voter may fail".to_owned(),
        Some(1) => "1 voter may fail".to_owned(),
        Some(more) => format!("{more} voters may fail"),
    };
    let (cluster, term, node) = (text(status, "cluster"), text(status, "term"), text(status, "node"));
    lines.push(if text(status, "withdrawn").is_empty() {
        format!("Cluster {cluster}, term {term}, {leads}, {may_fail}; as node {node} sees it")
    } else {
        format!("Cluster {cluster}; node {node} has withdrawn, ask another about the cluster")
    });
    lines.push(String::new());
    let header = [
        "node",
        "role",
        "ready",
        "address",
        "applied",
        "lag",
        "round trip",
        "clock",
        "version",
        "certificate",
        "disk",
        "heard",
    ];
    let rows: Vec<_> =
        status.get("members").and_then(Value::as_array).into_iter().flatten().map(member).collect();
    lines.push(output::table(header, &rows));
    let reasons: Vec<_> = status.get("reasons").and_then(Value::as_array).into_iter().flatten().collect();
    if !reasons.is_empty() {
        let reasons: Vec<_> = reasons.iter().filter_map(|reason| reason.as_str()).collect();
        lines.push(format!("\nNode {node} is not ready: {}", reasons.join("; ")));
    }
    let alarms: Vec<_> = status.get("alarms").and_then(Value::as_array).into_iter().flatten().collect();
    lines.push(String::new());
    if alarms.is_empty() {
        lines.push("No alarms".to_owned());
    }
    lines.extend(alarms.iter().filter_map(|alarm| alarm.as_str()).map(|alarm| format!("! {alarm}")));
    lines.join("\n")
}

fn member(member: &Value) -> [String; 12] {
    let number = |name: &str| member.get(name).and_then(Value::as_i64);
    let days = number("certificate_ends_in_s").map(|secs| format!("{} h", secs / 3600));
    let ready = match member.get("ready").and_then(Value::as_bool) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    [
        text(member, "node"),
        text(member, "role"),
        ready.to_owned(),
        text(member, "address"),
        text(member, "applied"),
        text(member, "lag"),
        number("round_trip_us").map(|us| format!("{}.{:03} ms", us / 1000, us % 1000)).unwrap_or_default(),
        number("clock_offset_ms").map(|ms| format!("{ms:+} ms")).unwrap_or_default(),
        text(member, "version"),
        days.unwrap_or_default(),
        number("disk_free_bytes").map(space).unwrap_or_default(),
        number("heard_ms_ago")
            .map(|ms| format!("{}.{} s ago", ms / 1000, ms % 1000 / 100))
            .unwrap_or_default(),
    ]
}

/// Whole GiB; below one, MiB, since that is where each counts.
fn space(bytes: i64) -> String {
    if bytes < 1 << 30 { format!("{} MiB", bytes >> 20) } else { format!("{} GiB", bytes >> 30) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_for_people_has_a_row_for_each_member_and_a_line_for_each_alarm() {
        let status = json!({
            "cluster": "ab", "node": 1, "term": 5, "leader": 2, "may_fail": 1,
            "members": [
                { "node": 1, "role": "voter", "ready": true, "address": "a:1", "applied": 7, "lag": 0, "version": "0.0.1" },
                { "node": 2, "role": "leader", "address": "b:1", "round_trip_us": 1250, "clock_offset_ms": -3,
                  "disk_free_bytes": 5_368_709_120_u64, "certificate_ends_in_s": 7200, "heard_ms_ago": 450 }
            ],
            "alarms": ["node 3 is gone"]
        });
        let shown = shown(&status);
        assert!(
            shown.starts_with("Cluster ab, term 5, node 2 leads, 1 voter may fail; as node 1 sees it\n"),
            "{shown}"
        );
        assert!(shown.contains("1.250 ms") && shown.contains("-3 ms") && shown.contains("5 GiB"), "{shown}");
        assert!(shown.contains("2 h") && shown.contains("0.4 s ago"), "{shown}");
        assert!(shown.ends_with("! node 3 is gone"), "{shown}");
        assert!(!shown.contains("not ready"), "{shown}");
    }

    #[test]
    fn why_a_node_is_not_ready_stands_below_the_table() {
        let status = json!({
            "cluster": "ab", "node": 1, "term": 5, "leader": 2, "may_fail": 1,
            "members": [], "alarms": [], "reasons": ["it is drained", "its clock is off"]
        });
        let shown = shown(&status);
        assert!(
            shown.ends_with("\n\nNode 1 is not ready: it is drained; its clock is off\n\nNo alarms"),
            "{shown}"
        );
    }

    #[test]
    fn one_that_has_withdrawn_says_nothing_of_the_cluster() {
        let status = json!({ "cluster": "ab", "node": 4, "term": 5, "withdrawn": "why", "members": [] });
        let first = shown(&status);
        assert!(
            first.starts_with("Cluster ab; node 4 has withdrawn, ask another about the cluster\n"),
            "{first}"
        );
    }

    #[test]
    fn a_lifetime_out_of_range_is_told_the_range() {
        assert_eq!(lifetime_secs("1m").unwrap(), LIFETIME_SECS_MIN);
        assert_eq!(lifetime_secs("7d").unwrap(), LIFETIME_SECS_MAX);
        for given in ["59s", "8d", "999999999999d"] {
            let failure = lifetime_secs(given).unwrap_err();
            assert_eq!(failure.class, Class::Usage);
            assert_eq!(
                failure.text,
                format!("--lifetime: a token holds for 1m to 7d, and {given} was given")
            );
        }
    }

    #[test]
    fn little_space_is_told_in_mebibytes() {
        assert_eq!([space(0), space((1 << 30) - 1), space(1 << 30)], ["0 MiB", "1023 MiB", "1 GiB"]);
    }
}
