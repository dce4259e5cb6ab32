//! The demo: nodes behind one address, of which some are killed; and the demo itself killed.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::conclave::{Node, command, eventually, exchange, get, node, run, status};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

/// A demo that runs, or will.
struct Demo {
    folder: tempfile::TempDir,
    nodes: &'static str,
}

impl Demo {
    fn of(nodes: &'static str) -> Demo {
        Demo { folder: tempfile::tempdir().unwrap(), nodes }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("demo")
    }

    fn arguments(&self) -> Vec<String> {
        let dir = self.dir().to_str().unwrap().to_owned();
        ["demo", "--nodes", self.nodes, "--port-base", "0", "--data", &dir].map(str::to_owned).to_vec()
    }

    fn start(&self) -> Node {
        let arguments = self.arguments();
        Node::ready(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn credentials(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir().join("credentials")).unwrap()).unwrap()
    }

    fn pid(&self, node: u64) -> Option<Pid> {
        let credentials = self.credentials();
        let found = credentials["nodes"].as_array().unwrap().iter().find(|one| one["node"] == node).unwrap();
        Pid::from_raw(i32::try_from(found["pid"].as_i64()?).unwrap())
    }

    fn edge(&self) -> String {
        let credentials = self.credentials();
        let port = credentials["issuer"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        format!("127.0.0.1:{port}")
    }

    /// Asks the edge; the status, and who has answered.
    fn ask(&self, further: &str) -> (u16, String) {
        let host = self.edge().replace("127.0.0.1", "localhost");
        let request = format!(
            "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: {host}\r\n{further}Connection: close\r\n\r\n"
        );
        let answer = exchange(&self.edge(), request.as_bytes());
        let by = answer.lines().find_map(|line| line.strip_prefix("conclave-served-by: "));
        (status(&answer), by.unwrap_or_default().to_owned())
    }
}

/// Whether a process runs. One that has ended and that nobody has asked about yet does not.
fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().unwrap_or_default().split_whitespace().next().is_some_and(|state| state != "Z")
}

#[test]
fn a_demo_outlives_a_node_and_gets_it_back() {
    let demo = Demo::of("3");
    let mut running = demo.start();
    let by: Vec<(u16, String)> = (0..3).map(|_| demo.ask("")).collect();
    for node in ["1", "2", "3"] {
        assert!(by.contains(&(200, node.to_owned())), "{by:?}");
        assert_eq!(demo.ask(&format!("Conclave-Node: {node}\r\n")), (200, node.to_owned()));
    }
    assert_eq!(demo.ask("Conclave-Node: 4\r\n").0, 502);

    let killed = demo.pid(2).unwrap();
    kill_process(killed, Signal::KILL).unwrap();
    eventually("the demo knows", || demo.pid(2).is_none());
    assert_eq!(demo.ask("Conclave-Node: 2\r\n").0, 503);
    for _ in 0..20 {
        let (status, by) = demo.ask("");
        assert!(status == 200 && by != "2", "{status} {by}");
    }
    running.read_until("node 2 is back and ready");
    eventually("the edge knows", || (0..3).any(|_| demo.ask("") == (200, "2".to_owned())));
    assert!(demo.pid(2).is_some_and(|pid| pid != killed && runs(pid)));

    let pids: Vec<Pid> = (1..=3).map(|node| demo.pid(node).unwrap()).collect();
    let done = running.signal(Signal::INT);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!pids.into_iter().any(runs), "{done:?}");
    for line in [
        "node 2 was killed (SIGKILL); the others go on. It starts again in 10 s",
        "node 2 is back and ready",
        "Stopped; the data is kept",
    ] {
        assert_eq!(done.out.matches(line).count(), 1, "{line}: {done:?}");
    }
}

#[test]
fn a_demo_that_is_killed_leaves_no_node_behind() {
    let demo = Demo::of("3");
    let running = demo.start();
    let pids: Vec<Pid> = (1..=3).map(|node| demo.pid(node).unwrap()).collect();
    assert_eq!(running.signal(Signal::KILL).code, -9);
    // The next demo does not wait for the end of their nodes, and finds their data sound.
    let again = demo.start();
    eventually("the nodes have ended", || !pids.iter().copied().any(runs));
    assert_eq!(demo.ask("").0, 200);
    assert_eq!(again.signal(Signal::TERM).code, 0);
}

#[test]
fn a_signal_to_the_whole_group_stops_the_demo_in_order() {
    let demo = Demo::of("3");
    let arguments = demo.arguments();
    let mut command = command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    command.process_group(0);
    let running = Node::of(command);
    kill_process_group(running.pid(), Signal::INT).unwrap();
    let done = running.end();
    assert_eq!(done.code, 0, "{done:?}");
    for number in 1..=3 {
        let log = std::fs::read_to_string(demo.dir().join(format!("node-{number}.log"))).unwrap();
        assert!(log.contains("stopped") && !log.contains("conclave: "), "{log}");
    }
}

#[test]
fn a_first_start_that_was_interrupted_is_gone_on_with() {
    for signal in [Signal::INT, Signal::KILL] {
        let demo = Demo::of("3");
        let arguments = demo.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Node::lines_until(&arguments, "Node 2 joins").signal(signal);
        let done = demo.start().signal(Signal::INT);
        assert_eq!(done.code, 0, "{done:?}");
    }
}

#[test]
fn a_demo_continues_with_its_data() {
    let demo = Demo::of("1");
    let first = demo.start();
    let before = demo.credentials();
    assert_eq!(first.signal(Signal::INT).code, 0);
    let second = demo.start();
    let after = demo.credentials();
    for part in ["web", "spa", "api", "service", "admin", "user"] {
        assert_eq!(before[part], after[part], "{part}");
    }
    let operations = after["operations"].as_str().unwrap().strip_prefix("http://").unwrap();
    assert_eq!(get(operations, "/ready").0, 200);
    assert_eq!(demo.ask(""), (200, "1".to_owned()));
    assert_eq!(second.signal(Signal::INT).code, 0);
    let dir = demo.dir();
    let done = run(&["demo", "--data", dir.to_str().unwrap()]);
    let line = done.refused(2);
    assert!(
        line.contains("holds a demo of one node: start it with --nodes 1, name another folder"),
        "{line}"
    );
}

#[test]
fn a_node_stops_when_its_input_ends() {
    let folder = tempfile::tempdir().unwrap();
    let dir: &Path = &folder.path().join("data");
    let mut arguments = node("serve", dir);
    arguments.push("--stop-with-stdin");
    let mut command = command(&arguments);
    command.stdin(Stdio::piped());
    let mut running = Node::of(command);
    assert_eq!(get(&running.operations, "/ready").0, 200);
    running.close_input();
    let done = running.end();
    assert_eq!(done.code, 0, "{done:?}");
}
