use super::super::profiles::{Book, Profile};
use super::super::testing::{Reply, Server, secret_file};
use super::*;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A clock that stands.
struct At(u64);

impl Clock for At {
    fn wall_ms(&self) -> u64 {
        self.0 * 1000
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A node that takes each refresh token once, as `r0`, `r1` and so on.
async fn node() -> Server {
    let next = AtomicU64::new(0);
    Server::start(move |asked| match asked.path.as_str() {
        "/oauth/v2/token" => {
            let number = next.load(Ordering::SeqCst);
            if !asked.body.ends_with(&format!("refresh_token=r{number}")) {
                return Reply::json(400, json!({ "error": "invalid_grant" }));
            }
            next.store(number + 1, Ordering::SeqCst);
            let (access, refresh) = (format!("a{}", number + 1), format!("r{}", number + 1));
            Reply::json(200, json!({ "access_token": access, "expires_in": 100, "refresh_token": refresh }))
        }
        _ => Reply::json(
            200,
            json!({
                "issuer": asked.base,
                "authorization_endpoint": format!("{}/a", asked.base),
                "token_endpoint": format!("{}/oauth/v2/token", asked.base),
                "revocation_endpoint": format!("{}/r", asked.base),
            }),
        ),
    })
    .await
}

fn person(dir: &std::path::Path, server: &Server) -> Profiles {
    let profiles = Profiles::of(dir.join("conclave"));
    let credential =
        Credential::Person { access_token: "a0".into(), expires: 1000, refresh_token: Some("r0".into()) };
    let profile = Profile { url: server.base.clone(), position: None, credential: Some(credential) };
    let change = |book: &mut Book| {
        book.profiles.insert("default".into(), profile);
        Ok(())
    };
    profiles.change(change).unwrap();
    profiles
}

fn access(profiles: &Profiles) -> Access {
    Access::Profile { profiles: profiles.clone(), name: "default".into(), held: None }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_saved() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let (profiles, http) = (person(dir.path(), &server), Http::of(&server.base).unwrap());
    let mut access = access(&profiles);
    for (now, expected) in [(0, "a0"), (969, "a0"), (970, "a1"), (1000, "a1"), (1039, "a1"), (1040, "a2")] {
        assert_eq!(access.token(&http, &At(now)).await.ok().as_deref(), Some(expected), "at {now}");
    }
    match &profiles.read().unwrap().profiles["default"].credential {
        Some(Credential::Person { access_token, expires, refresh_token }) => {
            assert_eq!((access_token.as_str(), *expires, refresh_token.as_deref()), ("a2", 1140, Some("r2")));
        }
        Some(_) | None => panic!("a person is signed in"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_commands_spend_no_refresh_token_twice() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let profiles = person(dir.path(), &server);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (profiles, base) = (profiles.clone(), server.base.clone());
        all.spawn(async move { access(&profiles).token(&Http::of(&base)?, &At(2000)).await });
    }
    let tokens: Vec<_> = all.join_all().await.into_iter().map(Result::unwrap).collect();
    assert_eq!(tokens, ["a1", "a1", "a1"]);
}

#[tokio::test]
async fn whoever_cannot_renew_is_told_to_sign_in() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let (profiles, http) = (person(dir.path(), &server), Http::of(&server.base).unwrap());
    for refresh in [Some("stolen".to_owned()), None] {
        let change = |book: &mut Book| {
            book.profile("default")?.credential =
                Some(Credential::Person { access_token: "a".into(), expires: 0, refresh_token: refresh });
            Ok(())
        };
        profiles.change(change).unwrap();
        let failure = access(&profiles).token(&http, &At(5)).await.unwrap_err();
        assert_eq!(failure.class, Class::NotSignedIn);
        assert!(failure.text.contains("conclave login"), "{}", failure.text);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_unless_it_was_already() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let (profiles, http) = (person(dir.path(), &server), Http::of(&server.base).unwrap());
    let (mut one, mut two) = (access(&profiles), access(&profiles));
    for access in [&mut one, &mut two] {
        assert_eq!(access.token(&http, &At(0)).await.unwrap(), "a0");
    }
    assert_eq!(one.spoil("a0").unwrap(), Spoilt::Renewable);
    assert_eq!(one.token(&http, &At(0)).await.unwrap(), "a1");
    assert_eq!(two.spoil("a0").unwrap(), Spoilt::Renewable);
    assert_eq!(two.token(&http, &At(0)).await.unwrap(), "a1");
    assert_eq!(Access::Fixed("t".into()).spoil("t").unwrap(), Spoilt::ForGood);
}

#[tokio::test]
async fn a_personal_token_is_read_from_its_file_each_time() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let (profiles, http) = (person(dir.path(), &server), Http::of(&server.base).unwrap());
    let file = dir.path().join("token");
    let change = |book: &mut Book| {
        book.profile("default")?.credential = Some(Credential::PersonalToken { token_file: file.clone() });
        Ok(())
    };
    profiles.change(change).unwrap();
    assert_eq!(access(&profiles).token(&http, &At(5)).await.unwrap_err().class, Class::Usage);
    for text in ["cnv_pat_1\n", "cnv_pat_2"] {
        secret_file(&file, text);
        assert_eq!(access(&profiles).token(&http, &At(5)).await.unwrap(), text.trim_end());
    }
}
