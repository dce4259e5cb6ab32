use super::super::testing::{NOBODY, Reply, Server, secret_file};
use super::*;
use serde_json::json;

fn home(dir: &Path) -> Surroundings {
    Surroundings::of([("XDG_CONFIG_HOME", dir.to_str().unwrap())])
}

async fn node() -> Server {
    Server::start(|asked| match asked.path.as_str() {
        "/.well-known/openid-configuration" => Reply::json(
            200,
            json!({
                "issuer": asked.base,
                "authorization_endpoint": format!("{}/oauth/v2/authorize", asked.base),
                "token_endpoint": format!("{}/oauth/v2/token", asked.base),
                "revocation_endpoint": format!("{}/oauth/v2/revoke", asked.base),
            }),
        ),
        "/oauth/v2/token" if asked.body.contains("client_secret=right") => {
            Reply::json(200, json!({ "access_token": "at", "token_type": "Bearer", "expires_in": 600 }))
        }
        "/oauth/v2/token" if signed_by_robot(asked) => {
            Reply::json(200, json!({ "access_token": "kt", "token_type": "Bearer", "expires_in": 600 }))
        }
        "/oauth/v2/token" => Reply::json(401, json!({ "error": "invalid_client" })),
        "/oauth/v2/revoke" => Reply::json(200, json!({})),
        _ => Reply::problem(404, "not_found"),
    })
    .await
}

/// Whether the body of a request is the JWT profile grant, with an assertion of `robot`'s for this issuer.
fn signed_by_robot(asked: &crate::client::testing::Asked) -> bool {
    let form: std::collections::BTreeMap<_, _> =
        form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
    let Some(assertion) = form.get("assertion") else { return false };
    let part = assertion.split('.').nth(1).and_then(crypto::unb64url).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&part).unwrap_or_default();
    form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        && (&claims["iss"], &claims["sub"], &claims["aud"])
            == (&json!("robot"), &json!("robot"), &json!(asked.base))
}

fn by_key(url: Option<&str>, file: &Path) -> Login {
    Login {
        url: url.map(str::to_owned),
        profile: None,
        no_browser: false,
        client_secret_file: None,
        key_file: Some(file.to_owned()),
        token_file: None,
    }
}

#[tokio::test]
async fn a_service_account_signs_in_by_its_key_which_stays_in_its_file() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let file = dir.path().join("key.json");
    let made = crypto::SigningKey::generate(crypto::Alg::Es256).unwrap();
    key_file::write_new(&file, &made, "robot", &server.base).unwrap();
    for url in [Some(server.base.as_str()), None] {
        login(by_key(url, &file), &home(dir.path())).await.unwrap();
        let text = std::fs::read_to_string(dir.path().join("conclave/profiles.toml")).unwrap();
        assert!(text.contains("access_token = \"kt\"") && text.contains("key.json"), "{text}");
        assert!(!text.contains("PRIVATE"), "{text}");
    }
}

#[tokio::test]
async fn a_key_of_somebody_else_or_for_elsewhere_makes_no_profile() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let made = crypto::SigningKey::generate(crypto::Alg::Es256).unwrap();
    for (user, issuer, class) in [
        ("mallory", server.base.as_str(), Class::NotSignedIn),
        ("robot", "https://elsewhere.example", Class::Usage),
    ] {
        let file = dir.path().join(format!("{user}.json"));
        key_file::write_new(&file, &made, user, issuer).unwrap();
        let failure = login(by_key(Some(&server.base), &file), &home(dir.path())).await.unwrap_err();
        assert_eq!(failure.class, class, "{user}: {}", failure.text);
    }
    let none = by_key(Some(&server.base), &dir.path().join("none.json"));
    assert_eq!(login(none, &home(dir.path())).await.unwrap_err().class, Class::Usage);
    assert!(!dir.path().join("conclave/profiles.toml").exists());
}

fn as_service(server: &Server, file: &Path) -> Login {
    Login {
        url: Some(server.base.clone()),
        profile: None,
        no_browser: false,
        client_secret_file: Some(file.to_owned()),
        key_file: None,
        token_file: None,
    }
}

#[tokio::test]
async fn a_service_account_signs_in_and_its_secret_stays_in_its_file() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let file = dir.path().join("secret.json");
    secret_file(&file, "{\"client_id\":\"boot\",\"client_secret\":\"right\"}\n");
    login(as_service(&server, &file), &home(dir.path())).await.unwrap();
    let text = std::fs::read_to_string(dir.path().join("conclave/profiles.toml")).unwrap();
    assert!(text.contains("current = \"default\"") && text.contains("access_token = \"at\""), "{text}");
    assert!(!text.contains("right"), "{text}");
}

#[tokio::test]
async fn a_wrong_secret_makes_no_profile() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let file = dir.path().join("secret.json");
    for (text, class) in [
        ("{\"client_id\":\"boot\",\"client_secret\":\"wrong\"}", Class::NotSignedIn),
        ("{\"client_id\":\"boot\"}", Class::Usage),
        ("secret", Class::Usage),
    ] {
        secret_file(&file, text);
        let failure = login(as_service(&server, &file), &home(dir.path())).await.unwrap_err();
        assert_eq!(failure.class, class, "{text}: {}", failure.text);
    }
    assert!(!dir.path().join("conclave/profiles.toml").exists());
}

fn as_person(server: &Server) -> (String, Profile) {
    let credential =
        Credential::Person { access_token: "at".into(), expires: u64::MAX, refresh_token: Some("rt".into()) };
    let profile =
        Profile { url: server.base.clone(), position: Some("p".into()), credential: Some(credential) };
    ("work".to_owned(), profile)
}

fn keep(dir: &Path, (name, profile): (String, Profile)) -> Profiles {
    let profiles = Profiles::of(home(dir).profiles_dir().unwrap());
    let change = |book: &mut Book| {
        book.current = Some(name.clone());
        book.profiles.insert(name, profile);
        Ok(())
    };
    profiles.change(change).unwrap();
    profiles
}

#[tokio::test]
async fn signing_out_revokes_the_refresh_token() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let profiles = keep(dir.path(), as_person(&server));
    logout(&Who::default(), &home(dir.path())).await.unwrap();
    let asked = server.asked();
    let revoked = asked.last().unwrap();
    assert_eq!(
        (revoked.line().as_str(), revoked.body.as_str()),
        ("POST /oauth/v2/revoke", "client_id=conclave-cli&token=rt")
    );
    let book = profiles.read().unwrap();
    assert!(book.profiles["work"].credential.is_none() && book.profiles["work"].position.is_none());
    let listed = listed(&book);
    assert_eq!(listed, [["*".to_owned(), "work".to_owned(), server.base.clone(), "nobody".to_owned()]]);
}

#[tokio::test]
async fn whoever_signs_out_is_out_even_if_the_node_is_away() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let (name, mut profile) = as_person(&server);
    NOBODY.clone_into(&mut profile.url);
    let profiles = keep(dir.path(), (name, profile));
    let failure = logout(&Who::default(), &home(dir.path())).await.unwrap_err();
    assert_eq!(failure.class, Class::Unavailable);
    assert!(profiles.read().unwrap().profiles["work"].credential.is_none());
    let gone = ProfileCommand::Remove { name: "work".into() };
    profile_command(gone, dir.path()).await.unwrap();
    assert!(profiles.read().unwrap().profiles.is_empty());
    let missing = ProfileCommand::Use { name: "work".into() };
    assert_eq!(profile_command(missing, dir.path()).await.unwrap_err().class, Class::NotSignedIn);
}

async fn profile_command(command: ProfileCommand, dir: &Path) -> Outcome<()> {
    profile(command, &home(dir)).await
}

#[test]
fn whoever_signs_in_is_told_by_name() {
    for (user, expected) in [
        (json!({ "username": "admin", "kind": { "human": {} } }), Some("the person admin")),
        (json!({ "username": "ro\nbot", "kind": { "service": {} } }), Some("the service account ro bot")),
        (json!({}), None),
    ] {
        assert_eq!(named(&user).as_deref(), expected);
    }
}
