//! Stopped nodes have sound folders with the same contents: every checksum, every chain, every row.

use super::Verdict;
use crate::cluster::Cluster;
use crate::operator;
use std::collections::BTreeMap;

/// Reads all of every folder. What two folders hold must be equal if both go up to the same position; one that was
/// stopped earlier may go less far, but not so all: of several folders, two at least must go equally far.
///
/// # Errors
/// Names the folder that is damaged, or the two that differ, or the positions of which no two are equal.
pub async fn are_equal(cluster: &Cluster) -> Verdict {
    let mut contents = Vec::new();
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
        contents.push(Content { node, position, hash });
    }
    compare(&contents)
}

/// What a folder holds.
struct Content {
    node: usize,
    position: String,
    hash: String,
}

fn compare(contents: &[Content]) -> Verdict {
    let mut seen: BTreeMap<&str, &Content> = BTreeMap::new();
    for content in contents {
        let other = *seen.entry(&content.position).or_insert(content);
        if other.hash != content.hash {
            return Err(format!(
                "at {} the contents of nodes {} and {} differ: {} and {}",
                content.position, other.node, content.node, other.hash, content.hash
            ));
        }
    }
    if contents.len() > 1 && seen.len() == contents.len() {
        let positions = seen.values().map(|content| format!("node {} at {}", content.node, content.position));
        return Err(format!(
            "no two folders could be compared: {}",
            positions.collect::<Vec<_>>().join(", ")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(contents: &[(&str, &str)]) -> Verdict {
        let contents = contents.iter().enumerate().map(|(node, (position, hash))| Content {
            node,
            position: (*position).to_owned(),
            hash: (*hash).to_owned(),
        });
        compare(&contents.collect::<Vec<_>>())
    }

    #[test]
    fn folders_at_one_position_must_be_equal_and_there_must_be_two() {
        assert_eq!(judged(&[("7", "a")]), Ok(()), "one alone");
        assert_eq!(judged(&[("7", "a"), ("8", "b"), ("7", "a")]), Ok(()));
        assert!(judged(&[("7", "a"), ("8", "b"), ("7", "c")]).is_err());
        assert!(judged(&[("7", "a"), ("8", "b"), ("9", "c")]).is_err(), "nothing was compared");
    }
}
