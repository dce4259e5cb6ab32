//! Streams of events in one order: those of the three classes, or of index rows. Each lies in the order of places by
//! itself, because log time never runs backwards; merged, they are the trail.

use crate::audit::index::{self, About};
use crate::audit::{Entry, Place, class_key};
use crate::event::Class;
use crate::id::{Id, InstanceId};
use crate::keys::Key;
use crate::list::Direction;
use crate::tables::{Fault, Read, Row, Table};
use std::collections::VecDeque;

/// Places from the first on, up to and without the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Place,
    /// `None`: to the end.
    pub(super) to: Option<Place>,
}

impl Span {
    /// All places.
    pub(super) const ALL: Span = Span { from: Place::FIRST, to: None };

    /// The places that both have.
    #[must_use]
    pub(super) fn and(self, from: Option<Place>, to: Option<Place>) -> Span {
        let to = match (self.to, to) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Span { from: self.from.max(from.unwrap_or(Place::FIRST)), to }
    }
}

/// The first and the most rows of a stream that are read at once.
const AHEAD_MIN: usize = 8;
const AHEAD_MAX: usize = 512;

/// One stream, some rows read ahead.
struct Stream {
    table: Table,
    from: Vec<u8>,
    to: Vec<u8>,
    ahead: VecDeque<Row>,
    batch: usize,
    is_read: bool,
}

impl Stream {
    fn new(table: Table, from: Vec<u8>, to: Vec<u8>) -> Stream {
        Stream { table, from, to, ahead: VecDeque::new(), batch: AHEAD_MIN, is_read: false }
    }

    /// The place of the next row.
    fn peek(&mut self, read: &dyn Read, direction: Direction) -> Result<Option<Place>, Fault> {
        if self.ahead.is_empty() && !self.is_read {
            let rows = match direction {
                Direction::Ascending => read.scan(self.table, &self.from, &self.to, self.batch)?,
                Direction::Descending => read.scan_back(self.table, &self.from, &self.to, self.batch)?,
            };
            self.is_read = rows.len() < self.batch;
            if let Some((last, _)) = rows.last() {
                match direction {
                    Direction::Ascending => self.from = [last.as_slice(), &[0]].concat(),
                    Direction::Descending => self.to.clone_from(last),
                }
            }
            self.batch = self.batch.saturating_mul(2).min(AHEAD_MAX);
            self.ahead = rows.into();
        }
        self.ahead.front().map(|(key, _)| Place::of_key(key)).transpose()
    }
}

/// Streams, merged by place.
pub(super) struct Merge {
    instance: InstanceId,
    direction: Direction,
    streams: Vec<Stream>,
}

impl Merge {
    /// No streams yet.
    pub(super) fn new(instance: InstanceId, direction: Direction) -> Merge {
        Merge { instance, direction, streams: Vec::new() }
    }

    /// The whole trail in the order of the log.
    pub(super) fn whole(read: &dyn Read, instance: InstanceId) -> Result<Merge, Fault> {
        let mut merge = Merge::new(instance, Direction::Ascending);
        for class in Class::ALL {
            merge.add_class(read, class, Span::ALL)?;
        }
        Ok(merge)
    }

    /// Adds the events of a class.
    pub(super) fn add_class(&mut self, read: &dyn Read, class: Class, span: Span) -> Result<(), Fault> {
        let prefix = class_key(self.instance, class);
        let (mut from, mut to) = prefix.clone().range();
        if span.from > Place::FIRST {
            from = boundary(read, &prefix, span.from)?;
        }
        if let Some(end) = span.to {
            to = boundary(read, &prefix, end)?;
        }
        self.streams.push(Stream::new(Table::Audit, from, to));
        Ok(())
    }

    /// Adds the events that an index has about something.
    pub(super) fn add_index(&mut self, about: About, kind: u16, id: &Id, span: Span) {
        let prefix = index::prefix(self.instance, about, kind, id);
        let (_, end) = prefix.clone().range();
        let to = span.to.map_or(end, |place| place.add_to(prefix.clone()).into_bytes());
        self.streams.push(Stream::new(Table::Search, span.from.add_to(prefix).into_bytes(), to));
    }

    /// The next event in the order.
    pub(super) fn next(&mut self, read: &dyn Read) -> Result<Option<Entry>, Fault> {
        loop {
            let mut first: Option<(Place, &mut Stream)> = None;
            for stream in &mut self.streams {
                let Some(place) = stream.peek(read, self.direction)? else { continue };
                let is_before = first.as_ref().is_none_or(|(other, _)| match self.direction {
                    Direction::Ascending => place < *other,
                    Direction::Descending => place > *other,
                });
                if is_before {
                    first = Some((place, stream));
                }
            }
            let Some((_, stream)) = first else { return Ok(None) };
            let Some(row) = stream.ahead.pop_front() else { return Ok(None) };
            match stream.table {
                Table::Audit => return Entry::read(self.instance, &row.0, row.1).map(Some),
                Table::Search | Table::State => {
                    let key = index::event_key(self.instance, &row)?;
                    // A row whose event was pruned leads nowhere.
                    if let Some(stored) = read.get(Table::Audit, &key)? {
                        return Entry::read(self.instance, &key, stored).map(Some);
                    }
                }
            }
        }
    }
}

/// The key at which the events of a class begin that stand at a place or behind it. Keys lead with the day, which the place
/// does not tell: it is looked for by halves, for days and places grow together.
fn boundary(read: &dyn Read, class: &Key, place: Place) -> Result<Vec<u8>, Fault> {
    let (start, end) = class.clone().range();
    let first = read.scan(Table::Audit, &start, &end, 1)?;
    let last = read.scan_back(Table::Audit, &start, &end, 1)?;
    let (Some((first, _)), Some((last, _))) = (first.first(), last.first()) else { return Ok(start) };
    // The first day from which on everything stands at the place or behind it.
    let (mut low, mut high) = (day_of(first)?, day_of(last)?.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let from = class.clone().u32(middle).into_bytes();
        let found = read.scan(Table::Audit, &from, &end, 1)?;
        let is_behind = match found.first() {
            Some((key, _)) => Place::of_key(key)? >= place,
            None => true,
        };
        if is_behind { high = middle } else { low = middle + 1 }
    }
    // So the place itself is in the day before.
    match low.checked_sub(1) {
        Some(day) => Ok(place.add_to(class.clone().u32(day)).into_bytes()),
        None => Ok(start),
    }
}

fn day_of(key: &[u8]) -> Result<u32, Fault> {
    let day = key.get(10..14).and_then(|day| day.try_into().ok());
    day.map(u32::from_be_bytes).ok_or_else(|| Fault("an event's key has another form".into()))
}

/// The place of the first event of a day or of a later one.
pub(super) fn first_from_day(
    read: &dyn Read,
    instance: InstanceId,
    day: u32,
) -> Result<Option<Place>, Fault> {
    let mut first: Option<Place> = None;
    for class in Class::ALL {
        let (_, end) = class_key(instance, class).range();
        let from = class_key(instance, class).u32(day).into_bytes();
        if let Some((key, _)) = read.scan(Table::Audit, &from, &end, 1)?.first() {
            let place = Place::of_key(key)?;
            first = Some(first.map_or(place, |other| other.min(place)));
        }
    }
    Ok(first)
}

/// The place of the last event of an instance.
pub(super) fn last(read: &dyn Read, instance: InstanceId) -> Result<Option<Place>, Fault> {
    let mut last: Option<Place> = None;
    for class in Class::ALL {
        let (from, to) = class_key(instance, class).range();
        if let Some((key, _)) = read.scan_back(Table::Audit, &from, &to, 1)?.first() {
            last = last.max(Some(Place::of_key(key)?));
        }
    }
    Ok(last)
}
