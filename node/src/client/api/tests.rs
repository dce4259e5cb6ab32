use super::super::testing::{Reply, Server};
use super::*;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

fn api(server: &Server) -> Api {
    let surroundings =
        Surroundings::of([("CONCLAVE_API_URL", server.base.as_str()), ("CONCLAVE_API_TOKEN", "cnv_pat_x")]);
    Api::open(&Who::default(), &surroundings).unwrap()
}

#[tokio::test]
async fn a_write_carries_token_revision_key_and_the_newest_state() {
    let server = Server::start(|asked| match asked.method.as_str() {
        "GET" => Reply::json(200, json!({ "id": "a" })).with("conclave-position", "p7"),
        _ => Reply::json(200, json!({ "id": "a", "revision": 4 })).with("conclave-position", "p8"),
    })
    .await;
    let mut api = api(&server);
    api.find("/api/v1/users/a").await.unwrap();
    let patch = Ask::with(Method::PATCH, "/api/v1/users/a", json!({ "name": "b" }));
    api.ask(patch.at(Some(3))).await.unwrap();
    api.find("/api/v1/users/a").await.unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].header("authorization"), Some("Bearer cnv_pat_x"));
    assert_eq!((asked[0].header(AT_LEAST), asked[0].header(IDEMPOTENCY_KEY)), (None, None));
    assert_eq!((asked[1].header(AT_LEAST), asked[1].header("if-match")), (Some("p7"), Some("\"3\"")));
    assert_eq!(asked[1].header("content-type"), Some("application/merge-patch+json"));
    assert_eq!(asked[1].header(IDEMPOTENCY_KEY).map(str::len), Some(24));
    assert_eq!(asked[2].header(AT_LEAST), Some("p8"));
}

#[tokio::test]
async fn a_write_is_repeated_under_the_same_key() {
    let times = AtomicUsize::new(0);
    let server = Server::start(move |_| match times.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Reply::problem(503, "unavailable").with("retry-after", "0"),
        _ => Reply::json(201, json!({ "id": "a" })),
    })
    .await;
    api(&server).ask(Ask::with(Method::POST, "/api/v1/users", json!({}))).await.unwrap();
    let keys: Vec<_> = server.asked().iter().map(|a| a.header(IDEMPOTENCY_KEY).map(str::to_owned)).collect();
    assert!(keys.len() == 3 && keys[0].is_some() && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn repetition_ends() {
    let server = Server::start(|_| Reply::problem(503, "unavailable").with("retry-after", "0")).await;
    let failure = api(&server).find("/api/v1/users/a").await.unwrap_err();
    assert_eq!(failure.class, Class::Unavailable);
    assert_eq!(server.asked().len(), ATTEMPTS_MAX as usize);
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    for (status, class) in
        [(400, Class::Invalid), (401, Class::NotSignedIn), (403, Class::Forbidden), (409, Class::Conflict)]
    {
        let server = Server::start(move |_| Reply::problem(status, "no")).await;
        let ask = Ask::with(Method::POST, "/api/v1/users", json!({}));
        assert_eq!(api(&server).ask(ask).await.unwrap_err().class, class);
        assert_eq!(server.asked().len(), 1);
    }
}

/// A server with `count` items, by pages.
async fn listing(count: usize) -> Server {
    Server::start(move |asked| {
        let query: std::collections::BTreeMap<_, _> =
            form_urlencoded::parse(asked.query.as_bytes()).into_owned().collect();
        let from: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
        let to = (from + query["limit"].parse::<usize>().unwrap().min(20)).min(count);
        let items: Vec<_> = (from..to).map(|id| json!({ "id": id })).collect();
        let mut page = json!({ "items": items });
        if to < count {
            page["next"] = json!(to.to_string());
        }
        Reply::json(200, page)
    })
    .await
}

#[tokio::test]
async fn a_list_follows_its_cursors_to_the_limit() {
    for (count, limit, found, requests) in [
        (45, None, 45, 3),
        (45, Some(45), 45, 3),
        (45, Some(20), 20, 1),
        (45, Some(21), 21, 2),
        (0, None, 0, 1),
        (3, Some(50), 3, 1),
        (45, Some(0), 0, 0),
    ] {
        let server = listing(count).await;
        let part = Part {
            filter: Some("name sw \"A\"".into()),
            sort: Some("-name".into()),
            limit,
            ..Part::default()
        };
        let items = api(&server).list("/api/v1/users", part).await.unwrap();
        assert_eq!((items.len(), server.asked().len()), (found, requests), "{count} {limit:?}");
        for asked in server.asked() {
            assert!(asked.query.contains("filter=name+sw+%22A%22&sort=-name"), "{}", asked.query);
        }
    }
}

#[tokio::test]
async fn a_cursor_that_stands_still_ends_the_list() {
    let server =
        Server::start(|_| Reply::json(200, json!({ "items": [{ "id": "a" }], "next": "same" }))).await;
    let items = api(&server).list("/api/v1/users", Part::default()).await.unwrap();
    assert_eq!(items.len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_told() {
    let server = Server::start(|_| Reply::json(200, json!("x"))).await;
    assert!(api(&server).list("/api/v1/users", Part::default()).await.is_err());
    let server = Server::start(|_| Reply::problem(404, "not_found")).await;
    assert_eq!(api(&server).find("/api/v1/users/a").await.ok(), Some(None));
}

#[test]
fn a_token_goes_to_the_node_that_it_is_for() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().to_str().unwrap();
    let open =
        |variables: &[(&str, &str)]| Api::open(&Who::default(), &Surroundings::of(variables.iter().copied()));
    let class = |variables: &[(&str, &str)]| open(variables).err().map(|failure| failure.class);
    assert_eq!(class(&[("CONCLAVE_API_TOKEN", "t"), ("HOME", home)]), Some(Class::Usage));
    assert_eq!(class(&[("HOME", home)]), Some(Class::NotSignedIn));
    assert_eq!(
        class(&[("CONCLAVE_API_TOKEN", "t"), ("CONCLAVE_API_URL", "http://a.example")]),
        Some(Class::Usage)
    );
    let profiles = Profiles::of(Surroundings::of([("HOME", home)]).profiles_dir().unwrap());
    let profile = super::super::profiles::Profile {
        url: "https://id.example".into(),
        position: None,
        credential: None,
    };
    let change = |book: &mut Book| {
        book.profiles.insert("default".into(), profile);
        Ok(())
    };
    profiles.change(change).unwrap();
    // Whoever has lost his token does not act in the name of the profile.
    assert_eq!(class(&[("CONCLAVE_API_TOKEN", ""), ("HOME", home)]), Some(Class::Usage));
    let elsewhere = [("CONCLAVE_API_URL", "https://other.example"), ("HOME", home)];
    assert_eq!(class(&elsewhere), Some(Class::NotSignedIn));
}

#[tokio::test]
async fn a_position_of_another_history_is_forgotten() {
    let server = Server::start(|asked| match asked.header(AT_LEAST) {
        Some(_) => Reply::problem(409, "other_lineage"),
        None => Reply::json(200, json!({ "id": "a" })),
    })
    .await;
    let mut api = api(&server);
    api.position = Some("old".into());
    assert!(api.find("/api/v1/users/a").await.unwrap().is_some());
    assert_eq!(server.asked().len(), 2);
}
