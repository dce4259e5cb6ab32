//! Which of our crates may use which. A new crate is a new line here, and half a page under docs/adr/.
//!
//! Tests follow the same arrows: a dev-dependency that points outwards would let a lower room be judged by a higher
//! one. The one exception is a crate that uses itself, to switch on its own testing feature.

use super::{Finding, Tree};

/// Each package with the packages it may use, from the inside of the house outwards.
const ARROWS: &[(&str, &[&str])] = &[
    ("crypto", &[]),
    ("identity", &["crypto"]),
    ("storage", &["crypto", "identity"]),
    ("raft", &["crypto", "identity", "storage"]),
    ("api-core", &["crypto", "identity"]),
    ("api-pages", &["api-core", "crypto", "identity"]),
    ("api-oidc", &["api-core", "api-pages", "crypto", "identity"]),
    ("api-management", &["api-core", "api-oidc", "crypto", "identity"]),
    ("conclave", ROOMS),
    ("cluster-tests", WITH_THE_PROCESS),
    ("benches", WITH_THE_PROCESS),
    ("fuzz", READING_STRANGERS),
    ("xtask", &[]),
];

/// All that the process wires together.
const ROOMS: &[&str] =
    &["crypto", "identity", "storage", "raft", "api-core", "api-pages", "api-oidc", "api-management"];
/// What reads strangers' bytes and can be built within minutes, without RocksDB.
const READING_STRANGERS: &[&str] =
    &["crypto", "identity", "api-core", "api-pages", "api-oidc", "api-management"];
/// What stands outside the house may look into every room, and start the process.
const WITH_THE_PROCESS: &[&str] = &[
    "crypto",
    "identity",
    "storage",
    "raft",
    "api-core",
    "api-pages",
    "api-oidc",
    "api-management",
    "conclave",
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in &tree.manifests {
        let from = manifest.package.as_str();
        let Some((_, allowed)) = ARROWS.iter().find(|(package, _)| *package == from) else {
            let what = format!(
                "{from} has no arrows: say what it may use in xtask/src/tidy/arrows.rs and docs/adr/"
            );
            findings.push(Finding::new(&manifest.path, 1, what));
            continue;
        };
        for dependency in &manifest.dependencies {
            let to = dependency.name.as_str();
            let is_ours = ARROWS.iter().any(|(package, _)| *package == to)
                || tree.manifests.iter().any(|m| m.package == to);
            if is_ours && to != from && !allowed.contains(&to) {
                let may = if allowed.is_empty() { "none of our crates".into() } else { allowed.join(", ") };
                let what = format!("{from} may not use {to}: it may use {may} (docs/architecture.md)");
                findings.push(Finding::new(&manifest.path, dependency.line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn an_arrow_outwards_is_refused_in_every_table() {
        for table in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            let text = format!("[package]\nname = 'identity'\n[{table}]\nstorage.workspace = true\n");
            let found = lines(&[("identity/Cargo.toml", &text)]);
            assert_eq!(found.len(), 1, "{table}");
            assert!(
                found[0].starts_with("identity/Cargo.toml:4: identity may not use storage"),
                "{}",
                found[0]
            );
        }
    }

    #[test]
    fn the_api_uses_neither_raft_nor_storage() {
        let text =
            "[package]\nname = 'api-core'\n[dependencies]\nraft.workspace = true\nstorage.workspace = true\n";
        assert_eq!(lines(&[("api/core/Cargo.toml", text)]).len(), 2);
    }

    #[test]
    fn a_renamed_dependency_is_seen_through() {
        let text = "[package]\nname = 'crypto'\n[dependencies]\nx = { package = 'identity', path = '../identity' }\n";
        assert_eq!(lines(&[("crypto/Cargo.toml", text)]).len(), 1);
    }

    #[test]
    fn a_crate_without_arrows_is_refused() {
        let found = lines(&[("misc/Cargo.toml", "[package]\nname = 'misc'\n")]);
        assert!(found[0].contains("misc has no arrows"));
    }

    #[test]
    fn nobody_uses_the_process_or_the_checks() {
        let text = "[package]\nname = 'raft'\n[dev-dependencies]\nconclave.workspace = true\nxtask.workspace = true\n";
        assert_eq!(lines(&[("raft/Cargo.toml", text)]).len(), 2);
    }

    #[test]
    fn arrows_inwards_and_to_itself_are_allowed() {
        let raft =
            "[package]\nname = 'raft'\n[dependencies]\nstorage.workspace = true\nserde.workspace = true\n";
        let identity = "[package]\nname = 'identity'\n[dependencies]\ncrypto.workspace = true\n\
                        [dev-dependencies]\nidentity = { workspace = true, features = ['testing'] }\n";
        assert_eq!(
            lines(&[("raft/Cargo.toml", raft), ("identity/Cargo.toml", identity)]),
            Vec::<String>::new()
        );
    }
}
