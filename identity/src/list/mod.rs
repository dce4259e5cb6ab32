//! Lists of plain resources: filtered, in an order, page by page. A page goes on behind the last row of the one before, so
//! that writes in between neither repeat nor skip a row. The work of one page is bounded: it may be short, and the next
//! goes on where it stopped. Whoever sees only some places is shown what lies there without walking past what does not:
//! pages that are short or empty would tell how much of it there is.

pub mod condition;
mod source;

use crate::encoding::decode_row;
use crate::id::Id;
use crate::keys::tail;
use crate::list::condition::{Condition, Test};
use crate::list::source::{Look, Source, Sources, Work};
use crate::reader::{Reader, Run, optional, record_key};
use crate::record::{Record, State};
use crate::resource::{Indexes, Parent, Resource};
use crate::search;
use crate::see::{Eyes, Reach};
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
    let look = Look { read: reader.read, work: Work(WORK_MAX), direction: query.sort.direction };
    let mut page = Pages { reader, eyes, query, found: Vec::new(), look, parents: BTreeMap::new() };
    let source = match query.sort.field {
        None => page.by_id()?,
        Some(field) => page.by_term(field)?,
    };
    let next = page.walk(source)?;
    Ok(Page { found: page.found, next })
}

struct Pages<'q, 'a, T> {
    reader: &'q Reader<'a>,
    eyes: &'q Eyes<'a>,
    query: &'q Query,
    found: Vec<Record<T>>,
    look: Look<'a>,
    /// What records hang under, and whether it exists.
    parents: BTreeMap<Id, bool>,
}

impl<R: Resource> Pages<'_, '_, R> {
    fn sources(&self) -> Sources {
        Sources::of(self.reader, R::KIND, R::Parent::KIND)
    }

    /// The order of ids, which all indexes share: those that narrow most are intersected.
    fn by_id(&self) -> Run<Source> {
        let sources = self.sources();
        let mut wanted = Vec::new();
        // First, and beside the others: each round goes on from a row of the caller's own, not past other people's.
        if let Some(reach) = self.reach()? {
            wanted.push(sources.reach(&reach));
        }
        match self.query.condition.as_ref().and_then(|condition| sources.narrowed(condition)) {
            Some(Source::Both(parts)) => wanted.extend(parts),
            narrowed => wanted.extend(narrowed),
        }
        Ok(match wanted.pop() {
            None => sources.all(),
            Some(one) if wanted.is_empty() => one,
            Some(one) => {
                wanted.push(one);
                Source::Both(wanted)
            }
        })
    }

    /// The order of a term: all of it for who sees everything, else that of each place.
    fn by_term(&mut self, field: &'static str) -> Run<Source> {
        let sources = self.sources();
        let reach = match (self.reach()?, self.parent()) {
            (Some(reach), _) => reach,
            (None, Some(parent)) => vec![Reach::Under(parent.clone())],
            (None, None) => return Ok(sources.all_by(field)),
        };
        let mut parts = Vec::new();
        for part in &reach {
            parts.push(match part {
                Reach::Under(id) => sources.under_by(id, field),
                Reach::One(id) => Source::Places(self.places_of(id, field)?),
                // What is found by what it refers to has no terms; if it had, it would be looked for among all.
                Reach::To(..) => return Ok(sources.all_by(field)),
            });
        }
        Ok(Source::Either(parts))
    }

    /// Where a caller's own lies. Of a condition that names a parent nothing hangs under another.
    fn reach(&self) -> Run<Option<Vec<Reach>>> {
        let mut reach = self.eyes.reach::<R>()?;
        if let (Some(reach), Some(parent)) = (&mut reach, self.parent()) {
            reach.retain(|part| !matches!(part, Reach::Under(id) if id != parent));
        }
        Ok(reach)
    }

    /// The parent that the condition names.
    fn parent(&self) -> Option<&Id> {
        fn named(condition: &Condition) -> Option<&Id> {
            match condition {
                Condition::Test(Test::Parent(id)) => Some(id),
                Condition::All(parts) => parts.iter().find_map(named),
                Condition::Any(_) | Condition::Not(_) | Condition::Test(_) => None,
            }
        }
        self.query.condition.as_ref().and_then(named)
    }

    /// Where one resource stands in the order of a term.
    fn places_of(&mut self, id: &Id, field: &str) -> Run<Vec<Vec<u8>>> {
        self.look.work.spend();
        let key = record_key(self.reader.instance, R::KIND, id);
        let Some(bytes) = self.reader.read.get(Table::State, &key)? else { return Ok(Vec::new()) };
        let record: Record<R> = decode_row(&bytes)?;
        let indexes = Indexes::of(&record.spec, &record.parent);
        let values = indexes.search.iter().filter(|(name, _)| *name == field);
        let mut places: Vec<Vec<u8>> = values.map(|(_, value)| search::place(value, id)).collect();
        places.sort_unstable();
        Ok(places)
    }

    /// Fills the page from a source. Where the next one goes on.
    fn walk(&mut self, mut source: Source) -> Run<Option<Vec<u8>>> {
        let direction = self.query.sort.direction;
        let mut at = self.query.after.clone();
        loop {
            let mut places = Vec::new();
            while places.len() < self.missing() && (places.is_empty() || !self.look.work.is_spent()) {
                let Some(found) = source.seek(&mut self.look, &at)? else { break };
                self.look.work.spend();
                at = direction.past(&found);
                places.push(found);
            }
            if places.is_empty() {
                return Ok(None);
            }
            for (place, row) in places.iter().zip(self.rows(&places)?) {
                if let Some(record) = self.wanted(row)? {
                    // One more is looked for, so that the last page says that it is the last.
                    if self.found.len() >= self.query.limit {
                        return Ok(Some(direction.at(place)));
                    }
                    self.found.push(record);
                }
            }
            // Only behind what was looked at: each page comes further, whatever its first look cost.
            if self.look.work.is_spent() {
                return Ok(source.seek(&mut self.look, &at)?.map(|_| at));
            }
        }
    }

    /// How many records are read at once: what the page still lacks, and one more.
    fn missing(&self) -> usize {
        const BATCH: usize = 64;
        self.query.limit.saturating_sub(self.found.len()).saturating_add(1).min(BATCH)
    }

    /// The stored records of places, read together.
    fn rows(&self, places: &[Vec<u8>]) -> Run<Vec<Option<Vec<u8>>>> {
        let is_by_term = self.query.sort.field.is_some();
        let key = |place: &Vec<u8>| {
            let tail = if is_by_term { after_value(place)? } else { place };
            Ok(record_key(self.reader.instance, R::KIND, &id_of(tail)?))
        };
        let keys = places.iter().map(key).collect::<Result<Vec<_>, Fault>>()?;
        Ok(self.reader.read.get_many(Table::State, &keys)?)
    }

    /// The record of a row, if it is to be shown.
    fn wanted(&mut self, row: Option<Vec<u8>>) -> Run<Option<Record<R>>> {
        let Some(bytes) = row else { return Ok(None) };
        // A large record costs as much as many small ones, so that a page stays small too.
        let work = &mut self.look.work;
        work.0 = work.0.saturating_sub(bytes.len() / WORK_BYTES);
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
