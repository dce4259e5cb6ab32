//! The trail as a caller may see it: filtered, from either end, page by page; and what is new, for streams.
//!
//! Who may read events at the instance sees all of it; who may in an organization, sees what happened there, and walks
//! past nothing else, for empty pages would tell of it. A page goes on behind the last place that was looked at, and its
//! work is bounded: it may be short, or empty, and have a next one.

use crate::audit::index::{self, About};
use crate::audit::merge::{self, Merge, Span, Step};
use crate::audit::{Entry, Place};
use crate::envelope::Subject;
use crate::event::{Class, Event, What};
use crate::id::Id;
use crate::list::Direction;
use crate::permission::{Area, Within};
use crate::reader::{Reader, Run};
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::resource::{Resource, place};
use crate::see::Eyes;
use crate::tables::Fault;
use crate::time::Timestamp;

/// What is asked for. What is empty or `None` narrows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Who did it: any of these.
    pub actors: Vec<Subject>,
    /// What it happened to, of whatever kind.
    pub target: Option<Id>,
    /// The kind of what it happened to.
    pub kind: Option<Kind>,
    /// What happened: any of these.
    pub what: Vec<What>,
    /// In which organization.
    pub organization: Option<Id>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Behind this place.
    pub after: Option<Place>,
    /// Before this place.
    pub before: Option<Place>,
    /// From which end.
    pub direction: Direction,
    /// The last place that the page before has looked at, see [`Page::next`].
    pub cursor: Option<Place>,
    /// How many at most; at least one.
    pub limit: usize,
}

impl Query {
    /// Everything from one end.
    pub fn new(direction: Direction, limit: usize) -> Query {
        Query {
            actors: Vec::new(),
            target: None,
            kind: None,
            what: Vec::new(),
            organization: None,
            since: None,
            until: None,
            after: None,
            before: None,
            direction,
            cursor: None,
            limit,
        }
    }

    /// Whether an event is asked for, wherever it stands.
    fn holds(&self, event: &Event) -> bool {
        (self.actors.is_empty() || self.actors.contains(&event.actor))
            && self.target.as_ref().is_none_or(|target| event.target == *target)
            && self.kind.is_none_or(|kind| event.kind == kind.number())
            && (self.what.is_empty() || self.what.iter().any(|what| *what as u16 == event.what))
            && (self.organization.is_none() || self.organization == event.organization)
            && self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
    }

    /// The places to look at; `None` if there is none.
    fn span(&self, reader: &Reader<'_>) -> Result<Option<Span>, Fault> {
        let mut span = Span::ALL.and(self.after.map(Place::next), self.before);
        span = match self.direction {
            Direction::Ascending => span.and(self.cursor.map(Place::next), None),
            Direction::Descending => span.and(None, self.cursor),
        };
        if let Some(since) = self.since {
            let Some(from) = merge::first_from_day(reader.read, reader.instance, since.day())? else {
                return Ok(None);
            };
            span = span.and(Some(from), None);
        }
        if let Some(until) = self.until {
            let day = until.day().saturating_add(1);
            span = span.and(None, merge::first_from_day(reader.read, reader.instance, day)?);
        }
        Ok(Some(span))
    }

    /// Streams that have every event that is asked for, and as few others as an index can tell; of a caller who sees some
    /// organizations only, none from elsewhere.
    fn streams(&self, reader: &Reader<'_>, seen: Option<&[Id]>, span: Span) -> Result<Merge, Fault> {
        let mut merge = Merge::new(reader.instance, self.direction);
        let actors: Option<Vec<(Kind, &Id)>> = self.actors.iter().map(index::actor).collect();
        let mut within = seen.unwrap_or_default();
        if let Some(target) = &self.target {
            for kind in self.kind.as_ref().map_or(Kind::ALL, std::slice::from_ref) {
                merge.add_index(About::Target, *kind, target, span);
            }
        } else if let Some(actors) = actors.filter(|actors| !actors.is_empty()) {
            for (kind, id) in actors {
                merge.add_index(About::Actor, kind, id, span);
            }
        } else if let Some(organizations) = seen.or(self.organization.as_ref().map(std::slice::from_ref)) {
            for id in organizations {
                merge.add_index(About::Organization, Kind::Organization, id, span);
            }
            within = &[];
        } else {
            for class in Class::ALL {
                if self.what.is_empty() || self.what.iter().any(|what| what.class() == class) {
                    merge.add_class(reader.read, class, span)?;
                }
            }
        }
        for id in within {
            merge.add_within(id, span);
        }
        Ok(merge)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The events.
    pub found: Vec<Entry>,
    /// The cursor of the next page; `None` after the last.
    pub next: Option<Place>,
    /// The last place that was looked at, whether it was shown or not; `None` if none was. A stream goes on behind it.
    pub reached: Option<Place>,
}

/// How many events one page may look at.
const WORK_MAX: usize = 5_000;
/// How many one look of a stream may: many streams look several times a second.
const LOOK_MAX: usize = 500;

/// Refuses a caller who sees a resource, but not what happens where it is.
pub fn require_history<T: Resource>(reader: &Reader<'_>, eyes: &Eyes<'_>, record: &Record<T>) -> Run<()> {
    require_history_at(eyes, &place(reader, record)?)
}

/// The same for a place.
pub fn require_history_at(eyes: &Eyes<'_>, within: &Within) -> Run<()> {
    if eyes.may_read(Area::Events, within)? { Ok(()) } else { Err(Refusal::NotPermitted.into()) }
}

/// One page of what a caller sees. What he may not see does not exist for him.
pub fn page(reader: &Reader<'_>, eyes: &Eyes<'_>, query: &Query) -> Run<Page> {
    look(reader, eyes, query, WORK_MAX)
}

fn look(reader: &Reader<'_>, eyes: &Eyes<'_>, query: &Query, work: usize) -> Run<Page> {
    let mut seen = eyes.organizations(Area::Events)?;
    if let (Some(seen), Some(asked)) = (&mut seen, &query.organization) {
        seen.retain(|organization| organization == asked);
    }
    let sees_instance = eyes.may_read(Area::Instance, &Within::Instance)?;
    let is_blind = seen.as_ref().is_some_and(Vec::is_empty);
    let Some(span) = query.span(reader)?.filter(|_| !is_blind) else { return Ok(Page::default()) };
    let mut streams = query.streams(reader, seen.as_deref(), span)?;
    let mut page = Page::default();
    for _ in 0..work {
        let Some(Step { place, entry }) = streams.step(reader.read)? else { return Ok(page) };
        let is_seen = |event: &Event| match (&seen, &event.organization) {
            (None, Some(_)) => true,
            // What happened to the instance itself is not for who governs its organizations only.
            (None, None) => sees_instance,
            (Some(seen), Some(organization)) => seen.contains(organization),
            (Some(_), None) => false,
        };
        if let Some(entry) = entry.filter(|entry| is_seen(&entry.event) && query.holds(&entry.event)) {
            // One more is looked for, so that the last page says that it is the last.
            if page.found.len() >= query.limit.max(1) {
                page.next = page.reached;
                return Ok(page);
            }
            page.found.push(entry);
        }
        page.reached = Some(place);
    }
    page.next = page.reached;
    Ok(page)
}

/// The events behind a place in the order of the log, for a stream; `None`: from the first. Bounds of the query narrow it
/// as they do a page. The stream goes on behind [`Page::reached`]; if there is a [`Page::next`], at its next look, else when
/// the log has moved. It looks at less than a page does.
pub fn following(reader: &Reader<'_>, eyes: &Eyes<'_>, query: &Query, after: Option<Place>) -> Run<Page> {
    let query = Query { direction: Direction::Ascending, cursor: after, ..query.clone() };
    look(reader, eyes, &query, LOOK_MAX)
}

/// The place of the last event: where a stream begins that wants only what is new. `None` before the first.
pub fn last(reader: &Reader<'_>) -> Result<Option<Place>, Fault> {
    merge::last(reader.read, reader.instance)
}
