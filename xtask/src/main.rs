//! Checks that the compiler cannot make: on text, on the arrows between crates, on what a build really does.
//!
//! It owns no rule of the product and depends on none of our crates, so that it builds in seconds and judges a
//! tree that does not compile. `tidy` looks at text only; `one_rocksdb` and `test` run cargo.

mod one_rocksdb;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask COMMAND

  tidy          check arrows between crates, homes of technologies, purity of the domain, clock and
                chance, words, lengths and manifests; list the invariants and attack cases
                that have no test yet
  one-rocksdb   check that every selection of crates shares one build of RocksDB
  test          run all tests of the workspace; a skipped test is a failure
";

/// Exit code of a wrong call, apart from 1, which says that a check has found something.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy::run(),
        ["one-rocksdb"] => one_rocksdb::run(),
        ["test"] => test::run(),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(USAGE);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => {
            eprintln!("xtask: {said}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the root of the repository, from where this crate was compiled.
fn root() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Returns the cargo that runs us, so that a nested call uses the same toolchain.
#[expect(clippy::disallowed_methods, reason = "cargo names itself in the environment of what it runs")]
fn cargo() -> std::process::Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(program);
    command.current_dir(root());
    command
}
