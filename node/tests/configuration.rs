//! The configuration, as the program takes and shows it.

use crate::conclave::{run, run_with};

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conclave.toml");
    std::fs::write(&file, "[public]\nlissen = \"127.0.0.1:1\"\n").unwrap();
    let done = run(&["serve", "--config", file.to_str().unwrap()]);
    assert!(done.refused(3).contains("\"public.lissen\"; the nearest is \"public.listen\""));
    let done = run_with(&["serve"], &[("CONCLAVE_RETENTION_AGES", "1d")]);
    assert!(done.refused(3).ends_with("CONCLAVE_RETENTION_AGES; the nearest is CONCLAVE_RETENTION_AGE"));
}

#[test]
fn print_shows_values_with_their_origin_and_masks_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conclave.toml");
    std::fs::write(&file, "memory = \"128MiB\"\n").unwrap();
    let secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let done = run_with(
        &["config", "print", "--output", "json", "--listen", "127.0.0.1:9000"],
        &[("CONCLAVE_CONFIG", file.to_str().unwrap()), ("CONCLAVE_MASTER_KEY", secret)],
    );
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!done.out.contains(secret));
    let printed: Vec<serde_json::Value> = serde_json::from_str(&done.out).unwrap();
    let of = |key: &str| {
        let found = printed.iter().find(|row| row["key"] == key).unwrap();
        (found["value"].as_str().unwrap().to_owned(), found["from"].as_str().unwrap().to_owned())
    };
    let pair = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(of("memory"), pair("128MiB", "file"));
    assert_eq!(of("master_key"), pair("********", "environment"));
    assert_eq!(of("public.listen"), pair("127.0.0.1:9000", "command line"));
    assert_eq!(of("public.url"), pair("http://localhost:9000", "default"));
}

#[test]
fn values_that_contradict_are_refused_by_name() {
    for (variable, value, says) in [
        ("CONCLAVE_PUBLIC_LISTEN", "0.0.0.0:8080", "public.listen (environment): it speaks plain HTTP"),
        ("CONCLAVE_PUBLIC_LISTEN", "localhost", "no address"),
        (
            "CONCLAVE_PEERS_ADDRESS",
            "node-1",
            "peers.address (environment): \"node-1\": a peer address is host:port",
        ),
        ("CONCLAVE_PEERS_ADDRESS", "0.0.0.0:8081", "not the one of every interface"),
        ("CONCLAVE_PUBLIC_URL", "http://id.example.com", "http is for localhost only"),
        ("CONCLAVE_MEMORY", "256MB", "no size"),
        ("CONCLAVE_RETENTION_AGE", "31d", "between 60s and 30d"),
        ("CONCLAVE_PASSWORD_MEMORY_KIB", "7", "argon2 parameters"),
        ("CONCLAVE_LOG_LEVEL", "loud", "log.level"),
        ("CONCLAVE_LOG_FORMAT", "xml", "log.format"),
    ] {
        let done = run_with(&["config", "check"], &[(variable, value)]);
        let line = done.refused(3);
        assert!(line.contains(says), "{line}");
    }
    assert_eq!(run(&["config", "check"]).code, 0);
}

#[test]
fn a_wrong_command_line_has_its_own_exit_code() {
    assert_eq!(run(&["serv"]).code, 2);
    assert_eq!(run(&["serve", "--data"]).code, 2);
    assert_eq!(run(&["--help"]).code, 0);
}
