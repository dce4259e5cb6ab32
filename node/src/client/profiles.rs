//! Profiles: which node, signed in how. One file of the person's own, changed under a lock.

use crate::exit::{Class, Failure, Outcome, io};
use crate::folder::write_private;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

/// The name of the profile that nobody has named.
pub(super) const DEFAULT: &str = "default";
/// The longest name of a profile.
const NAME_MAX: usize = 50;

/// All profiles, as the file has them.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Book {
    /// Which one is meant when nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<String>,
    /// By name.
    #[serde(default)]
    pub(super) profiles: BTreeMap<String, Profile>,
}

/// One profile. It holds secrets, and so it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// The issuer.
    pub(super) url: String,
    /// The state that the last write of this profile made: no answer is older than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) position: Option<String>,
    /// Signed in how; `None`: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) credential: Option<Credential>,
}

/// How a profile is signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Credential {
    /// As a person, by a browser. Each refresh token is used once and brings the next.
    Person {
        /// What is sent.
        access_token: String,
        /// Until when, in seconds since the Unix epoch.
        expires: u64,
        /// What brings the next ones.
        refresh_token: Option<String>,
    },
    /// As a service account, whose secret stays in its file.
    Service {
        /// JSON with client_id and client_secret.
        secret_file: PathBuf,
        /// What is sent; nothing yet before the first request.
        access_token: Option<String>,
        /// Until when, in seconds since the Unix epoch.
        expires: u64,
    },
    /// As a service account, whose key stays in its file.
    Key {
        /// What `conclave new-key` writes.
        key_file: PathBuf,
        /// What is sent; nothing yet before the first request.
        access_token: Option<String>,
        /// Until when, in seconds since the Unix epoch.
        expires: u64,
    },
    /// By a personal access token, which stays in its file.
    PersonalToken {
        /// The token.
        token_file: PathBuf,
    },
}

impl Credential {
    /// How `conclave profile list` names it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Credential::Person { .. } => "person",
            Credential::Service { .. } | Credential::Key { .. } => "service account",
            Credential::PersonalToken { .. } => "personal access token",
        }
    }
}

/// Where the profiles are.
#[derive(Clone, Debug)]
pub(super) struct Profiles {
    dir: PathBuf,
}

/// The profiles while nobody else changes them.
pub(super) struct Locked {
    /// As the file has them, or is to have them.
    pub(super) book: Book,
    path: PathBuf,
    /// The lock ends when this is closed.
    _lock: File,
}

impl Profiles {
    /// Those in a folder.
    pub(super) fn of(dir: PathBuf) -> Profiles {
        Profiles { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.join("profiles.toml")
    }

    /// What the file has; nothing where there is none.
    pub(super) fn read(&self) -> Outcome<Book> {
        let path = self.path();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Book::default()),
            Err(error) => return Err(io("reading", &path, &error)),
        };
        let mode =
            std::fs::metadata(&path).map_err(|error| io("reading", &path, &error))?.permissions().mode();
        let shown = path.display();
        if mode & 0o077 != 0 {
            let text = format_args!("{shown} holds tokens and others may read it: `chmod 600 {shown}`");
            return Err(Failure::new(Class::NotSignedIn, text));
        }
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            // The line's number alone: what an error says of it may quote a token.
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            let text = format_args!("{shown} is damaged in line {line}: remove it and sign in again");
            Failure::new(Class::NotSignedIn, text)
        })
    }

    /// Waits until nobody else changes them.
    pub(super) fn lock(&self) -> Outcome<Locked> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|error| io("creating", &self.dir, &error))?;
        // A file of its own: the other one is replaced with each change.
        let path = self.dir.join("profiles.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock =
            lock.and_then(|lock| lock.lock().map(|()| lock)).map_err(|error| io("locking", &path, &error))?;
        Ok(Locked { book: self.read()?, path: self.path(), _lock: lock })
    }

    /// Changes them.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Book) -> Outcome<T>) -> Outcome<T> {
        let mut locked = self.lock()?;
        let done = change(&mut locked.book)?;
        locked.save()?;
        Ok(done)
    }
}

impl Locked {
    /// Writes them: whole or not at all, for the owner's eyes alone.
    pub(super) fn save(&self) -> Outcome<()> {
        let text = toml::to_string(&self.book).map_err(Failure::other)?;
        write_private(&self.path, text.as_bytes())
    }
}

impl Book {
    /// The name that is meant: the given one, the current one, or the default.
    pub(super) fn meant(&self, given: Option<&str>) -> String {
        given.or(self.current.as_deref()).unwrap_or(DEFAULT).to_owned()
    }

    /// A profile that must be there.
    pub(super) fn profile(&mut self, name: &str) -> Outcome<&mut Profile> {
        let missing = || {
            let text = match name {
                DEFAULT => "nobody is signed in: `conclave login URL`".to_owned(),
                name => format!("there is no profile {name}: `conclave login URL --profile {name}` makes it"),
            };
            Failure::new(Class::NotSignedIn, text)
        };
        self.profiles.get_mut(name).ok_or_else(missing)
    }
}

/// Refuses a name that would not read well in a command or in the file.
pub(super) fn require_name(name: &str) -> Outcome<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        let text = format_args!("a profile's name has 1 to {NAME_MAX} letters, digits, -, _ and .");
        return Err(Failure::new(Class::Usage, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_profile(dir: &std::path::Path) -> Profiles {
        let profiles = Profiles::of(dir.join("conclave"));
        let profile = Profile {
            url: "http://localhost:8080".into(),
            position: Some("p1".into()),
            credential: Some(Credential::Person {
                access_token: "a".into(),
                expires: 7,
                refresh_token: Some("r".into()),
            }),
        };
        let change = |book: &mut Book| {
            book.current = Some("work".into());
            book.profiles.insert("work".into(), profile);
            Ok(())
        };
        profiles.change(change).unwrap();
        profiles
    }

    #[test]
    fn what_is_written_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let profiles = with_profile(dir.path());
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(profiles.path()), 0o600);
        assert_eq!(mode(profiles.dir.clone()), 0o700);
        let book = profiles.read().unwrap();
        assert_eq!(book.meant(None), "work");
        assert_eq!(book.meant(Some("other")), "other");
        assert!(book.profiles["work"].credential.is_some());
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let profiles = with_profile(dir.path());
        std::fs::set_permissions(profiles.path(), PermissionsExt::from_mode(0o644)).unwrap();
        let failure = profiles.read().err().unwrap();
        assert_eq!(failure.class, Class::NotSignedIn);
        assert!(failure.text.contains("chmod 600"), "{}", failure.text);
    }

    #[test]
    fn a_damaged_file_is_told_without_its_tokens() {
        let dir = tempfile::tempdir().unwrap();
        let profiles = with_profile(dir.path());
        std::fs::write(profiles.path(), "[profiles.work]\nurl = \"u\"\ncredential = \"s3cret\"\n").unwrap();
        let failure = profiles.read().err().unwrap();
        assert!(failure.text.contains("damaged") && !failure.text.contains("s3cret"), "{}", failure.text);
    }

    #[test]
    fn nobody_is_signed_in_at_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut book = Profiles::of(dir.path().join("none")).read().unwrap();
        let failure = book.profile(DEFAULT).err().unwrap();
        assert_eq!(failure.class, Class::NotSignedIn);
        assert!(failure.text.contains("conclave login"));
    }

    #[test]
    fn a_change_that_fails_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let profiles = with_profile(dir.path());
        let change = |book: &mut Book| {
            book.profiles.clear();
            Err::<(), _>(Failure::other("no"))
        };
        assert!(profiles.change(change).is_err());
        assert_eq!(profiles.read().unwrap().profiles.len(), 1);
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["default", "acme.prod-1", "A_b"] {
            assert!(require_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "ä", "a/b", "a\"b", &"x".repeat(51)] {
            assert!(require_name(name).is_err(), "{name}");
        }
    }
}
