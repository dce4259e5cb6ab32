//! Starts the program and talks with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Only a hang takes as long.
const PATIENCE_ROUNDS: usize = 600;
const ROUND: Duration = Duration::from_millis(50);

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// The one line that says why, with its exit code.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self:?}");
        let mut lines = self.err.lines().filter(|line| line.starts_with("conclave: "));
        let line = lines.next().unwrap_or_else(|| panic!("no line says why: {self:?}"));
        assert_eq!(lines.next(), None, "one line is enough: {self:?}");
        line
    }
}

/// The program, without what the tester's own environment says to it.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conclave"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Done {
    run_with(arguments, &[])
}

/// The same, with variables.
pub(crate) fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> Done {
    let output = command(arguments).envs(variables.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done {
        code: output.status.code().unwrap_or_else(|| -output.status.signal().unwrap()),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// The arguments of a node on free ports.
pub(crate) fn node<'a>(verb: &'a str, dir: &'a Path) -> Vec<&'a str> {
    let dir = dir.to_str().unwrap();
    let mut arguments = vec![verb, "--data-dir", dir];
    if verb == "serve" {
        arguments.extend([
            "--listen",
            "127.0.0.1:0",
            "--operations-listen",
            "127.0.0.1:0",
            // One for every start, whatever port it takes: a changed address would be a change of the state.
            "--peers-address",
            "node.example.com:8081",
            "--peers-listen",
            "127.0.0.1:0",
        ]);
    }
    arguments
}

/// A node that serves. It is killed when the test is over.
pub(crate) struct Node {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What it has printed so far.
    pub(crate) lines: Vec<String>,
    pub(crate) public: String,
    pub(crate) operations: String,
}

impl Node {
    /// Starts a node over a folder and waits until it is ready.
    pub(crate) fn start(dir: &Path) -> Node {
        Node::start_with(dir, &[])
    }

    /// The same, with further arguments.
    pub(crate) fn start_with(dir: &Path, further: &[&str]) -> Node {
        let mut arguments = node("serve", dir);
        arguments.extend(further);
        Node::ready(&arguments)
    }

    /// Starts anything that says when it is ready.
    pub(crate) fn ready(arguments: &[&str]) -> Node {
        Node::of(command(arguments))
    }

    /// The same for a command.
    pub(crate) fn of(command: Command) -> Node {
        let mut node = Node::begin(command);
        while node.lines.last().is_none_or(|line| line != "Conclave is ready") {
            if !node.read_line() {
                let done = node.end();
                panic!("it was not ready: {done:?}");
            }
        }
        let after = |start: &str| {
            let found = node.lines.iter().find_map(|line| line.strip_prefix(start));
            found.unwrap_or_default().trim().to_owned()
        };
        (node.public, node.operations) =
            (after("Conclave listens on http://"), after("Operations listen on http://"));
        node
    }

    /// Starts something and returns after its first line.
    pub(crate) fn first_line(arguments: &[&str]) -> Node {
        Node::lines_until(arguments, "")
    }

    /// Starts something and returns after the first line that begins so.
    pub(crate) fn lines_until(arguments: &[&str], start: &str) -> Node {
        let mut node = Node::begin(command(arguments));
        node.read_until(start);
        node
    }

    /// Reads on to the first line that begins so, or to the end.
    pub(crate) fn read_until(&mut self, start: &str) {
        while self.read_line() && !self.lines.last().is_some_and(|line| line.starts_with(start)) {}
    }

    fn begin(mut command: Command) -> Node {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Node { child, out, lines: vec![], public: String::new(), operations: String::new() }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Closes its standard input.
    pub(crate) fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    fn read_line(&mut self) -> bool {
        let mut line = String::new();
        let read = self.out.read_line(&mut line).unwrap();
        self.lines.push(line.trim_end().to_owned());
        read > 0
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn signal(self, signal: Signal) -> Done {
        kill_process(self.pid(), signal).unwrap();
        self.end()
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Done {
        let (mut out, mut err) = (self.lines.join("\n") + "\n", String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap();
        Done { code: status.code().unwrap_or_else(|| -status.signal().unwrap()), out, err }
    }

    /// Its `/cluster`.
    pub(crate) fn cluster(&self) -> serde_json::Value {
        serde_json::from_str(&get(&self.operations, "/cluster").1).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends bytes and reads all that comes back until the other side closes.
pub(crate) fn exchange(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // The other side may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Status and body of a GET.
pub(crate) fn get(address: &str, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = exchange(address, request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (status(head), body.to_owned())
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> u16 {
    let word = answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {answer:?}"));
    word.parse().unwrap()
}

/// Waits for something that another process does.
#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..PATIENCE_ROUNDS {
        if holds() {
            return;
        }
        std::thread::sleep(ROUND);
    }
    panic!("{what}: it did not come true");
}
