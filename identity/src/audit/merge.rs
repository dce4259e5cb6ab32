//! Streams of events in one order: those of the three classes, or of index rows. Each lies in the order of places by
//! itself, because log time never runs backwards; merged, they are the trail.

use crate::audit::index::{self, About};
use crate::audit::{Entry, Place, class_key};
use crate::event::Class;
use crate::id::{Id, InstanceId};
use crate::keys::Key;
use crate::list::Direction;
use crate::record::Kind;
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
    /// What the rows of an index begin with.
    prefix: Key,
    from: Vec<u8>,
    to: Vec<u8>,
    ahead: VecDeque<Row>,
    batch: usize,
    is_read: bool,
}

impl Stream {
    fn new(table: Table, prefix: Key, (from, to): (Vec<u8>, Vec<u8>)) -> Stream {
        Stream { table, prefix, from, to, ahead: VecDeque::new(), batch: AHEAD_MIN, is_read: false }
    }

    /// The events that an index has about something.
    fn of_index(instance: InstanceId, (about, kind, id): (About, Kind, &Id), span: Span) -> Stream {
        let prefix = index::prefix(instance, about, kind.number(), id);
        let (_, end) = prefix.clone().range();
        let to = span.to.map_or(end, |place| place.add_to(prefix.clone()).into_bytes());
        let from = span.from.add_to(prefix.clone()).into_bytes();
        Stream::new(Table::Search, prefix, (from, to))
    }

    /// Passes over what stands before a place in this direction; only in an index, whose keys lead with nothing else.
    fn skip(&mut self, place: Place, direction: Direction) -> Result<(), Fault> {
        let had = self.ahead.len();
        while let Some((key, _)) = self.ahead.front() {
            let found = Place::of_key(key)?;
            let is_passed = match direction {
                Direction::Ascending => found < place,
                Direction::Descending => found > place,
            };
            if !is_passed {
                return Ok(());
            }
            self.ahead.pop_front();
        }
        if self.is_read {
            return Ok(());
        }
        let key = |place: Place| place.add_to(self.prefix.clone()).into_bytes();
        match direction {
            Direction::Ascending => self.from = key(place).max(std::mem::take(&mut self.from)),
            Direction::Descending => self.to = key(place.next()).min(std::mem::take(&mut self.to)),
        }
        // Who skips all that was read ahead reads too far ahead.
        if had > 0 {
            self.batch = AHEAD_MIN;
        }
        Ok(())
    }

    /// The place of the next row.
    fn peek(&mut self, read: &dyn Read, direction: Direction) -> Result<Option<Place>, Fault> {
        // Who skips may skip beyond the end.
        self.is_read |= self.from >= self.to;
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
    /// If there are any, only events that one of these has too.
    within: Vec<Stream>,
}

/// A place that was looked at.
pub(super) struct Step {
    pub(super) place: Place,
    /// What stands there, if it is wanted and was not pruned.
    pub(super) entry: Option<Entry>,
}

/// The stream that comes first, and its place.
fn first<'s>(
    streams: &'s mut [Stream],
    read: &dyn Read,
    direction: Direction,
) -> Result<Option<(Place, &'s mut Stream)>, Fault> {
    let mut first: Option<(Place, &mut Stream)> = None;
    for stream in streams {
        let Some(place) = stream.peek(read, direction)? else { continue };
        let is_before = first.as_ref().is_none_or(|(other, _)| match direction {
            Direction::Ascending => place < *other,
            Direction::Descending => place > *other,
        });
        if is_before {
            first = Some((place, stream));
        }
    }
    Ok(first)
}

impl Merge {
    /// No streams yet.
    pub(super) fn new(instance: InstanceId, direction: Direction) -> Merge {
        Merge { instance, direction, streams: Vec::new(), within: Vec::new() }
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
        self.streams.push(Stream::new(Table::Audit, prefix, (from, to)));
        Ok(())
    }

    /// Adds the events that an index has about something.
    pub(super) fn add_index(&mut self, about: About, kind: Kind, id: &Id, span: Span) {
        self.streams.push(Stream::of_index(self.instance, (about, kind, id), span));
    }

    /// Leaves only events that happened in one of the organizations that are added so. All streams are of indexes then.
    pub(super) fn add_within(&mut self, organization: &Id, span: Span) {
        let about = (About::Organization, Kind::Organization, organization);
        self.within.push(Stream::of_index(self.instance, about, span));
    }

    /// The next event in the order.
    pub(super) fn next(&mut self, read: &dyn Read) -> Result<Option<Entry>, Fault> {
        while let Some(step) = self.step(read)? {
            if step.entry.is_some() {
                return Ok(step.entry);
            }
        }
        Ok(None)
    }

    /// The next place in the order. Where only some organizations count, it is one of an event of theirs: how many others
    /// are passed over costs no step, and where they stand is not told.
    pub(super) fn step(&mut self, read: &dyn Read) -> Result<Option<Step>, Fault> {
        if !self.within.is_empty() {
            let Some((place, own)) = first(&mut self.within, read, self.direction)? else { return Ok(None) };
            for stream in &mut self.streams {
                stream.skip(place, self.direction)?;
            }
            match first(&mut self.streams, read, self.direction)? {
                None => return Ok(None),
                Some((other, _)) if other != place => {
                    for stream in &mut self.within {
                        stream.skip(other, self.direction)?;
                    }
                    return Ok(Some(Step { place, entry: None }));
                }
                Some(_) => {
                    own.ahead.pop_front();
                }
            }
        }
        let Some((place, stream)) = first(&mut self.streams, read, self.direction)? else { return Ok(None) };
        let Some((key, value)) = stream.ahead.pop_front() else { return Ok(None) };
        let entry = match stream.table {
            Table::Audit => Some(Entry::read(self.instance, &key, value)?),
            Table::Search | Table::State => {
                let key = index::event_key(self.instance, &(key, value))?;
                // A row whose event was pruned leads nowhere.
                let stored = read.get(Table::Audit, &key)?;
                stored.map(|stored| Entry::read(self.instance, &key, stored)).transpose()?
            }
        };
        Ok(Some(Step { place, entry }))
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
