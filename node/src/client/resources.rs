//! Commands on one resource or a list of one kind.

use super::address::{Address, Collection};
use super::api::{Api, Ask, Part};
use super::nouns::{Place, noun};
use super::surroundings::Surroundings;
use super::{password, problem, show, terminal, values};
use crate::cli::manage::{Create, Get, Manage, One, Update, Who};
use crate::exit::{Class, Failure, Outcome};
use crate::output::{Form, say};
use http::Method;
use serde_json::{Map, Value, json};

/// What a history shows.
pub(super) const EVENT_COLUMNS: &[&str] =
    &["time", "what", "target.kind", "target.id", "actor.type", "actor.id"];
/// The fields that have the name of a resource, the better one first.
const NAMES: &[&str] = &["name", "username", "display_name", "user"];
/// The nouns whose secrets can be renewed.
const WITH_SECRET: &[&str] = &["user", "application"];

/// Carries out a command on resources.
pub(super) async fn run(command: Manage, surroundings: &Surroundings) -> Outcome<()> {
    match command {
        Manage::Get(get) => self::get(get, surroundings).await,
        Manage::Create(create) => self::create(create, surroundings).await,
        Manage::Update(update) => self::update(update, surroundings).await,
        Manage::Delete { one, yes, revision } => {
            let (mut api, address) = opened(&one, surroundings)?;
            // What he was asked about is what is deleted.
            let shown = if yes { None } else { agreed(&mut api, &address, surroundings).await? };
            api.ask(Ask::plain(Method::DELETE, address.path()?).at(revision.or(shown))).await?;
            say(format_args!("deleted {address}"));
            Ok(())
        }
        Manage::Activate { one } => switch(&one, "activate", surroundings).await,
        Manage::Deactivate { one } => switch(&one, "deactivate", surroundings).await,
        Manage::SetPassword { user, password_file, who } => {
            // Asked for first: nobody types a password to learn that he is not signed in.
            let (mut api, address) = of_user(&user, &who, surroundings)?;
            let password = password::read(password_file.as_deref())?;
            let body = json!({ "password": password.expose() });
            api.ask(Ask::with(Method::POST, format!("{}/password", address.path()?), body)).await?;
            say(format_args!("{address} has a new password"));
            Ok(())
        }
        Manage::Lock { user, who } => {
            let (mut api, address) = of_user(&user, &who, surroundings)?;
            api.ask(Ask::plain(Method::POST, format!("{}/lock", address.path()?))).await?;
            say(format_args!("{address} is locked; his sessions and tokens have ended"));
            Ok(())
        }
        Manage::Unlock { user, who } => {
            let (mut api, address) = of_user(&user, &who, surroundings)?;
            api.ask(Ask::plain(Method::POST, format!("{}/unlock", address.path()?))).await?;
            say(format_args!("{address} may try to sign in again"));
            Ok(())
        }
        Manage::NewSecret { one, output } => {
            let (mut api, address) = opened(&one, surroundings)?;
            if !WITH_SECRET.contains(&address.kind) {
                let text = format_args!("a {} has no secret: name a user or an application", address.kind);
                return Err(Failure::new(Class::Usage, text));
            }
            let made = api.ask(Ask::plain(Method::POST, format!("{}/secret", address.path()?))).await?;
            show::one(output, &made);
            Ok(())
        }
        Manage::History { one, limit, output } => {
            let (mut api, address) = opened(&one, surroundings)?;
            let part = Part { limit: Some(limit), ..Part::default() };
            let events = api.list(&format!("{}/history", address.path()?), part).await?;
            show::list(output, EVENT_COLUMNS, &events);
            Ok(())
        }
        Manage::Login(_)
        | Manage::Logout { .. }
        | Manage::Profile(_)
        | Manage::Apply(_)
        | Manage::Audit(_)
        | Manage::Settings(_)
        | Manage::NewKey(_)
        | Manage::Completions { .. } => Err(Failure::other("this command is about no single resource")),
    }
}

fn opened(one: &One, surroundings: &Surroundings) -> Outcome<(Api, Address)> {
    let address = Address::read(noun(&one.kind)?, &one.id, one.parent.as_deref())?;
    Ok((Api::open(&one.who, surroundings)?, address))
}

fn of_user(user: &str, who: &Who, surroundings: &Surroundings) -> Outcome<(Api, Address)> {
    let address = Address::read(noun("user")?, user, None)?;
    Ok((Api::open(who, surroundings)?, address))
}

async fn get(get: Get, surroundings: &Surroundings) -> Outcome<()> {
    let noun = noun(&get.kind)?;
    if let Some(id) = &get.id {
        let address = Address::read(noun, id, get.parent.as_deref())?;
        let mut api = Api::open(&get.who, surroundings)?;
        let value = api.ask(Ask::plain(Method::GET, address.path()?)).await?;
        show::one(get.output, &value);
        return Ok(());
    }
    let mut filter = get.filter;
    if let (Place::In(parent), Some(id)) = (noun.place, &get.parent) {
        filter = Some(within(parent, id, filter.as_deref()));
    }
    if let (Place::Instance, Some(_)) = (noun.place, &get.parent) {
        return Err(Failure::new(
            Class::Usage,
            format_args!("{} hang under nothing: leave --parent out", noun.plural),
        ));
    }
    let path = Collection { noun, parent: get.parent }.path()?;
    let limit = (!get.all).then_some(get.limit);
    let mut api = Api::open(&get.who, surroundings)?;
    let items = api.list(&path, Part { filter, sort: get.sort, limit, ..Part::default() }).await?;
    show::list(get.output, noun.columns, &items);
    if get.output == Form::Table && limit == Some(items.len()) && !items.is_empty() {
        eprintln!("There may be more: --limit NUMBER or --all shows them");
    }
    Ok(())
}

/// A filter that a parent is added to; a text in it is written as JSON writes it (RFC 7644 §3.4.2.2).
pub(super) fn within(parent: &str, id: &str, filter: Option<&str>) -> String {
    let mine = format!("{parent} eq {}", Value::from(id));
    match filter {
        Some(filter) => format!("{mine} and ({filter})"),
        None => mine,
    }
}

async fn create(create: Create, surroundings: &Surroundings) -> Outcome<()> {
    let noun = noun(&create.kind)?;
    let mut values = values::given(&create.values, surroundings)?;
    let mut parent = create.parent;
    match (noun.place, &create.id) {
        (Place::Instance | Place::In(_) | Place::ListedUnder(_), Some(id)) => {
            values.insert("id".into(), json!(id));
        }
        (Place::Under(_, key), Some(id)) => {
            let address = Address::read(noun, id, parent.as_deref())?;
            values.insert(key.into(), json!(address.id));
            parent = address.parent;
        }
        (_, None) => {}
    }
    if let (Place::In(field), Some(parent)) = (noun.place, &parent) {
        values.insert(field.into(), json!(parent));
    }
    let path = Collection { noun, parent }.path()?;
    let mut api = Api::open(&create.who, surroundings)?;
    let made = api.ask(Ask::with(Method::POST, path, Value::Object(values))).await?;
    show::one(create.output, &made);
    Ok(())
}

async fn update(update: Update, surroundings: &Surroundings) -> Outcome<()> {
    let values: Map<String, Value> = values::given(&update.values, surroundings)?;
    if values.is_empty() {
        return Err(Failure::new(Class::Usage, "nothing is to be changed: name values by --set or --file"));
    }
    let (mut api, address) = opened(&update.one, surroundings)?;
    let ask = Ask::with(Method::PATCH, address.path()?, Value::Object(values)).at(update.revision);
    let changed = api.ask(ask).await?;
    show::one(update.output, &changed);
    Ok(())
}

/// Lets a deletion go on only if the person agrees who sees what it takes.
async fn agreed(api: &mut Api, address: &Address, surroundings: &Surroundings) -> Outcome<Option<u64>> {
    terminal::require_somebody(&address.to_string(), surroundings)?;
    let there = api.ask(Ask::plain(Method::GET, address.path()?)).await?;
    terminal::confirm(&question(address, &there)?)?;
    Ok(there["revision"].as_u64())
}

/// What goes with a deletion; a resource is known to people by its name and not by its id.
fn question(address: &Address, there: &Value) -> Outcome<String> {
    let name = NAMES.iter().find_map(|field| there.get(*field).and_then(Value::as_str));
    let name = name.map(|name| format!(" ({})", problem::printable(name))).unwrap_or_default();
    let with = address.noun()?.goes_with();
    if with.is_empty() {
        return Ok(format!("Delete {address}{name}?"));
    }
    Ok(format!("Delete {address}{name} with all that goes with it: its {}?", with.join(", ")))
}

async fn switch(one: &One, verb: &'static str, surroundings: &Surroundings) -> Outcome<()> {
    let (mut api, address) = opened(one, surroundings)?;
    api.ask(Ask::plain(Method::POST, format!("{}/{verb}", address.path()?))).await?;
    say(format_args!("{verb}d {address}"));
    Ok(())
}

#[cfg(test)]
mod tests;
