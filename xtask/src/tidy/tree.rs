//! The repository's own text, read once: manifests, Rust sources and the rest.
//!
//! It does not ask git: what a person has not yet added is judged too. Build folders, data folders and everything
//! hidden but `.ci` and `.cargo` are apart; symbolic links are not followed; bytes that are not UTF-8 become
//! replacement characters, because a strange file is a reason for a finding at most, never for a crash.

use super::Finding;
use super::manifest::Manifest;
use super::source::Source;
use std::fs;
use std::path::Path;

/// Folders that are made by running things, wherever they stand.
const MADE: &[&str] = &["target", "node_modules", "conclave-data", "conclave-demo"];
/// Hidden folders that are ours.
const HIDDEN_OURS: &[&str] = &[".ci", ".cargo", ".config"];
/// A larger file is data, not text that somebody wrote.
const TEXT_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Deeper folders than these are a loop or a mistake.
const DEPTH_MAX: usize = 24;

/// What the checks look at.
#[derive(Default)]
pub(crate) struct Tree {
    /// Every `Cargo.toml` but the root's.
    pub(crate) manifests: Vec<Manifest>,
    /// Every `.rs` file.
    pub(crate) sources: Vec<Source>,
    /// Every other file, as (path, text).
    pub(crate) texts: Vec<(String, String)>,
    /// Manifests that do not parse, and files that could not be read.
    pub(crate) unreadable: Vec<Finding>,
}

impl Tree {
    /// Reads the repository at `root`.
    ///
    /// # Errors
    /// When `root` itself cannot be listed; a single bad file becomes a finding instead.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut tree = Self::default();
        fs::read_dir(root).map_err(|e| format!("cannot list {}: {e}", root.display()))?;
        tree.walk(root, "", 0);
        tree.sources.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// Makes a tree of (path, text) pairs; the checks' own tests start here.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path, (*text).into());
        }
        tree
    }

    /// Returns the package that holds the file at `path`: the one whose folder is the longest prefix.
    pub(crate) fn package_of(&self, path: &str) -> Option<&str> {
        let holds = |m: &&Manifest| path.strip_prefix(&m.folder).is_some_and(|rest| rest.starts_with('/'));
        self.manifests.iter().filter(holds).max_by_key(|m| m.folder.len()).map(|m| m.package.as_str())
    }

    fn walk(&mut self, folder: &Path, prefix: &str, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else {
            self.unreadable.push(Finding::new(
                prefix,
                1,
                "this folder cannot be listed: check its permissions",
            ));
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEPTH_MAX && is_ours(&name, &entry.path()) {
                self.walk(&entry.path(), &path, depth + 1);
            } else if kind.is_file() && entry.metadata().is_ok_and(|m| m.len() <= TEXT_BYTES_MAX) {
                match fs::read(entry.path()) {
                    Ok(bytes) => self.add(&path, String::from_utf8_lossy(&bytes).into_owned()),
                    Err(e) => self.unreadable.push(Finding::new(&path, 1, format!("cannot be read: {e}"))),
                }
            }
        }
    }

    fn add(&mut self, path: &str, text: String) {
        match path.rsplit('/').next() {
            Some("Cargo.toml") if path != "Cargo.toml" => match Manifest::parse(path, &text) {
                Ok(manifest) => self.manifests.push(manifest),
                Err(finding) => self.unreadable.push(finding),
            },
            Some(name) if name.ends_with(".rs") => self.sources.push(Source::new(path, &text)),
            _ => self.texts.push((path.into(), text)),
        }
    }
}

/// Says whether a folder holds text that we wrote; cargo marks its target folders, however they are called.
fn is_ours(name: &str, path: &Path) -> bool {
    let hidden = name.starts_with('.') && !HIDDEN_OURS.contains(&name);
    !hidden && !MADE.contains(&name) && !path.join("CACHEDIR.TAG").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(Tree::read(Path::new("/nowhere/at/all")).is_err());
    }

    #[test]
    fn a_broken_manifest_is_a_finding_with_its_line() {
        let tree = Tree::of(&[("a/Cargo.toml", "[package]\nname = \n")]);
        assert_eq!(tree.unreadable.len(), 1);
        assert_eq!((tree.unreadable[0].path.as_str(), tree.unreadable[0].line), ("a/Cargo.toml", 2));
    }

    #[test]
    fn a_file_belongs_to_the_nearest_package_and_a_loose_one_to_none() {
        let tree = Tree::of(&[
            ("api/Cargo.toml", "[package]\nname = 'outer'"),
            ("api/core/Cargo.toml", "[package]\nname = 'api-core'"),
        ]);
        assert_eq!(tree.package_of("api/core/src/lib.rs"), Some("api-core"));
        assert_eq!(tree.package_of("api/corex/src/lib.rs"), Some("outer"));
        assert_eq!(tree.package_of("docs/x.rs"), None);
    }

    #[test]
    fn this_repository_can_be_read() {
        let tree = Tree::read(&crate::root()).expect("the repository is readable");
        assert!(tree.manifests.iter().any(|m| m.package == "xtask"));
        assert!(tree.sources.iter().all(|s| !s.path.starts_with("target/")));
    }
}
