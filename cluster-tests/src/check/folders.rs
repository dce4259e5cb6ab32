//! Stopped nodes have sound folders with the same contents: every checksum, every chain, every row.

use super::Verdict;
use crate::cluster::Cluster;
use crate::operator;
use std::collections::BTreeMap;

/// Reads all of every folder. What two folders hold must be equal if both go up to the same position; one that was
/// stopped earlier may go less far.
///
/// # Errors
/// Names the folder that is damaged, or the two that differ.
pub async fn are_equal(cluster: &Cluster) -> Verdict {
    let mut seen: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for node in cluster.all() {
        let done = operator::doctor(cluster.place(node), &cluster.layout(node).config).await;
        if done.code != 0 {
            return Err(format!("the folder of node {node} is not sound: {done:#?}"));
        }
        let after = |text: &str| {
            let rest = done.out.split_once(text).map(|(_, rest)| rest);
            rest.and_then(|rest| rest.split([',', ' ', '\n', '"']).next()).map(str::to_owned)
        };
        let (Some(position), Some(hash)) = (after("applied up to "), after("logical hash ")) else {
            return Err(format!("no hash of the folder of node {node}: {done:#?}"));
        };
        match seen.get(&position) {
            Some((other, same)) if *same != hash => {
                return Err(format!(
                    "at {position} the contents of nodes {other} and {node} differ: {same} and {hash}"
                ));
            }
            Some(_) => {}
            None => {
                seen.insert(position, (node, hash));
            }
        }
    }
    Ok(())
}
