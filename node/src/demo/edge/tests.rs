//! The edge before nodes that behave as one likes: they are sockets of the test.

use super::*;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

/// A node that does the same with every connection.
struct Fake {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    last: Arc<std::sync::Mutex<String>>,
}

impl Fake {
    /// Reads a request and gives this answer; without one it closes the connection.
    async fn answering(answer: &'static str) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake =
            Fake { address: listener.local_addr().unwrap(), requests: Arc::default(), last: Arc::default() };
        let (requests, last) = (Arc::clone(&fake.requests), Arc::clone(&fake.last));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read(&mut stream).await;
                requests.fetch_add(1, Ordering::SeqCst);
                *last.lock().unwrap() = request;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        fake
    }

    /// Nobody listens there.
    async fn dead() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Fake { address: listener.local_addr().unwrap(), requests: Arc::default(), last: Arc::default() }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// A request with as much body as it says.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return text,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\n\
                  Set-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok";

fn edge(fakes: &[&Fake]) -> Edge {
    let node = |(number, fake): (u64, &&Fake)| Node::new(Path::new("x"), number, [fake.address; 3]);
    let edge = Edge::new(&(1..).zip(fakes).map(node).collect::<Vec<_>>());
    for at in 0..fakes.len() {
        edge.0.live.set(at, Health::Ready);
    }
    edge
}

async fn ask(
    edge: &Edge,
    request: http::request::Builder,
    body: &'static str,
) -> (StatusCode, HeaderMap, String) {
    let response = edge.clone().router().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn post() -> http::request::Builder {
    http::Request::post("/oauth/v2/token?x=1").header("host", "localhost:8080")
}

fn get() -> http::request::Builder {
    http::Request::get("/").header("host", "localhost:8080")
}

fn served_by(headers: &HeaderMap) -> &str {
    headers.get(SERVED_BY).map_or("", |value| value.to_str().unwrap())
}

fn code(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_request_comes_through_as_it_was_asked() {
    let node = Fake::answering(OK).await;
    let request = post()
        .header("connection", "keep-alive, x-secret-hop")
        .header("x-secret-hop", "1")
        .header("te", "trailers")
        .header("authorization", "Basic YTpi")
        .header("expect", "100-continue")
        .extension(Remote("[::1]:5".parse().unwrap()));
    let (status, headers, body) = ask(&edge(&[&node]), request, "a=b").await;
    assert_eq!((status, &*body, served_by(&headers)), (StatusCode::OK, "ok", "1"));
    assert_eq!(headers["set-cookie"], "a=b");
    for hop in ["connection", "x-hop", "keep-alive"] {
        assert!(!headers.contains_key(hop), "{hop}");
    }
    let request = node.last.lock().unwrap().clone();
    assert!(request.starts_with("POST /oauth/v2/token?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\na=b"), "{request}");
    for line in [
        "host: localhost:8080",
        "authorization: Basic YTpi",
        r#"forwarded: for="[::1]";host="localhost:8080";proto=http"#,
        "content-length: 3",
    ] {
        assert!(request.contains(&format!("{line}\r\n")), "{line}: {request}");
    }
    for gone in ["x-secret-hop", "te:", "expect"] {
        assert!(!request.contains(gone), "{gone}: {request}");
    }
}

#[tokio::test]
async fn nodes_take_turns_and_a_dead_one_is_passed_over() {
    let (one, two, three) = (Fake::answering(OK).await, Fake::answering(OK).await, Fake::dead().await);
    let edge = edge(&[&one, &two, &three]);
    let mut by = Vec::new();
    for _ in 0..6 {
        let (status, headers, _) = ask(&edge, post(), "a=b").await;
        assert_eq!(status, StatusCode::OK);
        by.push(served_by(&headers).to_owned());
    }
    // The third turn finds node 3 dead and goes on to node 1; from then on two take turns.
    assert_eq!(by, ["1", "2", "1", "2", "1", "2"]);
}

#[tokio::test]
async fn what_may_have_been_written_is_not_sent_again() {
    let (closing, other) = (Fake::answering("").await, Fake::answering(OK).await);
    let edge = edge(&[&closing, &other]);
    for request in
        [post(), http::Request::delete("/x"), http::Request::put("/x"), http::Request::options("/x")]
    {
        edge.0.turn.store(0, Ordering::SeqCst);
        let (status, _, body) = ask(&edge, request, "a=b").await;
        assert_eq!((status, code(&body)), (StatusCode::BAD_GATEWAY, "no_answer".to_owned()));
    }
    assert_eq!((closing.requests(), other.requests()), (4, 0));
}

#[tokio::test]
async fn what_changes_nothing_is_sent_again_once() {
    let (closing, other) = (Fake::answering("").await, Fake::answering(OK).await);
    let pair = edge(&[&closing, &other]);
    let (status, headers, _) = ask(&pair, get(), "").await;
    assert_eq!((status, served_by(&headers)), (StatusCode::OK, "2"));
    let another = Fake::answering("").await;
    let three = edge(&[&closing, &another, &other]);
    let (status, _, body) = ask(&three, get(), "").await;
    assert_eq!((status, code(&body)), (StatusCode::BAD_GATEWAY, "no_answer".to_owned()));
    assert_eq!((closing.requests(), another.requests(), other.requests()), (2, 1, 1));
}

#[tokio::test]
async fn a_broken_answer_is_not_asked_for_again() {
    let (broken, other) = (Fake::answering("SSH-2.0\r\n\r\n").await, Fake::answering(OK).await);
    let (status, _, body) = ask(&edge(&[&broken, &other]), get(), "").await;
    assert_eq!((status, code(&body)), (StatusCode::BAD_GATEWAY, "no_answer".to_owned()));
    assert_eq!(other.requests(), 0);
}

#[tokio::test]
async fn a_named_node_is_the_only_one_that_is_asked() {
    let (one, two, dead) = (Fake::answering(OK).await, Fake::answering(OK).await, Fake::dead().await);
    let edge = edge(&[&one, &two, &dead]);
    for _ in 0..3 {
        let (status, headers, _) = ask(&edge, post().header("conclave-node", "2"), "a=b").await;
        assert_eq!((status, served_by(&headers)), (StatusCode::OK, "2"));
    }
    let (status, headers, body) = ask(&edge, post().header("conclave-node", "3"), "a=b").await;
    assert_eq!((status, code(&body)), (StatusCode::SERVICE_UNAVAILABLE, "no_node".to_owned()));
    assert_eq!(headers["retry-after"], "1");
    assert_eq!(headers["content-type"], "application/problem+json");
    for unknown in ["4", "0", "two", "", "-1", "2, 1"] {
        let (status, _, body) = ask(&edge, get().header("conclave-node", unknown), "").await;
        assert_eq!((status, code(&body)), (StatusCode::BAD_GATEWAY, "unknown_node".to_owned()), "{unknown}");
    }
    assert_eq!((one.requests(), two.requests()), (0, 3));
}

#[tokio::test]
async fn without_a_node_the_answer_says_when_to_ask_again() {
    let dead = Fake::dead().await;
    let edge = edge(&[&dead]);
    // The second time it is known.
    for _ in 0..2 {
        let (status, headers, body) = ask(&edge, post(), "a=b").await;
        assert_eq!((status, code(&body)), (StatusCode::SERVICE_UNAVAILABLE, "no_node".to_owned()));
        assert_eq!(headers["retry-after"], "1");
    }
}

#[tokio::test]
async fn what_no_node_should_see_is_refused_here() {
    let node = Fake::answering(OK).await;
    let edge = edge(&[&node]);
    let two_hosts = http::Request::get("http://other/").header("host", "localhost");
    let large: &'static str = "x".repeat(BODY_BYTES_MAX + 1).leak();
    for (request, body, expected) in [
        (two_hosts, "", StatusCode::BAD_REQUEST),
        (post(), large, StatusCode::PAYLOAD_TOO_LARGE),
        (http::Request::builder().method("CONNECT").uri("localhost:1"), "", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let (status, headers, _) = ask(&edge, request, body).await;
        assert_eq!(status, expected);
        assert_eq!(headers["content-type"], "application/problem+json");
    }
    assert_eq!(node.requests(), 0);
}
