//! What may stand in the log, in events and in what a program prints; and what erasing a person leaves.

use crate::scenario::delete;
use identity::audit;
use identity::change::{Create, Update};
use identity::credential::password::Password;
use identity::envelope::Caller;
use identity::event::{Field, Value, What};
use identity::id::{Id, InstanceId};
use identity::name::Username;
use identity::refusal::Refusal;
use identity::sweep::Sweep;
use identity::tables::{Read, Table};
use identity::testing::fixtures::{World, id};
use identity::testing::tenant::{self, Tenants};
use identity::user::{User, person};

/// Everything personal that the sample person has.
const PERSONAL: [&str; 5] = ["queen.of.hearts", "Alice", "Liddell", "mail.example", "de-CH"];

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A person whose id says nothing about him, changed once.
fn with_person() -> (World, Tenants, Id) {
    let (mut world, tenants) = World::standard();
    let acme = &tenants.acme;
    let user = id("u-4711");
    let birth = world.person_key(acme.instance, &user);
    let mut spec = tenant::human("queen.of.hearts");
    let parent = acme.organization.clone();
    world.must(
        &acme.org_owner.caller(),
        acme.instance,
        &Create { id: user.clone(), parent, spec: spec.clone(), birth },
    );
    world.set_password(acme.instance, &user);
    spec.username = Username::parse("queen.of.hearts.2").unwrap();
    world.must(&acme.org_owner.caller(), acme.instance, &Update { id: user.clone(), revision: None, spec });
    (world, tenants, user)
}

#[test]
fn a05_no_secret_stands_in_the_log_or_the_tables() {
    let (mut world, Tenants { acme, .. }, user) = with_person();
    let session = world.sign_in(acme.instance, &user);
    let person = tenant::Person { id: user, session };
    world.tokens(acme.instance, &person, &acme.web);
    let secrets = [
        tenant::WEB_SECRET,
        tenant::API_SECRET,
        tenant::SERVICE_SECRET,
        "$argon2id$",
        "c2FsdA",
        "a private key",
    ];
    for secret in secrets {
        for (_, command) in &world.log {
            assert!(!contains(command, secret), "{secret} stands in the log");
        }
        for (table, _, value) in world.tables.iter() {
            assert!(!contains(value, secret), "{secret} stands in {table:?}");
        }
    }
}

#[test]
fn a05_no_personal_data_stands_in_events_in_clear() {
    let (mut world, Tenants { acme, .. }, user) = with_person();
    world.must(&acme.org_owner.caller(), acme.instance, &delete::<User>(&user));
    for (table, key, value) in world.tables.iter().filter(|(table, _, _)| *table == Table::Audit) {
        for text in &PERSONAL {
            assert!(!contains(value, text) && !contains(key, text), "{text} stands in {table:?}");
        }
    }
}

#[test]
fn a05_what_is_printed_shows_neither_secrets_nor_personal_data() {
    let (mut world, Tenants { acme, .. }, user) = with_person();
    let record = world.reader(acme.instance).find::<User>(&user).unwrap().unwrap();
    let password = world.reader(acme.instance).row::<Password>(&user).unwrap().unwrap();
    let envelope = world.envelope(&Caller::system(), acme.instance, &Sweep { limit: 1 });
    let proof = world.proof(acme.instance, &user);
    let key = world.reader(acme.instance).rows::<identity::signing_key::SigningKey>(1).unwrap();
    let keyring = &world.machine().keyring;
    let printed = format!("{record:?} {password:?} {envelope:?} {proof:?} {key:?} {keyring:?}");
    for text in PERSONAL {
        assert!(!printed.contains(text), "{printed}");
    }
    let hash = identity::id::hex(&proof.secret.0);
    assert!(!printed.contains(&hash), "a hash is cut: {printed}");
    for sealed in [&password.sealed, &key[0].sealed] {
        assert!(!printed.contains(&format!("{sealed:?}")), "{printed}");
    }
}

/// What stands before the bytes of a sealed field: where it stands (see `Tx::seal_context`).
fn context(instance: InstanceId, place: audit::Place, field: u16, side: u8) -> Vec<u8> {
    let mut context = instance.0.to_be_bytes().to_vec();
    context.extend(place.index.to_be_bytes());
    context.extend(place.ordinal.to_be_bytes());
    context.extend(place.number.to_be_bytes());
    context.extend(field.to_be_bytes());
    context.push(side);
    context
}

/// Every sealed value about a user with its context.
fn sealed_values(world: &World, instance: InstanceId, user: &Id) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in audit::trail(&world.tables, instance, usize::MAX).unwrap() {
        for Field { number, before, after } in
            entry.event.fields.iter().filter(|_| entry.event.target == *user)
        {
            for (side, value) in [(0, before), (1, after)] {
                if let Some(Value::Sealed(bytes)) = value {
                    found.push((context(instance, entry.place, *number, side), bytes.clone()));
                }
            }
        }
    }
    found
}

#[test]
fn an_erased_person_is_unreadable_and_the_trail_stays_whole() {
    let (mut world, Tenants { acme, .. }, user) = with_person();
    let key = world.reader(acme.instance).row::<person::NewKey>(&user).unwrap().unwrap();
    let open =
        |world: &World| world.instance_key(acme.instance).unwrap_person(user.as_str(), &key.wrapped).unwrap();
    let values = sealed_values(&world, acme.instance, &user);
    assert_eq!(values.len(), 4, "two at creation, two of the change");
    let opened: Vec<_> =
        values.iter().map(|(context, sealed)| open(&world).open(context, sealed).unwrap()).collect();
    assert!(opened.iter().any(|value| contains(value.expose(), "queen.of.hearts.2")));
    // A sealed value opens where it was written and nowhere else.
    assert!(open(&world).open(&values[1].0, &values[0].1).is_err());

    let told = world.when(&acme.org_owner.caller(), acme.instance, &delete::<User>(&user));
    told.told(&[What::Deleted, What::Erased]);
    assert_eq!(world.reader(acme.instance).row::<person::NewKey>(&user).unwrap(), None);
    assert!(world.tables.iter().all(|(_, _, value)| !value.ends_with(&key.wrapped)), "no row holds the key");
    assert_eq!(sealed_values(&world, acme.instance, &user).len(), 6, "the trail keeps what it had");
    audit::verify(&world.tables, acme.instance).unwrap();

    world.must(&Caller::system(), acme.instance, &Sweep { limit: 2000 });
    for (table, _, value) in world.tables.iter() {
        assert!(!contains(value, "queen.of.hearts"), "{table:?} holds what was erased");
    }
    assert!(world.tables.iter().all(|(_, key, _)| !contains(key, "queen.of.hearts")));
    audit::verify(&world.tables, acme.instance).unwrap();
}

#[test]
fn a_persons_key_must_open_for_him_here() {
    let (mut world, Tenants { acme, umbra, .. }) = World::standard();
    let (other_user, other_instance) =
        (world.person_key(acme.instance, &id("u8")), world.person_key(umbra.instance, &id("u9")));
    for birth in [other_user, other_instance, person::NewKey { wrapped: vec![1; 93] }] {
        let command =
            Create { id: id("u9"), parent: acme.organization.clone(), spec: tenant::human("u9"), birth };
        world.when(&acme.org_owner.caller(), acme.instance, &command).refused(Refusal::InvalidSpec);
    }
}

#[test]
fn the_trail_tells_when_an_event_was_altered_removed_added_or_moved() {
    let (world, Tenants { acme, .. }) = World::standard();
    let rows: Vec<(Vec<u8>, Vec<u8>)> = world
        .tables
        .iter()
        .filter(|(table, key, _)| *table == Table::Audit && key.starts_with(&acme.instance.0.to_be_bytes()))
        .map(|(_, key, value)| (key.to_vec(), value.to_vec()))
        .collect();
    let broken = |changes: &[(&[u8], Option<&[u8]>)]| {
        let mut world = world.clone();
        let change =
            |(key, value): &(&[u8], Option<&[u8]>)| ((Table::Audit, key.to_vec()), value.map(<[u8]>::to_vec));
        world.tables.write(changes.iter().map(change).collect());
        audit::verify(&world.tables, acme.instance).is_err()
    };
    assert!(!broken(&[]));
    let ((first, one), (second, two)) = (&rows[3], &rows[4]);
    assert!(broken(&[(first, None)]), "missing");
    assert!(broken(&[(&rows.last().unwrap().0, None)]), "the last missing");
    assert!(broken(&[(first, Some(two)), (second, Some(one))]), "swapped");
    let mut later = first.clone();
    later[21] ^= 0x40;
    assert!(broken(&[(first, None), (&later, Some(one))]), "moved to another position");
    assert!(broken(&[(&later, Some(one))]), "added");
    let mut renumbered = first.clone();
    renumbered[26] ^= 0x40;
    assert!(broken(&[(first, None), (&renumbered, Some(one))]), "moved within its command");
    let mut short_lived = first.clone();
    short_lived[9] = 3;
    assert!(broken(&[(first, None), (&short_lived, Some(one))]), "moved to where it is pruned sooner");
    let mut another_day = first.clone();
    another_day[13] ^= 1;
    assert!(broken(&[(first, None), (&another_day, Some(one))]), "moved to another day");
    for at in 1..one.len() {
        let mut altered = one.clone();
        altered[at] ^= 1;
        assert!(broken(&[(first, Some(&altered))]), "altered at byte {at}");
    }
    assert!(world.tables.get(Table::Audit, first).unwrap().is_some());
}

#[test]
fn instances_have_chains_of_their_own() {
    let (mut world, Tenants { acme, umbra, .. }) = World::standard();
    let before = audit::head(&world.tables, umbra.instance).unwrap();
    world.must(&acme.org_owner.caller(), acme.instance, &delete::<User>(&acme.user.id));
    assert_eq!(audit::head(&world.tables, umbra.instance).unwrap(), before);
    audit::verify(&world.tables, umbra.instance).unwrap();
}
