//! The names that certificates of a cluster bear: one of the node alone, one that all members share.

use storage::NodeIdentity;

/// What a node's certificate says of it: by this name its peers demand to speak with it and with no other.
pub(crate) fn of_node(identity: &NodeIdentity, node: u64) -> String {
    format!("node-{node}.{}", domain(identity))
}

/// The name of any member: whoever joins does not know yet whom he meets.
pub(crate) fn of_member(cluster: &[u8; 16]) -> String {
    format!("member.{}", domain_of(cluster))
}

/// The number of the node whose certificate has these names; `None` for one of another cluster.
pub(crate) fn node_of(identity: &NodeIdentity, names: &[String]) -> Option<u64> {
    let domain = domain(identity);
    names.iter().find_map(|name| {
        let number = name.strip_suffix(domain.as_str())?.strip_suffix('.')?.strip_prefix("node-")?;
        // One way of writing each number.
        number.parse().ok().filter(|parsed: &u64| parsed.to_string() == number)
    })
}

/// The names for a node's certificate.
pub fn names(identity: &NodeIdentity) -> Vec<String> {
    vec![of_node(identity, identity.node), of_member(&identity.cluster)]
}

fn domain(identity: &NodeIdentity) -> String {
    domain_of(&identity.cluster)
}

fn domain_of(cluster: &[u8; 16]) -> String {
    format!("{}.conclave", crypto::hex(cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: NodeIdentity = NodeIdentity { cluster: [7; 16], node: 12, lineage: 1 };

    #[test]
    fn a_node_is_known_by_its_own_names() {
        assert_eq!(node_of(&IDENTITY, &names(&IDENTITY)), Some(12));
    }

    #[test]
    fn names_of_other_clusters_and_other_forms_are_nobodys() {
        let other = NodeIdentity { cluster: [8; 16], ..IDENTITY };
        let domain = domain(&IDENTITY);
        let wrong = [
            names(&other),
            vec![of_member(&IDENTITY.cluster)],
            vec![format!("node-012.{domain}")],
            vec![format!("node-.{domain}")],
            vec![format!("node-1.node-2.{domain}")],
            vec![format!("xnode-1.{domain}")],
            vec![format!("node-1.{domain}.example")],
            vec![],
        ];
        for names in wrong {
            assert_eq!(node_of(&IDENTITY, &names), None, "{names:?}");
        }
    }
}
