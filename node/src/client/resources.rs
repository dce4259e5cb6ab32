//! Commands on one resource or a list of one kind.

use super::address::{Address, Collection, hangs_under_nothing};
use super::api::{Api, Ask, Part};
use super::nouns::{self, Noun, Place, noun};
use super::surroundings::Surroundings;
use super::{event, password, problem, show, terminal, values};
use crate::cli::manage::{Create, Get, Manage, One, Update, Who};
use crate::exit::{Class, Failure, Outcome};
use crate::output::{Form, say};
use http::Method;
use serde_json::{Map, Value, json};

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
            let (mut api, address) = opened(&one, surroundings).await?;
            // What he was asked about is what is deleted.
            let shown = if yes { None } else { agreed(&mut api, &address, surroundings).await? };
            let delete = Ask::plain(Method::DELETE, address.path()?).at(revision.or(shown));
            asked(&mut api, &address, delete).await?;
            say(format_args!("deleted {address}"));
            Ok(())
        }
        Manage::Activate { one } => switch(&one, "activate", surroundings).await,
        Manage::Deactivate { one } => switch(&one, "deactivate", surroundings).await,
        Manage::SetPassword { user, password_file, who } => {
            // Asked for first: nobody types a password to learn that he is not signed in, or whom there is not.
            let (mut api, address) = of_user(&user, &who, surroundings)?;
            asked(&mut api, &address, Ask::plain(Method::GET, address.path()?)).await?;
            let password = password::read(password_file.as_deref())?;
            let body = json!({ "password": password.expose() });
            let set = Ask::with(Method::POST, format!("{}/password", address.path()?), body);
            asked(&mut api, &address, set).await?;
            say(format_args!("{address} has a new password"));
            Ok(())
        }
        Manage::Lock { user, who } => {
            let (mut api, address) = of_user(&user, &who, surroundings)?;
            let lock = Ask::plain(Method::POST, format!("{}/lock", address.path()?));
            asked(&mut api, &address, lock).await?;
            say(format_args!("{address} is locked; his sessions and tokens have ended"));
            Ok(())
        }
        Manage::Unlock { user, who } => {
            let (mut api, address) = of_user(&user, &who, surroundings)?;
            let unlock = Ask::plain(Method::POST, format!("{}/unlock", address.path()?));
            asked(&mut api, &address, unlock).await?;
            say(format_args!("{address} may try to sign in again"));
            Ok(())
        }
        Manage::NewSecret { one, output } => {
            let kind = noun(&one.kind)?.word;
            if !WITH_SECRET.contains(&kind) {
                let text = format_args!("a {kind} has no secret: name a user or an application");
                return Err(Failure::new(Class::Usage, text));
            }
            let (mut api, address) = opened(&one, surroundings).await?;
            let renew = Ask::plain(Method::POST, format!("{}/secret", address.path()?));
            let made = asked(&mut api, &address, renew).await?;
            show::one(output, &made);
            Ok(())
        }
        Manage::History { one, limit, output } => {
            let (mut api, address) = opened(&one, surroundings).await?;
            let part = Part { limit: Some(limit), ..Part::default() };
            let events = api.list(&format!("{}/history", address.path()?), part).await;
            event::list(output, events.map_err(|failure| address.told(failure))?);
            Ok(())
        }
        Manage::Login(_)
        | Manage::Logout { .. }
        | Manage::Profile(_)
        | Manage::Apply(_)
        | Manage::Audit(_)
        | Manage::Settings(_)
        | Manage::NewKey(_)
        | Manage::Explain { .. }
        | Manage::Completions { .. } => Err(Failure::other("this command is about no single resource")),
    }
}

/// The API and the resource that is meant. A parent that its path does not tell is compared first: what hangs under
/// another one is not what was meant.
async fn opened(one: &One, surroundings: &Surroundings) -> Outcome<(Api, Address)> {
    let address = Address::read(noun(&one.kind)?, &one.id, one.parent.as_deref())?;
    let mut api = Api::open(&one.who, surroundings)?;
    if let (Some(parent), None) = (&one.parent, &address.parent) {
        // What is not there is for the command itself to tell: what is deleted has a history.
        if let Some(there) = api.find(&address.path()?).await? {
            address.require_parent(parent, &there)?;
        }
    }
    Ok((api, address))
}

/// Asks about one resource.
async fn asked(api: &mut Api, address: &Address, ask: Ask) -> Outcome<Value> {
    api.ask(ask).await.map_err(|failure| address.told(failure))
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
        let value = asked(&mut api, &address, Ask::plain(Method::GET, address.path()?)).await?;
        get.parent.map_or(Ok(()), |parent| address.require_parent(&parent, &value))?;
        show::one(get.output, &value);
        return Ok(());
    }
    let mut filter = get.filter;
    if let (Place::In(parent), Some(id)) = (noun.place, &get.parent) {
        filter = Some(within(parent, id, filter.as_deref()));
    }
    if let (Place::Instance, Some(_)) = (noun.place, &get.parent) {
        return Err(hangs_under_nothing(noun));
    }
    let above = above(noun, get.parent.as_deref())?;
    let path = Collection { noun, parent: get.parent }.path()?;
    let limit = (!get.all).then_some(get.limit);
    let mut api = Api::open(&get.who, surroundings)?;
    let items = api.list(&path, Part { filter, sort: get.sort, limit, ..Part::default() }).await;
    let items = items.map_err(|failure| told_of(above.as_ref(), failure))?;
    show::list(get.output, noun.columns, &items);
    if get.output == Form::Table && limit == Some(items.len()) && !items.is_empty() {
        eprintln!("There may be more: --limit NUMBER or --all shows them");
    }
    Ok(())
}

/// What a collection is a part of: where that is not, nothing is listed and made.
fn above(noun: &Noun, parent: Option<&str>) -> Outcome<Option<Address>> {
    match (noun.place, parent) {
        (Place::In(above) | Place::Under(above, _) | Place::ListedUnder(above), Some(id)) => {
            Ok(Some(Address::read(nouns::noun(above)?, id, None)?))
        }
        _ => Ok(None),
    }
}

/// What an answer says of what stands above, if it is that which is not there.
pub(super) fn told_of(above: Option<&Address>, failure: Failure) -> Failure {
    match above {
        Some(above) => above.told(failure),
        None => failure,
    }
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
    if let (Place::Instance, Some(_)) = (noun.place, &parent) {
        return Err(hangs_under_nothing(noun));
    }
    let above = above(noun, parent.as_deref())?;
    let path = Collection { noun, parent }.path()?;
    let mut api = Api::open(&create.who, surroundings)?;
    let made = api.ask(Ask::with(Method::POST, path, Value::Object(values))).await;
    let made = made.map_err(|failure| told_of(above.as_ref(), failure))?;
    show::one(create.output, &made);
    if let (Form::Table, Some(id)) = (create.output, without_secret(noun, &made)) {
        say(format_args!("it has no secret yet: conclave new-secret {} {id}", noun.word));
    }
    Ok(())
}

/// The id of an application that was made and has to authenticate, which it can't yet.
fn without_secret<'m>(noun: &Noun, made: &'m Value) -> Option<&'m str> {
    let auth = made["auth"].as_str().filter(|auth| noun.word == "application" && *auth != "none");
    auth.and(made["id"].as_str())
}

async fn update(update: Update, surroundings: &Surroundings) -> Outcome<()> {
    let values: Map<String, Value> = values::given(&update.values, surroundings)?;
    if values.is_empty() {
        return Err(Failure::new(Class::Usage, "nothing is to be changed: name values by --set or --file"));
    }
    let (mut api, address) = opened(&update.one, surroundings).await?;
    let ask = Ask::with(Method::PATCH, address.path()?, Value::Object(values)).at(update.revision);
    let changed = asked(&mut api, &address, ask).await?;
    show::one(update.output, &changed);
    Ok(())
}

/// Lets a deletion go on only if the person agrees who sees what it takes.
async fn agreed(api: &mut Api, address: &Address, surroundings: &Surroundings) -> Outcome<Option<u64>> {
    terminal::require_somebody(&address.to_string(), surroundings)?;
    let there = asked(api, address, Ask::plain(Method::GET, address.path()?)).await?;
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
    let (mut api, address) = opened(one, surroundings).await?;
    asked(&mut api, &address, Ask::plain(Method::POST, format!("{}/{verb}", address.path()?))).await?;
    say(format_args!("{verb}d {address}"));
    Ok(())
}

#[cfg(test)]
mod tests;
