//! A node that can't prove its state, or has lost its quorum, says so: never an old answer, never `active: false`.

use crate::tools::*;
use crate::world::*;

/// One request to every endpoint that looks anything up.
async fn ask(
    world: &World,
    browser: &Browser<'_>,
    tokens: &Tokens,
    code: &str,
    form: &SignInForm,
) -> Vec<(&'static str, Answer)> {
    let robot = basic(world.robot.as_str(), &world.robot_secret);
    let (web, api) = (world.web_auth(), world.api_auth());
    let pair =
        [("flow", form.flow.as_str()), ("csrf", &form.csrf), ("username", "alice"), ("password", PASSWORD)];
    let hint = crate::world::form(&[("id_token_hint", tokens.id())]);
    vec![
        ("discovery", world.get("/.well-known/openid-configuration").await),
        ("metadata", world.get("/.well-known/oauth-authorization-server").await),
        ("keys", world.get("/oauth/v2/keys").await),
        ("authorize", browser.get(&world.authorize_path(&[])).await),
        ("authorize, silently", browser.get(&world.authorize_path(&[("prompt", "none")])).await),
        ("code", world.redeem(code).await),
        ("refresh", world.refresh(tokens.refresh()).await),
        ("client credentials", world.token(Some(&robot), &[("grant_type", "client_credentials")]).await),
        (
            "introspection",
            world.post("/oauth/v2/introspect", Some(&api), &[("token", tokens.access())]).await,
        ),
        (
            "refresh token",
            world.post("/oauth/v2/introspect", Some(&web), &[("token", tokens.refresh())]).await,
        ),
        ("revocation", world.post("/oauth/v2/revoke", Some(&web), &[("token", tokens.access())]).await),
        (
            "revocation of all",
            world.post("/oauth/v2/revoke", Some(&web), &[("token", tokens.refresh())]).await,
        ),
        ("userinfo", world.userinfo(tokens.access()).await),
        ("form", browser.get(&format!("/ui/login?flow={}", form.flow)).await),
        ("sign-in", browser.post("/ui/login", &pair).await),
        ("stranger", browser.post("/ui/login", &[pair[0], pair[1], ("username", "x"), pair[3]]).await),
        ("end session", browser.get(&format!("/oidc/v1/end_session?{hint}")).await),
        ("sign-out", browser.post("/ui/logout", &[("csrf", "x")]).await),
    ]
}

fn says_try_again(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.body);
    let after: u32 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&after), "{what}");
    assert!(!answer.body.contains("\"active\""), "{what}: {}", answer.body);
    assert!(!answer.headers.contains_key("set-cookie"), "{what}");
}

#[tokio::test]
async fn a09_a_node_that_can_prove_nothing_answers_503_everywhere() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let form = browser.form(&world.authorize_path(&[("prompt", "login")])).await;
    let (tokens, code) = (Tokens(tokens), world.code(&[]).await);
    world.solo.set_available(false);
    for (what, answer) in ask(&world, &browser, &tokens, &code, &form).await {
        says_try_again(what, &answer);
    }
    // Nothing was used up meanwhile.
    world.solo.set_available(true);
    assert_eq!(world.redeem(&code).await.status, 200);
    assert!(world.is_active(tokens.access()).await);
    assert_eq!(world.refresh(tokens.refresh()).await.status, 200);
    assert!(browser.fill(&form, "alice", PASSWORD).await.parameter("code").is_some());
}

#[tokio::test]
async fn a09_a_node_without_quorum_serves_what_it_can_prove_and_nothing_fails_inside() {
    let world = World::new().await;
    let node = Node::of(&world);
    let there = world.through(&node);
    let (browser, tokens) = there.signed_in().await;
    let form = browser.form(&world.authorize_path(&[("prompt", "login")])).await;
    world.solo.advance_secs(60);
    let (tokens, code) = (Tokens(tokens), world.code(&[]).await);
    node.lose_quorum();
    for (what, answer) in ask(&there, &browser, &tokens, &code, &form).await {
        match what {
            // no command, and a state of a bounded age is enough
            "discovery" | "metadata" | "keys" | "client credentials" | "userinfo" => {
                assert_eq!(answer.status, 200, "{what}: {}", answer.body);
            }
            "introspection" => assert_eq!(answer.json()["active"], true, "{}", answer.body),
            // the application is told, and tries again
            "authorize" | "authorize, silently" => sent_back(&answer, "temporarily_unavailable", what),
            _ => says_try_again(what, &answer),
        }
    }
    // A young token that it does not know may be another node's: it can't say that it is not alive.
    node.hold().await;
    let young = world.tokens(&[]).await;
    let answer = there.introspect(young.access()).await;
    says_try_again("introspection of a young token", &answer);
    says_try_again("userinfo of a young token", &there.userinfo(young.access()).await);
}
