//! Where a list looks: streams of places from indexes, all in one order, so that they can be intersected and united without
//! reading more than what is shown.
//!
//! A place in an order is the tail of a key: an id's length and bytes, behind a value where the order is that of a term.

use crate::id::{Id, InstanceId};
use crate::keys::{Key, Space, tail};
use crate::list::Direction;
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

/// What all sources of one list look with.
pub(super) struct Look<'r> {
    pub(super) read: &'r dyn Read,
    pub(super) work: Work,
    pub(super) direction: Direction,
}

/// The place right behind one.
fn behind(place: &[u8]) -> Vec<u8> {
    [place, &[0]].concat()
}

impl Direction {
    /// From where this place is the first that is found. Forwards one looks at a place and behind it, backwards only
    /// before it; an empty one is where the order begins either way.
    pub(super) fn at(self, place: &[u8]) -> Vec<u8> {
        match self {
            Direction::Ascending => place.to_vec(),
            Direction::Descending => behind(place),
        }
    }

    /// From where the next one after this place is found.
    pub(super) fn past(self, place: &[u8]) -> Vec<u8> {
        match self {
            Direction::Ascending => behind(place),
            Direction::Descending => place.to_vec(),
        }
    }

    /// Whether who looks from `at` does not find this place any more.
    fn has_passed(self, place: &[u8], at: &[u8]) -> bool {
        match self {
            Direction::Ascending => place < at,
            Direction::Descending => !at.is_empty() && place >= at,
        }
    }
}

/// A source of places.
pub(super) enum Source {
    /// The rows under a prefix.
    Rows(Rows),
    /// These, from the first to the last.
    Places(Vec<Vec<u8>>),
    /// What all of them have.
    Both(Vec<Source>),
    /// What any of them has.
    Either(Vec<Source>),
}

/// The rows under a prefix, some read ahead.
pub(super) struct Rows {
    table: Table,
    prefix: Vec<u8>,
    /// The first and the end of what is not read yet.
    from: Vec<u8>,
    to: Vec<u8>,
    ahead: VecDeque<Vec<u8>>,
    batch: usize,
    is_read: bool,
}

/// The first and the most rows that are read ahead.
const AHEAD_MIN: usize = 8;
const AHEAD_MAX: usize = 512;

impl Rows {
    pub(super) fn new(table: Table, prefix: Key) -> Rows {
        let (prefix, to) = prefix.range();
        let (from, ahead) = (prefix.clone(), VecDeque::new());
        Rows { table, prefix, from, to, ahead, batch: AHEAD_MIN, is_read: false }
    }

    /// The first row from a place on.
    fn seek(&mut self, look: &mut Look<'_>, at: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let had = self.ahead.len();
        while self.ahead.front().is_some_and(|place| look.direction.has_passed(place, at)) {
            self.ahead.pop_front();
        }
        if self.ahead.is_empty() && !self.is_read {
            let skips = self.skip(look.direction, at);
            // Who skips all that was read ahead reads too far ahead.
            self.batch = if had > 0 && skips { AHEAD_MIN } else { (self.batch * 2).min(AHEAD_MAX) };
            look.work.spend();
            let rows = match look.direction {
                Direction::Ascending => look.read.scan(self.table, &self.from, &self.to, self.batch)?,
                Direction::Descending => look.read.scan_back(self.table, &self.from, &self.to, self.batch)?,
            };
            self.is_read = rows.len() < self.batch;
            if let Some((last, _)) = rows.last() {
                match look.direction {
                    Direction::Ascending => self.from = behind(last),
                    Direction::Descending => self.to.clone_from(last),
                }
            }
            let skip = self.prefix.len();
            self.ahead.extend(rows.iter().filter_map(|(key, _)| key.get(skip..).map(<[u8]>::to_vec)));
        }
        Ok(self.ahead.front().cloned())
    }

    /// Goes on from a place, if it is further than what was read.
    fn skip(&mut self, direction: Direction, at: &[u8]) -> bool {
        let place = [self.prefix.as_slice(), at].concat();
        match direction {
            Direction::Ascending if place > self.from => self.from = place,
            Direction::Descending if !at.is_empty() && place < self.to => self.to = place,
            Direction::Ascending | Direction::Descending => return false,
        }
        true
    }
}

impl Source {
    /// The first place that the source has from one on.
    pub(super) fn seek(&mut self, look: &mut Look<'_>, at: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let direction = look.direction;
        match self {
            Source::Rows(rows) => rows.seek(look, at),
            Source::Places(places) => {
                let mut left = places.iter().filter(|place| !direction.has_passed(place, at));
                Ok(match direction {
                    Direction::Ascending => left.next().cloned(),
                    Direction::Descending => left.next_back().cloned(),
                })
            }
            Source::Either(sources) => {
                let mut first: Option<Vec<u8>> = None;
                for source in sources {
                    let found = source.seek(look, at)?;
                    first = match (first, found, direction) {
                        (Some(a), Some(b), Direction::Ascending) => Some(a.min(b)),
                        (Some(a), Some(b), Direction::Descending) => Some(a.max(b)),
                        (a, b, _) => a.or(b),
                    };
                }
                Ok(first)
            }
            Source::Both(sources) => {
                let mut at = at.to_vec();
                loop {
                    let mut common = None;
                    let before = at.clone();
                    for source in sources.iter_mut() {
                        let Some(found) = source.seek(look, &at)? else { return Ok(None) };
                        at = direction.at(&found);
                        common = Some(found);
                    }
                    // Half-way: whoever asked sees that nothing is left to spend, and goes on from here another time.
                    if at == before || look.work.is_spent() {
                        return Ok(common);
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

    /// Every row of a term, in the order of its values.
    pub(super) fn all_by(&self, field: &str) -> Source {
        Source::Rows(Rows::new(Table::Search, search::field(self.instance, self.kind, field)))
    }

    /// The same for what hangs under one parent.
    pub(super) fn under_by(&self, parent: &Id, field: &str) -> Source {
        let prefix = search::field_under(self.instance, self.kind, parent, field);
        Source::Rows(Rows::new(Table::Search, prefix))
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
            Reach::One(id) => Source::Places(vec![tail(id)]),
            Reach::Under(id) => self.under(id),
            Reach::To(kind, id) => self.to(*kind, id),
        };
        Source::Either(reach.iter().map(source).collect())
    }

    /// Where everything lies that meets a condition; `None` if no index tells.
    pub(super) fn narrowed(&self, condition: &Condition) -> Option<Source> {
        match condition {
            Condition::All(parts) => {
                let mut sources = Vec::new();
                for part in parts {
                    match self.narrowed(part) {
                        Some(Source::Both(parts)) => sources.extend(parts),
                        narrowed => sources.extend(narrowed),
                    }
                }
                (!sources.is_empty()).then_some(Source::Both(sources))
            }
            Condition::Any(parts) => {
                parts.iter().map(|part| self.narrowed(part)).collect::<Option<_>>().map(Source::Either)
            }
            Condition::Not(_) => None,
            Condition::Test(test) => match test {
                Test::Id(id) => Some(Source::Places(vec![tail(id)])),
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
