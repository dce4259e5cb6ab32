//! A member's `Cargo.toml`, as far as the checks need it, with the line of everything.

use super::Finding;
use toml::de::{DeTable, DeValue};

/// A member's manifest.
pub(crate) struct Manifest {
    pub(crate) path: String,
    /// The folder it stands in, without a slash at the end.
    pub(crate) folder: String,
    pub(crate) package: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// Whether it takes the workspace's lints.
    pub(crate) has_workspace_lints: bool,
}

/// One line of one of the dependency tables.
pub(crate) struct Dependency {
    /// The crate's real name, also where the line renames it.
    pub(crate) name: String,
    pub(crate) table: Table,
    pub(crate) line: usize,
    /// The keys the line sets (`workspace`, `features`, …); a bare version is `version`.
    pub(crate) keys: Vec<String>,
}

/// Which table a dependency stands in; those of a target count as the plain ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Normal,
    Dev,
    Build,
}

const TABLES: [(&str, Table); 3] =
    [("dependencies", Table::Normal), ("dev-dependencies", Table::Dev), ("build-dependencies", Table::Build)];

impl Manifest {
    /// Reads a member's manifest.
    ///
    /// # Errors
    /// A finding, when the text is no TOML or names no package.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, Finding> {
        let root = DeTable::parse(text).map_err(|e| {
            let line = e.span().map_or(1, |span| line_at(text, span.start));
            Finding::new(path, line, format!("is no TOML: {}", e.message()))
        })?;
        let root = root.get_ref();
        let Some(package) = table(root, "package").and_then(|p| string(p, "name")) else {
            return Err(Finding::new(path, 1, "names no package: add [package] name"));
        };
        let mut dependencies = Vec::new();
        collect(root, text, &mut dependencies);
        for target in table(root, "target").into_iter().flat_map(|t| t.values()) {
            if let DeValue::Table(target) = target.get_ref() {
                collect(target, text, &mut dependencies);
            }
        }
        Ok(Self {
            path: path.into(),
            folder: path.strip_suffix("/Cargo.toml").unwrap_or("").into(),
            package,
            dependencies,
            has_workspace_lints: table(root, "lints").is_some_and(|lints| is_true(lints, "workspace")),
        })
    }
}

fn collect(root: &DeTable<'_>, text: &str, into: &mut Vec<Dependency>) {
    for (key, kind) in TABLES {
        for (name, value) in table(root, key).into_iter().flatten() {
            let (renamed, keys) = match value.get_ref() {
                DeValue::Table(t) => {
                    (string(t, "package"), t.keys().map(|k| k.get_ref().to_string()).collect())
                }
                _ => (None, vec!["version".into()]),
            };
            into.push(Dependency {
                name: renamed.unwrap_or_else(|| name.get_ref().to_string()),
                table: kind,
                line: line_at(text, name.span().start),
                keys,
            });
        }
    }
}

fn table<'a, 'i>(of: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    match of.get(key)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

fn string(of: &DeTable<'_>, key: &str) -> Option<String> {
    match of.get(key)?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    }
}

fn is_true(of: &DeTable<'_>, key: &str) -> bool {
    matches!(of.get(key).map(|v| v.get_ref()), Some(DeValue::Boolean(true)))
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_without_a_package_is_refused() {
        let refused = Manifest::parse("a/Cargo.toml", "[dependencies]\n").err().expect("refused");
        assert!(refused.what.contains("names no package"));
    }

    #[test]
    fn tables_of_strange_shapes_are_passed_over() {
        let text = "dependencies = 3\ntarget = []\nlints = 'x'\n[package]\nname = 'a'\n";
        let manifest = Manifest::parse("a/Cargo.toml", text).expect("it is TOML");
        assert!(manifest.dependencies.is_empty() && !manifest.has_workspace_lints);
    }

    #[test]
    fn every_way_to_write_a_dependency_is_seen_with_its_line() {
        let text = "[package]\nname = 'a'\n\n[dependencies]\nb.workspace = true\nc = '1'\n\
                    d = { package = 'real', version = '1' }\n\n[dev-dependencies.e]\nworkspace = true\n\n\
                    [target.'cfg(unix)'.build-dependencies]\nf = { workspace = true, features = ['x'] }\n";
        let manifest = Manifest::parse("x/a/Cargo.toml", text).expect("it is TOML");
        let mut seen: Vec<_> = manifest
            .dependencies
            .iter()
            .map(|d| (d.line, d.name.as_str(), d.table, d.keys.join(" ")))
            .collect();
        seen.sort_by_key(|d| d.0);
        assert_eq!(
            seen,
            [
                (5, "b", Table::Normal, "workspace".to_string()),
                (6, "c", Table::Normal, "version".to_string()),
                (7, "real", Table::Normal, "package version".to_string()),
                (9, "e", Table::Dev, "workspace".to_string()),
                (13, "f", Table::Build, "features workspace".to_string()),
            ]
        );
        assert_eq!(manifest.folder, "x/a");
    }
}
