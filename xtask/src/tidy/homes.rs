//! One home per technology: who wants to replace it changes one room.
//!
//! Looked for in every manifest and in the code itself, because a re-export would otherwise carry a technology out
//! of its room without a line in any manifest.

use super::source::word_at;
use super::{Finding, Tree};

/// A technology: its crates, and the packages that may name them.
struct Home {
    crates: &'static [&'static str],
    packages: &'static [&'static str],
    /// What the others use instead.
    instead: &'static str,
}

const HOMES: &[Home] = &[
    Home {
        crates: &["rocksdb", "librocksdb-sys"],
        packages: &["storage"],
        instead: "the views and batches of storage",
    },
    Home {
        crates: &["openraft", "openraft-macros", "openraft-rt", "openraft-rt-tokio"],
        packages: &["raft"],
        instead: "raft's Cluster",
    },
    // Measures drive etcd and our nodes by the same client; they run a bare handler and bare cryptography beside ours.
    Home {
        crates: &["tonic", "tonic-build", "tonic-prost", "prost"],
        packages: &["raft", "benches"],
        instead: "raft's Cluster",
    },
    Home {
        crates: &["axum", "axum-core", "axum-extra"],
        packages: &["api-*", "conclave", "benches", "fuzz"],
        instead: "a type of its own, mapped in api/",
    },
    Home {
        crates: &["aws-lc-rs", "aws-lc-sys", "jsonwebtoken", "argon2", "aes-siv"],
        packages: &["crypto", "benches"],
        instead: "what crypto offers",
    },
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for home in HOMES {
        for name in home.crates {
            in_manifests(tree, home, name, &mut findings);
            in_code(tree, home, name, &mut findings);
        }
    }
    findings
}

impl Home {
    fn lets_in(&self, package: &str) -> bool {
        self.packages.iter().any(|p| match p.strip_suffix('*') {
            Some(prefix) => package.starts_with(prefix),
            None => *p == package,
        })
    }

    fn refusal(&self, name: &str, package: &str) -> String {
        let rooms = self.packages.join(", ");
        format!("{name} lives in {rooms} only: in {package} use {}", self.instead)
    }
}

fn in_manifests(tree: &Tree, home: &Home, name: &str, findings: &mut Vec<Finding>) {
    for manifest in tree.manifests.iter().filter(|m| !home.lets_in(&m.package)) {
        for dependency in manifest.dependencies.iter().filter(|d| d.name == name) {
            let what = home.refusal(name, &manifest.package);
            findings.push(Finding::new(&manifest.path, dependency.line, what));
        }
    }
}

fn in_code(tree: &Tree, home: &Home, name: &str, findings: &mut Vec<Finding>) {
    let word = name.replace('-', "_");
    for source in &tree.sources {
        let package = tree.package_of(&source.path).unwrap_or("no package");
        if home.lets_in(package) {
            continue;
        }
        for (number, _) in source.numbered().filter(|(_, line)| is_used(&line.code, &word)) {
            findings.push(Finding::new(&source.path, number, home.refusal(name, package)));
        }
    }
}

/// Says whether a line names the crate: as the start or middle of a path, or alone after `use` or `extern crate`.
fn is_used(code: &str, word: &str) -> bool {
    let brings_in =
        ["use ", "pub use ", "extern crate "].iter().any(|start| code.trim_start().starts_with(start));
    word_at(code, word).any(|at| brings_in || code[at + word.len()..].trim_start().starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: (&str, &str) = ("identity/Cargo.toml", "[package]\nname = 'identity'\n");

    fn lines(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_technology_in_a_foreign_manifest_is_refused() {
        let text = "[package]\nname = 'raft'\n[dev-dependencies]\nrocksdb.workspace = true\n";
        let found = lines(&[("raft/Cargo.toml", text)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("raft/Cargo.toml:4: rocksdb lives in storage only"), "{}", found[0]);
    }

    #[test]
    fn a_technology_in_foreign_code_is_refused_however_it_is_named() {
        for code in [
            "use axum::Router;",
            "use axum;",
            "extern crate axum;",
            "fn f() -> axum :: Router {}",
            "use storage::axum::Router;",
            "pub use axum as web;",
        ] {
            assert_eq!(lines(&[IDENTITY, ("identity/src/lib.rs", code)]).len(), 1, "{code}");
        }
    }

    #[test]
    fn tests_are_no_way_around() {
        let code = "#[cfg(test)]\nmod tests {\n    use jsonwebtoken::Header;\n}\n";
        assert_eq!(lines(&[IDENTITY, ("identity/src/lib.rs", code)]).len(), 1);
    }

    #[test]
    fn words_that_only_look_alike_are_allowed() {
        let code =
            "// axum::Router\nlet axum = \"axum::Router\";\nuse crate::axum_like::X;\nargon2id::x();\n";
        assert_eq!(lines(&[IDENTITY, ("identity/src/lib.rs", code)]), Vec::<String>::new());
    }

    #[test]
    fn a_technology_is_allowed_at_home() {
        let api =
            ("api/oidc/Cargo.toml", "[package]\nname = 'api-oidc'\n[dependencies]\naxum.workspace = true\n");
        assert_eq!(lines(&[api, ("api/oidc/src/lib.rs", "use axum::Router;")]), Vec::<String>::new());
    }
}
