//! From a filter's tree to a condition on one kind of resource: attributes that are not indexed are refused by name.

use crate::error::Problem;
use crate::filter::{self, Comparison, Filter, Operator, Value};
use crate::form::parent_word;
use crate::noun::Noun;
use axum::http::StatusCode;
use identity::id::Id;
use identity::list::condition::{Condition, Match, Order, Test};
use identity::record::{Kind, State};
use identity::time::Timestamp;

/// An attribute of a kind that can be filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `id`.
    Id,
    /// `state`.
    State,
    /// `created`.
    Created,
    /// `changed`.
    Changed,
    /// What it hangs under.
    Parent,
    /// What it refers to.
    Refers(Kind),
    /// A search term.
    Term(&'static str),
}

/// The attributes of a noun, with their names.
pub fn attributes<T: Noun>() -> Vec<(&'static str, Attribute)> {
    let mut found = vec![
        ("id", Attribute::Id),
        ("state", Attribute::State),
        ("created", Attribute::Created),
        ("changed", Attribute::Changed),
    ];
    if let Some(word) = parent_word::<T>().filter(|_| !T::UNDER) {
        found.push((word, Attribute::Parent));
    }
    found.extend(T::REFERS.iter().map(|kind| (kind.word(), Attribute::Refers(*kind))));
    found.extend(T::SEARCH.iter().map(|field| (*field, Attribute::Term(field))));
    found
}

/// The condition that a filter's text states on a noun.
pub fn parse<T: Noun>(text: &str) -> Result<Condition, Problem> {
    let filter = filter::parse(text).map_err(|error| refused(error.to_string()))?;
    of(&filter, &attributes::<T>())
}

fn refused(title: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_filter", title)
}

fn of(filter: &Filter, attributes: &[(&'static str, Attribute)]) -> Result<Condition, Problem> {
    let all = |parts: &[Filter]| parts.iter().map(|part| of(part, attributes)).collect::<Result<Vec<_>, _>>();
    match filter {
        Filter::And(parts) => Ok(Condition::All(all(parts)?)),
        Filter::Or(parts) => Ok(Condition::Any(all(parts)?)),
        Filter::Not(part) => Ok(Condition::Not(Box::new(of(part, attributes)?))),
        Filter::Present(name) => match named(name, attributes)? {
            Attribute::Term(field) => Ok(Condition::Test(Test::Has(field))),
            Attribute::Id
            | Attribute::State
            | Attribute::Created
            | Attribute::Changed
            | Attribute::Parent => Ok(Condition::All(Vec::new())),
            Attribute::Refers(_) => {
                Err(refused(format!("{name} can't be asked for with pr: compare it with eq")))
            }
        },
        Filter::Compare(comparison) => {
            let attribute = named(&comparison.attribute, attributes)?;
            compared(attribute, comparison)
        }
    }
}

fn named(name: &str, attributes: &[(&'static str, Attribute)]) -> Result<Attribute, Problem> {
    let found = attributes.iter().find(|(known, _)| *known == name);
    found.map(|(_, attribute)| *attribute).ok_or_else(|| {
        let known: Vec<&str> = attributes.iter().map(|(known, _)| *known).collect();
        refused(format!("{name} can't be filtered by; these can: {}", known.join(", ")))
    })
}

fn compared(attribute: Attribute, comparison: &Comparison) -> Result<Condition, Problem> {
    let Comparison { attribute: name, operator, value } = comparison;
    let Value::Text(text) = value else {
        return Err(refused(format!("{name} is compared with a text in quotation marks")));
    };
    let positive = if *operator == Operator::Ne { Operator::Eq } else { *operator };
    let test = match attribute {
        Attribute::Id => Test::Id(id(name, text)?),
        Attribute::Parent => Test::Parent(id(name, text)?),
        Attribute::Refers(kind) => Test::Refers(kind, id(name, text)?),
        Attribute::State => Test::State(match text.as_str() {
            "active" => State::Active,
            "inactive" => State::Inactive,
            _ => return Err(refused("state is active or inactive".into())),
        }),
        Attribute::Created => Test::Created(order(name, positive)?, moment(name, text)?),
        Attribute::Changed => Test::Changed(order(name, positive)?, moment(name, text)?),
        Attribute::Term(field) => Test::Term(field, matching(name, positive, text)?, text.clone()),
    };
    let exact = !matches!(attribute, Attribute::Created | Attribute::Changed | Attribute::Term(_));
    if exact && positive != Operator::Eq {
        return Err(refused(format!("{name} is compared with eq or ne only")));
    }
    let test = Condition::Test(test);
    Ok(if *operator == Operator::Ne { Condition::Not(Box::new(test)) } else { test })
}

fn id(name: &str, text: &str) -> Result<Id, Problem> {
    Id::parse(text).map_err(|error| refused(format!("{name}: {error}")))
}

fn moment(name: &str, text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse(text).map_err(|error| refused(format!("{name}: {error}")))
}

fn order(name: &str, operator: Operator) -> Result<Order, Problem> {
    match operator {
        Operator::Gt => Ok(Order::Greater),
        Operator::Ge => Ok(Order::GreaterOrEqual),
        Operator::Lt => Ok(Order::Less),
        Operator::Le => Ok(Order::LessOrEqual),
        Operator::Eq => Ok(Order::Equal),
        Operator::Ne | Operator::Co | Operator::Sw | Operator::Ew => {
            Err(refused(format!("{name} is a moment: compare it with gt, ge, lt, le, eq or ne")))
        }
    }
}

/// The fewest characters of which parts of names are found: fewer are in nearly every name.
const PART_CHARS_MIN: usize = 3;

fn matching(name: &str, operator: Operator, text: &str) -> Result<Match, Problem> {
    let how = match operator {
        Operator::Eq => Match::Equal,
        Operator::Co => Match::Contains,
        Operator::Sw => Match::Starts,
        Operator::Ew => Match::Ends,
        Operator::Ne | Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => {
            return Err(refused(format!("{name} is a text: compare it with eq, ne, co, sw or ew")));
        }
    };
    if how != Match::Equal && text.chars().count() < PART_CHARS_MIN {
        return Err(refused(format!("{name}: parts of a name have {PART_CHARS_MIN} characters or more")));
    }
    Ok(how)
}
