//! Conditions on resources: what a list is filtered by. Only what is indexed can be named, so that none is ever found by
//! reading everything.

use crate::id::Id;
use crate::name::fold;
use crate::record::{Kind, Record, State};
use crate::resource::{Indexes, Resource};
use crate::time::Timestamp;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Each of them.
    All(Vec<Condition>),
    /// One of them at least.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// A value of the resource.
    Test(Test),
}

/// A value that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The id is this.
    Id(Id),
    /// It hangs under this.
    Parent(Id),
    /// It refers to this.
    Refers(Kind, Id),
    /// Its state is this.
    State(State),
    /// When it was created.
    Created(Order, Timestamp),
    /// When it was last changed.
    Changed(Order, Timestamp),
    /// One of its search terms, without regard to ASCII case.
    Term(&'static str, Match, String),
    /// It has this search term.
    Has(&'static str),
}

/// How a moment is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// After.
    Greater,
    /// After or at.
    GreaterOrEqual,
    /// Before.
    Less,
    /// Before or at.
    LessOrEqual,
    /// At.
    Equal,
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// All of it.
    Equal,
    /// Any part of it.
    Contains,
    /// Its beginning.
    Starts,
    /// Its end.
    Ends,
}

impl Condition {
    /// Whether a resource meets it.
    pub fn holds<T: Resource>(&self, record: &Record<T>) -> bool {
        let indexes = Indexes::of(&record.spec, &record.parent);
        self.holds_of(record, &indexes)
    }

    fn holds_of<T: Resource>(&self, record: &Record<T>, indexes: &Indexes<'_>) -> bool {
        match self {
            Condition::All(parts) => parts.iter().all(|part| part.holds_of(record, indexes)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds_of(record, indexes)),
            Condition::Not(part) => !part.holds_of(record, indexes),
            Condition::Test(test) => test.holds_of(record, indexes),
        }
    }
}

impl Test {
    fn holds_of<T: Resource>(&self, record: &Record<T>, indexes: &Indexes<'_>) -> bool {
        match self {
            Test::Id(id) => record.id == *id,
            Test::Parent(id) => record.parent == *id,
            Test::Refers(kind, id) => indexes.references.contains(&(*kind, id.clone())),
            Test::State(state) => record.state == *state,
            Test::Created(order, moment) => order.holds(record.created, *moment),
            Test::Changed(order, moment) => order.holds(record.changed, *moment),
            Test::Term(field, how, wanted) => {
                let mut values = indexes.search.iter().filter(|(name, _)| name == field);
                values.any(|(_, value)| how.holds(&fold(value), &fold(wanted)))
            }
            Test::Has(field) => indexes.search.iter().any(|(name, _)| name == field),
        }
    }
}

impl Order {
    fn holds(self, is: Timestamp, than: Timestamp) -> bool {
        match self {
            Order::Greater => is > than,
            Order::GreaterOrEqual => is >= than,
            Order::Less => is < than,
            Order::LessOrEqual => is <= than,
            Order::Equal => is == than,
        }
    }
}

impl Match {
    fn holds(self, value: &str, wanted: &str) -> bool {
        match self {
            Match::Equal => value == wanted,
            Match::Contains => value.contains(wanted),
            Match::Starts => value.starts_with(wanted),
            Match::Ends => value.ends_with(wanted),
        }
    }
}
