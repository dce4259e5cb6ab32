//! `cargo xtask one-rocksdb`: every selection of crates uses the same build of RocksDB.
//!
//! RocksDB takes a quarter of an hour to compile. When one crate alone asks for other features of its build
//! script than the whole workspace does, cargo quietly compiles it twice.

use crate::tidy::Tree;
use std::collections::BTreeMap;

const LIBRARY: &str = "librocksdb-sys";

/// Asks cargo about each member alone, and about the workspace.
///
/// # Errors
/// When a check fails, or when two selections name different build folders.
pub(crate) fn run() -> Result<(), String> {
    let tree = Tree::read(&crate::root())?;
    let mut packages: Vec<&str> = tree.manifests.iter().map(|m| m.package.as_str()).collect();
    packages.sort_unstable();
    let mut builds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        let output = crate::cargo()
            .args(["check", "--quiet", "--package", package, "--message-format=json"])
            .stderr(std::process::Stdio::inherit())
            .output()
            .map_err(|e| format!("cannot run cargo: {e}"))?;
        if !output.status.success() {
            return Err(format!("cargo check --package {package} failed"));
        }
        for folder in build_folders(&String::from_utf8_lossy(&output.stdout)) {
            builds.entry(folder).or_default().push(package.into());
        }
    }
    judge(&builds)
}

fn judge(builds: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
    if builds.len() <= 1 {
        return Ok(());
    }
    let mut said = format!("{LIBRARY} is built {} times:\n", builds.len());
    for (folder, packages) in builds {
        said += &format!("  {folder} for {}\n", packages.join(", "));
    }
    said += "`cargo tree -e features -i regex-automata -p CRATE` shows which feature differs; add it to storage's \
             build-dependencies";
    Err(said)
}

/// Finds where the library's build script has put its output, in cargo's messages of one JSON object a line.
fn build_folders(messages: &str) -> Vec<String> {
    messages
        .lines()
        .filter(|line| line.contains(r#""reason":"build-script-executed""#))
        .filter(|line| field(line, "package_id").is_some_and(|id| id.contains(LIBRARY)))
        .filter_map(|line| field(line, "out_dir"))
        .collect()
}

/// Returns a string field of a JSON object on one line; cargo writes no spaces around the colon.
fn field(line: &str, name: &str) -> Option<String> {
    let start = format!("\"{name}\":\"");
    let rest = &line[line.find(&start)? + start.len()..];
    let mut value = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = concat!(
        r#"{"reason":"build-script-executed","package_id":"registry+https://x#librocksdb-sys@0.18.0","#,
        r#""linked_libs":["a"],"out_dir":"/t/librocksdb-sys-1/o\"ut"}"#
    );

    #[test]
    fn two_builds_are_refused_with_who_asks_for_which() {
        let one = |folder: &str, package: &str| (folder.to_string(), vec![package.to_string()]);
        let said = judge(&BTreeMap::from([one("/a", "raft"), one("/b", "storage")])).expect_err("two builds");
        assert!(said.contains("/a for raft") && said.contains("/b for storage"));
    }

    #[test]
    fn one_build_or_none_is_fine() {
        assert!(judge(&BTreeMap::new()).is_ok());
        assert!(judge(&BTreeMap::from([("/a".into(), vec!["raft".into(), "storage".into()])])).is_ok());
    }

    #[test]
    fn strange_lines_are_passed_over() {
        let cut = &MESSAGE[..MESSAGE.len() - 12];
        for text in ["", "{", "no json", cut] {
            assert_eq!(build_folders(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(build_folders(&MESSAGE.replace("librocksdb-sys@", "zstd-sys@")), Vec::<String>::new());
    }

    #[test]
    fn the_build_folder_is_found() {
        assert_eq!(build_folders(&format!("x\n{MESSAGE}\n")), ["/t/librocksdb-sys-1/o\"ut"]);
    }
}
