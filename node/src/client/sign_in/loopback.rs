//! Where the browser brings the answer: a port of this machine that lives as long as the sign-in (RFC 8252 §7.3).

use super::super::oauth::Issuer;
use super::request::Asked;
use crate::exit::{Class, Failure, Outcome};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long a person may take.
const SIGN_IN_WITHIN: Duration = Duration::from_secs(600);
/// How long a connection may say nothing; browsers open some on suspicion.
const SILENT_MAX: Duration = Duration::from_secs(10);
/// How many connections are served at once.
const CONNECTIONS_MAX: usize = 16;
/// The way of the answer.
const PATH: &str = "/callback";

/// The port.
pub(super) struct Loopback {
    listener: TcpListener,
    redirect: String,
}

impl Loopback {
    /// Takes a free port, which nobody but this machine reaches.
    pub(super) async fn listen() -> Outcome<Loopback> {
        let taken = |error| Failure::new(Class::PortInUse, format_args!("no port for the browser: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(taken)?;
        let redirect = format!("http://{}{PATH}", listener.local_addr().map_err(taken)?);
        Ok(Loopback { listener, redirect })
    }

    /// The address that the browser is sent to.
    pub(super) fn redirect(&self) -> String {
        self.redirect.clone()
    }

    /// Waits for the answer and takes the code out of it. Whoever comes without the state of this request is shown the
    /// door, and the wait goes on.
    pub(super) async fn answer(self, asked: &Asked, issuer: &Issuer) -> Outcome<String> {
        let late =
            |_| Failure::new(Class::NotSignedIn, "nobody has signed in within 10 minutes; begin again");
        let query = tokio::time::timeout(SIGN_IN_WITHIN, self.query(asked)).await.map_err(late)?;
        asked.code(issuer, &query)
    }

    async fn query(self, asked: &Asked) -> String {
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                    if let Ok((stream, _)) = accepted {
                        connections.push(serve(stream, asked));
                    }
                }
                Some(found) = connections.next(), if !connections.is_empty() => {
                    if let Some(query) = found {
                        return query;
                    }
                }
            }
        }
    }
}

/// Serves one request, to its end: the browser shows what it was told before this port goes away.
async fn serve(stream: TcpStream, asked: &Asked) -> Option<String> {
    let found = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let (response, query) = told(request.method(), request.uri(), asked);
        if query.is_some()
            && let Ok(mut found) = found.lock()
        {
            *found = query;
        }
        async move { Ok::<_, Infallible>(response) }
    });
    let mut server = http1::Builder::new();
    server.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(SILENT_MAX);
    // A browser that has gone away is none of ours: the wait goes on.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
    found.into_inner().ok().flatten()
}

fn told(method: &Method, uri: &http::Uri, asked: &Asked) -> (Response<Full<Bytes>>, Option<String>) {
    let query = uri.query().unwrap_or_default();
    let (status, text, query) = match (method, uri.path()) {
        (&Method::GET, PATH) if asked.is_mine(query) => {
            (StatusCode::OK, "Conclave has the answer: go back to the terminal.", Some(query.to_owned()))
        }
        (&Method::GET, PATH) => (StatusCode::BAD_REQUEST, "This answer belongs to another sign-in.", None),
        (_, _) => (StatusCode::NOT_FOUND, "Nothing is here.", None),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    // The address holds a code: it goes into no cache and no referrer.
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    (response, query)
}

#[cfg(test)]
mod tests {
    use super::super::super::http::Http;
    use super::*;
    use crypto::testing::SeededEntropy;
    use http::HeaderMap;

    #[tokio::test]
    async fn strangers_do_not_end_the_wait() {
        let loopback = Loopback::listen().await.unwrap();
        let redirect = loopback.redirect();
        let http = Http::of(redirect.strip_suffix(PATH).unwrap()).unwrap();
        let issuer = Issuer {
            issuer: "http://localhost:8080".into(),
            authorization_endpoint: "http://localhost:8080/a".into(),
            token_endpoint: "http://localhost:8080/t".into(),
            revocation_endpoint: "http://localhost:8080/r".into(),
        };
        let asked = Asked::draw(&SeededEntropy::new(3), redirect.clone());
        let url = asked.url(&issuer);
        let state = form_urlencoded::parse(url.split_once('?').unwrap().1.as_bytes())
            .find_map(|(name, value)| (name == "state").then(|| value.into_owned()))
            .unwrap();
        let visits = async {
            let mut seen = Vec::new();
            for (method, path) in [
                (Method::GET, "/favicon.ico".to_owned()),
                (Method::GET, format!("{PATH}?code=EVIL&state=guess&iss=http://localhost:8080")),
                (Method::POST, format!("{PATH}?code=EVIL&state={state}&iss=http://localhost:8080")),
                (Method::GET, format!("{PATH}?code=C&state={state}&iss=http://localhost:8080")),
            ] {
                let url = format!("{}{path}", http.base);
                let answer = http.send(method, &url, HeaderMap::new(), Bytes::new()).await.unwrap();
                seen.push(answer.status.as_u16());
            }
            seen
        };
        let (code, seen) = tokio::join!(loopback.answer(&asked, &issuer), visits);
        assert_eq!(code.ok().as_deref(), Some("C"));
        assert_eq!(seen, [404, 400, 404, 200]);
    }
}
