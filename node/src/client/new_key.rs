//! `conclave new-key`: a key pair for a service account. The private half is made here and never leaves this machine.

use super::address::Address;
use super::api::{Api, Ask};
use super::key_file;
use super::nouns::noun;
use super::surroundings::Surroundings;
use crate::cli::manage::{KeyType, NewKey};
use crate::exit::{Class, Failure, Outcome};
use crate::output::say;
use crypto::{Alg, Generated, SigningKey};
use http::Method;
use serde_json::{Value, json};

/// Carries out the command. The file is written before the node knows the key: a private half that is lost afterwards
/// would leave a key that nobody can use.
pub(super) async fn run(command: NewKey, surroundings: &Surroundings) -> Outcome<()> {
    let mut api = Api::open(&command.who, surroundings)?;
    let address = Address::read(noun("user")?, &command.user, None)?;
    let user = service_account(&mut api, &address).await?;
    let made = generate(command.algorithm).await?;
    let (file, shown) = (&command.key_file, command.key_file.display());
    key_file::write_new(file, &made, &user, api.base())?;
    let jwk = serde_json::to_value(&made.jwk).map_err(Failure::other)?;
    let mut body = json!({ "id": made.kid, "jwk": jwk });
    if let Some(expires) = command.expires {
        body["expires"] = Value::from(expires);
    }
    if let Err(failure) = api.ask(Ask::with(Method::POST, format!("{}/keys", address.path()?), body)).await {
        if is_refusal(failure.class) {
            // The one that was written above, and of use to nobody.
            let _ = std::fs::remove_file(file);
            return Err(failure);
        }
        let text = format!(
            "{}; whether the node has the key is not known: `conclave get keys --parent {user}` tells whether {} is among \
             them. {shown} stays",
            failure.text, made.kid
        );
        return Err(failure.told_as(text));
    }
    say(format_args!("{address} has the key {}, whose private half stands in {shown} alone", made.kid));
    say(format_args!("Sign in by it: conclave login {} --key-file {shown}", api.base()));
    Ok(())
}

/// The id of a user who may have keys: `me` is a name for somebody, and no id.
async fn service_account(api: &mut Api, address: &Address) -> Outcome<String> {
    let user = api.ask(Ask::plain(Method::GET, address.path()?)).await;
    let user = user.map_err(|failure| address.told(failure))?;
    if user["kind"].get("service").is_none() {
        let text = format_args!("{address} is no service account: only those have keys");
        return Err(Failure::new(Class::Usage, text));
    }
    let id = user["id"].as_str().ok_or_else(|| Failure::other("the node gave a user without an id"))?;
    Ok(id.to_owned())
}

async fn generate(of: KeyType) -> Outcome<Generated> {
    let alg = match of {
        KeyType::Es256 => Alg::Es256,
        KeyType::Rs256 => Alg::Rs256,
        KeyType::Ed25519 => Alg::EdDsa,
    };
    // RSA may take a second.
    let made = tokio::task::spawn_blocking(move || SigningKey::generate(alg)).await;
    made.map_err(Failure::other)?.map_err(Failure::other)
}

/// Whether the node has surely not taken the key. One that did not answer may have.
fn is_refusal(class: Class) -> bool {
    // Any other may be the answer to a repetition: the first request came through, and its answer was lost.
    matches!(class, Class::Invalid | Class::Conflict)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Reply, Server, secret_file};
    use super::*;
    use crate::cli::manage::Who;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    /// A node that has the service account `robot` and the person `ada`, and answers new keys with a status.
    async fn node(status: u16) -> Server {
        Server::start(move |asked| match asked.line().as_str() {
            "GET /api/v1/users/robot" | "GET /api/v1/users/me" => {
                Reply::json(200, json!({ "id": "robot", "kind": { "service": { "name": "Robot" } } }))
            }
            "GET /api/v1/users/ada" => {
                Reply::json(200, json!({ "id": "ada", "kind": { "human": { "given_name": "Ada" } } }))
            }
            "POST /api/v1/users/robot/keys" | "POST /api/v1/users/me/keys" if status == 201 => {
                Reply::json(201, asked.json())
            }
            "POST /api/v1/users/robot/keys" => Reply::problem(status, "no").with("retry-after", "0"),
            _ => Reply::problem(404, "not_found"),
        })
        .await
    }

    async fn made(server: &Server, user: &str, file: &Path, algorithm: KeyType) -> Outcome<()> {
        let surroundings =
            Surroundings::of([("CONCLAVE_API_URL", server.base.as_str()), ("CONCLAVE_API_TOKEN", "t")]);
        let command = NewKey {
            user: user.to_owned(),
            key_file: file.to_owned(),
            expires: Some("2030-01-01T00:00:00Z".to_owned()),
            algorithm,
            who: Who::default(),
        };
        run(command, &surroundings).await
    }

    #[tokio::test]
    async fn the_node_is_given_the_public_half_alone() {
        for (user, algorithm, kty) in [
            ("robot", KeyType::Es256, "EC"),
            ("robot", KeyType::Rs256, "RSA"),
            ("me", KeyType::Ed25519, "OKP"),
        ] {
            let (dir, server) = (tempfile::tempdir().unwrap(), node(201).await);
            let file = dir.path().join("key.json");
            made(&server, user, &file, algorithm).await.unwrap();
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            assert_eq!(
                (&written["type"], &written["userId"], &written["issuer"]),
                (&json!("serviceaccount"), &json!("robot"), &json!(server.base))
            );
            let sent = server.asked().pop().unwrap().json();
            assert_eq!((&sent["id"], &sent["expires"]), (&written["keyId"], &json!("2030-01-01T00:00:00Z")));
            let jwk = &sent["jwk"];
            assert_eq!(jwk["kty"], kty);
            for private in ["d", "p", "q"] {
                assert!(jwk.get(private).is_none(), "{private}");
            }
        }
    }

    #[tokio::test]
    async fn a_key_that_is_refused_leaves_no_file() {
        for (status, class) in [(400, Class::Invalid), (409, Class::Conflict)] {
            let (dir, server) = (tempfile::tempdir().unwrap(), node(status).await);
            let file = dir.path().join("key.json");
            assert_eq!(made(&server, "robot", &file, KeyType::Es256).await.unwrap_err().class, class);
            assert!(!file.exists(), "{status}");
        }
    }

    #[tokio::test]
    async fn a_key_that_the_node_may_have_keeps_its_file() {
        for (status, class) in [
            (401, Class::NotSignedIn),
            (403, Class::Forbidden),
            (404, Class::NotFound),
            (500, Class::Failed),
            (503, Class::Unavailable),
        ] {
            let (dir, server) = (tempfile::tempdir().unwrap(), node(status).await);
            let file = dir.path().join("key.json");
            let failure = made(&server, "robot", &file, KeyType::Es256).await.unwrap_err();
            assert_eq!(failure.class, class);
            assert!(failure.text.contains("conclave get keys --parent robot"), "{}", failure.text);
            assert!(file.exists(), "{status}");
        }
    }

    #[tokio::test]
    async fn nothing_is_made_for_a_person_or_over_another_file() {
        let (dir, server) = (tempfile::tempdir().unwrap(), node(201).await);
        let (file, other) = (dir.path().join("key.json"), dir.path().join("other"));
        secret_file(&other, "mine");
        for (user, file, class) in
            [("ada", &file, Class::Usage), ("eva", &file, Class::NotFound), ("robot", &other, Class::Usage)]
        {
            assert_eq!(made(&server, user, file, KeyType::Es256).await.unwrap_err().class, class, "{user}");
        }
        assert!(!file.exists());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine");
        assert!(server.asked().iter().all(|asked| asked.method == "GET"));
    }
}
