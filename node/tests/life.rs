//! A node's life: begin, serve, stop, begin again; and who may not begin.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::conclave::{Done, Node, get, node, run};
use rustix::process::Signal;

/// An address that is free.
const FREE: &str = "127.0.0.1:0";

/// Runs a command on a folder with these addresses: public, operations, peers.
fn listening(command: &str, dir: &Path, [public, operations, peers]: [&str; 3]) -> Done {
    let dir = dir.to_str().unwrap();
    let addresses = ["--listen", public, "--operations-listen", operations, "--peers-listen", peers];
    run(&[&[command, "--data-dir", dir][..], &addresses].concat())
}

#[test]
fn a_node_begins_a_cluster_serves_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let node = Node::start(&dir);
    assert_eq!(get(&node.operations, "/live").0, 200);
    assert_eq!(get(&node.operations, "/ready"), (200, r#"{"ready":true,"reasons":[]}"#.to_owned()));
    let cluster = node.cluster();
    assert_eq!((&cluster["role"], &cluster["ready"]), (&"leader".into(), &true.into()), "{cluster}");
    let metrics = get(&node.operations, "/metrics").1;
    for name in [
        "conclave_ready 1",
        "conclave_applied_index",
        "conclave_log_bytes",
        "conclave_resident_bytes",
        "conclave_disk_free_bytes",
        "conclave_certificate_end_timestamp_seconds",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    let done = node.signal(Signal::TERM);
    assert_eq!(done.code, 0, "{done:?}");
    for file in ["master.key", "cluster.key", "admin.password"] {
        let mode = std::fs::metadata(dir.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_restart_keeps_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let seen = |node: &Node| {
        let cluster = node.cluster();
        (cluster["cluster"].clone(), cluster["digest"].clone())
    };
    let node = Node::start(&dir);
    let before = seen(&node);
    assert_eq!(node.signal(Signal::INT).code, 0);
    for signal in [Signal::KILL, Signal::INT] {
        let node = Node::start(&dir);
        assert_eq!(seen(&node), before);
        assert!(!node.lines.iter().any(|line| line.contains("The first instance is made")));
        node.signal(signal);
    }
    let done = run(&[
        "doctor",
        "--deep",
        "--data-dir",
        dir.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--operations-listen",
        "127.0.0.1:0",
        "--peers-listen",
        "127.0.0.1:0",
    ]);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn init_gives_scripts_what_they_need() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let (password, secret) = (folder.path().join("password"), folder.path().join("secret"));
    std::fs::write(&password, "correct horse battery staple\n").unwrap();
    let mut arguments = node("init", &dir);
    arguments.extend(["--public-url", "https://id.example.com"]);
    arguments.extend(["--admin-password-file", password.to_str().unwrap()]);
    arguments.extend(["--bootstrap-secret-file", secret.to_str().unwrap()]);
    let done = run(&arguments);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("https://id.example.com") && !done.out.contains("battery"), "{done:?}");
    let secret: serde_json::Value = serde_json::from_slice(&std::fs::read(&secret).unwrap()).unwrap();
    assert!(secret["client_secret"].as_str().unwrap().starts_with("cnv_cs_"));
    let again = run(&arguments);
    assert_eq!(again.code, 0);
    assert!(again.out.contains("initialised already"), "{again:?}");
}

#[test]
fn an_init_that_was_killed_can_be_repeated() {
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        // Its first line comes before the first instance: whatever comes after may be cut anywhere.
        let killed = Node::first_line(&node("init", &dir));
        assert_eq!(killed.signal(Signal::KILL).code, -9);
        let done = run(&node("init", &dir));
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.out.contains("signs in as admin"), "{done:?}");
        assert_eq!(Node::start(&dir).signal(Signal::INT).code, 0);
    }
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = folder.path().join("data");
    let done = listening("serve", &dir, [&address, FREE, FREE]);
    assert!(done.refused(7).contains(&format!("public.listen: {address} is in use")));
    let done = listening("serve", &dir, [FREE, &address, FREE]);
    assert!(done.refused(7).contains(&format!("operations.listen: {address} is in use")));
    assert!(!folder.path().join("data").exists(), "nothing was made");
}

#[test]
fn a_folder_has_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let first = Node::start(&dir);
    let second = run(&node("serve", &dir));
    assert!(second.refused(6).contains("in use by another process"));
    let doctor = run(&["doctor", "--deep", "--data-dir", dir.to_str().unwrap()]);
    doctor.refused(6);
    assert_eq!(first.signal(Signal::INT).code, 0);
}

#[test]
fn a_folder_of_another_cluster_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    for dir in [&ours, &theirs] {
        assert_eq!(run(&node("init", dir)).code, 0);
    }
    std::fs::remove_dir_all(ours.join("log")).unwrap();
    std::fs::rename(theirs.join("log"), ours.join("log")).unwrap();
    let done = run(&node("serve", &ours));
    assert!(done.refused(5).contains("belongs to node 1 of cluster"), "{done:?}");
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.tex"), "x").unwrap();
    let done = run(&node("serve", folder.path()));
    assert!(done.refused(16).contains("thesis.tex"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_log_without_its_node_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    assert_eq!(run(&node("init", &dir)).code, 0);
    std::fs::remove_file(dir.join("node.json")).unwrap();
    run(&node("serve", &dir)).refused(16);
    assert!(dir.join("log").exists());
}

#[test]
fn a_doctor_names_both_ways_into_an_empty_folder_and_looks_at_each_port() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = folder.path().join("data");
    let done = listening("doctor", &dir, [FREE, FREE, &address]);
    let said = done.refused(16);
    assert!(said.contains("conclave init") && said.contains("conclave join"), "{said}");
    assert!(done.out.contains(&format!("peers.listen: {address} is in use")), "{done:?}");
}
