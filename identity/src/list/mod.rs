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
    let mut page = Pages { reader, eyes, query, found: Vec::new(), work: Work(WORK_MAX) };
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
            let Some(found) = source.seek(self.reader.read, &at, &mut self.work)? else { return Ok(None) };
            let id = id_of(&found)?;
            if let Some(record) = self.wanted(&id)? {
                // One more is looked for, so that the last page says that it is the last.
                if self.found.len() >= self.query.limit {
                    return Ok(Some(found));
                }
                self.found.push(record);
            }
            at = found;
            at.push(0);
            // Only behind what was looked at: each page comes further, whatever its first look cost.
            if self.work.is_spent() {
                return Ok(Some(at));
            }
        }
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
            for (key, _) in &rows {
                let place = key.get(prefix.len()..).unwrap_or_default();
                let found = if field.is_some() { after_value(place)? } else { place };
                let id = id_of(found)?;
                // Backwards the next page ends before this row; forwards it begins at it.
                let next = match direction {
                    Direction::Ascending => place.to_vec(),
                    Direction::Descending => [place, &[0]].concat(),
                };
                if self.work.is_spent() {
                    return Ok(Some(next));
                }
                if let Some(record) = self.wanted(&id)? {
                    if self.found.len() >= self.query.limit {
                        return Ok(Some(next));
                    }
                    self.found.push(record);
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

    /// The record of an id, if it is to be shown.
    fn wanted(&mut self, id: &Id) -> Run<Option<Record<R>>> {
        self.work.0 = self.work.0.saturating_sub(1);
        let key = record_key(self.reader.instance, R::KIND, id);
        let Some(bytes) = self.reader.read.get(Table::State, &key)? else { return Ok(None) };
        // A large record costs as much as many small ones, so that a page stays small too.
        self.work.0 = self.work.0.saturating_sub(bytes.len() / WORK_BYTES);
        let record: Record<R> = decode_row(&bytes)?;
        let meets = record.state != State::Deleted
            && self.query.condition.as_ref().is_none_or(|condition| condition.holds(&record))
            && self.eyes.sees(&record)?
            && optional(R::Parent::exists(self.reader, &record.parent))?.is_some();
        Ok(meets.then_some(record))
    }
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
