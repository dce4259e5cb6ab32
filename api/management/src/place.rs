//! What a caller does not see is not there for him, also where he names it in what he writes: as a parent, as the place
//! of an administrator, as the grant of an authorization.

use crate::ask::Ask;
use crate::error::Problem;
use crate::noun::Noun;
use identity::id::Id;
use identity::permission::Within;
use identity::record::{Kind, Record};
use identity::refusal::Refusal;
use identity::resource::{Parent, Resource};
use identity::resources::{ForResource, dispatch};

struct Sees<'s>(&'s Ask, &'s Id);

impl ForResource for Sees<'_> {
    type Out = Result<bool, Problem>;
    fn run<P: Resource>(self) -> Self::Out {
        let found = identity::reader::optional(self.0.eyes().find::<P>(self.1))?;
        Ok(found.is_some())
    }
}

/// Whether the caller sees what something hangs under.
pub fn sees_parent<T: Noun>(ask: &Ask, parent: &Id) -> Result<bool, Problem> {
    sees(ask, T::Parent::KIND, parent)
}

fn sees(ask: &Ask, kind: Kind, id: &Id) -> Result<bool, Problem> {
    // The instance itself is nobody's secret.
    dispatch(kind, Sees(ask, id)).unwrap_or(Ok(true))
}

fn sees_place(ask: &Ask, within: &Within) -> Result<bool, Problem> {
    match within {
        Within::Instance => Ok(true),
        Within::Organization(id) => sees(ask, Kind::Organization, id),
        Within::Project(id) => sees(ask, Kind::Project, id),
        Within::ProjectGrant(id) => sees(ask, Kind::ProjectGrant, id),
    }
}

/// What is said about what is not there: a lacking permission would say that it is.
pub fn hidden(problem: Problem) -> Problem {
    if problem.code() == Refusal::NotPermitted.code() { Problem::not_found() } else { problem }
}

/// The same about a place that a body names in a field; without one it is the path that names nothing.
pub fn nowhere(problem: Problem, field: Option<&str>) -> Problem {
    match (hidden(problem), field) {
        (problem, Some(field)) if problem == Problem::not_found() => Problem::nothing_at(field),
        (problem, _) => problem,
    }
}

/// A problem with a change of a resource that the caller sees, as he may be told it.
pub fn told_of<T: Noun, R>(ask: &Ask, problem: Problem, spec: &T, record: &Record<T>) -> Result<R, Problem> {
    let reader = ask.reader();
    let under = |spec: &T| identity::reader::optional(spec.under(&reader, &record.parent));
    if under(spec)? == under(&record.spec)? {
        return Err(problem);
    }
    told(ask, problem, spec, &record.parent)
}

/// A problem with values that name a place, as the caller may be told it.
pub fn told<T: Noun, R>(ask: &Ask, problem: Problem, spec: &T, parent: &Id) -> Result<R, Problem> {
    let place = identity::reader::optional(spec.under(&ask.reader(), parent))?;
    match place {
        Some(place) if sees_place(ask, &place)? => Err(problem),
        Some(_) | None => Err(nowhere(problem, T::PLACED_BY)),
    }
}
