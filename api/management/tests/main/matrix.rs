//! Every route as everybody: who may what is computed from the table of roles, not from what the API answers.

use crate::stage::{Asked, Stage};
use crate::world::*;
use axum::http::Method;
use identity::permission::roles::Level;
use identity::permission::{AdministratorRole, Area, Verb, Within};
use identity::record::Kind;
use serde_json::{Value, json};

/// A caller: his token, and the role by which he governs a place.
struct Caller {
    name: String,
    token: String,
    role: Option<(AdministratorRole, Within)>,
}

/// What an answer says about who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Say {
    /// It is done, or would be if the values fitted.
    Done,
    /// He sees it and may not do this to it.
    Forbidden,
    /// For him it is not there.
    Absent,
}

/// What is a part of its parent: who may write that makes and deletes it, and who may only create or delete does neither.
fn is_part(kind: Kind) -> bool {
    matches!(kind, Kind::UserMetadata | Kind::OrganizationMetadata | Kind::GroupMember)
}

/// One caller for each built-in role, at acme's places; and two who hold none there.
async fn callers(stage: &Stage) -> Vec<Caller> {
    let world = &stage.world;
    let grant = stage.actors[&Kind::ProjectGrant.number()].id.clone();
    let mut callers = Vec::new();
    for role in AdministratorRole::ALL.iter().copied() {
        let within = match role.level() {
            Level::System => continue,
            Level::Instance => Within::Instance,
            Level::Organization => Within::Organization(world.acme.organization.clone()),
            Level::Project => Within::Project(world.acme.project.clone()),
            Level::ProjectGrant => Within::ProjectGrant(grant.clone()),
        };
        // Who governs a grant belongs to whom it was given.
        let home = if role.level() == Level::ProjectGrant { &world.globex } else { &world.acme };
        let token = world.appoint(home, within.clone(), role).await;
        callers.push(Caller { name: role.name().to_owned(), token, role: Some((role, within)) });
    }
    callers.push(Caller { name: "nobody".into(), token: world.acme.nobody.clone(), role: None });
    let within = Within::Organization(world.globex.organization.clone());
    let role = Some((AdministratorRole::OrgOwner, within));
    callers.push(Caller { name: "owner of globex".into(), token: world.globex.org_owner.clone(), role });
    callers
}

/// What a caller is told by a route of a noun or of what hangs below one.
fn expected(stage: &Stage, caller: &Caller, asked: &Asked) -> Option<Say> {
    let role = caller.role.as_ref();
    if let (true, Some(of)) = (asked.pattern.starts_with("/api/v1/sessions/"), asked.permission) {
        let at = &stage.actors[&Kind::User.number()].place.at;
        let may = |verb| Stage::may(role, of.area, verb, at);
        return Some(match (may(Verb::Read), may(of.verb)) {
            (true, true) => Say::Done,
            (true, false) => Say::Forbidden,
            (false, _) => Say::Absent,
        });
    }
    let actor = asked.actor.as_ref()?;
    let place = &actor.place;
    let sees = Stage::sees(role, place);
    let above = place.parent.as_ref().map(|(kind, _)| match kind {
        Kind::User => Stage::may(role, Area::User, Verb::Read, &place.at),
        other => stage.actors.get(&other.number()).is_some_and(|actor| Stage::sees(role, &actor.place)),
    });
    let done = |may: bool, seen: bool| match (may, seen) {
        (true, _) => Say::Done,
        (false, true) => Say::Forbidden,
        (false, false) => Say::Absent,
    };
    if asked.pattern == actor.collection {
        let under = asked.pattern.contains('{');
        if asked.method == Method::GET {
            return Some(if under && !above.unwrap_or(true) { Say::Absent } else { Say::Done });
        }
        // An administrator's place is not above him, and is nobody's to know of either.
        let place_is_seen =
            actor.kind != Kind::Administrator || Stage::may(role, Area::Organization, Verb::Read, &place.at);
        let verb = if is_part(actor.kind) { Verb::Write } else { Verb::Create };
        let may = Stage::may(role, place.area, verb, &place.under);
        return Some(done(may, above.unwrap_or(true) && place_is_seen));
    }
    if !asked.pattern.starts_with(&actor.item) {
        return None;
    }
    let of_noun = asked.is_of_noun();
    let (area, verb) = match (of_noun, asked.method.clone(), asked.permission) {
        (true, Method::GET, _) => (place.area, Verb::Read),
        (true, Method::DELETE, _) if !is_part(actor.kind) => (place.area, Verb::Delete),
        (true, _, _) => (place.area, Verb::Write),
        (false, _, Some(permission)) => (permission.area, permission.verb),
        (false, _, None) => return None,
    };
    if !sees {
        return Some(Say::Absent);
    }
    // What the instance decides for an organization is asked for at the instance.
    let at = if area == Area::InstanceSettings { &vec![Within::Instance] } else { &place.at };
    // What befalls acme befalls the owner of the instance, who is at home there.
    let befalls_all = asked.pattern.ends_with("{id}/settings/lockout")
        || asked.pattern.ends_with("{id}/settings/login")
        || (actor.kind == Kind::Organization
            && of_noun
            && (asked.method == Method::DELETE || asked.pattern.ends_with("/deactivate")));
    let is_strongest = role.is_some_and(|(role, _)| *role == AdministratorRole::IamOwner);
    if befalls_all && asked.method != Method::GET && !is_strongest {
        return Some(Say::Forbidden);
    }
    Some(done(Stage::may(role, area, verb, at) || (of_noun && verb == Verb::Read), true))
}

/// What is put is what was got, with another name where there is one.
async fn body_of(stage: &Stage, asked: &Asked) -> Option<Value> {
    let body = asked.body.clone()?;
    if asked.method != Method::PUT && asked.method != Method::PATCH {
        return Some(body);
    }
    let got = stage.world.get(&asked.path, &stage.world.acme.iam_owner).await.expect(200).json();
    let mut body = if asked.method == Method::PUT { got.clone() } else { json!({}) };
    for name in ["name", "display_name"] {
        if let Some(text) = got[name].as_str() {
            body[name] = format!("{text} 2").into();
        }
    }
    Some(body)
}

#[tokio::test]
async fn every_caller_may_what_his_roles_say_and_nothing_else() {
    let mut stage = Stage::new().await;
    let callers = callers(&stage).await;
    let mut wrong = Vec::new();
    let mut counted = [0; 3];
    for asked in stage.asked() {
        let body = body_of(&stage, &asked).await;
        let before = stage.world.solo.tables();
        for caller in &callers {
            let Some(expected) = expected(&stage, caller, &asked) else { continue };
            counted[expected as usize] += 1;
            let (method, path) = (asked.method.as_str(), &asked.path);
            let answer = stage.world.ask(method, path, &caller.token, body.clone()).await;
            let status = answer.status.as_u16();
            let fits = match expected {
                // What a verb says about values is its own tests' matter.
                Say::Done => {
                    answer.status.is_success() || (!asked.is_of_noun() && [400, 409].contains(&status))
                }
                Say::Forbidden => status == 403 || (!asked.is_of_noun() && status == 404),
                Say::Absent => status == 404,
            };
            if !fits {
                wrong.push(format!(
                    "{} {method} {path}: {expected:?}, got {status} {}",
                    caller.name, answer.body
                ));
            }
            if expected != Say::Done && *stage.world.solo.tables() != *before {
                wrong.push(format!("{} {method} {path}: something was written", caller.name));
            }
            if let (Say::Absent, Some(nowhere)) = (expected, &asked.nowhere) {
                let absent = stage.world.ask(method, nowhere, &caller.token, body.clone()).await;
                if (absent.status, &absent.body) != (answer.status, &answer.body) {
                    wrong.push(format!(
                        "{} {method} {path}: what is hidden and what is not differ",
                        caller.name
                    ));
                }
            }
            let is_collection = asked.actor.as_ref().is_some_and(|actor| actor.collection == asked.pattern);
            if let (Say::Done, true, Some(actor)) =
                (expected, asked.method == Method::GET && is_collection, &asked.actor)
            {
                let listed = answer.json()["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|item| item["id"] == json!(actor.id));
                if listed != Stage::sees(caller.role.as_ref(), &actor.place) {
                    wrong.push(format!("{} {method} {path}: listed: {listed}", caller.name));
                }
            }
            stage.world.solo.rewind(before.clone());
        }
    }
    assert!(wrong.is_empty(), "{} of {counted:?} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(counted.iter().all(|count| *count > 200), "{counted:?}");
}

#[tokio::test]
async fn what_is_no_nouns_route_writes_nothing_for_whom_it_is_not() {
    let mut stage = Stage::new().await;
    let callers = callers(&stage).await;
    let acme = stage.actors[&Kind::Organization.number()].place.at.clone();
    for asked in stage.asked() {
        let Some(permission) = asked.permission.filter(|_| asked.method != Method::GET) else { continue };
        let before = stage.world.solo.tables();
        for caller in &callers {
            let place = asked.actor.as_ref().map_or(&acme, |actor| &actor.place.at);
            let may = Stage::may(caller.role.as_ref(), permission.area, permission.verb, place);
            if may || expected(&stage, caller, &asked).is_some() {
                continue;
            }
            let answer =
                stage.world.ask(asked.method.as_str(), &asked.path, &caller.token, asked.body.clone()).await;
            let what = format!("{} {} {}: {}", caller.name, asked.method, asked.path, answer.body);
            assert!(answer.status.as_u16() < 500, "{what}");
            assert_eq!(*stage.world.solo.tables(), *before, "{what}");
        }
    }
}

#[tokio::test]
async fn each_item_of_a_bulk_is_asked_about_by_itself() {
    let mut stage = Stage::new().await;
    let callers = callers(&stage).await;
    let bulks: Vec<Asked> =
        stage.asked().into_iter().filter(|asked| asked.pattern.ends_with("/bulk")).collect();
    assert!(bulks.len() >= 2);
    for asked in bulks {
        let before = stage.world.solo.tables();
        let actor = asked.actor.as_ref().unwrap();
        for caller in &callers {
            let may = Stage::may(caller.role.as_ref(), actor.place.area, Verb::Create, &actor.place.under);
            let answer =
                stage.world.post(&asked.path, &caller.token, asked.body.clone().unwrap()).await.expect(200);
            let result = answer.json()["results"][0]["status"].as_u64().unwrap();
            let fits = if may { result == 201 } else { [403, 404].contains(&result) };
            assert!(fits, "{} {}: {}", caller.name, asked.path, answer.body);
            stage.world.solo.rewind(before.clone());
        }
    }
}

/// Tokens that count for nobody, with what is wrong with each.
async fn dead_tokens(stage: &Stage) -> Vec<(&'static str, String)> {
    let world = &stage.world;
    let owner = &world.acme.iam_owner;
    let appoint =
        async |tenant: &Tenant| world.appoint(tenant, Within::Instance, AdministratorRole::IamOwner).await;
    let me = async |token: &str| {
        world.get("/api/v1/users/me", token).await.expect(200).json()["id"].as_str().unwrap().to_owned()
    };
    let token_of = async |user: &str, body: Value| {
        let made = world.post(&format!("/api/v1/users/{user}/tokens"), owner, body).await.expect(201);
        (made.json()["token"].as_str().unwrap().to_owned(), made.header("location"))
    };
    let disabled = appoint(&world.acme).await;
    let path = format!("/api/v1/users/{}/deactivate", me(&disabled).await);
    world.post(&path, owner, json!({})).await.expect(200);
    let deleted = appoint(&world.acme).await;
    world.ask("DELETE", &format!("/api/v1/users/{}", me(&deleted).await), owner, None).await.expect(204);
    let elsewhere = Tenant { organization: id("initech"), ..world.acme.clone() };
    let homeless = appoint(&elsewhere).await;
    world.post("/api/v1/organizations/initech/deactivate", owner, json!({})).await.expect(200);
    let user = me(&appoint(&world.globex).await).await;
    let soon = identity::time::Timestamp(world.solo.now().0 + 60_000).rfc3339();
    let (expired, _) = token_of(&user, json!({ "expires": soon })).await;
    world.get("/api/v1/users/me", &expired).await.expect(200);
    world.solo.advance_secs(60);
    let (off, path) = token_of(&user, json!({})).await;
    world.post(&format!("{path}/deactivate"), owner, json!({})).await.expect(200);
    let (gone, path) = token_of(&user, json!({})).await;
    world.ask("DELETE", &path, owner, None).await.expect(204);
    let mut forged = owner.clone();
    let last = if forged.ends_with('A') { 'B' } else { 'A' };
    forged.replace_range(30..31, &last.to_string());
    vec![
        ("garbage", "garbage".into()),
        ("a garbage personal token", "cnv_pat_garbage".into()),
        ("an empty personal token", "cnv_pat_".into()),
        ("a token that nobody signed", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.".into()),
        ("another secret", forged),
        ("expired", expired),
        ("switched off", off),
        ("deleted", gone),
        ("of a disabled user", disabled),
        ("of a deleted user", deleted),
        ("of a deactivated organization", homeless),
        ("of another instance", world.umbra.iam_owner.clone()),
    ]
}

#[tokio::test]
async fn who_is_nobody_is_told_so_everywhere_and_in_the_same_words() {
    let mut stage = Stage::new().await;
    let dead = dead_tokens(&stage).await;
    let before = stage.world.solo.tables();
    for asked in stage.asked() {
        let method = asked.method.as_str();
        let without =
            stage.world.ask(method, &asked.path, "", asked.body.clone()).await.refused(401, "token_missing");
        assert_eq!(without.header("www-authenticate"), "Bearer realm=\"conclave\"");
        let mut words = None;
        for (what, token) in &dead {
            let answer = stage.world.ask(method, &asked.path, token, asked.body.clone()).await;
            assert_eq!(answer.status, 401, "{method} {}: {what}: {}", asked.path, answer.body);
            assert!(answer.header("www-authenticate").contains("invalid_token"), "{what}");
            assert_eq!(words.get_or_insert(answer.body.clone()), &answer.body, "{what}");
        }
    }
    assert_eq!(*stage.world.solo.tables(), *before);
}
