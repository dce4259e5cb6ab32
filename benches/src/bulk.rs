//! Users through the management API: so many in bulk requests to three nodes, with people signing in beside it.

use crate::Error;
use crate::demo::Demo;
use crate::http::Client;
use crate::passwords::{VERIFIER, Wish, code};
use crate::process::credentials;
use crate::report::Report;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

const PORT: u16 = 28_700;
const USERS: u64 = 100_000;
/// Users of one request.
const ITEMS: u64 = 1_000;
/// Requests under way at once.
const CLIENTS: usize = 3;
const CALLBACK: &str = "http://127.0.0.1/callback";
const MANAGEMENT: &str = "openid urn:zitadel:iam:org:project:id:zitadel:aud";

pub(crate) async fn measure(conclave: &Path, report: &mut Report) -> Result<(), Error> {
    let data = tempfile::tempdir_in("target")?;
    let (demo, _) = Demo::start(conclave, data.path(), PORT).await?;
    demo.leader().await?;
    let known = Arc::new(credentials(data.path())?);
    let next = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let signing_in = tokio::spawn(sign_ins(Arc::clone(&known), Arc::clone(&over)));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for client in 0..CLIENTS {
        let node = demo.nodes()?.swap_remove(client).public("");
        tasks.push(tokio::spawn(create(Arc::clone(&known), Arc::clone(&next), node)));
    }
    for task in tasks {
        task.await??;
    }
    let took = begun.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    let signed_in = signing_in.await??;
    #[allow(clippy::cast_precision_loss)]
    {
        report.add("three nodes: users through the bulk API", USERS as f64 / took, "1/s", None);
        report.add("three nodes: sign-ins beside it", signed_in as f64 / took, "1/s", None);
    }
    demo.stop()
}

/// Sends bulk requests to one node until all users are made.
async fn create(known: Arc<Value>, next: Arc<AtomicU64>, node: String) -> Result<(), Error> {
    let client = Client::new();
    let mut token = administrator(&client, &known).await?;
    let mut signed_in = Instant::now();
    let host = known["issuer"].as_str().unwrap_or_default().trim_start_matches("http://").to_owned();
    loop {
        let first = next.fetch_add(ITEMS, Ordering::Relaxed);
        if first >= USERS {
            return Ok(());
        }
        // An access token lasts a quarter of an hour.
        if signed_in.elapsed().as_secs() > 600 {
            token = administrator(&client, &known).await?;
            signed_in = Instant::now();
        }
        let items: Vec<Value> = (first..first + ITEMS).map(user).collect();
        let request = Request::post(format!("{node}/api/v1/users/bulk"))
            .header("host", &host)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(json!({ "items": items }).to_string())))?;
        let answer = client.send(request).await?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let results = body["results"].as_array().ok_or_else(|| format!("{}: {body}", answer.status))?;
        if let Some(failed) = results.iter().find(|result| result["status"] != 201) {
            return Err(format!("a user was not made: {failed}").into());
        }
    }
}

fn user(number: u64) -> Value {
    json!({
        "organization": "acme",
        "username": format!("person-{number}"),
        "kind": { "human": {
            "given_name": format!("Given{number}"),
            "family_name": format!("Family{}", number % 5_000),
            "email": format!("person-{number}@mail.example"),
        } },
    })
}

/// An access token of the demo's administrator, through the application of the command line.
async fn administrator(client: &Client, known: &Value) -> Result<String, Error> {
    let text = |path: &str| known.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let wish = Wish {
        client_id: "conclave-cli",
        redirect_uri: CALLBACK,
        scope: MANAGEMENT,
        username: text("/admin/username"),
        password: text("/admin/password"),
    };
    let code = code(client, text("/issuer"), &wish).await?;
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", wish.client_id)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("code", &code)
        .append_pair("code_verifier", VERIFIER)
        .finish();
    let answer = client.form(&format!("{}/oauth/v2/token", text("/issuer")), &[], body).await?;
    let tokens: Value = serde_json::from_slice(&answer.body)?;
    tokens["access_token"].as_str().map(str::to_owned).ok_or_else(|| format!("no token: {tokens}").into())
}

/// Signs somebody in, again and again, until the users are made; how often.
async fn sign_ins(known: Arc<Value>, over: Arc<AtomicBool>) -> Result<u64, Error> {
    let client = Client::new();
    let text = |path: &str| known.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let wish = Wish {
        client_id: text("/web/client_id"),
        redirect_uri: text("/web/redirect_uri"),
        scope: "openid",
        username: text("/user/username"),
        password: text("/user/password"),
    };
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        code(&client, text("/issuer"), &wish).await?;
        count += 1;
    }
    Ok(count)
}
