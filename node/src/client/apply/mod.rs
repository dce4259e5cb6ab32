//! `conclave apply`: makes the resources of a cluster be as files say.
//!
//! Five phases: read the files ([`documents`]), read what is there, look for what is wrong ([`review`]), plan
//! ([`plan`], [`diff`]: pure), carry out. What a file does not name stays as it is, a field as well as a resource;
//! `--prune` deletes resources, within bounds.

mod diff;
mod documents;
mod plan;
mod review;

use super::address::{Address, Collection};
use super::api::{Api, Ask, Part};
use super::nouns::{Place, noun};
use super::resources::within;
use super::surroundings::Surroundings;
use super::terminal;
use crate::cli::manage::Apply;
use crate::exit::{Class, Outcome};
use crate::output::say;
use documents::Document;
use http::Method;
use plan::{Doing, Plan, Step};
use serde_json::{Map, Value, json};

/// Carries out the command.
pub(super) async fn run(apply: Apply, surroundings: &Surroundings) -> Outcome<()> {
    // 1. The files.
    let (documents, wrong) = documents::read(&apply.file, surroundings)?;
    // 2. What is there.
    let mut api = Api::open(&apply.who, surroundings)?;
    let mut seen = Vec::new();
    for document in &documents {
        seen.push(api.find(&document.address.path()?).await?);
    }
    let extra = if apply.prune { extra(&mut api, &documents).await? } else { Vec::new() };
    // 3. What is wrong: all of it is told, and nothing is written.
    review::require_sound(&mut api, wrong, &documents, &seen, &extra).await?;
    // 4. The plan.
    let plan = Plan::of(&documents, seen, extra)?;
    say(plan.shown());
    if apply.plan || plan.steps.is_empty() {
        return Ok(());
    }
    let count = plan.deletes();
    if count > 0 && !apply.yes {
        let what = if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") };
        terminal::require_somebody(&what, surroundings)?;
        terminal::confirm(&format!("Delete {what} and do the rest?"))?;
    }
    // 5. One step after the other.
    perform(&mut api, &plan.steps).await
}

/// What is there and stands in no file, where the files are to be the whole of it.
async fn extra(api: &mut Api, documents: &[Document]) -> Outcome<Vec<Address>> {
    let mut extra = Vec::new();
    for (word, parent) in plan::whole(documents) {
        let noun = noun(word)?;
        let collection = Collection { noun, parent: Some(parent.clone()) };
        let mut part = Part::default();
        if let Place::In(field) = noun.place {
            part.filter = Some(within(field, &parent, None));
        }
        let mut items = match api.list(&collection.path()?, part).await {
            // The parent is yet to be made.
            Err(failure) if failure.class == Class::NotFound => continue,
            listed => listed?,
        };
        // Looked at once more: what is deleted must not hang on a node's reading of a filter.
        if let Place::In(field) = noun.place {
            items.retain(|item| item.get(field).and_then(Value::as_str) == Some(&parent));
        }
        extra.extend(plan::undeclared(documents, noun, &parent, &items)?);
    }
    Ok(extra)
}

/// Carries out steps until one fails.
async fn perform(api: &mut Api, steps: &[Step]) -> Outcome<()> {
    for (done, step) in steps.iter().enumerate() {
        let address = &step.address;
        if let Err(failure) = api.ask(request(step)?).await {
            let (why, all) = (&failure.text, steps.len());
            let text = format!("{address}: {why}; {done} of {all} steps were done, and none after that");
            return Err(failure.told_as(text));
        }
        say(format_args!("{} {address}", step.doing.done()));
    }
    Ok(())
}

fn request(step: &Step) -> Outcome<Ask> {
    let address = &step.address;
    match &step.doing {
        Doing::Make { values, parent } => {
            let path = Collection { noun: address.noun()?, parent: address.parent.clone() }.path()?;
            Ok(Ask::with(Method::POST, path, body(address, parent.as_deref(), values.clone())?))
        }
        Doing::Change { patch, revision } => {
            Ok(Ask::with(Method::PATCH, address.path()?, patch.clone()).at(*revision))
        }
        Doing::Delete => Ok(Ask::plain(Method::DELETE, address.path()?)),
    }
}

/// What makes a resource: its values, its id, and what it hangs under if its path does not say so.
fn body(address: &Address, parent: Option<&str>, mut values: Map<String, Value>) -> Outcome<Value> {
    let noun = address.noun()?;
    let own = match noun.place {
        Place::Instance | Place::In(_) | Place::ListedUnder(_) => "id",
        Place::Under(_, key) => key,
    };
    values.insert(own.to_owned(), json!(address.id));
    if let (Place::In(field), Some(parent)) = (noun.place, parent) {
        values.insert(field.to_owned(), json!(parent));
    }
    Ok(Value::Object(values))
}

#[cfg(test)]
mod tests;
