//! What the demo tells: kept in `DIR/credentials` as JSON for programs, and printed at each start for people.

use super::seed::PROJECT;
use crate::exit::{Class, Failure, Outcome, io};
use crate::folder::write_private;
use crate::output::say;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that is needed to try the demo. It is a demo: its secrets are there to be shown.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// The issuer.
    pub(crate) issuer: String,
    /// The operations side.
    pub(crate) operations: String,
    /// A confidential web application.
    pub(crate) web: Web,
    /// A public single-page application.
    pub(crate) spa: Spa,
    /// A resource server, for introspection.
    pub(crate) api: Client,
    /// A service account, for client credentials.
    pub(crate) service: Client,
    /// The owner of the instance.
    pub(crate) admin: Person,
    /// A user with a role in the project.
    pub(crate) user: Person,
}

/// A web application.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Web {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) redirect_uri: String,
    pub(crate) post_logout_redirect_uri: String,
}

/// A single-page application.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Spa {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
}

/// Something that authenticates with a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// Somebody who signs in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// The verifier of RFC 7636's own example (appendix B), whose challenge stands in the address to sign in.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

impl Credentials {
    /// Those of an earlier start; `None` before the first one was complete.
    pub(crate) fn read(path: &Path) -> Outcome<Option<Credentials>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("reading", path, &error)),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let text =
                format!("{} can't be read ({error}): remove the demo's folder to begin anew", path.display());
            Failure::new(Class::Failed, text)
        })
    }

    /// Keeps them, for this user only.
    pub(crate) fn write(&self, path: &Path) -> Outcome<()> {
        let text = serde_json::to_string_pretty(self).map_err(Failure::other)?;
        write_private(path, format!("{text}\n").as_bytes())
    }

    /// Prints them, and what to try.
    pub(crate) fn explain(&self, data: &Path, path: &Path) {
        let Credentials { issuer, operations, web, spa, api, service, admin, user } = self;
        say(format_args!(
            "
Conclave demo: one node, data in {data}, credentials in {path}

  Issuer          {issuer}
  Discovery       {issuer}/.well-known/openid-configuration
  Operations      {operations}/ready  /metrics  /cluster

  User            {}  {}
  Administrator   {}  {}

  Web app         {}  {}
                  redirects to {}
  Single page     {}  (no secret, PKCE)
  API             {}  {}
  Service         {}  {}

Try
  - sign in: open the address below in a browser, as {}; your browser ends at a page that does not exist,
    with a code in its address, because the web app is yours to write
    {}
  - redeem that code within a minute
    curl -s -u {}:{} -d grant_type=authorization_code -d code=CODE \\
      -d redirect_uri={} -d code_verifier={VERIFIER} {issuer}/oauth/v2/token
  - a token for the service account, good for the API's project; then ask about it as the API
    curl -s -u {}:{} -d grant_type=client_credentials \\
      -d scope='openid urn:zitadel:iam:org:project:id:{project}:aud' {issuer}/oauth/v2/token
    curl -s -u {}:{} -d token=TOKEN {issuer}/oauth/v2/introspect
  - point any OpenID Connect library at the issuer with the web app's id and secret
  - stop with Ctrl-C and start again: the data stays; remove {data} to begin anew
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
            user.username,
            self.sign_in_url(),
            web.client_id,
            web.client_secret,
            web.redirect_uri,
            service.client_id,
            service.client_secret,
            api.client_id,
            api.client_secret,
            project = PROJECT,
            data = data.display(),
            path = path.display(),
        ));
    }

    /// An authorization request of the web application. Its challenge is RFC 7636's own example (appendix B).
    fn sign_in_url(&self) -> String {
        let escaped = self.web.redirect_uri.replace(':', "%3A").replace('/', "%2F");
        format!(
            "{}/oauth/v2/authorize?response_type=code&scope=openid%20profile&state=demo&client_id={}\
             &redirect_uri={escaped}&code_challenge_method=S256\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            self.issuer, self.web.client_id
        )
    }
}
