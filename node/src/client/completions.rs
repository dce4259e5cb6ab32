//! `conclave completions`: the scripts by which shells complete commands.

use crate::cli::Cli;
use crate::cli::manage::Shell;
use clap::CommandFactory;

/// Prints the script of a shell.
pub(super) fn print(shell: Shell) {
    let mut script = Vec::new();
    write(shell, &mut script);
    crate::output::say(String::from_utf8_lossy(&script).trim_end());
}

fn write(shell: Shell, into: &mut Vec<u8>) {
    let generator = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    clap_complete::generate(generator, &mut Cli::command(), "conclave", into);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_a_script_that_names_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            write(shell, &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["login", "apply", "set-password", "serve"] {
                assert!(script.contains(word), "{shell:?} {word}");
            }
        }
    }
}
