//! Lists of plain resources: filtered, in an order, page by page. A page goes on behind the last row of the one before, so
//! that writes in between neither repeat nor skip a row. The work of one page is bounded: it may be short, and the next
//! goes on where it stopped.

pub mod condition;
mod source;

use crate::encoding::decode_row;
use crate::id::Id;
use crate::keys::{Key, Space};
use crate::list::condition::Condition;
use crate::list::source::{Sources, Work, tail};
use crate::reader::{Reader, Run, optional, record_key};
use crate::record::{Record, State};
use crate::resource::{Parent, Resource};
use crate::search;
use crate::see::Eyes;
use crate::tables::{Fault, Table};
use std::collections::BTreeMap;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// What each resource must meet, if anything.
    pub condition: Option<Condition>,
    /// In which order.
    pub sort: Sort,
    /// Behind which place of that order; empty for the beginning.
    pub after: Vec<u8>,
    /// How many at most.
    pub limit: usize,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By which search term; `None` for the ids.
    pub field: Option<&'static str>,
    /// Which way.
    pub direction: Direction,
}

/// A way through an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first.
    Ascending,
    /// From the last.
    Descending,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The resources.
    pub found: Vec<Record<T>>,
    /// Where the next page goes on; `None` after the last.
    pub next: Option<Vec<u8>>,
}

/// How many index reads and records one page may cost.
const WORK_MAX: usize = 5_000;
/// So many bytes of a record cost one more.
const WORK_BYTES: usize = 512;

/// One page of what a caller sees.
pub fn list<T: Resource>(reader: &Reader<'_>, eyes: &Eyes<'_>, query: &Query) -> Run<Page<T>> {
    let mut page =
        Pages { reader, eyes, query, found: Vec::new(), work: Work(WORK_MAX), parents: BTreeMap::new() };
    let next = match query.sort {
        Sort { field: None, direction: Direction::Ascending } => page.by_id()?,
        Sort { field, direction } => page.in_order(field, direction)?,
    };
    Ok(Page { found: page.found, next })
}

struct Pages<'q, 'a, T> {
    reader: &'q Reader<'a>,
    eyes: &'q Eyes<'a>,
    query: &'q Query,
    found: Vec<Record<T>>,
    work: Work,
    /// What records hang under, and whether it exists.
    parents: BTreeMap<Id, bool>,
}

impl<R: Resource> Pages<'_, '_, R> {
    /// In the order of ids, which all indexes share: those that narrow most are intersected.
    fn by_id(&mut self) -> Run<Option<Vec<u8>>> {
        let sources = Sources::of(self.reader, R::KIND, R::Parent::KIND);
        let mut wanted = Vec::new();
        if let Some(condition) = &self.query.condition {
            wanted.extend(sources.narrowed(condition));
        }
        // A condition that names a parent leads there by itself.
        if let Some(reach) = self.eyes.reach::<R>()? {
            wanted.push(sources.reach(&reach));
        }
        let mut source = match wanted.pop() {
            None => sources.all(),
            Some(one) if wanted.is_empty() => one,
            Some(one) => {
                wanted.push(one);
                source::Source::Both(wanted)
            }
        };
        let mut at = self.query.after.clone();
        loop {
            let mut places = Vec::new();
            while places.len() < self.missing() && (places.is_empty() || !self.work.is_spent()) {
                let Some(found) = source.seek(self.reader.read, &at, &mut self.work)? else { break };
                self.work.spend();
                at = behind(&found);
                places.push(found);
            }
            if places.is_empty() {
                return Ok(None);
            }
            for (place, row) in places.iter().zip(self.rows(&places)?) {
                if let Some(record) = self.wanted(row)? {
                    // One more is looked for, so that the last page says that it is the last.
                    if self.found.len() >= self.query.limit {
                        return Ok(Some(place.clone()));
                    }
                    self.found.push(record);
                }
            }
            // Only behind what was looked at: each page comes further, whatever its first look cost.
            if self.work.is_spent() {
                return Ok(Some(at));
            }
        }
    }

    /// How many records are read at once: what the page still lacks, and one more.
    fn missing(&self) -> usize {
        const BATCH: usize = 64;
        self.query.limit.saturating_sub(self.found.len()).saturating_add(1).min(BATCH)
    }

    /// In the order of a term or backwards: every row of that order is looked at.
    fn in_order(&mut self, field: Option<&'static str>, direction: Direction) -> Run<Option<Vec<u8>>> {
        let (table, prefix) = match field {
            Some(field) => (Table::Search, search::field(self.reader.instance, R::KIND, field)),
            None => {
                let kind = Key::new(self.reader.instance, Space::Record).u16(R::KIND.number());
                (Table::State, kind)
            }
        };
        let (prefix, end) = prefix.range();
        let after = &self.query.after;
        let place = [prefix.as_slice(), after].concat();
        let (mut from, mut to) = (prefix.clone(), end);
        match direction {
            Direction::Ascending => from = place,
            Direction::Descending if !after.is_empty() => to = place,
            Direction::Descending => {}
        }
        const BATCH: usize = 200;
        loop {
            let rows = match direction {
                Direction::Ascending => self.reader.read.scan(table, &from, &to, BATCH)?,
                Direction::Descending => self.reader.read.scan_back(table, &from, &to, BATCH)?,
            };
            let mut places: &[Vec<u8>] = &rows
                .iter()
                .map(|(key, _)| key.get(prefix.len()..).unwrap_or_default().to_vec())
                .collect::<Vec<_>>();
            while !places.is_empty() {
                let (part, rest) = places.split_at(self.missing().min(places.len()));
                places = rest;
                let tails: Vec<&[u8]> = match field {
                    Some(_) => part.iter().map(|place| after_value(place)).collect::<Result<_, _>>()?,
                    None => part.iter().map(Vec::as_slice).collect(),
                };
                for (place, row) in part.iter().zip(self.rows(&tails)?) {
                    // Backwards the next page ends before this row; forwards it begins at it.
                    let next = || match direction {
                        Direction::Ascending => place.clone(),
                        Direction::Descending => behind(place),
                    };
                    if self.work.is_spent() {
                        return Ok(Some(next()));
                    }
                    self.work.spend();
                    if let Some(record) = self.wanted(row)? {
                        if self.found.len() >= self.query.limit {
                            return Ok(Some(next()));
                        }
                        self.found.push(record);
                    }
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == BATCH => match direction {
                    Direction::Ascending => from = [last.as_slice(), &[0]].concat(),
                    Direction::Descending => to.clone_from(last),
                },
                Some(_) | None => return Ok(None),
            }
        }
    }

    /// The stored records of places, read together.
    fn rows(&self, places: &[impl AsRef<[u8]>]) -> Run<Vec<Option<Vec<u8>>>> {
        let key = |place: &[u8]| Ok(record_key(self.reader.instance, R::KIND, &id_of(place)?));
        let keys = places.iter().map(|place| key(place.as_ref())).collect::<Result<Vec<_>, Fault>>()?;
        Ok(self.reader.read.get_many(Table::State, &keys)?)
    }

    /// The record of a row, if it is to be shown.
    fn wanted(&mut self, row: Option<Vec<u8>>) -> Run<Option<Record<R>>> {
        let Some(bytes) = row else { return Ok(None) };
        // A large record costs as much as many small ones, so that a page stays small too.
        self.work.0 = self.work.0.saturating_sub(bytes.len() / WORK_BYTES);
        let record: Record<R> = decode_row(&bytes)?;
        let meets = record.state != State::Deleted
            && self.query.condition.as_ref().is_none_or(|condition| condition.holds(&record))
            && self.eyes.sees(&record)?
            && self.has_parent(&record)?;
        Ok(meets.then_some(record))
    }

    /// Whether what a record hangs under exists, be it looked up or remembered: most of a page hang under a few.
    fn has_parent(&mut self, record: &Record<R>) -> Run<bool> {
        if let Some(known) = self.parents.get(&record.parent) {
            return Ok(*known);
        }
        let exists = optional(R::Parent::exists(self.reader, &record.parent))?.is_some();
        self.parents.insert(record.parent.clone(), exists);
        Ok(exists)
    }
}

/// The place right behind one.
fn behind(place: &[u8]) -> Vec<u8> {
    [place, &[0]].concat()
}

/// What stands behind a value and its end in a row of a term.
fn after_value(place: &[u8]) -> Result<&[u8], Fault> {
    let end = place.iter().position(|byte| *byte == 0);
    end.and_then(|end| place.get(end + 1..)).ok_or_else(|| Fault("a search row has no end".into()))
}

fn id_of(tail: &[u8]) -> Result<Id, Fault> {
    let text = tail.get(2..).and_then(|text| std::str::from_utf8(text).ok());
    let id =
        text.and_then(|text| Id::parse(text).ok()).ok_or_else(|| Fault("an index row holds no id".into()))?;
    debug_assert_eq!(self::tail(&id), tail);
    Ok(id)
}
