use super::super::testing::{Reply, Server, secret_file};
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
        "/oauth/v2/token" => Reply::json(401, json!({ "error": "invalid_client" })),
        "/oauth/v2/revoke" => Reply::json(200, json!({})),
        _ => Reply::problem(404, "not_found"),
    })
    .await
}

fn as_service(server: &Server, file: &Path) -> Login {
    Login {
        url: Some(server.base.clone()),
        profile: None,
        no_browser: false,
        client_secret_file: Some(file.to_owned()),
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
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (name, mut profile) = as_person(&server);
    profile.url = format!("http://{free}");
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
