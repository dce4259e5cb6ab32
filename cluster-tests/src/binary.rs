//! The program under test, built from the sources that stand here. Cargo decides what is old; nobody else does.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What a test runner says to the tests it starts. To the cargo inside it would be about another package.
const OF_THE_RUNNER: [&str; 6] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_EXE_",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "NEXTEST",
];

/// The path of `conclave`, built at most once in a process.
pub fn conclave() -> &'static Path {
    static CONCLAVE: OnceLock<PathBuf> = OnceLock::new();
    CONCLAVE.get_or_init(|| build(&[]))
}

/// The same program, able to run a level more.
pub fn next_level() -> &'static Path {
    static NEXT: OnceLock<PathBuf> = OnceLock::new();
    NEXT.get_or_init(|| {
        let built = build(&["--features", "next-level"]);
        let kept = built.with_file_name("conclave-next-level");
        std::fs::copy(&built, &kept).expect("the build folder can be written to");
        // The name is the usual program's again.
        build(&[]);
        kept
    })
}

/// The root of the repository.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The same selection of crates and features as `make build`, so that neither builds again what the other has built.
fn build(more: &[&str]) -> PathBuf {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--package", "conclave", "--message-format=json-render-diagnostics"]);
    command.args(more);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if OF_THE_RUNNER.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    let output = command.current_dir(root()).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.expect("cargo can be run");
    assert!(output.status.success(), "conclave does not build");
    executable(&String::from_utf8_lossy(&output.stdout)).expect("cargo names what it has built")
}

/// Where the program is, by cargo's messages: one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    let objects = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = |object: &Value| object["target"]["name"] == "conclave";
    objects.filter(ours).find_map(|object| object["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = concat!(
            "not json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"raft"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"conclave"},"executable":"/t/debug/conclave"}"#,
        );
        assert_eq!(executable(messages), Some(PathBuf::from("/t/debug/conclave")));
        assert_eq!(executable(""), None);
    }
}
