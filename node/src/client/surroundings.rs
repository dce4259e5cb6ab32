//! What the commands take from the surroundings of their process: variables, and whether a person sits there. Asked once,
//! here.

use crate::exit::{Class, Failure, Outcome};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Names the node whatever the profile says.
const URL: &str = "CONCLAVE_API_URL";
/// The token that is sent whatever the profile says.
const TOKEN: &str = "CONCLAVE_API_TOKEN";

/// Who can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Terminal {
    /// Standard input is a terminal.
    Person,
    /// It is none: a script runs this.
    #[default]
    Nobody,
}

/// Those of the process.
#[derive(Clone, Default)]
pub(super) struct Surroundings {
    variables: BTreeMap<OsString, OsString>,
    terminal: Terminal,
}

impl Surroundings {
    /// Those of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "the commands are told the environment by this place alone"
    )]
    pub(super) fn gather() -> Surroundings {
        let terminal = if std::io::stdin().is_terminal() { Terminal::Person } else { Terminal::Nobody };
        Surroundings { terminal, ..Surroundings::of(std::env::vars_os()) }
    }

    /// The variables that are given, and nobody to ask.
    pub(super) fn of<T: Into<OsString>>(variables: impl IntoIterator<Item = (T, T)>) -> Surroundings {
        let pair = |(name, value): (T, T)| (name.into(), value.into());
        let variables = variables.into_iter().map(pair).collect();
        Surroundings { variables, terminal: Terminal::Nobody }
    }

    /// Who can be asked.
    pub(super) fn terminal(&self) -> Terminal {
        self.terminal
    }

    fn raw(&self, name: &str) -> Option<&OsString> {
        // An empty variable is how many tools say "none".
        self.variables.get(&OsString::from(name)).filter(|value| !value.is_empty())
    }

    /// A variable that holds text.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(|value| value.clone().into_string().ok())
    }

    /// The node that the environment names.
    pub(super) fn url(&self) -> Option<String> {
        self.variable(URL)
    }

    /// The token that the environment gives. An empty one is refused and not taken for none: where a secret is missing,
    /// a script must not go on in the name of whoever is signed in.
    pub(super) fn token(&self) -> Outcome<Option<String>> {
        let Some(token) = self.variables.get(&OsString::from(TOKEN)) else { return Ok(None) };
        match token.to_str() {
            Some(token) if !token.is_empty() => Ok(Some(token.to_owned())),
            Some(_) | None => {
                let text = format_args!("{TOKEN} is set and holds no token: set it to one, or unset it");
                Err(Failure::new(Class::Usage, text))
            }
        }
    }

    /// Where the profiles are (XDG Base Directory Specification).
    pub(super) fn profiles_dir(&self) -> Outcome<PathBuf> {
        // The specification: a path that is not absolute is to be ignored.
        let configured = self.raw("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let config = configured.or_else(|| self.raw("HOME").map(|home| PathBuf::from(home).join(".config")));
        let none = || Failure::new(Class::Usage, "no profiles can be kept: set HOME or XDG_CONFIG_HOME");
        Ok(config.ok_or_else(none)?.join("conclave"))
    }

    /// Whether a browser could show itself here.
    pub(super) fn has_display(&self) -> bool {
        self.raw("DISPLAY").is_some() || self.raw("WAYLAND_DISPLAY").is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_where_the_desktop_keeps_settings() {
        for (variables, expected) in [
            (&[("HOME", "/home/ada")][..], Some("/home/ada/.config/conclave")),
            (&[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "/etc/ada")], Some("/etc/ada/conclave")),
            (&[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "relative")], Some("/home/ada/.config/conclave")),
            (&[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "")], Some("/home/ada/.config/conclave")),
            (&[("HOME", "")], None),
        ] {
            let dir = Surroundings::of(variables.iter().copied()).profiles_dir().ok();
            assert_eq!(dir, expected.map(PathBuf::from), "{variables:?}");
        }
    }
}
