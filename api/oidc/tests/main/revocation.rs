//! After a revocation, and behind whatever was switched off, nothing is accepted any more.

use crate::tools::*;
use crate::world::*;
use identity::application::{Application, ApplicationKind, ClientAuth};
use identity::envelope::Caller;
use identity::id::Id;
use identity::name::{HostName, Name};
use identity::organization::Organization;
use identity::project::Project;
use identity::project::grant::ProjectGrant;
use identity::record::State;
use identity::session::EndSessionOf;
use identity::several::Several;
use identity::user::User;

/// A resource server of another organization, for which tokens are meant too: it lives on when the others are gone.
struct Observer {
    auth: String,
    scope: String,
}

impl Observer {
    async fn of(world: &World) -> Observer {
        let (service, instance, system) = (&world.service, world.instance, Caller::system());
        let root = Id::from_number(instance.0);
        let domain = HostName::parse("globex.example").unwrap();
        let spec = Organization { name: Name::parse("Globex").unwrap(), domain };
        let organization = service.create(instance, &system, &root, spec).await.unwrap();
        let spec = Project {
            name: Name::parse("Watch").unwrap(),
            role_assertion: false,
            role_check: false,
            has_project_check: false,
        };
        let project = service.create(instance, &system, &organization, spec).await.unwrap();
        let roles = Several::default();
        let spec = ProjectGrant { organization: world.organization.clone(), roles };
        service.create(instance, &system, &project, spec).await.unwrap();
        let spec = application(ApplicationKind::Api, ClientAuth::Basic);
        let api = service.create(instance, &system, &project, spec).await.unwrap();
        let secret = service.new_client_secret(instance, &system, &api).await.unwrap();
        let scope = format!("openid offline_access urn:zitadel:iam:org:project:id:{project}:aud");
        Observer { auth: basic(api.as_str(), secret.expose()), scope }
    }

    async fn sees(&self, world: &World, token: &str) -> bool {
        let answer = world.post("/oauth/v2/introspect", Some(&self.auth), &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let active = answer.json()["active"].as_bool().unwrap();
        assert!(active || answer.json().as_object().unwrap().len() == 1, "{}", answer.body);
        active
    }
}

/// Everything that a signed-in person and a service account hold before something happens.
struct Held<'w> {
    browser: Browser<'w>,
    form: SignInForm,
    code: String,
    person: Tokens,
    robot: String,
}

impl<'w> Held<'w> {
    async fn by(world: &'w World, observer: &Observer) -> Held<'w> {
        let browser = Browser::new(world);
        let path = world.authorize_path(&[("scope", &observer.scope)]);
        let code = browser.sign_in(&path, "alice", PASSWORD).await.parameter("code").unwrap();
        let person = Tokens(world.redeem(&code).await.json());
        let code = browser.get(&path).await.parameter("code").unwrap();
        let robot = world.robot_token(&observer.scope).await;
        let robot = robot.json()["access_token"].as_str().unwrap().to_owned();
        let form = Browser::form(&browser, &world.authorize_path(&[("prompt", "login")])).await;
        let held = Held { browser, form, code, person, robot };
        assert!(observer.sees(world, held.person.access()).await && observer.sees(world, &held.robot).await);
        held
    }

    /// Asserts that nothing of the person is accepted any more. `client` is what his application's requests get.
    async fn person_is_out(&self, world: &World, observer: &Observer, client: (u16, &str), what: &str) {
        assert!(!observer.sees(world, self.person.access()).await, "{what}: introspection");
        let userinfo = world.userinfo(self.person.access()).await;
        refused(&userinfo, 401, "invalid_token", what);
        refused(&world.refresh(self.person.refresh()).await, client.0, client.1, what);
        refused(&world.redeem(&self.code).await, client.0, client.1, what);
        for prompt in ["", "none"] {
            let answer = self.browser.get(&world.authorize_path(&[("prompt", prompt)])).await;
            assert!(
                answer.status == 400 || answer.parameter("code").is_none(),
                "{what}: a code by the session"
            );
        }
        let answer = self.browser.fill(&self.form, "alice", PASSWORD).await;
        assert!(!answer.headers.contains_key("location"), "{what}: signed in: {}", answer.body);
        assert!(!answer.headers.contains_key("set-cookie"), "{what}: got a session");
    }

    async fn robot_is_out(&self, world: &World, observer: &Observer, what: &str) {
        assert!(!observer.sees(world, &self.robot).await, "{what}");
        refused(&world.userinfo(&self.robot).await, 401, "invalid_token", what);
        refused(&world.robot_token("openid").await, 401, "invalid_client", what);
    }
}

#[derive(Clone, Copy, Debug)]
enum End {
    Off,
    Deleted,
}

const ENDS: [End; 2] = [End::Off, End::Deleted];

async fn ends<T: identity::resource::Resource>(world: &World, id: &Id, end: End) {
    match end {
        End::Off => world.switch::<T>(id, State::Inactive).await,
        End::Deleted => world.delete::<T>(id).await,
    }
}

const GRANT: (u16, &str) = (400, "invalid_grant");
const CLIENT: (u16, &str) = (401, "invalid_client");

#[tokio::test]
async fn a10_case_35_a_user_who_is_off_or_deleted_is_out_on_every_path() {
    for end in ENDS {
        let world = World::new().await;
        let observer = Observer::of(&world).await;
        let held = Held::by(&world, &observer).await;
        ends::<User>(&world, &world.alice, end).await;
        held.person_is_out(&world, &observer, GRANT, &format!("user {end:?}")).await;
        assert!(observer.sees(&world, &held.robot).await, "somebody else");
    }
}

#[tokio::test]
async fn a10_case_35_a_client_that_is_off_or_deleted_is_out_on_every_path() {
    for end in ENDS {
        let world = World::new().await;
        let observer = Observer::of(&world).await;
        let held = Held::by(&world, &observer).await;
        ends::<Application>(&world, &world.web, end).await;
        held.person_is_out(&world, &observer, CLIENT, &format!("client {end:?}")).await;
        let revoked = world.post("/oauth/v2/revoke", Some(&world.web_auth()), &[("token", "x")]).await;
        refused(&revoked, 401, "invalid_client", "revocation");
    }
}

#[tokio::test]
async fn a10_a_project_that_is_off_or_deleted_is_out_on_every_path() {
    for end in ENDS {
        let world = World::new().await;
        let observer = Observer::of(&world).await;
        let held = Held::by(&world, &observer).await;
        ends::<Project>(&world, &world.project, end).await;
        held.person_is_out(&world, &observer, CLIENT, &format!("project {end:?}")).await;
        refused(&world.introspect(held.person.access()).await, 401, "invalid_client", "its own API");
        assert!(observer.sees(&world, &held.robot).await, "a service account hangs under no project");
    }
}

#[tokio::test]
async fn a10_case_35_an_organization_that_is_off_or_deleted_is_out_on_every_path() {
    for end in ENDS {
        let world = World::new().await;
        let observer = Observer::of(&world).await;
        let held = Held::by(&world, &observer).await;
        ends::<Organization>(&world, &world.organization, end).await;
        held.person_is_out(&world, &observer, CLIENT, &format!("organization {end:?}")).await;
        held.robot_is_out(&world, &observer, &format!("organization {end:?}")).await;
    }
}

#[tokio::test]
async fn a10_case_42_a_service_account_that_is_off_or_deleted_is_out_on_every_path() {
    for end in ENDS {
        let world = World::new().await;
        let observer = Observer::of(&world).await;
        let held = Held::by(&world, &observer).await;
        ends::<User>(&world, &world.robot, end).await;
        held.robot_is_out(&world, &observer, &format!("service account {end:?}")).await;
        assert!(observer.sees(&world, held.person.access()).await, "somebody else");
    }
}

#[tokio::test]
async fn a10_an_instance_that_is_off_is_no_instance_at_all() {
    let world = World::new().await;
    let observer = Observer::of(&world).await;
    let held = Held::by(&world, &observer).await;
    world.switch_instance(State::Inactive).await;
    let absent = |answer: &Answer| assert_eq!(answer.status, 404, "{}", answer.body);
    absent(&world.introspect(held.person.access()).await);
    absent(&world.userinfo(held.person.access()).await);
    absent(&world.userinfo(&held.robot).await);
    absent(&world.refresh(held.person.refresh()).await);
    absent(&world.redeem(&held.code).await);
    absent(&world.robot_token("openid").await);
    absent(&held.browser.get(&world.authorize_path(&[])).await);
    absent(&held.browser.fill(&held.form, "alice", PASSWORD).await);
    absent(&held.browser.get("/oidc/v1/end_session").await);
    absent(&world.post("/oauth/v2/revoke", Some(&world.web_auth()), &[("token", "x")]).await);
    for path in ["/.well-known/openid-configuration", "/oauth/v2/keys"] {
        absent(&world.get(path).await);
    }
}

#[tokio::test]
async fn a09_a_revoked_refresh_token_takes_its_access_tokens_with_it() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let next = Tokens(world.refresh(tokens.refresh()).await.json());
    // The one that was just used names the family too.
    for presented in [tokens.refresh(), next.refresh()] {
        let answer = world.post("/oauth/v2/revoke", Some(&world.web_auth()), &[("token", presented)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
        for token in [tokens.access(), next.access(), next.refresh()] {
            assert!(!world.is_active(token).await);
        }
        assert_eq!(world.userinfo(next.access()).await.status, 401);
        refused(&world.refresh(next.refresh()).await, 400, "invalid_grant", "revoked");
    }
}

#[tokio::test]
async fn a09_a_revoked_access_token_is_dead_alone() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let hint = [("token", tokens.access()), ("token_type_hint", "refresh_token")]; // only a hint
    assert_eq!(world.post("/oauth/v2/revoke", Some(&world.web_auth()), &hint).await.status, 200);
    assert!(!world.is_active(tokens.access()).await);
    assert_eq!(world.userinfo(tokens.access()).await.status, 401);
    let next = Tokens(world.refresh(tokens.refresh()).await.json());
    assert!(world.is_active(next.access()).await);
    // A service account's too, by itself.
    let robot = world.robot_token("openid").await.json()["access_token"].as_str().unwrap().to_owned();
    let auth = basic(world.robot.as_str(), &world.robot_secret);
    assert_eq!(world.userinfo(&robot).await.status, 200);
    assert_eq!(world.post("/oauth/v2/revoke", Some(&auth), &[("token", &robot)]).await.status, 200);
    assert_eq!(world.userinfo(&robot).await.status, 401);
    assert_eq!(world.robot_token("openid").await.status, 200);
}

#[tokio::test]
async fn case_51_nobody_revokes_what_another_client_was_given() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let robot = basic(world.robot.as_str(), &world.robot_secret);
    let public = [("client_id", world.spa.as_str())];
    for token in [tokens.access(), tokens.refresh(), "unknown", tokens.id(), "cnv_rt_x"] {
        let mut bodies = Vec::new();
        for (auth, more) in [(Some(world.api_auth()), &[][..]), (Some(robot.clone()), &[]), (None, &public)] {
            let pairs: Vec<_> = more.iter().copied().chain([("token", token)]).collect();
            let answer = world.post("/oauth/v2/revoke", auth.as_deref(), &pairs).await;
            bodies.push((answer.status.as_u16(), answer.body));
        }
        // Nor does it learn whether there was anything to revoke.
        assert!(bodies.iter().all(|answer| *answer == (200, String::new())), "{token}: {bodies:?}");
        assert!(world.is_active(tokens.access()).await);
    }
    assert_eq!(world.refresh(tokens.refresh()).await.status, 200);
    refused(&world.post("/oauth/v2/revoke", None, &[("token", "x")]).await, 401, "invalid_client", "nobody");
    let without = world.post("/oauth/v2/revoke", Some(&world.web_auth()), &[]).await;
    refused(&without, 400, "invalid_request", "without a token");
}

#[tokio::test]
async fn a09_case_35_everything_that_ends_a_session_ends_its_tokens() {
    for what in ["sign-out", "an administrator", "a new password", "a new client secret"] {
        let world = World::new().await;
        let (browser, tokens) = world.signed_in().await;
        let tokens = Tokens(tokens);
        let path = world.authorize_path(&[("prompt", "none")]);
        let code = browser.get(&path).await.parameter("code").unwrap();
        let mut world = world.clone();
        match what {
            "sign-out" => {
                let hint = form(&[("id_token_hint", tokens.id())]);
                browser.get(&format!("/oidc/v1/end_session?{hint}")).await;
            }
            "an administrator" => {
                let session = claims(tokens.id())["sid"].as_str().unwrap().to_owned();
                world.submit(EndSessionOf { session: Id::parse(&session).unwrap() }).await;
            }
            "a new password" => world.set_password(&world.alice, "another").await,
            _ => {
                let system = Caller::system();
                let secret = world.service.new_client_secret(world.instance, &system, &world.web).await;
                world.web_secret = secret.unwrap().expose().clone();
            }
        }
        for token in [tokens.access(), tokens.refresh()] {
            assert!(!world.is_active(token).await, "{what}");
        }
        assert_eq!(world.userinfo(tokens.access()).await.status, 401, "{what}");
        refused(&world.refresh(tokens.refresh()).await, 400, "invalid_grant", what);
        if what != "a new client secret" {
            refused(&world.redeem(&code).await, 400, "invalid_grant", what);
            let answer = browser.get(&path).await;
            sent_back(&answer, "login_required", what);
        }
    }
}

#[tokio::test]
async fn a09_a_lagging_node_takes_no_young_token_for_unknown() {
    let world = World::new().await;
    let node = Node::of(&world);
    let behind = world.through(&node);
    node.hold().await;
    // Issued by another node, and this one has not heard of it yet.
    let (browser, tokens) = world.signed_in().await;
    let tokens = Tokens(tokens);
    assert!(behind.is_active(tokens.access()).await);
    assert!(behind.is_active(tokens.refresh()).await);
    assert_eq!(behind.userinfo(tokens.access()).await.status, 200);
    let narrow = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), ("scope", "openid")];
    let next = behind.token(Some(&world.web_auth()), &narrow).await;
    assert_eq!(next.status, 200, "{}", next.body);
    let next = Tokens(next.json());
    let there = Browser::new(&behind);
    *there.cookies.lock().unwrap() = browser.cookies.lock().unwrap().clone();
    let answer = there.get(&world.authorize_path(&[("prompt", "none")])).await;
    assert!(answer.parameter("code").is_some(), "{}", answer.location());
    // A revocation that it acknowledges has happened.
    let revoked =
        behind.post("/oauth/v2/revoke", Some(&world.web_auth()), &[("token", next.refresh())]).await;
    assert_eq!(revoked.status, 200);
    assert!(!world.is_active(next.access()).await);
    refused(&world.refresh(next.refresh()).await, 400, "invalid_grant", "revoked on a node that lags");
    // So has a sign-out.
    let out = there.get(&format!("/oidc/v1/end_session?{}", form(&[("id_token_hint", tokens.id())]))).await;
    assert_eq!(out.status, 200, "{}", out.body);
    sent_back(
        &browser.get(&world.authorize_path(&[("prompt", "none")])).await,
        "login_required",
        "signed out",
    );
}

#[tokio::test]
async fn a_password_that_was_just_set_is_right_on_a_node_that_lags() {
    let world = World::new().await;
    let node = Node::of(&world);
    let behind = world.through(&node);
    node.hold().await;
    world.set_password(&world.alice, "the new one").await;
    let answer = Browser::new(&behind).sign_in(&world.authorize_path(&[]), "alice", "the new one").await;
    assert!(answer.headers.contains_key("location"), "{}", answer.body);
    let old = Browser::new(&behind).sign_in(&world.authorize_path(&[]), "alice", PASSWORD).await;
    assert_eq!(old.status, 200, "{}", old.body);
    assert!(!old.headers.contains_key("set-cookie"));
}
