//! What the demo prints when it is ready: its addresses, its credentials and what to try.

use super::credentials::{Credentials, Process};
use super::plan::Plan;
use super::seed::PROJECT;
use std::path::Path;

/// The verifier of RFC 7636's own example (appendix B), whose challenge stands in the address to sign in.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// All of it, for a person at a terminal.
pub(super) fn explain(plan: &Plan, credentials: &Credentials, path: &Path) -> String {
    let processes = credentials.nodes.as_deref().unwrap_or_default();
    [
        people(plan, credentials, path),
        nodes(plan, processes),
        applications(credentials),
        failures(plan, processes),
    ]
    .concat()
}

fn people(plan: &Plan, credentials: &Credentials, path: &Path) -> String {
    let Credentials { issuer, web, spa, api, service, admin, user, .. } = credentials;
    let count = match plan.nodes.len() {
        1 => "one node".to_owned(),
        3 => "three nodes".to_owned(),
        count => format!("{count} nodes"),
    };
    format!(
        "
Conclave demo: {count} behind one address, data in {data}, credentials in {path}

  Issuer          {issuer}
  Discovery       {issuer}/.well-known/openid-configuration

  User            {}  {}
  Administrator   {}  {}

  Web app         {}  {}
                  redirects to {}
  Single page     {}  (no secret, PKCE)
  API             {}  {}
  Service         {}  {}
",
        user.username,
        user.password,
        admin.username,
        admin.password,
        web.client_id,
        web.client_secret,
        web.redirect_uri,
        spa.client_id,
        api.client_id,
        api.client_secret,
        service.client_id,
        service.client_secret,
        data = plan.data.display(),
        path = path.display(),
    )
}

fn nodes(plan: &Plan, processes: &[Process]) -> String {
    let mut text = "\n".to_owned();
    for (node, process) in plan.nodes.iter().zip(processes) {
        let pid = process.pid.map_or("-".to_owned(), |pid| pid.to_string());
        text += &format!(
            "  Node {}          {}  process {pid}, log in {}\n                  {}/ready  /metrics  /cluster\n",
            node.number,
            process.public,
            node.log.display(),
            process.operations,
        );
    }
    text
}

fn applications(credentials: &Credentials) -> String {
    let Credentials { issuer, web, api, service, user, admin, .. } = credentials;
    format!(
        "
Try
  - sign in: open the address below in a browser, as {}; your browser ends at a page that does not exist,
    with a code in its address, because the web app is yours to write
    {}
  - redeem that code within a minute
    curl -s -u {}:{} -d grant_type=authorization_code -d code=CODE \\
      -d redirect_uri={} -d code_verifier={VERIFIER} {issuer}/oauth/v2/token
  - a token for the service account, good for the API's project; then ask about it as the API
    curl -s -u {}:{} -d grant_type=client_credentials \\
      -d scope='openid urn:zitadel:iam:org:project:id:{PROJECT}:aud' {issuer}/oauth/v2/token
    curl -s -u {}:{} -d token=TOKEN {issuer}/oauth/v2/introspect
  - point any OpenID Connect library at the issuer with the web app's id and secret
  - manage: {program} login {issuer} opens a browser (sign in as {}), then
    {program} get users; the whole API is described at {issuer}/api/docs
",
        user.username,
        sign_in_url(credentials),
        web.client_id,
        web.client_secret,
        web.redirect_uri,
        service.client_id,
        service.client_secret,
        api.client_id,
        api.client_secret,
        admin.username,
        program = program(),
    )
}

/// How this program was called, so that the lines can be copied.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "conclave".to_owned())
}

fn failures(plan: &Plan, processes: &[Process]) -> String {
    let url = plan.url();
    let mut text = String::new();
    if let Some(pid) = processes.last().and_then(|process| process.pid) {
        let then = if processes.len() == 1 {
            "nothing is answered until it is back"
        } else {
            "sign in again: the others have every user, session and token,\n    and what comes here goes to them"
        };
        text += &format!(
            "  - kill a node, as a power cut would: kill -9 {pid}
    then {then}. This demo starts it again after ten seconds
    and tells when it is back; the processes of the moment are in the credentials file
"
        );
    }
    text += &format!(
        "  - ask one node only; the answer names the one it is from
    curl -s -i -H 'Conclave-Node: {}' {url}/.well-known/openid-configuration
  - stop with Ctrl-C and start again: the data stays; remove {} to begin anew
",
        processes.len(),
        plan.data.display(),
    );
    text
}

/// An authorization request of the web application. Its challenge is RFC 7636's own example (appendix B).
fn sign_in_url(credentials: &Credentials) -> String {
    let escaped = credentials.web.redirect_uri.replace(':', "%3A").replace('/', "%2F");
    format!(
        "{}/oauth/v2/authorize?response_type=code&scope=openid%20profile&state=demo&client_id={}\
             &redirect_uri={escaped}&code_challenge_method=S256\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        credentials.issuer, credentials.web.client_id
    )
}
