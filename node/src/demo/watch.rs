//! Watches the cluster from outside, as an operator would, and tells what changes in plain words.

use super::ask::{self, Client};
use super::plan::Node;
use http::StatusCode;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::watch;

/// How often the nodes are asked.
const PERIOD: Duration = Duration::from_millis(300);
/// How long a node may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// So many looks without a leader are no election any more.
const LEADERLESS_LOOKS: u32 = 7;

/// What a node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Whether it answers at all.
    pub(super) answers: bool,
    /// Whether it serves.
    pub(super) ready: bool,
    /// Why not.
    pub(super) reasons: Vec<String>,
    /// The term it knows.
    term: u64,
    /// The leader it knows.
    leader: Option<u64>,
}

/// All nodes, in their order.
pub(super) type View = Vec<Seen>;

/// Watches until nobody is interested any more.
pub(super) fn start(nodes: &[Node]) -> watch::Receiver<View> {
    let (tell, told) = watch::channel(vec![Seen::default(); nodes.len()]);
    let nodes = nodes.to_vec();
    tokio::spawn(async move {
        let client = ask::client();
        while !tell.is_closed() {
            tell.send_replace(
                futures_util::future::join_all(nodes.iter().map(|node| look(&client, node))).await,
            );
            tokio::time::sleep(PERIOD).await;
        }
    });
    told
}

async fn look(client: &Client, node: &Node) -> Seen {
    let ready = ask::get(client, node.operations, "/ready", ANSWER_MAX).await;
    let Ok((status, body)) = ready else { return Seen::default() };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let reasons = body["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut seen = Seen {
        answers: true,
        ready: status == StatusCode::OK,
        reasons: reasons.map(str::to_owned).collect(),
        ..Seen::default()
    };
    if let Ok((StatusCode::OK, body)) = ask::get(client, node.operations, "/cluster", ANSWER_MAX).await {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        seen.term = body["term"].as_u64().unwrap_or_default();
        seen.leader = body["leader"].as_u64();
    }
    seen
}

/// Tells views apart.
#[derive(Debug)]
pub(super) struct Teller {
    nodes: Vec<Known>,
    leader: Option<u64>,
    leaderless: u32,
}

/// What was told of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Nothing yet: it is being started.
    New,
    /// It is ready.
    Ready,
    /// It is not ready, though it answers.
    Unready,
    /// It has not answered once: a process that ended just now is told about by who started it.
    Fading,
    /// It does not answer.
    Silent,
}

impl Teller {
    /// Nothing was told yet.
    pub(super) fn new(nodes: usize) -> Teller {
        Teller { nodes: vec![Known::New; nodes], leader: None, leaderless: 0 }
    }

    /// What there is to say about the newest view. Of a node that does not run somebody else has told the end.
    pub(super) fn tell(&mut self, view: &View, runs: impl Fn(u64) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        for ((number, known), seen) in (1..).zip(&mut self.nodes).zip(view) {
            let now = match seen {
                Seen { ready: true, .. } => Known::Ready,
                Seen { answers: true, .. } => Known::Unready,
                Seen { .. } if matches!(known, Known::Ready | Known::Unready) => Known::Fading,
                Seen { .. } => Known::Silent,
            };
            match (*known, now) {
                (Known::New, Known::Ready) => lines.push(format!("node {number} is ready")),
                (Known::Unready | Known::Silent, Known::Ready) => {
                    lines.push(format!("node {number} is back and ready"));
                }
                (Known::Ready | Known::Fading, Known::Unready) => {
                    lines.push(format!("node {number} is not ready: {}", seen.reasons.join(", ")));
                }
                (Known::Fading, Known::Silent) if runs(number) => {
                    lines.push(format!("node {number} does not answer"));
                }
                (_, _) => {}
            }
            if !(*known == Known::New && now != Known::Ready) {
                *known = now;
            }
        }
        lines.extend(self.tell_leader(view));
        lines
    }

    fn tell_leader(&mut self, view: &View) -> Option<String> {
        if let Some((leader, term)) = leader(view) {
            self.leaderless = 0;
            let is_new = self.leader.replace(leader) != Some(leader);
            return is_new.then(|| format!("node {leader} leads now (term {term})"));
        }
        self.leaderless = self.leaderless.saturating_add(1);
        if self.leaderless != LEADERLESS_LOOKS || self.leader.take().is_none() {
            return None;
        }
        Some(match view.len() {
            3 => "no leader: writes wait until two of three nodes see each other".to_owned(),
            5 => "no leader: writes wait until three of five nodes see each other".to_owned(),
            _ => "no leader: writes wait".to_owned(),
        })
    }
}

/// The leader that those with the highest term know, and the term. A leader that does not answer leads no more; those
/// who still name it have not noticed.
fn leader(view: &View) -> Option<(u64, u64)> {
    let term = view.iter().filter(|seen| seen.answers).map(|seen| seen.term).max()?;
    let leader = view.iter().filter(|seen| seen.answers && seen.term == term).find_map(|seen| seen.leader)?;
    let at = usize::try_from(leader).ok()?.checked_sub(1)?;
    view.get(at).is_some_and(|seen| seen.answers).then_some((leader, term))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(term: u64, leader: u64) -> Seen {
        Seen { answers: true, ready: true, term, leader: Some(leader), ..Seen::default() }
    }

    fn unready(term: u64) -> Seen {
        let reasons = vec!["no leader is known".to_owned()];
        Seen { answers: true, ready: false, reasons, term, leader: None }
    }

    fn silent() -> Seen {
        Seen::default()
    }

    #[test]
    fn changes_are_told_once() {
        let mut teller = Teller::new(3);
        let mut tell = |view: &[Seen]| teller.tell(&view.to_vec(), |_| true);
        assert_eq!(tell(&[silent(), silent(), silent()]), [""; 0]);
        assert_eq!(tell(&[unready(1), silent(), silent()]), [""; 0]);
        let all = [ready(4, 1), ready(4, 1), ready(4, 1)];
        assert_eq!(
            tell(&all),
            ["node 1 is ready", "node 2 is ready", "node 3 is ready", "node 1 leads now (term 4)"]
        );
        assert_eq!(tell(&all), [""; 0]);
        // The others have not noticed yet.
        let alone = [silent(), ready(4, 1), ready(4, 1)];
        assert_eq!(tell(&alone), [""; 0]);
        assert_eq!(tell(&alone), ["node 1 does not answer"]);
        assert_eq!(tell(&[silent(), ready(5, 2), ready(5, 2)]), ["node 2 leads now (term 5)"]);
        assert_eq!(tell(&[ready(4, 1), ready(5, 2), ready(5, 2)]), ["node 1 is back and ready"]);
    }

    #[test]
    fn the_end_of_a_process_is_not_told_twice() {
        let mut teller = Teller::new(1);
        assert_eq!(teller.tell(&vec![ready(1, 1)], |_| true).len(), 2);
        for _ in 0..3 {
            assert_eq!(teller.tell(&vec![silent()], |_| false), [""; 0]);
        }
        assert_eq!(teller.tell(&vec![ready(1, 1)], |_| true), ["node 1 is back and ready"]);
    }

    #[test]
    fn an_answer_that_was_late_once_is_not_worth_a_line() {
        let mut teller = Teller::new(1);
        assert_eq!(teller.tell(&vec![ready(1, 1)], |_| true).len(), 2);
        for _ in 0..3 {
            assert_eq!(teller.tell(&vec![silent()], |_| true), [""; 0]);
            assert_eq!(teller.tell(&vec![ready(1, 1)], |_| true), [""; 0]);
        }
    }

    #[test]
    fn a_cluster_without_a_leader_is_told_after_an_election_had_its_time() {
        let mut teller = Teller::new(3);
        let mut tell = |view: &[Seen]| teller.tell(&view.to_vec(), |_| false);
        tell(&[ready(4, 1), ready(4, 1), ready(4, 1)]);
        let alone = [silent(), silent(), unready(9)];
        assert_eq!(tell(&alone), ["node 3 is not ready: no leader is known"]);
        let told: Vec<String> = (0..20).flat_map(|_| tell(&alone)).collect();
        assert_eq!(told, ["no leader: writes wait until two of three nodes see each other"]);
        assert_eq!(
            tell(&[ready(10, 3), silent(), ready(10, 3)]),
            ["node 1 is back and ready", "node 3 is back and ready", "node 3 leads now (term 10)"]
        );
    }

    #[test]
    fn the_highest_term_names_the_leader() {
        assert_eq!(leader(&vec![ready(4, 1), ready(5, 2), unready(5)]), Some((2, 5)));
        assert_eq!(leader(&vec![ready(4, 1), unready(5)]), None);
        assert_eq!(leader(&vec![]), None);
    }
}
