//! The public side under what strangers send.

use crate::conclave::{Node, exchange, get, status};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn garbage_is_refused_and_the_node_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("data"));
    let long = "x".repeat(80 * 1024);
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    for (request, expected) in [
        ("\u{0}\u{1}\u{2}\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        (format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nx: {long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), 431),
        ("GET http://other/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), 400),
        (
            "POST /oauth/v2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\nConnection: close\r\n\r\n"
                .to_owned(),
            413,
        ),
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), 404),
    ] {
        let answer = exchange(&node.public, request.as_bytes());
        let found = status(&answer);
        let start: String = request.chars().take(40).collect();
        assert!(found == expected || (400..500).contains(&found), "{start:?}: {answer}");
    }
    assert_eq!(get(&node.operations, "/ready").0, 200);
    assert_eq!(get(&node.public, "/nothing").0, 404);
    let metrics = get(&node.operations, "/metrics").1;
    assert!(metrics.contains(r#"conclave_http_requests_total{route="other",status="4xx"}"#), "{metrics}");
}

#[test]
fn an_idle_connection_does_not_delay_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("data"));
    let mut idle = TcpStream::connect(&node.public).unwrap();
    idle.write_all(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut begin = [0; 12];
    idle.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 404");
    let done = node.signal(Signal::INT);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!done.err.contains("still under way"), "{done:?}");
}
