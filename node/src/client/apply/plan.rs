//! What is to be done, in which order: made from the documents and what is there, without asking anybody.

use super::super::address::Address;
use super::super::nouns::{Noun, Place};
use super::diff::{Change, diff, made};
use super::documents::Document;
use crate::exit::{Class, Failure, Outcome};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Steps that lead from what is there to what the files say.
#[derive(Debug)]
pub(super) struct Plan {
    /// In the order in which they are taken.
    pub(super) steps: Vec<Step>,
    /// How many resources are as the files say.
    same: usize,
}

/// A step.
#[derive(Debug)]
pub(super) struct Step {
    /// Which resource.
    pub(super) address: Address,
    /// What is done with it.
    pub(super) doing: Doing,
    /// What a reader of the plan sees of it.
    changes: Vec<Change>,
}

/// What is done with a resource.
#[derive(Debug)]
pub(super) enum Doing {
    /// It is not there.
    Make {
        /// Its values.
        values: Map<String, Value>,
        /// What it hangs under.
        parent: Option<String>,
    },
    /// Some values differ.
    Change {
        /// A merge patch.
        patch: Value,
        /// The revision that was compared: whoever changes it meanwhile is not overwritten.
        revision: Option<u64>,
    },
    /// No file names it.
    Delete,
}

impl Doing {
    /// The word for what was done.
    pub(super) fn done(&self) -> &'static str {
        match self {
            Doing::Make { .. } => "made",
            Doing::Change { .. } => "changed",
            Doing::Delete => "deleted",
        }
    }

    fn sign(&self) -> char {
        match self {
            Doing::Make { .. } => '+',
            Doing::Change { .. } => '~',
            Doing::Delete => '-',
        }
    }
}

impl Plan {
    /// Makes one; `seen` has what is there of each document. What others depend on is made first and deleted last, and
    /// deletions come at the end: what is to replace something is there before.
    pub(super) fn of(documents: &[Document], seen: Vec<Option<Value>>, extra: Vec<Address>) -> Outcome<Plan> {
        let mut steps = Vec::new();
        for (document, there) in documents.iter().zip(seen) {
            steps.extend(step(document, there)?);
        }
        let same = documents.len() - steps.len();
        let rank = |step: &Step| step.address.noun().map_or(usize::MAX, Noun::rank);
        steps.sort_by_key(rank);
        let mut deletes: Vec<_> = extra
            .into_iter()
            .map(|address| Step { address, doing: Doing::Delete, changes: Vec::new() })
            .collect();
        deletes.sort_by_key(|step| std::cmp::Reverse(rank(step)));
        steps.extend(deletes);
        Ok(Plan { steps, same })
    }

    /// How many resources it deletes.
    pub(super) fn deletes(&self) -> usize {
        self.count(|doing| matches!(doing, Doing::Delete))
    }

    fn count(&self, which: impl Fn(&Doing) -> bool) -> usize {
        self.steps.iter().filter(|step| which(&step.doing)).count()
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            text += &format!("{} {}\n", step.doing.sign(), step.address);
            for change in &step.changes {
                text += &format!("    {change}\n");
            }
        }
        let make = self.count(|doing| matches!(doing, Doing::Make { .. }));
        let change = self.count(|doing| matches!(doing, Doing::Change { .. }));
        let (delete, same) = (self.deletes(), self.same);
        text + &format!("{make} to make, {change} to change, {delete} to delete, {same} as the files say")
    }
}

fn step(document: &Document, there: Option<Value>) -> Outcome<Option<Step>> {
    let address = document.address.clone();
    let Some(there) = there else {
        let changes = made(&document.values, &document.secrets);
        let doing = Doing::Make { values: without_nulls(&document.values), parent: document.parent.clone() };
        return Ok(Some(Step { address, doing, changes }));
    };
    require_parent(document, &there)?;
    let diff = diff(&document.values, &there, &document.secrets);
    if diff.patch.is_empty() {
        return Ok(None);
    }
    let revision = there.get("revision").and_then(Value::as_u64);
    let doing = Doing::Change { patch: Value::Object(diff.patch), revision };
    Ok(Some(Step { address, doing, changes: diff.changes }))
}

/// A value that is to be absent is not sent with what is made.
pub(super) fn without_nulls(values: &Map<String, Value>) -> Map<String, Value> {
    let field = |(name, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::Object(inner) => Some((name.clone(), Value::Object(without_nulls(inner)))),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Some((name.clone(), value.clone()))
        }
    };
    values.iter().filter_map(field).collect()
}

fn require_parent(document: &Document, there: &Value) -> Outcome<()> {
    let Place::In(field) = document.address.noun()?.place else { return Ok(()) };
    let (found, wanted) = (there.get(field).and_then(Value::as_str), document.parent.as_deref());
    if found.is_none() || found == wanted {
        return Ok(());
    }
    let (address, found, wanted) = (&document.address, found.unwrap_or_default(), wanted.unwrap_or_default());
    let text =
        format_args!("{address} is in the {field} {found}, and can't be moved to {wanted}: use another id");
    Err(Failure::new(Class::Conflict, text))
}

/// The kinds and parents whose resources the files are the whole of: the parent is declared in them too. What hangs under
/// nothing is never theirs alone.
pub(super) fn whole(documents: &[Document]) -> BTreeSet<(&'static str, String)> {
    let declared: BTreeSet<(&str, &str)> =
        documents.iter().map(|document| (document.address.kind, document.address.id.as_str())).collect();
    let whole = |document: &Document| {
        let parent = document.parent.clone()?;
        let word = document.address.noun().ok()?.parent()?;
        declared.contains(&(word, parent.as_str())).then_some((document.address.kind, parent))
    };
    documents.iter().filter_map(whole).collect()
}

/// Those of `items`, which hang under `parent`, that no document names.
pub(super) fn undeclared(
    documents: &[Document],
    noun: &'static Noun,
    parent: &str,
    items: &[Value],
) -> Outcome<Vec<Address>> {
    let declared: BTreeSet<&Address> = documents.iter().map(|document| &document.address).collect();
    let key = match noun.place {
        Place::Instance | Place::In(_) | Place::ListedUnder(_) => "id",
        Place::Under(_, key) => key,
    };
    let mut extra = Vec::new();
    for item in items {
        let id = item.get(key).and_then(Value::as_str).ok_or_else(|| {
            Failure::other(format_args!(
                "the node lists a {} without its {key}: nothing is deleted",
                noun.word
            ))
        })?;
        let address = Address::read(noun, id, Some(parent))?;
        if !declared.contains(&address) {
            extra.push(address);
        }
    }
    Ok(extra)
}

#[cfg(test)]
mod tests;
