//! The trail as it is searched, followed and shown: to whom, in which order, and in which words.

use crate::samples;
use crate::scenario::{self, delete, set_state};
use identity::administrator::{Administrator, Held};
use identity::audit::search::{Page, Query, following, last, page};
use identity::audit::unseal::{Closed, Persons};
use identity::audit::{self, Entry, Place, shown};
use identity::change::{Create, SetState, Update};
use identity::cluster::node::Wanted;
use identity::cluster::token::RevokeJoinToken;
use identity::encoding::encode;
use identity::envelope::{Caller, Source, Subject};
use identity::event::{Class, Event, Field, Value, What};
use identity::id::{Fixed, Hash, Id, InstanceId, SYSTEM};
use identity::label::Label;
use identity::list::Direction;
use identity::organization::Organization;
use identity::permission::{Area, CustomRole, Permission, Verb, Within};
use identity::project::Project;
use identity::record::{Kind, State};
use identity::see::Eyes;
use identity::setting::Setting;
use identity::tables::Overlay;
use identity::testing::fixtures::{START, World, id, name, several};
use identity::testing::tenant::{self, Tenants};
use identity::time::Timestamp;
use identity::user::{User, person};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

const BOTH: [Direction; 2] = [Direction::Ascending, Direction::Descending];

fn ask(world: &World, instance: InstanceId, caller: &Caller, query: &Query) -> Page {
    let reader = world.reader(instance);
    page(&reader, &Eyes::new(reader, caller), query).unwrap()
}

/// The places of all pages.
fn all(world: &World, instance: InstanceId, caller: &Caller, query: &Query) -> Vec<Place> {
    let mut query = query.clone();
    let mut places = Vec::new();
    loop {
        let found = ask(world, instance, caller, &query);
        assert!(found.found.len() <= query.limit);
        places.extend(found.found.iter().map(|entry| entry.place));
        match found.next {
            Some(next) => query.cursor = Some(next),
            None => return places,
        }
    }
}

fn everything(world: &World, instance: InstanceId) -> Vec<Entry> {
    audit::trail(&world.tables, instance, usize::MAX).unwrap()
}

/// A story over several days, with events of all classes on some of them.
fn days() -> (World, Tenants) {
    let (mut world, mut tenants) = World::standard();
    let Tenants { acme, globex, .. } = &mut tenants;
    for day in [0, 1, 1, 5, 30] {
        world.advance_secs(day * 86_400);
        for person in [&mut acme.user, &mut acme.org_owner, &mut acme.iam_owner, &mut globex.org_owner] {
            world.renew(acme.instance, person);
        }
        world.tokens(acme.instance, &acme.user, &acme.web);
        for state in [State::Inactive, State::Active] {
            let (one, two) = (set_state::<Project>(&acme.project, state), set_state(&globex.project, state));
            world.must(&acme.org_owner.caller(), acme.instance, &one);
            world.must::<SetState<Project>>(&globex.org_owner.caller(), acme.instance, &two);
        }
    }
    (world, tenants)
}

/// A query and what it asks for.
type Case = (Query, Box<dyn Fn(&Entry) -> bool>);

fn cases(trail: &[Entry], tenants: &Tenants) -> Vec<Case> {
    let acme = &tenants.acme;
    let base = Query::new(Direction::Ascending, 1000);
    let (user, web) = (Subject::User(acme.org_owner.id.clone()), Subject::Client(acme.web.id.clone()));
    let (target, organization) = (acme.project.clone(), tenants.globex.organization.clone());
    let mut cases: Vec<Case> = vec![(base.clone(), Box::new(|_| true))];
    let (one, two) = (user.clone(), web.clone());
    let query = Query { actors: vec![user.clone()], ..base.clone() };
    cases.push((query, Box::new(move |entry| entry.event.actor == one)));
    let query = Query { actors: vec![user.clone(), web], ..base.clone() };
    let one = user.clone();
    cases.push((query, Box::new(move |entry| entry.event.actor == one || entry.event.actor == two)));
    let query = Query { actors: vec![Subject::System, user.clone()], ..base.clone() };
    let one = user.clone();
    cases.push((
        query,
        Box::new(move |entry| entry.event.actor == one || entry.event.actor == Subject::System),
    ));
    for kind in [None, Some(Kind::Project), Some(Kind::Role)] {
        let query = Query { target: Some(target.clone()), kind, ..base.clone() };
        let target = target.clone();
        let holds = move |entry: &Entry| {
            entry.event.target == target && kind.is_none_or(|kind| entry.event.kind == kind.number())
        };
        cases.push((query, Box::new(holds)));
    }
    let query = Query { kind: Some(Kind::User), ..base.clone() };
    cases.push((query, Box::new(|entry| entry.event.kind == Kind::User.number())));
    let query = Query { what: vec![What::SignedIn, What::CodeIssued], ..base.clone() };
    let what = [What::SignedIn as u16, What::CodeIssued as u16];
    cases.push((query, Box::new(move |entry| what.contains(&entry.event.what))));
    let query = Query { organization: Some(organization.clone()), ..base.clone() };
    cases.push((query, Box::new(move |entry| entry.event.organization.as_ref() == Some(&organization))));
    for secs in [0, 86_400, 86_401, 2 * 86_400, 8 * 86_400, 40 * 86_400] {
        let moment = START.plus_secs(secs);
        let query = Query { since: Some(moment), ..base.clone() };
        cases.push((query, Box::new(move |entry| entry.event.time >= moment)));
        let (query, one) =
            (Query { until: Some(moment), actors: vec![user.clone()], ..base.clone() }, user.clone());
        cases.push((query, Box::new(move |entry| entry.event.time < moment && entry.event.actor == one)));
    }
    for entry in trail.iter().step_by(9) {
        let place = entry.place;
        let (after, before) =
            (Query { after: Some(place), ..base.clone() }, Query { before: Some(place), ..base.clone() });
        cases.push((after, Box::new(move |entry| entry.place > place)));
        cases.push((before, Box::new(move |entry| entry.place < place)));
        // A place where nothing stands.
        let nowhere = Place { number: u16::MAX, ..place };
        let query = Query { after: Some(nowhere), target: Some(acme.project.clone()), ..base.clone() };
        let target = acme.project.clone();
        cases.push((query, Box::new(move |entry| entry.place > nowhere && entry.event.target == target)));
    }
    cases
}

#[test]
fn every_query_finds_what_it_asks_for_from_both_ends_on_pages_of_any_length() {
    let (world, tenants) = days();
    let instance = tenants.acme.instance;
    let trail = everything(&world, instance);
    let mut none = 0;
    let (acme, globex) = (&tenants.acme, &tenants.globex);
    for (query, holds) in cases(&trail, &tenants) {
        for (caller, only) in [
            (Caller::operator(), None),
            (acme.org_owner.caller(), Some(&acme.organization)),
            (globex.org_owner.caller(), Some(&globex.organization)),
        ] {
            let is_his = |entry: &Entry| only.is_none() || entry.event.organization.as_ref() == only;
            let expected = trail.iter().filter(|entry| holds(entry) && is_his(entry));
            let mut expected: Vec<Place> = expected.map(|entry| entry.place).collect();
            none += usize::from(only.is_none() && expected.is_empty());
            for direction in BOTH {
                for limit in [1, 7, 1000] {
                    let query = Query { direction, limit, ..query.clone() };
                    assert_eq!(all(&world, instance, &caller, &query), expected, "{caller:?} {query:?}");
                }
                expected.reverse();
            }
        }
    }
    assert!(none < 6, "most cases find something");
}

#[test]
fn a_caller_sees_what_happened_where_he_may_read_events() {
    let (world, Tenants { acme, globex, umbra }) = days();
    let query = Query::new(Direction::Descending, 50);
    let count = |caller: &Caller, query: &Query| all(&world, acme.instance, caller, query).len();
    let trail = everything(&world, acme.instance);
    let in_organization = |organization: &Id| {
        trail.iter().filter(|entry| entry.event.organization.as_ref() == Some(organization)).count()
    };
    for caller in [Caller::operator(), Caller::system(), acme.iam_owner.caller()] {
        assert_eq!(count(&caller, &query), trail.len());
    }
    for tenant in [&acme, &globex] {
        let seen = count(&tenant.org_owner.caller(), &query);
        assert_eq!(seen, in_organization(&tenant.organization));
        assert!(seen > 10 && seen < trail.len());
    }
    // What is asked for by name shows no more.
    for query in [
        Query { target: Some(globex.project.clone()), ..query.clone() },
        Query { organization: Some(globex.organization.clone()), ..query.clone() },
        Query { actors: vec![Subject::User(globex.org_owner.id.clone())], ..query.clone() },
    ] {
        assert_eq!(count(&acme.org_owner.caller(), &query), 0, "{query:?}");
        assert!(count(&globex.org_owner.caller(), &query) > 0, "{query:?}");
    }
    let token =
        |scopes| Caller::bearer(acme.iam_owner.id.clone(), Hash::of(b"t"), Source::Family(id("f")), scopes);
    let strangers = [
        acme.user.caller(),
        acme.project_owner.caller(),
        acme.web.caller(),
        acme.service.caller(),
        umbra.iam_owner.caller(),
        Caller::nobody(),
        token(vec!["openid".to_owned()]),
    ];
    for caller in strangers {
        assert_eq!(count(&caller, &query), 0, "{caller:?}");
    }
}

#[test]
fn a_role_of_the_instances_own_shows_events_but_no_personal_data() {
    let (mut world, Tenants { acme, globex, .. }) = days();
    let (instance, root) = (acme.instance, Id::from_number(acme.instance.0));
    let permissions = vec![Permission { area: Area::Events, verb: Verb::Read }];
    world.create(
        instance,
        &id("auditor"),
        &root,
        CustomRole { name: name("Auditor"), permissions: several(permissions) },
    );
    for (entry, organization) in [("e1", &acme.organization), ("e2", &globex.organization)] {
        let spec = Administrator {
            user: acme.user.id.clone(),
            within: Within::Organization(organization.clone()),
            roles: several([Held::Custom(id("auditor"))]),
        };
        world.create(instance, &id(entry), &root, spec);
    }
    let caller = acme.user.caller();
    let query = Query::new(Direction::Ascending, 20);
    let of = |world: &World, organizations: &[&Id]| {
        let trail = everything(world, instance);
        let of =
            |entry: &&Entry| entry.event.organization.as_ref().is_some_and(|id| organizations.contains(&id));
        trail.iter().filter(of).map(|entry| entry.place).collect::<Vec<_>>()
    };
    assert_eq!(
        all(&world, instance, &caller, &query),
        of(&world, &[&acme.organization, &globex.organization])
    );
    let target = Query { target: Some(acme.org_owner.id.clone()), ..query.clone() };
    let created = show(&world, instance, &caller, &target).swap_remove(0);
    assert_eq!(
        created["changes"][0],
        json!({"field": "username", "before": null, "after": {"sealed": true}})
    );

    world.must(&acme.iam_owner.caller(), instance, &delete::<Organization>(&globex.organization));
    assert_eq!(all(&world, instance, &caller, &query), of(&world, &[&acme.organization]));
    let permissions = vec![Permission { area: Area::User, verb: Verb::Read }];
    let spec = CustomRole { name: name("Auditor"), permissions: several(permissions) };
    world.must(&acme.iam_owner.caller(), instance, &Update { id: id("auditor"), revision: None, spec });
    assert_eq!(all(&world, instance, &caller, &query), []);
}

#[test]
fn the_work_of_a_page_is_bounded_and_the_next_one_goes_on() {
    let mut world = World::empty();
    let instance = InstanceId(7);
    let changes = {
        let mut tables = Overlay::new(&world.tables);
        for index in 1..=6_000 {
            let what = if index == 5_900 { What::Erased } else { What::Changed };
            let event = event(what, Timestamp(index * 1_000_000));
            let place = Place { index, ..Place::FIRST };
            audit::append(&mut tables, instance, Class::Configuration, place, &event).unwrap();
        }
        tables.keep();
        tables.into_changes()
    };
    world.tables.write(changes);
    let query = Query { what: vec![What::Erased], ..Query::new(Direction::Ascending, 10) };
    let first = ask(&world, instance, &Caller::operator(), &query);
    let place = Place { index: 5_000, ..Place::FIRST };
    assert_eq!((first.found.len(), first.next, first.reached), (0, Some(place), Some(place)));
    let second = ask(&world, instance, &Caller::operator(), &Query { cursor: first.next, ..query.clone() });
    assert_eq!((second.found.len(), second.next), (1, None));
    // A look of a stream is shorter, and comes further each time.
    let (reader, caller) = (world.reader(instance), Caller::operator());
    let (mut after, mut looks) = (None, 0);
    loop {
        let looked = following(&reader, &Eyes::new(reader, &caller), &query, after).unwrap();
        (after, looks) = (looked.reached, looks + 1);
        if !looked.found.is_empty() {
            break;
        }
        assert_eq!((after, looked.next), (Some(Place { index: looks * 500, ..Place::FIRST }), after));
    }
    assert_eq!(looks, 12);
}

#[test]
fn what_happens_elsewhere_makes_no_pages() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    let start = last(&world.reader(instance)).unwrap().unwrap().index;
    // A busy thing of globex; three times in between, the same happens in acme.
    let own = [40, 3_000, 5_990];
    let changes = {
        let mut tables = Overlay::new(&world.tables);
        for index in 1..=6_000 {
            let here = if own.contains(&index) { &acme } else { &globex };
            let event = Event {
                target: id("busy"),
                actor: Subject::User(globex.org_owner.id.clone()),
                organization: Some(here.organization.clone()),
                ..event(What::Changed, world.now.plus_secs(index * 1_000))
            };
            let place = Place { index: start + index, ..Place::FIRST };
            audit::append(&mut tables, instance, Class::Configuration, place, &event).unwrap();
        }
        tables.keep();
        tables.into_changes()
    };
    world.tables.write(changes);
    let (owner, nobody) = (acme.org_owner.caller(), acme.user.caller());
    let mine: Vec<u64> = own.iter().map(|index| start + index).collect();
    let busy = Place { index: start + 1, ..Place::FIRST };
    for direction in BOTH {
        let base = Query { after: Some(busy), ..Query::new(direction, 10) };
        let foreign = Some(globex.organization.clone());
        let (target, actors) = (Some(id("busy")), vec![Subject::User(globex.org_owner.id.clone())]);
        for (query, shown) in [
            (base.clone(), &mine[..]),
            (Query { target: target.clone(), ..base.clone() }, &mine),
            (Query { target: target.clone(), kind: Some(Kind::Project), ..base.clone() }, &mine),
            (Query { actors: actors.clone(), ..base.clone() }, &mine),
            (Query { what: vec![What::Created], ..base.clone() }, &[]),
            (Query { organization: foreign.clone(), ..base.clone() }, &[]),
            (Query { organization: foreign.clone(), target, ..base.clone() }, &[]),
            (Query { organization: foreign, actors, ..base.clone() }, &[]),
        ] {
            let page = ask(&world, instance, &owner, &query);
            let mut found: Vec<u64> = page.found.iter().map(|entry| entry.place.index).collect();
            found.sort_unstable();
            assert_eq!((found.as_slice(), page.next), (shown, None), "{query:?}");
            assert!(page.reached.is_none_or(|place| mine.contains(&place.index)), "{query:?}");
            assert_eq!(ask(&world, instance, &nobody, &query), Page::default(), "{query:?}");
        }
    }
}

fn event(what: What, time: Timestamp) -> Event {
    Event {
        what: what as u16,
        time,
        request: Fixed([7; 16]),
        actor: Subject::Operator,
        kind: Kind::Project.number(),
        target: id("p"),
        organization: None,
        fields: Vec::new(),
        person: None,
    }
}

#[test]
fn a_stream_is_given_what_is_new_and_nothing_twice() {
    let (mut world, Tenants { mut acme, mut globex, .. }) = World::standard();
    let (instance, caller) = (acme.instance, acme.org_owner.caller());
    let query = Query { kind: Some(Kind::Project), ..Query::new(Direction::Descending, 2) };
    let mut after = last(&world.reader(instance)).unwrap();
    assert_eq!(after, everything(&world, instance).last().map(|entry| entry.place));
    let follow = |world: &World, after: Option<Place>| {
        let reader = world.reader(instance);
        following(&reader, &Eyes::new(reader, &caller), &query, after).unwrap()
    };
    assert_eq!(follow(&world, after), Page::default());
    let mut seen = Vec::new();
    for round in 0..5u64 {
        world.advance_secs(round * 50_000);
        world.renew(instance, &mut acme.org_owner);
        world.renew(instance, &mut globex.org_owner);
        for state in [State::Inactive, State::Active] {
            let (one, two) = (set_state::<Project>(&acme.project, state), set_state(&globex.project, state));
            world.must(&acme.org_owner.caller(), instance, &one);
            world.must::<SetState<Project>>(&globex.org_owner.caller(), instance, &two);
        }
        loop {
            let page = follow(&world, after);
            seen.extend(page.found);
            after = page.reached.or(after);
            if page.next.is_none() {
                break;
            }
        }
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().all(|entry| entry.event.target == acme.project));
    assert!(seen.is_sorted_by(|a, b| a.place < b.place));
    // From the first: the creation of the project.
    let first = follow(&world, None);
    assert_eq!((first.found.len(), first.found[0].event.what), (2, What::Created as u16));
    assert_eq!(last(&World::empty().reader(SYSTEM)), Ok(None));
}

#[test]
fn a_place_has_one_text_only() {
    let place = Place { index: 12, ordinal: 0, number: 65_535 };
    assert_eq!(Place::parse("12.0.65535"), Ok(place));
    for text in [
        "",
        "12",
        "12.0",
        "12.0.1.1",
        "012.0.1",
        "+12.0.1",
        "12.0.65536",
        "12.4294967296.1",
        "a.b.c",
        "12.0.1 ",
    ] {
        assert!(Place::parse(text).is_err(), "{text}");
    }
    assert_eq!(place.next(), Place { index: 12, ordinal: 1, number: 0 });
    assert!(Place { ordinal: u32::MAX, ..place }.next() == Place { index: 13, ordinal: 0, number: 0 });
}

/// The events that a query finds, as the caller sees them.
fn show(world: &World, instance: InstanceId, caller: &Caller, query: &Query) -> Vec<Json> {
    let reader = world.reader(instance);
    let eyes = Eyes::new(reader, caller);
    let persons = Persons::new(reader, &eyes, &world.machine().keyring).unwrap();
    let found = page(&reader, &eyes, query).unwrap().found;
    found.iter().map(|entry| shown::event(entry, &persons).unwrap()).collect()
}

fn history(world: &World, instance: InstanceId, kind: Kind, id: &Id) -> Vec<Json> {
    let query = Query { kind: Some(kind), target: Some(id.clone()), ..Query::new(Direction::Ascending, 100) };
    show(world, instance, &Caller::operator(), &query)
}

#[test]
fn an_event_is_shown_with_who_what_and_the_names_of_what_changed() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (instance, owner) = (acme.instance, acme.org_owner.caller());
    let spec =
        Project { name: name("Gate"), role_assertion: true, role_check: false, has_project_check: false };
    world.must(&owner, instance, &Update { id: acme.project.clone(), revision: None, spec });
    world.must(&owner, instance, &set_state::<Project>(&acme.project, State::Inactive));
    let history = history(&world, instance, Kind::Project, &acme.project);
    let place = format!("{}.0.0", world.index - 1);
    assert_eq!(
        history[1],
        json!({
            "id": place,
            "time": START.rfc3339(),
            "what": "changed",
            "sentence": format!("user {} changed project {}", acme.org_owner.id, acme.project),
            "actor": {"type": "user", "id": acme.org_owner.id},
            "target": {"kind": "project", "id": acme.project},
            "organization": acme.organization,
            "request": history[1]["request"],
            "changes": [
                {"field": "name", "before": "Portal", "after": "Gate"},
                {"field": "role_assertion", "before": false, "after": true},
            ],
        })
    );
    assert_eq!(history[2]["changes"], json!([{"field": "state", "before": "active", "after": "inactive"}]));
    assert_eq!(history[0]["actor"], json!({"type": "system"}));
    assert_eq!(history.len(), 3);
}

#[test]
fn what_is_no_resource_is_shown_by_name_too() {
    let mut world = scenario::world();
    let ticket = world.ticket(Wanted::Voter);
    world.must(&Caller::system(), SYSTEM, &RevokeJoinToken { id: ticket.token.clone() });
    let names = |kind: Kind, id: &Id| {
        let history = history(&world, SYSTEM, kind, id);
        let changes = history.iter().flat_map(|event| event["changes"].as_array().unwrap().clone());
        changes.map(|change| change["field"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert!(names(Kind::Node, &id("1")).contains("address"));
    assert_eq!(names(Kind::JoinToken, &ticket.token), ["expires", "wanted"].map(str::to_owned).into());
    for instance in [SYSTEM, InstanceId(1), InstanceId(2)] {
        for entry in everything(&world, instance) {
            let text = shown::event(&entry, &Closed).unwrap().to_string();
            assert!(!text.contains("unknown") && !text.contains("field_"), "{text}");
        }
    }
}

#[test]
fn values_that_are_not_kept_are_shown_as_what_is_known_of_them() {
    let fields = vec![
        Field { number: 0, before: None, after: Some(Value::Secret) },
        Field {
            number: 99,
            before: Some(Value::plain(&[7; 2000])),
            after: Some(Value::plain(&encode(&7u8))),
        },
    ];
    let entry = Entry {
        place: Place::FIRST,
        stored: Vec::new(),
        event: Event { fields, ..event(What::Changed, START) },
    };
    let shown = shown::event(&entry, &Closed).unwrap();
    let digest = json!({"sha256": identity::id::hex(&Hash::of(&[7; 2000]).0), "length": 2000});
    assert_eq!(
        shown["changes"],
        json!([
            {"field": "name", "before": null, "after": {"secret": true}},
            {"field": "field_99", "before": digest, "after": 7},
        ])
    );
    assert!(shown.get("organization").is_none());
}

/// The names of a JSON object in their order.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Keys, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Keys;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        d.deserialize_map(Read)
    }
}

macro_rules! kinds {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        const NOUNS: &[Kind] = &[$(Kind::$name),*];
    };
}
identity::resources!(kinds);

macro_rules! settings {
    ($($number:literal $name:ident $word:literal $type:ty;)*) => {
        /// The JSON of each setting, and the names that it says it has.
        fn settings() -> Vec<(String, &'static [Label])> {
            vec![$((serde_json::to_string(&<$type>::default()).unwrap(), <$type>::FIELDS)),*]
        }
    };
}
identity::settings!(settings);

fn names_of(labels: &[Label]) -> Vec<&str> {
    labels.iter().map(|label| label.name).collect()
}

#[test]
fn settings_have_the_names_that_they_have_in_json_in_the_order_of_their_numbers() {
    for (json, fields) in settings() {
        let keys: Keys = serde_json::from_str(&json).unwrap();
        assert_eq!(keys.0, names_of(fields));
    }
}

#[test]
fn fields_have_the_names_that_they_have_in_json_in_the_order_of_their_numbers() {
    let names = samples::names();
    assert_eq!(
        names.iter().map(|named| named.kind).collect::<BTreeSet<_>>(),
        NOUNS.iter().copied().collect()
    );
    for samples::Named { kind, json, fields, members } in names {
        assert_eq!(fields.len(), members.len(), "{kind:?}");
        let Some(json) = json else { continue };
        let keys: Keys = serde_json::from_str(&json).unwrap();
        assert_eq!(keys.0, names_of(fields), "{kind:?}");
        // The trail tells each value as the API does.
        let json: Json = serde_json::from_str(&json).unwrap();
        for (label, member) in fields.iter().zip(&members) {
            assert_eq!(label.told(member), Some(json[label.name].clone()), "{kind:?} {}", label.name);
        }
    }
}

#[test]
fn words_of_events_and_kinds_stand_for_one_each() {
    for what in What::ALL {
        assert_eq!(What::from_word(what.word()), Some(*what));
        assert!(what.word().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    }
    for kind in Kind::ALL {
        assert_eq!(Kind::from_word(kind.word()), Some(*kind));
    }
    assert_eq!((What::from_word("Created"), Kind::from_word("users")), (None, None));
}

/// A person, renamed once by an owner of his organization.
fn renamed() -> (World, Tenants, Id) {
    let (mut world, tenants) = World::standard();
    let acme = &tenants.acme;
    let (user, owner) = (id("u-4711"), acme.org_owner.caller());
    let (parent, birth) = (acme.organization.clone(), world.person_key(acme.instance, &id("u-4711")));
    let spec = tenant::human("queen.of.hearts");
    world.must(&owner, acme.instance, &Create { id: user.clone(), parent, spec, birth });
    let spec = User { username: tenant::human("duchess").username, ..tenant::human("queen.of.hearts") };
    world.must(&owner, acme.instance, &Update { id: user.clone(), revision: None, spec });
    (world, tenants, user)
}

#[test]
fn personal_values_are_shown_until_the_person_is_erased() {
    let (mut world, Tenants { acme, globex, .. }, user) = renamed();
    let (instance, owner) = (acme.instance, acme.org_owner.caller());
    let query = Query { target: Some(user.clone()), ..Query::new(Direction::Descending, 10) };
    let told = show(&world, instance, &owner, &query);
    let name = json!([{"field": "username", "before": "queen.of.hearts", "after": "duchess"}]);
    assert_eq!(told[0]["changes"], name);
    assert!(told[1].to_string().contains("Liddell"));
    assert!(show(&world, instance, &globex.org_owner.caller(), &query).is_empty());

    world.must(&owner, instance, &delete::<User>(&user));
    for caller in [&owner, &Caller::operator()] {
        let told = show(&world, instance, caller, &query);
        assert!(told.len() >= 3);
        for text in ["queen", "duchess", "Alice", "Liddell", "mail.example"] {
            assert!(!json!(told).to_string().contains(text), "{text} is still shown");
        }
    }
    let changed = show(&world, instance, &owner, &query).swap_remove(1);
    let erased = json!({"erased": true});
    assert_eq!(changed["changes"], json!([{"field": "username", "before": erased, "after": erased}]));
    audit::verify(&world.tables, instance).unwrap();
}

#[test]
fn whoever_gets_the_id_of_an_erased_person_opens_nothing_of_his() {
    let (mut world, Tenants { acme, .. }, user) = renamed();
    let (instance, owner) = (acme.instance, acme.org_owner.caller());
    world.must(&owner, instance, &delete::<User>(&user));
    world.must(&Caller::system(), instance, &identity::sweep::Sweep { limit: 2000 });
    let birth = world.person_key(instance, &user);
    let (parent, spec) = (acme.organization.clone(), tenant::human("hatter"));
    world.must(&owner, instance, &Create { id: user.clone(), parent, spec, birth });
    let told = history(&world, instance, Kind::User, &user);
    assert_eq!(told[0]["changes"][0]["after"], json!({"erased": true}));
    assert_eq!(told.last().unwrap()["changes"][0]["after"], "hatter");
}

#[test]
fn personal_values_of_another_thing_open_with_the_key_of_their_person() {
    let (mut world, Tenants { acme, .. }, user) = renamed();
    let instance = acme.instance;
    let key = world.reader(instance).row::<person::NewKey>(&user).unwrap().unwrap();
    let key = world.instance_key(instance).unwrap_person(user.as_str(), &key.wrapped).unwrap();
    let place = Place { index: 10_000, ..Place::FIRST };
    let sealed = key.seal(&audit::seal_context(instance, place, 0, 1), &encode(&"a nickname"));
    let fields = vec![Field { number: 0, before: None, after: Some(Value::Sealed(sealed)) }];
    let event = Event { person: Some(user.clone()), fields, ..event(What::Created, world.now) };
    assert_eq!(identity::encoding::decode::<Event>(&encode(&event)), Ok(event.clone()));
    let changes = {
        let mut tables = Overlay::new(&world.tables);
        audit::append(&mut tables, instance, Class::Configuration, place, &event).unwrap();
        tables.keep();
        tables.into_changes()
    };
    world.tables.write(changes);
    let after =
        |world: &World| history(world, instance, Kind::Project, &id("p"))[0]["changes"][0]["after"].clone();
    assert_eq!(after(&world), "a nickname");
    world.must(&acme.org_owner.caller(), instance, &delete::<User>(&user));
    assert_eq!(after(&world), json!({"erased": true}));
}
