//! Password sign-ins per second through the whole form, beside the raw Argon2id rate at equal parameters.

use crate::Error;
use crate::http::{Answer, Client};
use crate::process::{Process, credentials, node_ready, ready};
use crate::report::{Report, Target, median};
use bytes::Bytes;
use crypto::{PasswordHasher, PasswordParams, Secret};
use http_body_util::Full;
use hyper::Request;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PORT: u16 = 28_100;
const CLIENTS: usize = 8;
const RUNS: usize = 5;

pub(crate) async fn measure(conclave: &Path, run: Duration, report: &mut Report) -> Result<(), Error> {
    let data = tempfile::tempdir()?;
    let node = Process::node(conclave, data.path(), PORT).await?;
    ready(&node_ready(PORT)).await?;
    let known = Arc::new(credentials(data.path())?);
    let (mut rates, mut raw_rates, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let raw = raw(run)?;
        let rate = sign_ins(&known, run).await?;
        rates.push(rate);
        raw_rates.push(raw);
        shares.push(100.0 * rate / raw);
    }
    report.add("password sign-ins", median(rates), "1/s", None);
    report.add("raw Argon2id, two threads", median(raw_rates), "1/s", None);
    report.add("sign-ins over raw Argon2id", median(shares), "%", Some(Target::AtLeast(90.0)));
    node.stop()
}

/// Verifications per second on as many threads as the node hashes on.
fn raw(run: Duration) -> Result<f64, Error> {
    let threads = api_core::limits::PASSWORD_BUFFERS;
    let hasher = PasswordHasher::new(PasswordParams::default(), threads)?;
    let password = Secret::new("a long password for the bench".to_owned());
    let phc = hasher.hash(&password, [1; 16])?;
    let count = AtomicU64::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while begun.elapsed() < run {
                    if hasher.verify(&password, &phc).unwrap_or(false) {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    #[allow(clippy::cast_precision_loss)]
    Ok(count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

async fn sign_ins(known: &Arc<Value>, run: Duration) -> Result<f64, Error> {
    let count = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..CLIENTS {
        let (known, count) = (Arc::clone(known), Arc::clone(&count));
        tasks.push(tokio::spawn(async move {
            let client = Client::new();
            while begun.elapsed() < run {
                sign_in(&client, &known).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Error>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    #[allow(clippy::cast_precision_loss)]
    Ok(count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

/// A new browser: the request, the form, the answer with a code.
async fn sign_in(client: &Client, known: &Value) -> Result<(), Error> {
    let text = |path: &str| known.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let wish = Wish {
        client_id: text("/web/client_id"),
        redirect_uri: text("/web/redirect_uri"),
        scope: "openid",
        username: text("/user/username"),
        password: text("/user/password"),
    };
    code(client, text("/issuer"), &wish).await.map(|_| ())
}

/// Who signs in to what.
pub(crate) struct Wish<'w> {
    pub(crate) client_id: &'w str,
    pub(crate) redirect_uri: &'w str,
    pub(crate) scope: &'w str,
    pub(crate) username: &'w str,
    pub(crate) password: &'w str,
}

/// The verifier of every request: nobody here guesses.
pub(crate) const VERIFIER: &str = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv";

/// A code that a new browser is given for a name and a password.
pub(crate) async fn code(client: &Client, issuer: &str, wish: &Wish<'_>) -> Result<String, Error> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", wish.client_id)
        .append_pair("redirect_uri", wish.redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", wish.scope)
        .append_pair("code_challenge_method", "S256")
        .append_pair("code_challenge", &crypto::pkce_s256(VERIFIER))
        .finish();
    let begun = client.get(&format!("{issuer}/oauth/v2/authorize?{query}")).await?;
    let cookie = header(&begun, "set-cookie").split(';').next().unwrap_or_default().to_owned();
    let page = Request::get(format!("{issuer}{}", header(&begun, "location"))).header("cookie", &cookie);
    let page = client.send(page.body(Full::<Bytes>::default())?).await?;
    let html = String::from_utf8_lossy(&page.body).into_owned();
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("flow", hidden(&html, "flow")?)
        .append_pair("csrf", hidden(&html, "csrf")?)
        .append_pair("username", wish.username)
        .append_pair("password", wish.password)
        .finish();
    let answer = client.form(&format!("{issuer}/ui/login"), &[("cookie", &cookie)], body).await?;
    let location = header(&answer, "location");
    let query = location.split_once('?').map_or("", |(_, query)| query);
    let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
    match found {
        Some((_, code)) => Ok(code.into_owned()),
        None => Err(format!("a sign-in answered {}: {:?}", answer.status, answer.body).into()),
    }
}

fn header(answer: &Answer, name: &str) -> String {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn hidden<'h>(html: &'h str, name: &str) -> Result<&'h str, Error> {
    let (_, rest) = html.split_once(&format!("name=\"{name}\"")).ok_or("the form has no such field")?;
    let (_, rest) = rest.split_once("value=\"").ok_or("the field has no value")?;
    Ok(rest.split('"').next().unwrap_or_default())
}
