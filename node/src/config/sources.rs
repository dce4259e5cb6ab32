//! Where configuration comes from: defaults, the file, the environment, the command line; the later wins.

use super::keys::{APART, KEYS, Key, PREFIX, find, nearest};
use crate::exit::{Class, Failure, Outcome};
use std::collections::BTreeMap;
use std::path::Path;

/// Where a value was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere.
    Default,
    /// In the file.
    File,
    /// In the environment.
    Environment,
    /// On the command line.
    CommandLine,
}

impl Origin {
    /// How `config print` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Origin::Default => "default",
            Origin::File => "file",
            Origin::Environment => "environment",
            Origin::CommandLine => "command line",
        }
    }
}

/// The effective text of every key, and where it comes from.
#[derive(Clone)]
pub(crate) struct Sources {
    values: BTreeMap<&'static str, (String, Origin)>,
}

/// What is shown instead of a secret.
const MASK: &str = "********";

impl Sources {
    /// Gathers the defaults, the file if there is one, and the process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub(crate) fn gather(file: Option<&Path>) -> Outcome<Sources> {
        let mut sources = Sources::defaults();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let path = path.display();
                Failure::new(
                    Class::Config,
                    format_args!("the configuration file {path} can't be read: {error}"),
                )
            })?;
            sources.take_file(path, &text)?;
        }
        sources.take_environment(std::env::vars_os().map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.into_string().map_err(|_| ()))
        }))?;
        Ok(sources)
    }

    /// The defaults alone.
    pub(crate) fn defaults() -> Sources {
        let values = KEYS.iter().map(|key| (key.name, (key.default.to_owned(), Origin::Default)));
        Sources { values: values.collect() }
    }

    /// Takes an option of the command line, if it was given.
    pub(crate) fn take_option(&mut self, key: &'static str, value: Option<String>) {
        if let Some(value) = value {
            self.values.insert(key, (value, Origin::CommandLine));
        }
    }

    /// Replaces the default of a key.
    pub(crate) fn set_default(&mut self, key: &'static str, value: String) {
        let entry = self.values.entry(key).or_insert_with(|| (String::new(), Origin::Default));
        if entry.1 == Origin::Default {
            entry.0 = value;
        }
    }

    fn take_file(&mut self, path: &Path, text: &str) -> Outcome<()> {
        let path = path.display();
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            Failure::new(Class::Config, format_args!("{path}, line {line}: {}", error.message()))
        })?;
        let mut found = Vec::new();
        flatten("", &table, &mut found);
        for (name, value) in found {
            let Some(key) = find(&name) else {
                let near = nearest(&name, KEYS.iter().filter(|key| !key.secret).map(|key| key.name));
                return Err(Failure::new(
                    Class::Config,
                    format_args!("{path}: there is no key \"{name}\"; the nearest is \"{near}\""),
                ));
            };
            if key.secret {
                return Err(Failure::new(
                    Class::Config,
                    format_args!(
                        "{path}: a secret does not stand in the file: name a file of its own in \"{name}_file\", \
                         or set {}",
                        key.variable()
                    ),
                ));
            }
            let text = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(value) => value.to_string(),
                toml::Value::Float(_)
                | toml::Value::Datetime(_)
                | toml::Value::Array(_)
                | toml::Value::Table(_) => {
                    return Err(Failure::new(
                        Class::Config,
                        format_args!("{path}: \"{name}\" is a text or a whole number"),
                    ));
                }
            };
            self.values.insert(key.name, (text, Origin::File));
        }
        Ok(())
    }

    fn take_environment(
        &mut self,
        variables: impl Iterator<Item = (String, Result<String, ()>)>,
    ) -> Outcome<()> {
        let names: BTreeMap<String, &'static Key> = KEYS.iter().map(|key| (key.variable(), key)).collect();
        for (name, value) in variables {
            if !name.starts_with(PREFIX) || APART.contains(&name.as_str()) {
                continue;
            }
            let Some(key) = names.get(&name) else {
                let near = nearest(&name, names.keys().map(String::as_str));
                return Err(Failure::new(
                    Class::Config,
                    format_args!("environment: there is no variable {name}; the nearest is {near}"),
                ));
            };
            let Ok(value) = value else {
                return Err(Failure::new(Class::Config, format_args!("environment: {name} is not UTF-8")));
            };
            // An empty variable is how many tools say "none".
            if !value.is_empty() {
                self.values.insert(key.name, (value, Origin::Environment));
            }
        }
        Ok(())
    }

    /// The text of a key; empty where there is none.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |(text, _)| text)
    }

    /// The text of a key, if it has any.
    pub(crate) fn given(&self, key: &str) -> Option<&str> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    /// Whether a key stands in the file or in the environment, which stay when a command line does not.
    pub(crate) fn is_configured(&self, key: &str) -> bool {
        let origin = self.values.get(key).map(|(_, origin)| *origin);
        matches!(origin, Some(Origin::File | Origin::Environment))
    }

    /// The value of a key.
    pub(crate) fn parsed<T>(&self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Outcome<T> {
        parse(self.text(key)).map_err(|why| self.refuse(key, &why))
    }

    /// A refusal that names the key and where its value was said.
    pub(crate) fn refuse(&self, key: &str, why: &str) -> Failure {
        let origin = self.values.get(key).map_or(Origin::Default, |(_, origin)| *origin);
        Failure::new(Class::Config, format_args!("{key} ({}): {why}", origin.name()))
    }

    /// Every key with its value, secrets masked, and where it comes from.
    pub(crate) fn shown(&self) -> Vec<(&'static Key, String, Origin)> {
        let shown = |key: &'static Key| {
            let (text, origin) = self.values.get(key.name)?;
            let masked = key.secret && !text.is_empty();
            Some((key, if masked { MASK.to_owned() } else { text.clone() }, *origin))
        };
        KEYS.iter().filter_map(shown).collect()
    }
}

fn flatten<'t>(prefix: &str, table: &'t toml::Table, into: &mut Vec<(String, &'t toml::Value)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) if find(&name).is_none() && !inner.is_empty() => {
                flatten(&name, inner, into)
            }
            _ => into.push((name, value)),
        }
    }
}

#[cfg(test)]
mod tests;
