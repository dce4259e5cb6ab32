//! What an operator types: commands that come to their end. This is the one place that knows how they are spelt.

use crate::binary;
use crate::process::{Place, code};
use crate::wait;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// A command that takes this long hangs.
const COMMAND_MAX: Duration = Duration::from_secs(120);

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Done {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it said beside.
    pub err: String,
}

impl Done {
    /// It must have done what was asked.
    #[track_caller]
    pub fn well(self) -> Done {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// Runs `conclave` to its end.
pub async fn conclave(place: &Place, arguments: &[&str]) -> Done {
    let mut command = tokio::process::Command::from(place.command(binary::conclave().as_os_str()));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output =
        wait::within(&format!("conclave {}", arguments.join(" ")), COMMAND_MAX, command.output()).await;
    let output = output.expect("the program can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { code: code(output.status), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Begins a cluster: the first node's folder, an administrator and a service account.
pub async fn init(place: &Place, config: &Path, password: &Path, secret: &Path) {
    let arguments = ["init", "--config", text(config), "--admin-password-file", text(password)];
    conclave(place, &[&arguments[..], &["--bootstrap-secret-file", text(secret)]].concat()).await.well();
}

/// Makes a token by which one node may join; asked of the node whose folder this is.
pub async fn create_token(place: &Place, data: &Path) -> String {
    let done = conclave(place, &["token", "create", "--data-dir", text(data)]).await.well();
    let token = done.out.lines().map(str::trim).find(|line| !line.is_empty() && !line.contains(' '));
    token.unwrap_or_else(|| panic!("no token was printed: {done:?}")).to_owned()
}

/// Makes the folder of a further node.
pub async fn join(place: &Place, token: &str, config: &Path) -> Done {
    conclave(place, &["join", token, "--config", text(config)]).await
}

/// One of `status`, `promote`, `demote`, `remove`, `replace`, `drain`, `transfer-leader`.
pub async fn cluster(place: &Place, data: &Path, words: &[&str]) -> Done {
    conclave(place, &[&["cluster"], words, &["--data-dir", text(data)]].concat()).await
}

/// `disable` or `enable`: what, and its id.
pub async fn switch(place: &Place, data: &Path, verb: &str, [what, id]: [&str; 2]) -> Done {
    conclave(place, &[verb, what, id, "--data-dir", text(data)]).await
}

/// Reads every byte of a stopped node's folder and verifies every checksum and chain.
pub async fn doctor(place: &Place, config: &Path) -> Done {
    conclave(place, &["doctor", "--deep", "--config", text(config)]).await
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the test's own paths are text")
}
