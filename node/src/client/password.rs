//! Reads a password: from a file, from standard input, or typed on the terminal without being shown.

use super::secret_file;
use super::terminal::ask_line;
use super::values::without_line_end;
use crate::exit::{Class, Failure, Outcome};
use crypto::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::io::{Stdin, stdin};
use std::path::Path;

/// The password that is to be set.
pub(super) fn read(file: Option<&Path>) -> Outcome<Secret<String>> {
    let password = match file {
        Some(path) if path.as_os_str() != "-" => {
            without_line_end(secret_file::read(path)?.expose()).to_owned()
        }
        None if isatty(stdin()) => typed()?,
        Some(_) | None => {
            let text = std::io::read_to_string(stdin()).map_err(Failure::other)?;
            without_line_end(&text).to_owned()
        }
    };
    if password.is_empty() {
        return Err(Failure::new(Class::Usage, "the password is empty"));
    }
    Ok(Secret::new(password))
}

fn typed() -> Outcome<String> {
    let silence = Silence::begin().map_err(Failure::other)?;
    let typed = ask_line("New password: ").and_then(|first| Ok((first, ask_line("\nThe same again: ")?)));
    drop(silence);
    eprintln!();
    let (first, second) = typed?;
    if first != second {
        return Err(Failure::new(Class::Usage, "the two passwords are not the same"));
    }
    Ok(first)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence {
    before: Termios,
    terminal: Stdin,
}

impl Silence {
    fn begin() -> rustix::io::Result<Silence> {
        let terminal = stdin();
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Silence { before, terminal })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that has gone away needs no echo.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::secret_file;
    use super::*;

    #[test]
    fn a_password_in_a_file_loses_its_line_end_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        for (text, expected) in
            [("secret\n", "secret"), ("secret\r\n", "secret"), (" a b ", " a b "), ("a\n\n", "a\n")]
        {
            secret_file(&file, text);
            assert_eq!(read(Some(&file)).unwrap().expose(), expected, "{text:?}");
        }
        secret_file(&file, "\n");
        assert_eq!(read(Some(&file)).err().map(|failure| failure.class), Some(Class::Usage));
        assert_eq!(
            read(Some(&dir.path().join("none"))).err().map(|failure| failure.class),
            Some(Class::Usage)
        );
    }
}
