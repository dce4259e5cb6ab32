//! Where the events of one thing stand, of one actor, and of one organization: derived rows of the search table.
//!
//! Key: instance | 0xffff | about what | kind | id | place. Value: class and day, which with the place are the event's key.

use crate::audit::Place;
use crate::encoding::decode_row;
use crate::envelope::Subject;
use crate::event::{Class, Event, What};
use crate::id::{Id, InstanceId};
use crate::keys::Key;
use crate::record::Kind;
use crate::tables::{Fault, Row};

/// Stands where a kind stands in rows of search terms: no kind has this number.
const EVENTS: u16 = u16::MAX;

/// What a row tells of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// What it happened to.
    Target,
    /// Who did it.
    Actor,
    /// Where.
    Organization,
}

impl About {
    fn word(self) -> &'static str {
        match self {
            About::Target => "target",
            About::Actor => "actor",
            About::Organization => "organization",
        }
    }
}

/// The beginning of the keys of all rows about one thing.
pub(super) fn prefix(instance: InstanceId, about: About, kind: u16, id: &Id) -> Key {
    Key::instance(instance).u16(EVENTS).text(about.word()).u16(kind).id(id)
}

/// The user or application that acted. The others have no id, and are not looked for by an index.
pub(super) fn actor(subject: &Subject) -> Option<(Kind, &Id)> {
    match subject {
        Subject::User(id) => Some((Kind::User, id)),
        Subject::Client(id) => Some((Kind::Application, id)),
        Subject::System | Subject::Nobody | Subject::Operator => None,
    }
}

/// The rows of an event.
pub(super) fn rows(instance: InstanceId, class: Class, event: &Event, place: Place) -> Vec<Row> {
    let value = [class.number().to_be_bytes().as_slice(), &event.time.day().to_be_bytes()].concat();
    let row = |about: About, kind: u16, id: &Id| {
        (place.add_to(prefix(instance, about, kind, id)).into_bytes(), value.clone())
    };
    let mut rows = vec![row(About::Target, event.kind, &event.target)];
    if let Some((kind, id)) = actor(&event.actor) {
        rows.push(row(About::Actor, kind.number(), id));
    }
    if let Some(id) = &event.organization {
        rows.push(row(About::Organization, Kind::Organization.number(), id));
    }
    rows
}

/// The rows of an event as it is stored, for whoever writes the index anew.
pub(crate) fn rows_of_stored((key, stored): &Row) -> Result<Vec<Row>, Fault> {
    let event: Event = decode_row(stored)?;
    let place = Place::of_key(key)?;
    let instance = key.first_chunk::<8>().map(|bytes| InstanceId(u64::from_be_bytes(*bytes)));
    match (instance, What::from_number(event.what)) {
        (Some(instance), Some(what)) => Ok(rows(instance, what.class(), &event, place)),
        (None, _) | (_, None) => Err(Fault("an event is of another form".into())),
    }
}

/// The key of the event that a row leads to.
pub(super) fn event_key(instance: InstanceId, (key, value): &Row) -> Result<Vec<u8>, Fault> {
    let place = Place::of_key(key)?;
    Ok(place.add_to(Key::instance(instance).bytes(value)).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Table;
    use crate::testing::fixtures::World;

    #[test]
    fn every_row_leads_to_its_event() {
        let (world, _) = World::standard();
        let events: Vec<Row> = world
            .tables
            .iter()
            .filter(|(table, ..)| *table == Table::Audit)
            .map(|(_, key, value)| (key.to_vec(), value.to_vec()))
            .collect();
        assert!(events.len() > 50);
        for event in &events {
            let instance = InstanceId(u64::from_be_bytes(event.0[..8].try_into().unwrap()));
            for row in rows_of_stored(event).unwrap() {
                assert_eq!(event_key(instance, &row).unwrap(), event.0);
                assert_eq!(Place::of_key(&row.0), Place::of_key(&event.0));
            }
        }
    }
}
