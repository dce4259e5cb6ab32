//! The OAuth side of a node: where its endpoints are, and how they give and end tokens.

use super::http::{Answer, Http};
use super::problem::printable;
use crate::exit::{Class, Failure, Outcome};
use bytes::Bytes;
use crypto::Secret;
use http::{HeaderMap, Method};
use serde::Deserialize;

/// The client id of the application that this command line signs in by; the first start of a cluster makes it.
pub(super) const CLIENT_ID: &str = "conclave-cli";
/// What a person lets it do: speak for him at the management API, also later.
pub(super) const SCOPES: &str = "openid offline_access urn:zitadel:iam:org:project:id:zitadel:aud";
/// The same for a service account, who proves himself anew each time.
const SERVICE_SCOPES: &str = "openid urn:zitadel:iam:org:project:id:zitadel:aud";

/// What discovery says (OpenID Connect Discovery 1.0 §3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Issuer {
    /// Its name; answers of its own carry it.
    pub(super) issuer: String,
    /// Where browsers sign in.
    pub(super) authorization_endpoint: String,
    /// Where tokens come from.
    pub(super) token_endpoint: String,
    /// Where tokens end.
    pub(super) revocation_endpoint: String,
}

/// What the token endpoint gives (RFC 6749 §5.1).
#[derive(Deserialize)]
pub(super) struct Granted {
    /// What is sent.
    pub(super) access_token: String,
    /// For how many seconds.
    pub(super) expires_in: u64,
    /// What brings the next ones.
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Error {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

/// How tokens are asked for.
pub(super) enum Grant<'g> {
    /// A code that a browser brought (RFC 6749 §4.1.3) with the verifier that only we know (RFC 7636 §4.5).
    Code {
        /// The code.
        code: &'g str,
        /// The verifier.
        verifier: &'g str,
        /// The address that the code was sent to.
        redirect: &'g str,
    },
    /// A refresh token (RFC 6749 §6).
    Refresh(&'g str),
    /// A service account's secret (RFC 6749 §4.4).
    Service(&'g ServiceSecret),
    /// What a service account has signed with its key (RFC 7523 §2.1).
    Assertion(&'g Secret<String>),
}

/// A service account's id and secret, as `--bootstrap-secret-file` writes them.
#[derive(Deserialize)]
pub(super) struct ServiceSecret {
    client_id: String,
    client_secret: Secret<String>,
}

/// Asks who the node is. It must be who it was called: otherwise codes and tokens would go astray (RFC 8414 §3.3).
pub(super) async fn discover(http: &Http) -> Outcome<Issuer> {
    let url = format!("{}/.well-known/openid-configuration", http.base);
    let answer = http.send(Method::GET, &url, HeaderMap::new(), Bytes::new()).await?;
    let base = &http.base;
    let stranger = |why: &str| Failure::new(Class::Unavailable, format_args!("{base} is no issuer: {why}"));
    if !answer.status.is_success() {
        return Err(stranger(&format!("its discovery answered {}", answer.status)));
    }
    let found: Issuer =
        serde_json::from_slice(&answer.body).map_err(|_| stranger("its discovery is not readable"))?;
    if found.issuer != *base {
        return Err(stranger(&format!("it calls itself {}: sign in there", printable(&found.issuer))));
    }
    let under = format!("{base}/");
    for endpoint in [&found.authorization_endpoint, &found.token_endpoint, &found.revocation_endpoint] {
        if !endpoint.starts_with(&under) {
            return Err(stranger("its endpoints are elsewhere"));
        }
    }
    Ok(found)
}

/// Asks for tokens.
pub(super) async fn tokens(http: &Http, issuer: &Issuer, grant: Grant<'_>) -> Outcome<Granted> {
    let fields = match grant {
        Grant::Code { code, verifier, redirect } => vec![
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT_ID),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", redirect),
        ],
        Grant::Refresh(token) => {
            vec![("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("refresh_token", token)]
        }
        Grant::Service(secret) => vec![
            ("grant_type", "client_credentials"),
            ("client_id", &secret.client_id),
            ("client_secret", secret.client_secret.expose()),
            ("scope", SERVICE_SCOPES),
        ],
        Grant::Assertion(assertion) => vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose()),
            ("scope", SERVICE_SCOPES),
        ],
    };
    let answer = http.post_form(&issuer.token_endpoint, &fields).await?;
    if !answer.status.is_success() {
        return Err(refused(&answer));
    }
    let unreadable = |_| Failure::other("the token endpoint gave an answer that is not readable");
    serde_json::from_slice(&answer.body).map_err(unreadable)
}

/// Ends a refresh token and all access tokens that came of it (RFC 7009). One that is unknown has ended already.
pub(super) async fn revoke(http: &Http, issuer: &Issuer, token: &str) -> Outcome<()> {
    let fields = [("client_id", CLIENT_ID), ("token", token)];
    let answer = http.post_form(&issuer.revocation_endpoint, &fields).await?;
    if answer.status.is_success() { Ok(()) } else { Err(refused(&answer)) }
}

fn refused(answer: &Answer) -> Failure {
    let class = if answer.status.is_server_error() { Class::Unavailable } else { Class::NotSignedIn };
    let why = match serde_json::from_slice::<Error>(&answer.body) {
        Ok(Error { error, error_description: Some(text) }) => format!("{error}: {text}"),
        Ok(Error { error, error_description: None }) => error,
        Err(_) => format!("it answered {}", answer.status),
    };
    Failure::new(class, printable(&format!("the node gave no token ({why})")))
}

/// Reads a service account's file.
pub(super) fn service_secret(path: &std::path::Path) -> Outcome<ServiceSecret> {
    let text = super::secret_file::read(path)?;
    let shown = path.display();
    let wrong = |_| {
        let text = format_args!("{shown} is no JSON with client_id and client_secret");
        Failure::new(Class::Usage, text)
    };
    serde_json::from_str(text.expose()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Reply, Server};
    use super::*;
    use serde_json::{Value, json};

    fn document(base: &str) -> Value {
        json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/oauth/v2/authorize"),
            "token_endpoint": format!("{base}/oauth/v2/token"),
            "revocation_endpoint": format!("{base}/oauth/v2/revoke"),
        })
    }

    #[tokio::test]
    async fn an_issuer_with_another_name_is_refused() {
        for (field, value) in [
            ("issuer", json!("http://localhost:1")),
            ("issuer", json!(null)),
            ("token_endpoint", json!("http://127.0.0.1:1/token")),
            ("revocation_endpoint", json!("https://elsewhere.example/revoke")),
            ("authorization_endpoint", json!("javascript:alert(1)")),
        ] {
            let server = Server::start(move |asked| {
                let mut document = document(&asked.base);
                document[field] = value.clone();
                Reply::json(200, document)
            })
            .await;
            let http = Http::of(&server.base).unwrap();
            assert_eq!(discover(&http).await.err().map(|f| f.class), Some(Class::Unavailable), "{field}");
        }
    }

    #[tokio::test]
    async fn a_refused_grant_says_why() {
        let server = Server::start(|asked| match asked.path.as_str() {
            "/oauth/v2/token" => {
                Reply::json(400, json!({ "error": "invalid_grant", "error_description": "used before" }))
            }
            _ => Reply::json(200, document(&asked.base)),
        })
        .await;
        let http = Http::of(&server.base).unwrap();
        let issuer = discover(&http).await.unwrap();
        let failure = tokens(&http, &issuer, Grant::Refresh("r")).await.err().unwrap();
        assert_eq!(failure.class, Class::NotSignedIn);
        assert_eq!(failure.text, "the node gave no token (invalid_grant: used before)");
        let asked = server.asked();
        assert_eq!(asked[1].body, "grant_type=refresh_token&client_id=conclave-cli&refresh_token=r");
    }
}
