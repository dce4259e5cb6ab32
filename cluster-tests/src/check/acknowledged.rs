//! Nothing that was acknowledged is lost: every node shows every acknowledged write.

use super::Verdict;
use crate::application::{Application, Outcome};
use crate::cluster::Cluster;
use crate::history::{Act, Entry};
use crate::http::Http;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many looks at once.
const LOOKERS: usize = 16;

/// Looks for every acknowledged write on every node: revoked tokens are inactive; refresh tokens that nobody has used
/// since are current.
///
/// # Errors
/// Names the write and the node that lacks it.
pub async fn is_present(cluster: &Cluster, history: &[Entry]) -> Verdict {
    let mut looks = Vec::new();
    for node in cluster.all() {
        for token in revoked(history) {
            looks.push(Look { node, token, expected: Expected::AccessInactive });
        }
        // A public client can't ask about its tokens; it can use them, once.
        if cluster.world.web.secret.is_some() {
            for token in current(history) {
                looks.push(Look { node, token, expected: Expected::RefreshCurrent });
            }
        }
    }
    if cluster.world.web.secret.is_none() {
        for (token, node) in current(history).into_iter().zip(cluster.all().cycle()) {
            looks.push(Look { node, token, expected: Expected::RefreshUsable });
        }
    }
    look_at_all(cluster, looks).await
}

#[derive(Clone, Debug)]
struct Look {
    node: usize,
    token: String,
    expected: Expected,
}

#[derive(Clone, Copy, Debug)]
enum Expected {
    AccessInactive,
    RefreshCurrent,
    RefreshUsable,
}

/// Access tokens whose revocation was acknowledged.
fn revoked(history: &[Entry]) -> Vec<String> {
    let acknowledged = history.iter().filter(|entry| entry.outcome.is_done());
    let tokens = acknowledged.filter_map(|entry| match &entry.act {
        Act::Revoke(token) => Some(token.clone()),
        Act::Issue | Act::Redeem(_) | Act::Refresh(_) | Act::Look(_) => None,
    });
    tokens.collect()
}

/// Refresh tokens that were given and never presented. A code that was presented again has taken its tokens with it.
fn current(history: &[Entry]) -> Vec<String> {
    let mut presented = BTreeSet::new();
    let mut redemptions: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in history.iter().filter(|entry| !matches!(entry.outcome, Outcome::NotSent(_))) {
        match &entry.act {
            Act::Refresh(token) => {
                presented.insert(token.as_str());
            }
            Act::Redeem(code) => *redemptions.entry(code).or_default() += 1,
            Act::Issue | Act::Revoke(_) | Act::Look(_) => {}
        }
    }
    let given = history.iter().filter_map(|entry| match (&entry.act, &entry.outcome) {
        (Act::Redeem(code), Outcome::Done(token)) if redemptions[code.as_str()] == 1 => Some(token),
        (Act::Refresh(_), Outcome::Done(token)) => Some(token),
        _ => None,
    });
    let unused: BTreeSet<&String> =
        given.filter(|token| !token.is_empty() && !presented.contains(token.as_str())).collect();
    unused.into_iter().cloned().collect()
}

async fn look_at_all(cluster: &Cluster, looks: Vec<Look>) -> Verdict {
    let nodes: BTreeMap<usize, Http> = cluster.all().map(|node| (node, cluster.public(node))).collect();
    let (looks, next) = (Arc::new(looks), Arc::new(AtomicUsize::new(0)));
    let mut lookers = Vec::new();
    for _ in 0..LOOKERS {
        let (looks, next, nodes) = (Arc::clone(&looks), Arc::clone(&next), nodes.clone());
        let world = cluster.world.clone();
        lookers.push(tokio::spawn(async move {
            while let Some(look) = looks.get(next.fetch_add(1, Ordering::Relaxed)) {
                let node = &nodes[&look.node];
                let found = match look.expected {
                    Expected::AccessInactive => world.is_alive(node, &look.token).await.map(|alive| !alive),
                    Expected::RefreshCurrent => world.web.introspect(node, &look.token).await,
                    Expected::RefreshUsable => usable(node, &world.web, &look.token).await,
                };
                if found != Outcome::Done(true) {
                    return Err(format!("an acknowledged write is missing: {look:?}: {found:?}"));
                }
            }
            Ok(())
        }));
    }
    for looker in lookers {
        looker.await.expect("a looker does not fail")?;
    }
    Ok(())
}

async fn usable(node: &Http, web: &Application, token: &str) -> Outcome<bool> {
    web.refresh(node, token).await.map(|tokens| !tokens.refresh.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::entry;

    #[test]
    fn what_must_be_current_is_what_was_given_and_not_used_since() {
        let done = |text: &str| Outcome::Done(text.to_owned());
        let unknown = || Outcome::Unknown(String::new());
        let history = [
            entry(Act::Redeem("1".into()), 1, done("a")),
            entry(Act::Refresh("a".into()), 2, done("b")),
            entry(Act::Redeem("2".into()), 3, done("c")),
            entry(Act::Refresh("c".into()), 4, unknown()),
            entry(Act::Redeem("3".into()), 5, unknown()),
            entry(Act::Redeem("3".into()), 6, done("d")),
            entry(Act::Revoke("x".into()), 7, done("")),
            entry(Act::Revoke("y".into()), 8, unknown()),
        ];
        assert_eq!(current(&history), ["b"]);
        assert_eq!(revoked(&history), ["x"]);
    }
}
