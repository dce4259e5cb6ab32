//! Who is outside: the applications, people and resource servers that the cluster's data knows.

use crate::application::{Application, Outcome, SCOPE};
use crate::browser::Browser;
use crate::http::Http;
use serde_json::Value;
use std::path::Path;

/// A person who signs in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Name to sign in with.
    pub username: String,
    /// His password.
    pub password: String,
}

/// The outside world of one cluster.
#[derive(Clone, Debug)]
pub struct World {
    /// Scheme, host and port that everybody names.
    pub issuer: String,
    /// An application that signs people in and refreshes.
    pub web: Application,
    /// A service account.
    pub service: Application,
    /// What a service account's token must be asked for, so that it concerns the resource server.
    pub service_scope: String,
    /// A resource server that introspects; a cluster that was just begun has none.
    pub api: Option<Application>,
    /// Somebody to sign in.
    pub person: Person,
}

impl World {
    /// What the demo has made, by its credentials file.
    pub fn of_demo(credentials: &Path) -> World {
        let known = read_json(credentials);
        let client = |name: &str| {
            let client = &known[name];
            Application {
                client_id: text(&client["client_id"]),
                secret: client["client_secret"].as_str().map(str::to_owned),
                redirect_uri: client["redirect_uri"].as_str().unwrap_or_default().to_owned(),
                scope: SCOPE.to_owned(),
            }
        };
        let (username, password) = (text(&known["user"]["username"]), text(&known["user"]["password"]));
        World {
            issuer: text(&known["issuer"]),
            web: client("web"),
            service: client("service"),
            service_scope: "openid urn:zitadel:iam:org:project:id:portal:aud".to_owned(),
            api: Some(client("api")),
            person: Person { username, password },
        }
    }

    /// What `conclave init` has made: an administrator, a service account and the command line's application.
    pub fn of_init(issuer: &str, password: &Path, secret: &Path) -> World {
        let service = read_json(secret);
        let password = std::fs::read_to_string(password).expect("the test has written it");
        World {
            issuer: issuer.to_owned(),
            web: Application {
                client_id: "conclave-cli".to_owned(),
                secret: None,
                redirect_uri: "http://127.0.0.1/callback".to_owned(),
                scope: SCOPE.to_owned(),
            },
            service: Application {
                client_id: text(&service["client_id"]),
                secret: Some(text(&service["client_secret"])),
                redirect_uri: String::new(),
                scope: String::new(),
            },
            service_scope: "openid".to_owned(),
            api: None,
            person: Person { username: "admin".to_owned(), password: password.trim_end().to_owned() },
        }
    }

    /// A browser in which the person has signed in on this node.
    pub async fn signed_in(&self, node: &Http) -> Browser {
        let mut browser = Browser::default();
        let code = browser.sign_in(node, &self.web, &self.person).await;
        code.done("the sign-in");
        browser
    }

    /// Whether an access token counts on a node: the resource server introspects it, or, where there is none, its
    /// holder asks for userinfo. `Unknown` if the node can't know.
    pub async fn is_alive(&self, node: &Http, token: &str) -> Outcome<bool> {
        match &self.api {
            Some(api) => api.introspect(node, token).await,
            None => Application::userinfo(node, token).await,
        }
    }
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text was expected, and not {value}")).to_owned()
}
