//! Where a list looks: streams of ids from indexes, all in one order, so that they can be intersected and united without
//! reading more than what is shown.
//!
//! An id's place in the order is the tail of its keys: its length and its bytes.

use crate::id::{Id, InstanceId};
use crate::keys::{Key, Space};
use crate::list::condition::{Condition, Match, Test};
use crate::reader::Reader;
use crate::record::Kind;
use crate::search;
use crate::see::Reach;
use crate::tables::{Fault, Read, Table};
use std::collections::VecDeque;

/// How many reads one list may cost. What is left of it says when to stop with what was found.
#[derive(Debug)]
pub(super) struct Work(pub(super) usize);

impl Work {
    /// One read more.
    pub(super) fn spend(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    /// Whether nothing is left.
    pub(super) fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// The tail of an id's keys.
pub(super) fn tail(id: &Id) -> Vec<u8> {
    let bytes = id.as_str().as_bytes();
    // At most 200: an id's own limit.
    let mut tail = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    tail.extend(bytes);
    tail
}

/// A source of ids.
pub(super) enum Source {
    /// The rows under a prefix.
    Rows(Rows),
    /// What all of them have.
    Both(Vec<Source>),
    /// What any of them has.
    Either(Vec<Source>),
}

/// The rows under a prefix, some read ahead.
pub(super) struct Rows {
    table: Table,
    prefix: Vec<u8>,
    end: Vec<u8>,
    ahead: VecDeque<Vec<u8>>,
    /// Where reading goes on; `None` after the last row.
    from: Option<Vec<u8>>,
    batch: usize,
}

/// The first and the most rows that are read ahead.
const AHEAD_MIN: usize = 8;
const AHEAD_MAX: usize = 512;

impl Rows {
    pub(super) fn new(table: Table, prefix: Key) -> Rows {
        let (prefix, end) = prefix.range();
        let from = Some(Vec::new());
        Rows { table, prefix, end, ahead: VecDeque::new(), from, batch: AHEAD_MIN }
    }

    /// The first row at or after a tail.
    pub(super) fn seek(
        &mut self,
        read: &dyn Read,
        at: &[u8],
        work: &mut Work,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let had = self.ahead.len();
        while self.ahead.front().is_some_and(|tail| tail.as_slice() < at) {
            self.ahead.pop_front();
        }
        if self.ahead.is_empty() {
            let Some(from) = &self.from else { return Ok(None) };
            let start = from.as_slice().max(at);
            // Who skips all that was read ahead reads too far ahead.
            self.batch = if had > 0 && start == at { AHEAD_MIN } else { (self.batch * 2).min(AHEAD_MAX) };
            let start = [self.prefix.as_slice(), start].concat();
            work.spend();
            let rows = read.scan(self.table, &start, &self.end, self.batch)?;
            let full = rows.len() == self.batch;
            let skip = self.prefix.len();
            self.ahead.extend(rows.iter().filter_map(|(key, _)| key.get(skip..).map(<[u8]>::to_vec)));
            self.from = self.ahead.back().filter(|_| full).map(|last| [last.as_slice(), &[0]].concat());
        }
        Ok(self.ahead.front().cloned())
    }
}

impl Source {
    /// The first id at or after a tail that the source has.
    pub(super) fn seek(
        &mut self,
        read: &dyn Read,
        at: &[u8],
        work: &mut Work,
    ) -> Result<Option<Vec<u8>>, Fault> {
        match self {
            Source::Rows(rows) => rows.seek(read, at, work),
            Source::Either(sources) => {
                let mut first: Option<Vec<u8>> = None;
                for source in sources {
                    let found = source.seek(read, at, work)?;
                    first = match (first, found) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
                Ok(first)
            }
            Source::Both(sources) => {
                let mut at = at.to_vec();
                loop {
                    let before = at.clone();
                    for source in sources.iter_mut() {
                        match source.seek(read, &at, work)? {
                            Some(found) => at = found,
                            None => return Ok(None),
                        }
                    }
                    // Half-way: whoever asked sees that nothing is left to spend, and goes on from here another time.
                    if at == before || work.is_spent() {
                        return Ok(Some(at));
                    }
                }
            }
        }
    }
}

/// Makes the sources of one kind in one instance.
pub(super) struct Sources {
    pub(super) instance: InstanceId,
    pub(super) kind: Kind,
    pub(super) parent: Kind,
}

/// How many parts of a text are looked for: more narrow nothing down any more.
const PARTS_MAX: usize = 6;

impl Sources {
    pub(super) fn of(reader: &Reader<'_>, kind: Kind, parent: Kind) -> Sources {
        Sources { instance: reader.instance, kind, parent }
    }

    /// Every resource.
    pub(super) fn all(&self) -> Source {
        let prefix = Key::new(self.instance, Space::Record).u16(self.kind.number());
        Source::Rows(Rows::new(Table::State, prefix))
    }

    fn one(&self, id: &Id) -> Source {
        // The row of one id has no tail: it is asked for as a range of one.
        let prefix = Key::new(self.instance, Space::Record).u16(self.kind.number());
        let mut rows = Rows::new(Table::State, prefix);
        rows.end = [rows.prefix.as_slice(), &tail(id), &[0]].concat();
        rows.from = Some(tail(id));
        Source::Rows(rows)
    }

    fn under(&self, parent: &Id) -> Source {
        let prefix = Key::new(self.instance, Space::Child).u16(self.parent.number()).id(parent);
        Source::Rows(Rows::new(Table::State, prefix.u16(self.kind.number())))
    }

    fn to(&self, kind: Kind, id: &Id) -> Source {
        let prefix = Key::new(self.instance, Space::Reference).u16(kind.number()).id(id);
        Source::Rows(Rows::new(Table::State, prefix.u16(self.kind.number())))
    }

    /// The parts of the state that a caller reaches.
    pub(super) fn reach(&self, reach: &[Reach]) -> Source {
        let source = |reach: &Reach| match reach {
            Reach::One(id) => self.one(id),
            Reach::Under(id) => self.under(id),
            Reach::To(kind, id) => self.to(*kind, id),
        };
        Source::Either(reach.iter().map(source).collect())
    }

    /// Where everything lies that meets a condition; `None` if no index tells.
    pub(super) fn narrowed(&self, condition: &Condition) -> Option<Source> {
        match condition {
            Condition::All(parts) => {
                let sources: Vec<Source> = parts.iter().filter_map(|part| self.narrowed(part)).collect();
                (!sources.is_empty()).then_some(Source::Both(sources))
            }
            Condition::Any(parts) => {
                parts.iter().map(|part| self.narrowed(part)).collect::<Option<_>>().map(Source::Either)
            }
            Condition::Not(_) => None,
            Condition::Test(test) => match test {
                Test::Id(id) => Some(self.one(id)),
                Test::Parent(id) => Some(self.under(id)),
                Test::Refers(kind, id) => Some(self.to(*kind, id)),
                Test::Term(_, Match::Equal | Match::Contains | Match::Starts | Match::Ends, text) => {
                    self.parts(text)
                }
                Test::State(_) | Test::Created(..) | Test::Changed(..) | Test::Has(_) => None,
            },
        }
    }

    fn parts(&self, text: &str) -> Option<Source> {
        let threes = search::threes(text);
        let part = |three: &String| {
            Source::Rows(Rows::new(Table::Search, search::part(self.instance, self.kind, three)))
        };
        let parts: Vec<Source> = threes.iter().take(PARTS_MAX).map(part).collect();
        (!parts.is_empty()).then_some(Source::Both(parts))
    }
}
