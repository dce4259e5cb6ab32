//! What a member's manifest may say: a third-party crate is named there and described in the root.
//!
//! Two selections of features are two builds of RocksDB, so versions and features of third-party crates stand in the
//! root's `[workspace.dependencies]` only. Features of our own crates are free. Lints are the workspace's.

use super::{Finding, Tree};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in &tree.manifests {
        if !manifest.has_workspace_lints {
            let what = "takes no lints: add [lints] workspace = true";
            findings.push(Finding::new(&manifest.path, 1, what));
        }
        for dependency in &manifest.dependencies {
            let is_ours = tree.manifests.iter().any(|m| m.package == dependency.name);
            let is_allowed =
                |key: &str| key == "workspace" || key == "optional" || (is_ours && key == "features");
            let others: Vec<&str> =
                dependency.keys.iter().map(String::as_str).filter(|key| !is_allowed(key)).collect();
            if !others.is_empty() || !dependency.keys.iter().any(|key| key == "workspace") {
                let said = if others.is_empty() { "no workspace".into() } else { others.join(", ") };
                let what = format!(
                    "{} says {said} here: write `{}.workspace = true` and the rest into the root Cargo.toml",
                    dependency.name, dependency.name
                );
                findings.push(Finding::new(&manifest.path, dependency.line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(dependency: &str) -> Vec<String> {
        let a = format!(
            "[package]\nname = 'a'\n[lints]\nworkspace = true\n[dependencies]\nb.workspace = true\n{dependency}\n"
        );
        let b = "[package]\nname = 'b'\n[lints]\nworkspace = true\n";
        check(&Tree::of(&[("a/Cargo.toml", &a), ("b/Cargo.toml", b)]))
            .iter()
            .map(Finding::to_string)
            .collect()
    }

    #[test]
    fn a_third_party_version_or_feature_in_a_member_is_refused() {
        for line in [
            "serde = '1'",
            "serde = { workspace = true, features = ['derive'] }",
            "serde = { workspace = true, default-features = false }",
            "serde = { git = 'https://example.com/serde' }",
        ] {
            let found = lines(line);
            assert_eq!(found.len(), 1, "{line}");
            assert!(found[0].starts_with("a/Cargo.toml:7: serde says "), "{}", found[0]);
        }
    }

    #[test]
    fn a_member_without_the_workspaces_lints_is_refused() {
        let found = check(&Tree::of(&[("a/Cargo.toml", "[package]\nname = 'a'\n")]));
        assert!(found[0].what.contains("takes no lints"));
    }

    #[test]
    fn inherited_crates_and_features_of_our_own_are_allowed() {
        assert_eq!(lines("serde.workspace = true"), Vec::<String>::new());
        assert_eq!(
            lines("[dev-dependencies]\nb = { workspace = true, features = ['testing'] }"),
            Vec::<String>::new()
        );
    }
}
