//! What settings change about signing in, and that they tell nobody who exists.

use crate::sign_in::visible;
use crate::tools::*;
use crate::world::*;
use api_core::SubmitError;
use api_core::bootstrap::Error;
use crypto::Secret;
use identity::credential::throttle::Unlock;
use identity::envelope::Caller;
use identity::event::What;
use identity::id::Id;
use identity::name::{HostName, Name};
use identity::organization::Organization;
use identity::refusal::Refusal;
use identity::setting::lockout::Lockout;
use identity::setting::login::Login;
use identity::setting::password_complexity::{PasswordComplexity, Unmet};
use identity::setting::{Set, Setting};

async fn set<T: Setting>(world: &World, value: T) {
    world.submit(Set { within: Some(world.organization.clone()), value, expected: None }).await;
}

#[tokio::test]
async fn a_locked_account_looks_like_a_name_that_nobody_has() {
    let world = World::new().await;
    set(&world, Lockout { password_attempts_max: 7 }).await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    let mut seen = Vec::new();
    // The seventh that is counted locks alice. The delays go on as they do for the name that nobody has.
    for (guess, wait) in [0, 0, 0, 0, 0, 0, 1, 14, 1, 29, 1, 59, 0].into_iter().enumerate() {
        world.solo.advance_secs(wait);
        let known = visible(&browser.fill(&form, "alice", "wrong").await, "alice");
        let unknown = visible(&browser.fill(&form, "nobody", "wrong").await, "nobody");
        assert_eq!(known, unknown, "guess {guess}");
        seen.push(known.0);
    }
    assert_eq!(seen, [200, 200, 200, 200, 200, 200, 429, 200, 429, 200, 429, 200, 429]);
    assert_eq!(
        world.events(What::PasswordFailed).await,
        7,
        "what is guessed of a locked account is not counted"
    );
    // Time does not help, nor does the right password.
    world.solo.advance_secs(10 * 365 * 86_400);
    let form = browser.form(&world.authorize_path(&[])).await;
    let known = visible(&browser.fill(&form, "alice", PASSWORD).await, "alice");
    assert_eq!(known, visible(&browser.fill(&form, "nobody", PASSWORD).await, "nobody"));
    assert_eq!(known.0, 200);
    assert_eq!(browser.session(), None);
    world.submit(Unlock { user: world.alice.clone() }).await;
    assert!(browser.fill(&form, "alice", PASSWORD).await.parameter("code").is_some());
}

#[tokio::test]
async fn a_node_that_did_not_see_the_guesses_treats_a_locked_account_alike() {
    let world = World::new().await;
    set(&world, Lockout { password_attempts_max: 6 }).await;
    let node = Node::of(&world);
    let other = world.through(&node);
    let browser = Browser::new(&other);
    let form = browser.form(&world.authorize_path(&[])).await;
    // The other node does not hear of the guesses on this one.
    node.hold().await;
    let here = Browser::new(&world);
    let there = here.form(&world.authorize_path(&[])).await;
    for _ in 0..6 {
        assert_eq!(here.fill(&there, "alice", "wrong").await.status, 200);
    }
    let wrong = visible(&browser.fill(&form, "alice", "wrong").await, "alice");
    let right = visible(&browser.fill(&form, "alice", PASSWORD).await, "alice");
    assert_eq!(right, wrong, "a right guess at a locked account looks like a wrong one");
    assert_eq!((browser.session(), world.events(What::PasswordFailed).await), (None, 6));
}

#[tokio::test]
async fn a_password_that_the_organization_does_not_accept_is_not_set() {
    let world = World::new().await;
    set(&world, PasswordComplexity { min_length: 10, number: true, ..PasswordComplexity::default() }).await;
    let set = async |caller: Caller, user: &Id, password: &str| {
        let password = Secret::new(password.to_owned());
        world.service.set_password(world.instance, &caller, user, password).await
    };
    let weak = set(Caller::operator(), &world.alice, "too short").await.unwrap_err();
    assert_eq!(weak.to_string(), "choose another password: use at least 10 characters, use a digit");
    let Error::Weak(unmet) = weak else { panic!("{weak}") };
    assert_eq!(unmet, [Unmet::Short { min: 10 }, Unmet::NoNumber]);
    assert_eq!(world.events(What::PasswordSet).await, 2, "those of the world, and no other");
    // Whoever may not set it is not told what is demanded.
    for (caller, user, expected) in [
        (Caller::nobody(), &world.alice, Refusal::NotPermitted),
        (Caller::session(world.bob.clone(), world.bob.clone()), &world.alice, Refusal::NotPermitted),
        (Caller::operator(), &world.web, Refusal::NotFound),
    ] {
        let refused = set(caller, user, "x").await.unwrap_err();
        assert!(
            matches!(refused, Error::Submit(SubmitError::Refused(found)) if found == expected),
            "{refused}"
        );
    }
    set(Caller::operator(), &world.alice, "long enough 1").await.unwrap();
    // What the system draws is its own affair.
    set(Caller::system(), &world.alice, "x").await.unwrap();
}

#[tokio::test]
async fn where_passwords_are_not_allowed_the_page_says_so_to_every_name() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    set(&world, Login { password_allowed: false, ..Login::default() }).await;
    let text = "Accounts of this organization do not sign in with a password.";
    let begun = browser.get(&world.authorize_path(&[])).await;
    assert!(browser.get(begun.location()).await.body.contains(text), "before a name is given");
    let form = browser.form(&world.authorize_path(&[])).await;
    for password in ["wrong", PASSWORD] {
        let known = visible(&browser.fill(&form, "alice", password).await, "alice");
        assert_eq!(known, visible(&browser.fill(&form, "nobody", password).await, "nobody"));
        assert!(known.0 == 200 && known.2.contains(text), "{}", known.2);
    }
    assert_eq!((browser.session(), world.events(What::PasswordFailed).await), (None, 0));
    set(&world, Login::default()).await;
    assert!(browser.fill(&form, "alice", PASSWORD).await.parameter("code").is_some());
}

#[tokio::test]
async fn at_an_application_of_others_people_without_passwords_look_like_nobody() {
    let world = World::new().await;
    world
        .submit(Set {
            within: None,
            value: Login { password_allowed: false, ..Login::default() },
            expected: None,
        })
        .await;
    set(&world, Login::default()).await;
    let root = Id::from_number(world.instance.0);
    let domain = HostName::parse("globex.example").unwrap();
    let globex = Organization { name: Name::parse("Globex").unwrap(), domain };
    let system = Caller::system();
    let globex = world.service.create(world.instance, &system, &root, globex).await.unwrap();
    let carol = world.service.create_user(world.instance, &system, &globex, human("carol")).await.unwrap();
    world.set_password(&carol, PASSWORD).await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    let known = visible(&browser.fill(&form, "carol", PASSWORD).await, "carol");
    assert_eq!(known, visible(&browser.fill(&form, "nobody", PASSWORD).await, "nobody"));
    assert!(!known.2.contains("do not sign in with a password"), "{}", known.2);
    assert!(browser.fill(&form, "alice", PASSWORD).await.parameter("code").is_some());
}
