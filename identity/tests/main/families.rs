//! Token families: a generation advances once, a lost answer is given again once, and everything else ends them.

use crate::scenario::{delete, set_state};
use identity::application::{Application, ClientAuth};
use identity::authorization::Authorization;
use identity::change::{Create, Update};
use identity::credential::password::SetPassword;
use identity::credential::secret::SetClientSecret;
use identity::envelope::Caller;
use identity::event::What;
use identity::id::Hash;
use identity::instance::lifetimes::Lifetimes;
use identity::organization::Organization;
use identity::project::Project;
use identity::record::State;
use identity::refusal::Refusal;
use identity::session::EndSession;
use identity::setting::Set;
use identity::sweep::Sweep;
use identity::testing::fixtures::{World, id, name};
use identity::testing::flow::Tokens;
use identity::testing::tenant::{self, Tenant, Tenants};
use identity::token::deny::{self, DenyToken};
use identity::token::family::{self, Advanced, Family, RevokeFamily};
use identity::user::User;

fn start() -> (World, Tenant, Tokens) {
    let (mut world, Tenants { globex, .. }) = World::standard();
    let tokens = world.tokens(globex.instance, &globex.user, &globex.web);
    (world, globex, tokens)
}

#[track_caller]
fn refresh(world: &mut World, tenant: &Tenant, tokens: &mut Tokens) -> Advanced {
    world.refresh(tenant.instance, &tenant.web, tokens).unwrap()
}

fn is_alive(world: &World, tenant: &Tenant, tokens: &Tokens) -> bool {
    family::live(&world.reader(tenant.instance), &tokens.family).is_ok()
}

#[test]
fn a_refresh_token_advances_its_family() {
    let (mut world, tenant, mut tokens) = start();
    for number in 2..6 {
        world.advance_secs(3600);
        let Advanced::Next { family } = refresh(&mut world, &tenant, &mut tokens) else { panic!() };
        assert_eq!(family.generation.unwrap().number, number);
    }
}

#[test]
fn a_lost_answer_is_given_again_once() {
    let (mut world, tenant, mut tokens) = start();
    let mut old = tokens.clone();
    refresh(&mut world, &tenant, &mut tokens);
    world.advance_secs(10);
    let command = world.advancement(tenant.instance, &old);
    let reply = world.when(&tenant.web.caller(), tenant.instance, &command).told(&[What::RefreshGrace]);
    let Advanced::Again { successor, .. } = reply else { panic!("{reply:?}") };
    let key = world.instance_key(tenant.instance);
    let owner = tokens.family.as_str().as_bytes();
    let opened = key.seal_key().open(Family::PURPOSE, owner, &successor).unwrap();
    assert_eq!(opened.expose(), &tokens.refresh.0, "the same successor as before");
    // The successor works; the third use of the old one ends the family.
    let mut copy = world.clone();
    assert!(matches!(refresh(&mut copy, &tenant, &mut tokens.clone()), Advanced::Next { .. }));
    assert_eq!(refresh(&mut world, &tenant, &mut old), Advanced::Reused);
    assert!(!is_alive(&world, &tenant, &tokens));
}

#[test]
fn a_used_refresh_token_ends_the_family() {
    type Deed = fn(&mut World, &Tenant, &mut Tokens);
    let deeds: [(&str, Deed); 3] = [
        ("after the grace", |world, _, _| world.advance_secs(11)),
        ("after its successor was used", |world, tenant, tokens| {
            refresh(world, tenant, tokens);
        }),
        ("after it was returned once", |world, tenant, tokens| {
            let command = world.advancement(tenant.instance, tokens);
            world.must(&tenant.web.caller(), tenant.instance, &command);
            // Not the successor's use: the old one's grace is what is used up below.
        }),
    ];
    for (what, deed) in deeds {
        let (mut world, tenant, mut tokens) = start();
        let mut old = tokens.clone();
        refresh(&mut world, &tenant, &mut tokens);
        deed(&mut world, &tenant, &mut tokens);
        let command = world.advancement(tenant.instance, &old);
        let reply = world.when(&tenant.web.caller(), tenant.instance, &command).told(&[What::RefreshReused]);
        assert_eq!(reply, Advanced::Reused, "{what}");
        assert!(!is_alive(&world, &tenant, &tokens), "{what}");
        for tokens in [&mut old, &mut tokens] {
            let again = world.refresh(tenant.instance, &tenant.web, tokens);
            assert_eq!(again, Err(Refusal::FamilyNotAlive), "{what}");
        }
    }
}

#[test]
fn a_token_that_never_was_ends_the_family_too() {
    let (mut world, tenant, tokens) = start();
    let mut forged = Tokens { refresh: Hash::of(b"forged"), ..tokens.clone() };
    assert_eq!(refresh(&mut world, &tenant, &mut forged), Advanced::Reused);
    assert!(!is_alive(&world, &tenant, &tokens));
}

#[test]
fn another_client_neither_refreshes_nor_harms() {
    let (mut world, tenant, mut tokens) = start();
    let (_, Tenants { acme, .. }) = World::standard();
    for other in [&tenant.spa, &tenant.native, &acme.web] {
        let command = world.advancement(tenant.instance, &tokens);
        world.when(&other.caller(), tenant.instance, &command).refused(Refusal::FamilyNotAlive);
        let forged = Tokens { refresh: Hash::of(b"forged"), ..tokens.clone() };
        let command = world.advancement(tenant.instance, &forged);
        world.when(&other.caller(), tenant.instance, &command).refused(Refusal::FamilyNotAlive);
        let command = RevokeFamily { family: tokens.family.clone() };
        world.when(&other.caller(), tenant.instance, &command).told(&[]);
    }
    let command = world.advancement(tenant.instance, &tokens);
    for caller in [tenant.user.caller(), tenant.service.caller(), Caller::nobody(), Caller::system()] {
        world.when(&caller, tenant.instance, &command).refused(Refusal::NotPermitted);
    }
    assert!(matches!(refresh(&mut world, &tenant, &mut tokens), Advanced::Next { .. }));
}

#[test]
fn nothing_is_refreshed_after_what_it_stands_on_ended() {
    type Deed = fn(&mut World, &Tenant);
    let deeds: [(&str, Deed); 10] = [
        ("logout", |world, tenant| world.must(&tenant.user.caller(), tenant.instance, &EndSession {})),
        ("user off", |world, tenant| off::<User>(world, tenant, &tenant.user.id)),
        ("user deleted", |world, tenant| {
            world.must(&Caller::system(), tenant.instance, &delete::<User>(&tenant.user.id));
        }),
        ("organization off", |world, tenant| off::<Organization>(world, tenant, &tenant.organization)),
        ("project off", |world, tenant| off::<Project>(world, tenant, &tenant.project)),
        ("client off", |world, tenant| off::<Application>(world, tenant, &tenant.web.id)),
        ("password changed", |world, tenant| {
            let command = SetPassword { user: tenant.user.id.clone(), sealed: vec![1] };
            world.must(&tenant.org_owner.caller(), tenant.instance, &command);
        }),
        ("client became public", |world, tenant| {
            let spec = Application { auth: ClientAuth::None, ..tenant::web() };
            let update = Update { id: tenant.web.id.clone(), revision: None, spec };
            world.must(&tenant.org_owner.caller(), tenant.instance, &update);
        }),
        ("idle too long", |world, tenant| {
            world.advance_secs(30 * 86_400);
            world.must(&Caller::system(), tenant.instance, &Sweep { limit: 2000 });
        }),
        ("session expired", |world, _| world.advance_secs(12 * 3600)),
    ];
    for (what, deed) in deeds {
        let (mut world, tenant, mut tokens) = start();
        deed(&mut world, &tenant);
        let refusal = world.refresh(tenant.instance, &tenant.web, &mut tokens).expect_err(what);
        assert!(matches!(refusal, Refusal::FamilyNotAlive | Refusal::CallerNotAlive), "{what}: {refusal:?}");
        assert!(!is_alive(&world, &tenant, &tokens), "{what}");
    }
}

fn off<T: identity::resource::Resource>(world: &mut World, tenant: &Tenant, id: &identity::id::Id) {
    world.must(&Caller::system(), tenant.instance, &set_state::<T>(id, State::Inactive));
}

#[test]
fn a_new_secret_of_the_client_ends_what_the_old_one_got() {
    let (mut world, mut tenant, mut tokens) = start();
    let command = SetClientSecret { application: tenant.web.id.clone(), hash: Hash::of(b"new") };
    let generation =
        world.when(&tenant.org_owner.caller(), tenant.instance, &command).told(&[What::SecretSet]);
    let outcome = world.refresh(tenant.instance, &tenant.web, &mut tokens);
    assert_eq!(outcome, Err(Refusal::CallerNotAlive), "the old secret");
    tenant.web.generation = Some(generation);
    let outcome = world.refresh(tenant.instance, &tenant.web, &mut tokens);
    assert_eq!(outcome, Err(Refusal::FamilyNotAlive), "the new secret");
}

#[test]
fn a_client_that_is_created_again_revives_nothing_of_the_former() {
    for public in [true, false] {
        let (mut world, mut tenant, _) = start();
        let (client, spec) =
            if public { (&mut tenant.spa, tenant::spa()) } else { (&mut tenant.web, tenant::web()) };
        let mut tokens = world.tokens(tenant.instance, &tenant.user, client);
        world.must(&Caller::system(), tenant.instance, &delete::<Application>(&client.id));
        world.must(&Caller::system(), tenant.instance, &Sweep { limit: 2000 });
        world.advance_secs(1);
        let former = client.generation;
        *client = world.create_client(tenant.instance, &tenant.project, client.id.clone(), spec);
        assert!(public || client.generation > former);
        let outcome = world.refresh(tenant.instance, client, &mut tokens);
        assert_eq!(outcome, Err(Refusal::FamilyNotAlive), "public: {public}");
    }
}

#[test]
fn a_service_account_that_is_created_again_revives_no_token_of_the_former() {
    let (mut world, tenant, _) = start();
    let caller = tenant.service.caller();
    world.must(&Caller::system(), tenant.instance, &delete::<User>(&tenant.service.id));
    world.must(&Caller::system(), tenant.instance, &Sweep { limit: 2000 });
    world.create_service(tenant.instance, &tenant.organization, tenant.service.id.clone());
    let command = DenyToken { jti: "j".into(), expires: world.now.plus_secs(60) };
    world.when(&caller, tenant.instance, &command).refused(Refusal::CallerNotAlive);
}

#[test]
fn a_family_ends_when_nobody_uses_it_and_at_its_absolute_lifetime_however_often_it_is_used() {
    let (mut world, mut tenant, _) = start();
    let days = |days: u32| days * 86_400;
    let lifetimes = Lifetimes {
        session_secs: days(400),
        refresh_idle_secs: days(2),
        refresh_absolute_secs: days(5),
        ..Lifetimes::default()
    };
    world.must(
        &tenant.iam_owner.caller(),
        tenant.instance,
        &Set { within: None, value: lifetimes, expected: None },
    );
    let mut person = tenant.user.clone();
    world.renew(tenant.instance, &mut person);
    tenant.user = person;
    let mut tokens = world.tokens(tenant.instance, &tenant.user, &tenant.web);
    let mut unused = world.clone();
    unused.advance_secs(u64::from(days(2)) - 1);
    assert!(is_alive(&unused, &tenant, &tokens));
    unused.advance_secs(1);
    assert!(!is_alive(&unused, &tenant, &tokens), "nobody used it for two days");
    for _ in 0..4 {
        world.advance_secs(u64::from(days(1)));
        refresh(&mut world, &tenant, &mut tokens);
    }
    world.advance_secs(u64::from(days(1)));
    let outcome = world.refresh(tenant.instance, &tenant.web, &mut tokens);
    assert_eq!(outcome, Err(Refusal::FamilyNotAlive));
    world.must(&Caller::system(), tenant.instance, &Sweep { limit: 2000 });
    assert_eq!(world.reader(tenant.instance).row::<Family>(&tokens.family).unwrap(), None);
}

#[test]
fn without_offline_access_or_the_applications_leave_there_is_nothing_to_refresh() {
    let (mut world, tenant, _) = start();
    let mut issue = world.code_for(&tenant.web);
    issue.scopes.retain(|scope| scope == "openid");
    world.must(&tenant.user.caller(), tenant.instance, &issue);
    let redemption = world.redemption(issue.code);
    world.must(&tenant.web.caller(), tenant.instance, &redemption);
    let mut tokens = Tokens { family: redemption.family, refresh: redemption.refresh };
    let outcome = world.refresh(tenant.instance, &tenant.web, &mut tokens);
    assert_eq!(outcome, Err(Refusal::FamilyNotAlive));
    assert!(is_alive(&world, &tenant, &tokens), "its access token counts");
}

#[test]
fn a_client_revokes_its_own_family() {
    let (mut world, tenant, tokens) = start();
    let command = RevokeFamily { family: tokens.family.clone() };
    world.when(&tenant.web.caller(), tenant.instance, &command).told(&[What::FamilyRevoked]);
    assert!(!is_alive(&world, &tenant, &tokens));
    world.when(&tenant.web.caller(), tenant.instance, &command).told(&[]);
}

#[test]
fn a_family_id_is_not_used_twice() {
    let (mut world, tenant, tokens) = start();
    let code = world.issue(tenant.instance, &tenant.user, &tenant.web);
    let mut redemption = world.redemption(code);
    redemption.family = tokens.family;
    world.when(&tenant.web.caller(), tenant.instance, &redemption).refused(Refusal::AlreadyExists);
}

#[test]
fn a_denied_token_is_denied_until_it_ends() {
    let (mut world, tenant, _) = start();
    let expires = world.now.plus_secs(100);
    let command = DenyToken { jti: "the-jti".into(), expires };
    let caller = tenant.service.caller();
    world.when(&caller, tenant.instance, &command).told(&[What::TokenDenied]);
    world.when(&caller, tenant.instance, &command).told(&[]);
    let denied = |world: &World, jti: &str| {
        deny::is_denied(&world.reader(tenant.instance), Hash::of(jti.as_bytes())).unwrap()
    };
    assert!(denied(&world, "the-jti") && !denied(&world, "another"));
    world.advance_secs(99);
    world.must(&Caller::system(), tenant.instance, &Sweep { limit: 2000 });
    assert!(denied(&world, "the-jti"));
    world.advance_secs(1);
    world.must(&Caller::system(), tenant.instance, &Sweep { limit: 2000 });
    assert!(!denied(&world, "the-jti"), "the table does not grow for ever");
    world.when(&caller, tenant.instance, &command).told(&[]);
    let long = DenyToken { jti: "x".into(), expires: world.now.plus_secs(86_401) };
    world.when(&caller, tenant.instance, &long).refused(Refusal::InvalidSpec);
    for caller in [tenant.user.caller(), Caller::nobody(), Caller::system()] {
        world.when(&caller, tenant.instance, &command).refused(Refusal::NotPermitted);
    }
}

#[test]
fn a_deleted_client_is_not_created_while_it_waits_for_its_sweep() {
    let (mut world, tenant, _) = start();
    world.must(&Caller::system(), tenant.instance, &delete::<Application>(&tenant.web.id));
    let (id, parent) = (tenant.web.id.clone(), tenant.project.clone());
    let command = Create { id, parent, spec: tenant::web(), birth: () };
    world.when(&tenant.org_owner.caller(), tenant.instance, &command).refused(Refusal::AlreadyExists);
}

#[test]
fn a_family_ends_with_the_role_that_opened_it() {
    let (mut world, tenant, _) = start();
    let owner = tenant.org_owner.caller();
    let spec =
        Project { name: name("Portal"), role_assertion: false, role_check: true, has_project_check: true };
    world.must(&owner, tenant.instance, &Update { id: tenant.project.clone(), revision: None, spec });
    let mut tokens = world.tokens(tenant.instance, &tenant.user, &tenant.web);
    let grant = set_state::<Authorization>(&id("globex-alice-grant"), State::Inactive);
    world.must(&owner, tenant.instance, &grant);
    let outcome = world.refresh(tenant.instance, &tenant.web, &mut tokens);
    assert_eq!(outcome, Err(Refusal::FamilyNotAlive));
    assert!(!is_alive(&world, &tenant, &tokens));
}

#[test]
fn an_application_that_may_not_refresh_any_more_does_not() {
    let (mut world, tenant, mut tokens) = start();
    let spec = Application { refresh: false, ..tenant::web() };
    let update = Update { id: tenant.web.id.clone(), revision: None, spec };
    world.must(&tenant.org_owner.caller(), tenant.instance, &update);
    let outcome = world.refresh(tenant.instance, &tenant.web, &mut tokens);
    assert_eq!(outcome, Err(Refusal::FamilyNotAlive));
    assert!(is_alive(&world, &tenant, &tokens), "the access token counts until it ends");
}

#[test]
fn a_family_of_a_session_does_not_live_on_in_a_later_one_of_the_same_id() {
    let (mut world, tenant, tokens) = start();
    world.must(&tenant.user.caller(), tenant.instance, &EndSession {});
    world.advance_secs(1);
    let proof = world.proof(tenant.instance, &tenant.user.id);
    let proof =
        identity::credential::password::ProvePassword { session: tenant.user.session.clone(), ..proof };
    world.must(&Caller::nobody(), tenant.instance, &proof);
    assert!(!is_alive(&world, &tenant, &tokens));
}
