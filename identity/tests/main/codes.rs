//! Authorization codes: issued to a session, redeemed once, by their client, as they were issued.

use crate::scenario::{delete, set_state};
use identity::application::Application;
use identity::authorization::Authorization;
use identity::change::Update;
use identity::credential::password::SetPassword;
use identity::credential::secret::SetClientSecret;
use identity::envelope::Caller;
use identity::event::What;
use identity::grant::code::{IssueCode, RedeemCode, Redeemed};
use identity::id::{Hash, Id};
use identity::name::HostName;
use identity::organization::Organization;
use identity::project::Project;
use identity::project::grant::ProjectGrant;
use identity::record::State;
use identity::refusal::Refusal;
use identity::session::{EndSession, EndSessionOf, Session};
use identity::sweep::Sweep;
use identity::testing::fixtures::{World, id, name, several};
use identity::testing::tenant::{Tenant, Tenants};
use identity::token::family;
use identity::user::User;

fn start() -> (World, Tenant, Hash) {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let code = world.issue(acme.instance, &acme.user, &acme.web);
    (world, acme, code)
}

fn family_of(outcome: Redeemed) -> family::Family {
    match outcome {
        Redeemed::Granted { family, .. } => family,
        Redeemed::Replayed => panic!("it was replayed"),
    }
}

#[test]
fn a_code_is_redeemed_by_its_client() {
    let (mut world, acme, code) = start();
    let redemption = world.redemption(code);
    let reply = world.when(&acme.web.caller(), acme.instance, &redemption).told(&[What::CodeRedeemed]);
    assert!(matches!(&reply, Redeemed::Granted { nonce: Some(nonce), .. } if nonce == "n-0S6_WzA2Mj"));
    let family = family_of(reply);
    assert_eq!((&family.user, &family.client), (&acme.user.id, &acme.web.id));
    assert_eq!(family.secret_generation, acme.web.generation);
    assert!(family.generation.is_some_and(|generation| generation.current.same(&redemption.refresh)));
    assert!(family::live(&world.reader(acme.instance), &redemption.family).is_ok());
}

#[test]
fn case_28_a_code_that_comes_twice_ends_what_the_first_was_given() {
    let (mut world, acme, code) = start();
    let (first, second) = (world.redemption(code), world.redemption(code));
    world.must(&acme.web.caller(), acme.instance, &first);
    let reply = world
        .when(&acme.web.caller(), acme.instance, &second)
        .told(&[What::FamilyRevoked, What::CodeReplayed]);
    assert_eq!(reply, Redeemed::Replayed);
    for family in [first.family, second.family] {
        assert!(family::live(&world.reader(acme.instance), &family).is_err());
    }
    let third = world.redemption(code);
    assert_eq!(
        world.when(&acme.web.caller(), acme.instance, &third).told(&[What::CodeReplayed]),
        Redeemed::Replayed
    );
}

#[test]
fn a_code_that_comes_again_long_after_its_end_still_ends_what_it_gave() {
    let (mut world, acme, code) = start();
    let first = world.redemption(code);
    world.must(&acme.web.caller(), acme.instance, &first);
    world.advance_secs(3000);
    world.must(&Caller::system(), acme.instance, &Sweep { limit: 2000 });
    let second = world.redemption(code);
    assert_eq!(world.must(&acme.web.caller(), acme.instance, &second), Redeemed::Replayed);
    assert!(family::live(&world.reader(acme.instance), &first.family).is_err());
    world.advance_secs(700);
    world.must(&Caller::system(), acme.instance, &Sweep { limit: 2000 });
    let third = world.redemption(code);
    world.when(&acme.web.caller(), acme.instance, &third).refused(Refusal::CodeUnknown);
}

#[test]
fn a_retried_redemption_is_the_same_redemption() {
    let (mut world, acme, code) = start();
    let redemption = world.redemption(code);
    let envelope = world.envelope(&acme.web.caller(), acme.instance, &redemption);
    let first = world.submit(&envelope);
    assert_eq!(world.submit(&envelope), first, "a retry inside the cluster is no replay of the code");
    assert!(family::live(&world.reader(acme.instance), &redemption.family).is_ok());
}

#[test]
fn case_29_a_code_is_worth_nothing_to_anyone_else_or_for_other_parameters() {
    let (mut world, acme, code) = start();
    let (_, Tenants { globex, .. }) = World::standard();
    let good = world.redemption(code);
    let wrong = Hash::of(b"wrong");
    for (client, command, refusal) in [
        (&acme.spa, good.clone(), Refusal::CodeUnknown),
        (&globex.web, good.clone(), Refusal::CodeUnknown),
        (&acme.web, RedeemCode { code: wrong, ..good.clone() }, Refusal::CodeUnknown),
        (&acme.web, RedeemCode { redirect_uri: None, ..good.clone() }, Refusal::CodeMismatch),
        (
            &acme.web,
            RedeemCode { redirect_uri: Some("https://app.example/callback/".into()), ..good.clone() },
            Refusal::CodeMismatch,
        ),
        (&acme.web, RedeemCode { challenge: None, ..good.clone() }, Refusal::CodeMismatch),
        (&acme.web, RedeemCode { challenge: Some("x".into()), ..good.clone() }, Refusal::CodeMismatch),
    ] {
        world.when(&client.caller(), acme.instance, &command).refused(refusal);
    }
    world.when(&acme.user.caller(), acme.instance, &good).refused(Refusal::NotPermitted);
    world.when(&Caller::nobody(), acme.instance, &good).refused(Refusal::NotPermitted);
    // Whoever failed has spoiled nothing for the one it belongs to.
    family_of(world.must(&acme.web.caller(), acme.instance, &good));
}

#[test]
fn case_29_a_code_ends_after_a_minute() {
    let (mut world, acme, code) = start();
    let redemption = world.redemption(code);
    let mut late = world.clone();
    late.advance_secs(60);
    late.when(&acme.web.caller(), acme.instance, &redemption).refused(Refusal::CodeUnknown);
    world.advance_secs(59);
    world.must(&acme.web.caller(), acme.instance, &redemption);
}

#[test]
fn case_30_a_verifier_is_refused_where_no_challenge_was() {
    let (mut world, acme, _) = start();
    let spec = Application { pkce_optional: true, ..identity::testing::tenant::web() };
    let update = Update { id: acme.web.id.clone(), revision: None, spec };
    world.must(&acme.org_owner.caller(), acme.instance, &update);
    let issue = IssueCode { challenge: None, ..world.code_for(&acme.web) };
    world.must(&acme.user.caller(), acme.instance, &issue);
    let redemption = world.redemption(issue.code);
    world.when(&acme.web.caller(), acme.instance, &redemption).refused(Refusal::CodeMismatch);
    world.must(&acme.web.caller(), acme.instance, &RedeemCode { challenge: None, ..redemption });
}

#[test]
fn a_code_dies_with_what_it_stands_on() {
    type Deed = fn(&mut World, &Tenant);
    let deeds: [(&str, Deed); 7] = [
        ("signed out", |world, acme| world.must(&acme.user.caller(), acme.instance, &EndSession {})),
        ("signed out by another", |world, acme| {
            let command = EndSessionOf { session: acme.user.session.clone() };
            world.must(&acme.org_owner.caller(), acme.instance, &command);
        }),
        ("user off", |world, acme| {
            world.must(&Caller::system(), acme.instance, &set_state::<User>(&acme.user.id, State::Inactive));
        }),
        ("user deleted", |world, acme| {
            world.must(&Caller::system(), acme.instance, &delete::<User>(&acme.user.id));
        }),
        ("password changed", |world, acme| {
            let command = SetPassword { user: acme.user.id.clone(), sealed: vec![1] };
            world.must(&Caller::system(), acme.instance, &command);
        }),
        ("project off", |world, acme| {
            world.must(
                &Caller::system(),
                acme.instance,
                &set_state::<Project>(&acme.project, State::Inactive),
            );
        }),
        ("secret changed", |world, acme| {
            let command = SetClientSecret { application: acme.web.id.clone(), hash: Hash::of(b"x") };
            world.must(&Caller::system(), acme.instance, &command);
        }),
    ];
    for (what, deed) in deeds {
        let (mut world, acme, code) = start();
        deed(&mut world, &acme);
        let redemption = world.redemption(code);
        let outcome = world.run(&acme.web.caller(), acme.instance, &redemption);
        let refusal = outcome.expect_err(what);
        assert!(matches!(refusal, Refusal::SessionNotAlive | Refusal::CallerNotAlive), "{what}: {refusal:?}");
    }
}

#[test]
fn an_authorization_request_is_answered_once() {
    let (mut world, acme, _) = start();
    let first = world.code_for(&acme.web);
    world.must(&acme.user.caller(), acme.instance, &first);
    let again = IssueCode { request: first.request.clone(), ..world.code_for(&acme.web) };
    world.when(&acme.user.caller(), acme.instance, &again).refused(Refusal::RequestUsed);
    let same_code = IssueCode { code: first.code, ..world.code_for(&acme.web) };
    world.when(&acme.user.caller(), acme.instance, &same_code).refused(Refusal::RequestUsed);
}

#[test]
fn a_code_goes_only_where_the_application_wants_it() {
    let (mut world, acme, _) = start();
    let good = world.code_for(&acme.web);
    let uri = |uri: &str| IssueCode { redirect_uri: uri.into(), ..good.clone() };
    let cases = [
        uri("https://app.example/callback?x=1"),
        uri("https://app.example/Callback"),
        uri("https://app.example/callback/x"),
        uri("https://evil.example/callback"),
        uri("http://app.example/callback"),
        uri(""),
        IssueCode { client: acme.api.id.clone(), ..good.clone() },
        IssueCode { challenge: None, ..good.clone() },
        IssueCode { client: acme.spa.id.clone(), challenge: None, ..good.clone() },
        IssueCode { scopes: vec!["openid".into(); 51], ..good.clone() },
    ];
    for command in cases {
        world.when(&acme.user.caller(), acme.instance, &command).refused(Refusal::FlowNotAllowed);
    }
    let native =
        |uri: &str| IssueCode { client: acme.native.id.clone(), redirect_uri: uri.into(), ..good.clone() };
    for uri in ["http://localhost:5000/callback", "http://127.0.0.1:5000/other", "https://127.0.0.1/callback"]
    {
        world.when(&acme.user.caller(), acme.instance, &native(uri)).refused(Refusal::FlowNotAllowed);
    }
    world
        .when(&acme.user.caller(), acme.instance, &native("http://127.0.0.1:5000/callback"))
        .told(&[What::CodeIssued]);
    let unknown = IssueCode { client: id("nobody"), ..good.clone() };
    world.when(&acme.user.caller(), acme.instance, &unknown).refused(Refusal::NotFound);
    for caller in [Caller::nobody(), acme.web.caller(), acme.service.caller(), Caller::system()] {
        world.when(&caller, acme.instance, &good).refused(Refusal::NotPermitted);
    }
}

#[test]
fn a_person_asked_to_prove_again_gets_no_code_before_he_did() {
    let (mut world, acme, _) = start();
    let before = world.reader(acme.instance).row::<Session>(&acme.user.session).unwrap().unwrap().secret;
    let issue = IssueCode { other_than: Some(before), ..world.code_for(&acme.web) };
    world.when(&acme.user.caller(), acme.instance, &issue).refused(Refusal::SessionNotAlive);
    let renews =
        Some(identity::credential::password::Renews { session: acme.user.session.clone(), secret: before });
    let proof =
        identity::credential::password::ProvePassword { renews, ..world.proof(acme.instance, &acme.user.id) };
    world.must(&Caller::nobody(), acme.instance, &proof);
    world.when(&acme.user.caller(), acme.instance, &issue).told(&[What::CodeIssued]);
}

#[test]
fn case_27_who_holds_no_role_where_one_is_needed_gets_no_code() {
    let (mut world, acme, _) = start();
    let spec =
        Project { name: name("Portal"), role_assertion: false, role_check: true, has_project_check: false };
    let update = Update { id: acme.project.clone(), revision: None, spec };
    world.must(&acme.org_owner.caller(), acme.instance, &update);
    let code = world.code_for(&acme.web);
    world.when(&acme.org_owner.caller(), acme.instance, &code).refused(Refusal::NoRole);
    world.when(&acme.user.caller(), acme.instance, &code).told(&[What::CodeIssued]);
    let grant = id("acme-alice-grant");
    let off = set_state::<Authorization>(&grant, State::Inactive);
    world.must(&acme.org_owner.caller(), acme.instance, &off);
    let code = world.code_for(&acme.web);
    world.when(&acme.user.caller(), acme.instance, &code).refused(Refusal::NoRole);
}

#[test]
fn whose_organization_has_no_part_in_a_project_gets_no_code_where_that_is_checked() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let spec =
        Project { name: name("Portal"), role_assertion: false, role_check: false, has_project_check: true };
    let update = Update { id: acme.project.clone(), revision: None, spec };
    world.must(&acme.org_owner.caller(), acme.instance, &update);
    let code = world.code_for(&acme.web);
    world.when(&globex.user.caller(), acme.instance, &code).refused(Refusal::NoRole);
    world.when(&acme.user.caller(), acme.instance, &code).told(&[What::CodeIssued]);
    let grant = ProjectGrant { organization: globex.organization.clone(), roles: several([]) };
    world.create(acme.instance, &id("granted"), &acme.project, grant);
    let code = world.code_for(&acme.web);
    world.when(&globex.user.caller(), acme.instance, &code).told(&[What::CodeIssued]);
    let off = set_state::<ProjectGrant>(&id("granted"), State::Inactive);
    world.must(&acme.org_owner.caller(), acme.instance, &off);
    let code = world.code_for(&acme.web);
    world.when(&globex.user.caller(), acme.instance, &code).refused(Refusal::NoRole);
}

#[test]
fn a_deleted_role_is_held_by_nobody() {
    let (mut world, acme, _) = start();
    let roles = |world: &World| {
        let reader = world.reader(acme.instance);
        let project = reader.live::<Project>(&acme.project).unwrap();
        let user = reader.live::<User>(&acme.user.id).unwrap();
        identity::authorization::roles(&reader, &project, &user).unwrap().len()
    };
    assert_eq!(roles(&world), 1);
    let role = delete::<identity::project::role::Role>(&id("acme-viewer"));
    world.must(&acme.org_owner.caller(), acme.instance, &role);
    assert_eq!(roles(&world), 0);
    // Another role under the same key is not the one that was given.
    world.advance_secs(1);
    let key = identity::project::role::RoleKey::parse("viewer").unwrap();
    let spec = identity::project::role::Role { key, display_name: name("Another"), group: None };
    world.create(acme.instance, &id("another"), &acme.project, spec);
    assert_eq!(roles(&world), 0);
}

#[test]
fn a_scope_that_names_an_organization_admits_its_people_only() {
    let (mut world, acme, _) = start();
    let scoped = |world: &mut World, scope: &str| IssueCode {
        scopes: vec!["openid".into(), scope.into()],
        ..world.code_for(&acme.web)
    };
    for (scope, admitted) in [
        ("urn:zitadel:iam:org:id:acme", true),
        ("urn:zitadel:iam:org:id:globex", false),
        ("urn:zitadel:iam:org:id:", false),
        ("urn:zitadel:iam:org:domain:primary:acme.example", true),
        ("urn:zitadel:iam:org:domain:primary:globex.example", false),
    ] {
        let command = scoped(&mut world, scope);
        let outcome = world.run(&acme.user.caller(), acme.instance, &command);
        assert_eq!(outcome.is_ok(), admitted, "{scope}");
    }
    // A renamed organization is known by its new domain.
    let spec = Organization { name: name("acme"), domain: HostName::parse("new.example").unwrap() };
    let update = Update { id: Id::parse("acme").unwrap(), revision: None, spec };
    world.when(&acme.org_owner.caller(), acme.instance, &update).refused(Refusal::DomainByInstance);
    world.must(&acme.iam_owner.caller(), acme.instance, &update);
    let command = scoped(&mut world, "urn:zitadel:iam:org:domain:primary:acme.example");
    world.when(&acme.user.caller(), acme.instance, &command).refused(Refusal::NoRole);
}

#[test]
fn a_code_of_a_session_does_not_live_on_in_a_later_one_of_the_same_id() {
    let (mut world, acme, code) = start();
    world.must(&acme.user.caller(), acme.instance, &EndSession {});
    world.advance_secs(1);
    let proof = world.proof(acme.instance, &acme.user.id);
    let proof = identity::credential::password::ProvePassword { session: acme.user.session.clone(), ..proof };
    world.must(&Caller::nobody(), acme.instance, &proof);
    let redemption = world.redemption(code);
    world.when(&acme.web.caller(), acme.instance, &redemption).refused(Refusal::SessionNotAlive);
}

#[test]
fn a_code_is_known_to_its_client_alone() {
    let (world, acme, code) = start();
    let reader = world.reader(acme.instance);
    let known =
        |code: &Hash, client: &Id| identity::grant::code::is_issued_to(&reader, code, client).unwrap();
    assert!(known(&code, &acme.web.id));
    assert!(!known(&code, &acme.spa.id));
    assert!(!known(&Hash::of(b"x"), &acme.web.id));
}
