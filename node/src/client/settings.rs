//! Settings of the instance and of organizations.

use super::address::Address;
use super::api::{Api, Ask, Part};
use super::nouns::noun;
use super::resources::told_of;
use super::surroundings::Surroundings;
use super::{event, show, values};
use crate::cli::manage::{Settings, Which};
use crate::exit::{Class, Failure, Outcome};
use crate::output::say;
use http::Method;
use identity::setting::{self, ForSetting, Setting};
use serde_json::{Map, Value};

/// Carries out a command.
pub(super) async fn run(command: Settings, surroundings: &Surroundings) -> Outcome<()> {
    match command {
        Settings::Get { which, output } => {
            let path = path(&which)?;
            let mut api = Api::open(&which.who, surroundings)?;
            show::one(output, &asked(&mut api, &which, Ask::plain(Method::GET, path)).await?);
        }
        Settings::Set { which, values, output } => {
            let path = path(&which)?;
            let given = values::given(&values, surroundings)?;
            if given.is_empty() {
                let text = "nothing is to be changed: name values by --set or --file";
                return Err(Failure::new(Class::Usage, text));
            }
            let mut api = Api::open(&which.who, surroundings)?;
            let before = asked(&mut api, &which, Ask::plain(Method::GET, path.clone())).await?;
            let mut all: Map<String, Value> = match before {
                Value::Object(all) => all,
                _ => return Err(Failure::other("the node gave settings without values")),
            };
            let revision = all.remove("revision").and_then(|revision| revision.as_u64());
            all.extend(given);
            // Somebody may be changing another value of it.
            let set = api.ask(Ask::with(Method::PUT, path, Value::Object(all)).at(revision)).await?;
            show::one(output, &set);
        }
        Settings::History { which, limit, output } => {
            let path = format!("{}/history", path(&which)?);
            let mut api = Api::open(&which.who, surroundings)?;
            let part = Part { limit: Some(limit), ..Part::default() };
            let of = organization(&which)?;
            let events = api.list(&path, part).await;
            event::list(output, events.map_err(|failure| told_of(of.as_ref(), failure))?);
        }
        Settings::Reset { which } => {
            let path = path(&which)?;
            let mut api = Api::open(&which.who, surroundings)?;
            asked(&mut api, &which, Ask::plain(Method::DELETE, path)).await?;
            say(format_args!("the settings {} are inherited again", which.name));
        }
    }
    Ok(())
}

/// The organization whose settings they are, if they are not the instance's.
fn organization(which: &Which) -> Outcome<Option<Address>> {
    which.organization.as_ref().map(|id| Address::read(noun("organization")?, id, None)).transpose()
}

async fn asked(api: &mut Api, which: &Which, ask: Ask) -> Outcome<Value> {
    let of = organization(which)?;
    api.ask(ask).await.map_err(|failure| told_of(of.as_ref(), failure))
}

/// Whether an organization may decide otherwise.
struct PerOrganization;

impl ForSetting for PerOrganization {
    type Out = bool;
    fn run<T: Setting>(self) -> bool {
        T::PER_ORGANIZATION
    }
}

fn path(which: &Which) -> Outcome<String> {
    let name = &which.name;
    if which.organization.is_some() && setting::dispatch(name, PerOrganization) == Some(false) {
        let text = format_args!("{name} are the instance's alone: leave out --organization");
        return Err(Failure::new(Class::Usage, text));
    }
    Ok(match organization(which)? {
        Some(organization) => format!("{}/settings/{}", organization.path()?, which.name),
        None => format!("/api/v1/settings/{}", which.name),
    })
}
