//! The person at the terminal: he is asked before something is deleted.

use super::surroundings::{Surroundings, Terminal};
use crate::exit::{Class, Failure, Outcome};
use std::io::Write;

/// Asks a person a question on the terminal.
pub(super) fn ask_line(question: &str) -> Outcome<String> {
    let mut err = std::io::stderr();
    let _ = write!(err, "{question}").and_then(|()| err.flush());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(Failure::other)?;
    Ok(line.trim().to_owned())
}

/// Refuses a deletion that was not agreed to by `--yes` where nobody can be asked; before anything is sent.
pub(super) fn require_somebody(what: &str, surroundings: &Surroundings) -> Outcome<()> {
    match surroundings.terminal() {
        Terminal::Person => Ok(()),
        Terminal::Nobody => {
            let text = format_args!("nobody can be asked whether {what} may be deleted: say --yes");
            Err(Failure::new(Class::Usage, text))
        }
    }
}

/// Refuses a deletion that the person does not agree to.
pub(super) fn confirm(question: &str) -> Outcome<()> {
    require_yes(&ask_line(&format!("{question} Write yes: "))?)
}

/// Nothing but the whole word counts: a line that was typed for something else deletes nothing.
fn require_yes(answer: &str) -> Outcome<()> {
    if answer == "yes" { Ok(()) } else { Err(Failure::new(Class::Usage, "nothing was changed")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_yes_is_yes() {
        assert!(require_yes("yes").is_ok());
        for answer in ["", "y", "no", "Yes", "yes!", "yes yes"] {
            let failure = require_yes(answer).unwrap_err();
            assert_eq!(
                (failure.class, failure.text.as_str()),
                (Class::Usage, "nothing was changed"),
                "{answer}"
            );
        }
    }

    #[test]
    fn where_nobody_can_be_asked_the_option_is_named() {
        let failure = require_somebody("project shop", &Surroundings::default()).unwrap_err();
        assert_eq!(failure.class, Class::Usage);
        assert_eq!(failure.text, "nobody can be asked whether project shop may be deleted: say --yes");
    }
}
