//! Nodes join, leave and are looked after, as an operator does it; and what he is told when it can't be.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::conclave::{Done, Node, eventually, get, run};
use rustix::process::Signal;
use serde_json::Value;

/// A cluster in the making: one configuration file for each node.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        fs::write(place.path("master.key"), "0123456789abcdef".repeat(4)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration of a node.
    fn node(&self, name: &str) -> PathBuf {
        let peers = lasting_address();
        let file = self.path(&format!("{name}.toml"));
        let text = format!(
            "data_dir = \"{}\"\nmaster_key_file = \"{}\"\npublic.listen = \"127.0.0.1:0\"\n\
             public.url = \"http://localhost\"\npeers.listen = \"{peers}\"\noperations.listen = \"127.0.0.1:0\"\n",
            self.path(name).display(),
            self.path("master.key").display()
        );
        fs::write(&file, text).unwrap();
        file
    }

    /// Begins a cluster by this file and starts its first node.
    fn found(&self, file: &Path) -> Node {
        let done = ask(file, &["init"]);
        assert_eq!(done.code, 0, "{done:?}");
        self.start(file)
    }

    fn start(&self, file: &Path) -> Node {
        Node::ready(&["serve", "--config", file.to_str().unwrap()])
    }
}

/// An address that stays over restarts and that nobody else takes meanwhile: of this process alone by its host, and with
/// a port below those of outgoing connections.
fn lasting_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(8001);
    let [.., high, middle, low] = std::process::id().to_be_bytes();
    // Process numbers have 22 bits.
    format!("127.{}.{middle}.{low}:{}", 64 + high, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn ask(file: &Path, arguments: &[&str]) -> Done {
    let mut all = arguments.to_vec();
    all.extend(["--config", file.to_str().unwrap()]);
    run(&all)
}

/// A new token of the node that runs by this file.
fn token(file: &Path) -> String {
    let done = ask(file, &["token", "create"]);
    assert_eq!(done.code, 0, "{done:?}");
    done.out.trim().to_owned()
}

fn voters(node: &Node) -> Vec<u64> {
    node.cluster()["voters"].as_array().unwrap().iter().filter_map(Value::as_u64).collect()
}

/// A member as a node shows it.
fn member(node: &Node, number: u64) -> Value {
    let members = node.cluster()["members"].take();
    let found = members.as_array().unwrap().iter().find(|member| member["node"] == number);
    found.cloned().unwrap_or_default()
}

#[test]
fn three_nodes_are_made_by_hand_and_one_is_replaced() {
    let place = Place::new();
    let first_file = place.node("one");
    let first = place.found(&first_file);
    let mut nodes = vec![];
    for name in ["two", "three"] {
        let file = place.node(name);
        let joined = ask(&file, &["join", &token(&first_file)]);
        assert_eq!(joined.code, 0, "{joined:?}");
        nodes.push((file.clone(), place.start(&file)));
    }
    eventually("three vote", || voters(&first) == [1, 2, 3]);
    eventually("all is well", || {
        let cluster = first.cluster();
        cluster["alarms"] == Value::Array(vec![]) && cluster["may_fail"] == 1
    });
    eventually("node 2 knows that", || nodes[0].1.cluster()["may_fail"] == 1);
    let own = member(&first, 1);
    assert!(own["disk_free_bytes"].is_u64() && own["certificate_ends_in_s"].is_u64(), "{own}");
    let status = ask(&nodes[0].0, &["cluster", "status"]);
    assert!(
        status.out.contains("1 voter may fail; as node 2 sees it") && status.out.ends_with("No alarms\n"),
        "{status:?}"
    );

    // Two voters could not lose one: the operator has to say that he means it.
    let refused = ask(&first_file, &["cluster", "remove", "3"]);
    assert!(refused.refused(20).contains("could not lose another"), "{refused:?}");

    // The third dies for good, another takes its place.
    let (_, third) = nodes.pop().unwrap();
    third.signal(Signal::KILL);
    let file = place.node("four");
    assert_eq!(ask(&file, &["join", &token(&first_file)]).code, 0);
    let fourth = place.start(&file);
    eventually("it is heard of", || member(&first, 4)["ready"] == true);
    assert_eq!(voters(&first), [1, 2, 3], "a fourth voter would save nobody");
    eventually("it is a spare", || member(&first, 4)["role"] == "spare");
    let replaced = ask(&first_file, &["cluster", "replace", "3", "4"]);
    assert_eq!(replaced.code, 0, "{replaced:?}");
    eventually("the fourth votes", || voters(&fourth) == [1, 2, 4]);

    // The dead one wakes up when it is no member any more, and is told.
    eventually("the third is gone", || member(&first, 3).is_null());
    let third = place.path("three.toml");
    let woken = run(&["serve", "--config", third.to_str().unwrap()]);
    assert!(woken.refused(18).contains("was removed from the cluster"), "{woken:?}");
    // Its number is gone for ever.
    let refused = ask(&first_file, &["cluster", "promote", "3"]);
    assert!(refused.refused(20).contains("its number never comes back"), "{refused:?}");
    let refused = ask(&first_file, &["cluster", "replace", "2", "9"]);
    assert!(refused.refused(20).contains("there is no node 9"), "{refused:?}");
}

#[test]
fn the_only_voter_is_removed_when_another_can_take_its_place() {
    let place = Place::new();
    let (one, two) = (place.node("one"), place.node("two"));
    let first = place.found(&one);
    assert_eq!(ask(&two, &["join", &token(&one)]).code, 0);
    let second = place.start(&two);
    eventually("it is a spare", || member(&first, 2)["role"] == "spare");
    let promoted = ask(&one, &["cluster", "promote", "2"]);
    assert!(promoted.out.contains("Node 2 waits as a spare: 2 voters"), "{promoted:?}");
    assert_eq!(ask(&two, &["cluster", "remove", "1"]).code, 0);
    eventually("the vote is handed over", || voters(&second) == [2] && second.cluster()["leader"] == 2);
    eventually("it is told", || first.cluster()["withdrawn"].is_string());
    let alarms = first.cluster()["alarms"].as_array().unwrap().clone();
    let [alarm] = &alarms[..] else { panic!("it speaks of itself only: {alarms:?}") };
    assert!(alarm.to_string().contains("wipe its data folder"), "{alarm}");
    assert!(ask(&two, &["token", "create"]).code == 0, "the other goes on");
}

#[test]
fn a_node_without_a_majority_says_why_it_makes_no_token() {
    let place = Place::new();
    let one = place.node("one");
    let first = place.found(&one);
    let mut others = vec![];
    for name in ["two", "three"] {
        let file = place.node(name);
        assert_eq!(ask(&file, &["join", &token(&one)]).code, 0);
        others.push(place.start(&file));
    }
    eventually("three vote", || voters(&first) == [1, 2, 3]);
    drop(others);
    eventually("it notices", || get(&first.operations, "/ready").0 == 503);
    let refused = ask(&one, &["token", "create"]);
    assert!(refused.refused(20).contains("no majority of the cluster answers"), "{refused:?}");
    let refused = ask(&one, &["token", "list"]);
    assert!(refused.refused(20).contains("no majority of the cluster answers"), "{refused:?}");
}

#[test]
fn a_drained_node_leads_no_more_and_says_so() {
    let place = Place::new();
    let first_file = place.node("one");
    let first = place.found(&first_file);
    let mut others = vec![];
    for name in ["two", "three"] {
        let file = place.node(name);
        assert_eq!(ask(&file, &["join", &token(&first_file)]).code, 0);
        others.push(place.start(&file));
    }
    eventually("three vote", || voters(&first) == [1, 2, 3]);
    eventually("a leader is known", || first.cluster()["leader"] == 1);
    let drained = ask(&first_file, &["cluster", "drain"]);
    assert!(drained.code == 0 && drained.out.contains("leads no more"), "{drained:?}");
    eventually("another leads", || first.cluster()["leader"].as_u64().is_some_and(|leader| leader != 1));
    let (status, body) = get(&first.operations, "/ready");
    assert!(status == 503 && body.contains("drained"), "{body}");
    assert_eq!(member(&first, 1)["ready"], false);
    eventually("the others know", || member(&others[0], 1)["ready"] == false);
    let shown = ask(&first_file, &["cluster", "status"]);
    assert!(shown.out.contains("Node 1 is not ready: the node is drained"), "{shown:?}");
    let not_here = ask(&first_file, &["cluster", "transfer-leader"]);
    assert!(not_here.refused(20).contains("only the leader hands over"), "{not_here:?}");
    assert_eq!(ask(&first_file, &["cluster", "drain", "--undo"]).code, 0);
    eventually("it is ready again", || get(&first.operations, "/ready").0 == 200);
}

#[test]
fn a_token_lets_one_node_in_once() {
    let place = Place::new();
    let first_file = place.node("one");
    let _first = place.found(&first_file);
    let token = token(&first_file);
    let (two, three) = (place.node("two"), place.node("three"));
    assert_eq!(ask(&two, &["join", &token]).code, 0);
    let again = ask(&three, &["join", &token]);
    assert!(again.refused(19).contains("the join token is not valid here"), "{again:?}");
    let there = ask(&two, &["join", &token]);
    assert!(there.refused(5).contains("belongs to node 2"), "{there:?}");
    let list = ask(&first_file, &["token", "list"]);
    assert!(list.out.contains("voter") && !list.out.contains(&token), "{list:?}");
    assert!(list.out.lines().nth(1).is_some_and(|line| line.contains(":") && line.contains('Z')), "{list:?}");
    // What was about to join begins no cluster of its own by mistake.
    let serve = ask(&three, &["serve"]);
    assert!(serve.refused(16).contains("was about to join"), "{serve:?}");
}

#[test]
fn e21_a_node_whose_data_is_gone_begins_no_cluster_of_its_own() {
    let place = Place::new();
    let first_file = place.node("one");
    let _first = place.found(&first_file);
    let two = place.node("two");
    assert_eq!(ask(&two, &["join", &token(&first_file)]).code, 0);
    let second = place.start(&two);
    second.signal(Signal::KILL);
    fs::remove_dir_all(place.path("two")).unwrap();
    let refused = ask(&two, &["serve"]);
    assert!(refused.refused(16).contains("Let it join anew"), "{refused:?}");
    // It comes back as another node.
    let joined = ask(&two, &["join", &token(&first_file)]);
    assert!(joined.code == 0 && joined.out.contains("This is node 3"), "{joined:?}");
}

#[test]
fn a_token_that_is_revoked_or_none_lets_nobody_in() {
    let place = Place::new();
    let first_file = place.node("one");
    let first = place.found(&first_file);
    let made = ask(&first_file, &["token", "create", "--output", "json"]);
    let made: Value = serde_json::from_str(&made.out).unwrap();
    let (text, id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!(ask(&first_file, &["token", "revoke", id]).code, 0);
    let two = place.node("two");
    let refused = ask(&two, &["join", text]);
    assert!(refused.refused(19).contains("revoked"), "{refused:?}");
    let again = ask(&first_file, &["token", "revoke", id]);
    assert!(again.refused(21).contains("no such resource"), "{again:?}");

    let refused = ask(&two, &["join", "cnv_join_nonsense"]);
    assert!(refused.refused(2).contains("no join token"), "{refused:?}");
    for lifetime in ["1s", "8d", "soon"] {
        let refused = ask(&first_file, &["token", "create", "--lifetime", lifetime]);
        assert_eq!(refused.code, 2, "{refused:?}");
    }

    // Another master key than the cluster's is named before the token is used.
    let token = token(&first_file);
    fs::write(place.path("master.key"), "fedcba9876543210".repeat(4)).unwrap();
    let refused = ask(&two, &["join", &token]);
    let said = refused.refused(4);
    assert!(said.contains("the cluster needs the master key"), "{said}");
    assert!(said.contains("master.key holds") && !said.contains("fedcba98"), "{said}");
    fs::write(place.path("master.key"), "0123456789abcdef".repeat(4)).unwrap();

    // Nobody is there.
    assert_eq!(first.signal(Signal::TERM).code, 0);
    let refused = ask(&two, &["join", &token]);
    assert_eq!(refused.refused(19).matches("Connection refused").count(), 1, "{refused:?}");
    let refused = ask(&first_file, &["cluster", "status"]);
    assert!(refused.refused(17).contains("no node runs on"), "{refused:?}");
}
