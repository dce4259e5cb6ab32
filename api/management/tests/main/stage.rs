//! A stage for asking everything as everybody: one of each noun in acme, and the routes with paths that lead to them.

use crate::samples::Samples;
use crate::world::*;
use api_management::noun::plural;
use api_management::route::Route;
use axum::http::Method;
use identity::credential::password::ProvePassword;
use identity::envelope::Caller;
use identity::id::{Hash, Id};
use identity::permission::{AdministratorRole, Area, Permission, Verb, Within, path as path_of};
use identity::reader::Reader;
use identity::record::Kind;
use identity::resource::{Parent, Resource, place};
use identity::resources::{ForResource, dispatch};
use serde_json::{Value, json};
use std::collections::BTreeMap;

macro_rules! kinds {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        /// Every kind of plain resource, in the order of the table.
        const KINDS: &[Kind] = &[$(Kind::$name),*];
    };
}
identity::resources!(kinds);

/// Where a resource is, and what it needs.
#[derive(Clone, Debug)]
pub struct Place {
    /// Which permissions it needs.
    pub area: Area,
    /// Where permissions for it are asked, up to the instance.
    pub at: Vec<Within>,
    /// Where they are asked when one like it is created.
    pub under: Vec<Within>,
    /// Where else it may be read.
    pub also: Vec<Within>,
    /// What it hangs under, if that is a resource.
    pub parent: Option<(Kind, Id)>,
}

/// One resource of the stage.
#[derive(Clone, Debug)]
pub struct Actor {
    pub kind: Kind,
    pub id: Id,
    /// The pattern of the path of all of its kind, and that of one.
    pub collection: String,
    pub item: String,
    /// The path that leads to it.
    pub path: String,
    /// A body that would create another one.
    pub another: Value,
    pub place: Place,
}

/// A route with a path that leads to an actor, and a body that it takes.
pub struct Asked {
    pub method: Method,
    /// As the route has it.
    pub pattern: String,
    pub path: String,
    /// The same path to what does not exist; nothing for collections under nothing.
    pub nowhere: Option<String>,
    pub body: Option<Value>,
    /// Whose path it is.
    pub actor: Option<Actor>,
    pub permission: Option<Permission>,
}

impl Asked {
    /// Whether it is one of the routes that every noun has.
    pub fn is_of_noun(&self) -> bool {
        let Some(actor) = &self.actor else { return false };
        let rest = self.pattern.strip_prefix(&actor.item);
        self.pattern == actor.collection
            || rest.is_some_and(|rest| ["", "/activate", "/deactivate"].contains(&rest))
    }
}

pub struct Stage {
    pub world: World,
    pub actors: BTreeMap<u16, Actor>,
    /// The token of an owner of the instance who does not belong to acme.
    pub elsewhere: String,
    samples: Samples,
    session: Id,
}

struct Look<'r>(Reader<'r>, Id);

impl ForResource for Look<'_> {
    type Out = Place;
    fn run<T: Resource>(self) -> Place {
        let reader = self.0;
        let record =
            reader.find::<T>(&self.1).unwrap().unwrap_or_else(|| panic!("no {:?} {}", T::KIND, self.1));
        let path = |within: Within| path_of(&reader, &within).unwrap();
        Place {
            area: record.spec.area(),
            at: path(place(&reader, &record).unwrap()),
            under: path(record.spec.under(&reader, &record.parent).unwrap()),
            also: record.spec.also_read_in().map(path).unwrap_or_default(),
            parent: (T::Parent::KIND != Kind::Instance).then_some((T::Parent::KIND, record.parent)),
        }
    }
}

struct Shape;

/// Whether a kind is of the system, what it hangs under, and whether it is known there only.
impl ForResource for Shape {
    type Out = (bool, Kind, bool);
    fn run<T: Resource>(self) -> Self::Out {
        (T::OF_SYSTEM, T::Parent::KIND, T::UNDER)
    }
}

/// The patterns of the paths of all of a kind, and of one.
fn patterns(kind: Kind) -> (String, String) {
    let (_, parent, under) = dispatch(kind, Shape).unwrap();
    let collection = match under {
        true => format!("/api/v1/{}/{{id}}/{}", plural(parent), plural(kind)),
        false => format!("/api/v1/{}", plural(kind)),
    };
    let item = format!("{collection}/{{{}}}", if under { "key" } else { "id" });
    (collection, item)
}

impl Stage {
    pub async fn new() -> Stage {
        let world = World::new().await;
        let owner = world.acme.iam_owner.clone();
        // An owner elsewhere: acme itself may go.
        let elsewhere = world.appoint(&world.globex, Within::Instance, AdministratorRole::IamOwner).await;
        let third = json!({ "id": "initech", "name": "Initech", "domain": "initech.example" });
        world.post("/api/v1/organizations", &owner, third).await.expect(201);
        for name in ["robot", "subject", "other"] {
            let kind = json!({ "service": { "name": name } });
            let body = json!({ "id": name, "organization": "acme", "username": name, "kind": kind });
            world.post("/api/v1/users", &owner, body).await.expect(201);
        }
        let mut stage = Stage {
            world,
            elsewhere,
            actors: BTreeMap::new(),
            samples: Samples::new(),
            session: id("session"),
        };
        for (kind, id) in [(Kind::Organization, "acme"), (Kind::Project, "acme-portal")] {
            let actor = stage.actor(kind, id, format!("/api/v1/{}/{id}", plural(kind)));
            stage.actors.insert(kind.number(), actor);
        }
        for kind in KINDS {
            stage.enter(*kind, &owner).await;
        }
        stage.sign_in(&owner).await;
        stage
    }

    fn actor(&self, kind: Kind, id: &str, path: String) -> Actor {
        let id = Id::parse(id).unwrap();
        let (collection, item) = patterns(kind);
        Actor { kind, collection, item, path, place: self.look(kind, &id), id, another: Value::Null }
    }

    fn look(&self, kind: Kind, id: &Id) -> Place {
        let tables = self.world.solo.tables();
        let reader =
            Reader { read: &*tables, instance: self.world.acme.instance, now: self.world.solo.now() };
        dispatch(kind, Look(reader, id.clone())).unwrap()
    }

    /// The id of what a kind's resources hang under on this stage. Tokens and keys are of service accounts.
    fn parent_id(&self, parent: Kind) -> Id {
        match parent {
            Kind::User => id("robot"),
            other => self.actors.get(&other.number()).map_or(id("none"), |actor| actor.id.clone()),
        }
    }

    /// Creates one of a kind as the owner would, and thinks of another.
    async fn enter(&mut self, kind: Kind, owner: &str) {
        let (of_system, parent, _) = dispatch(kind, Shape).unwrap();
        if of_system {
            return;
        }
        let (pattern, _) = patterns(kind);
        let path = pattern.replace("{id}", self.parent_id(parent).as_str());
        let (first, second) = (
            self.body(kind, &pattern, ["subject", "globex"]),
            self.body(kind, &pattern, ["other", "initech"]),
        );
        if let Some(actor) = self.actors.get_mut(&kind.number()) {
            actor.another = second;
            return;
        }
        let made = self.world.post(&path, owner, first.clone()).await;
        assert_eq!(
            made.status,
            201,
            "say in samples.rs which values fit a {}: {first} {}",
            kind.word(),
            made.body
        );
        let actor = self.actor(kind, made.json()["id"].as_str().unwrap(), made.header("location"));
        self.actors.insert(kind.number(), Actor { another: second, ..actor });
    }

    fn body(&mut self, kind: Kind, pattern: &str, [user, organization]: [&str; 2]) -> Value {
        let (_, parent, _) = dispatch(kind, Shape).unwrap();
        let mut refer: serde_json::Map<String, Value> =
            self.actors.values().map(|actor| (actor.kind.word().to_owned(), json!(actor.id))).collect();
        refer.insert("user".into(), user.into());
        refer.insert("organization".into(), organization.into());
        refer.insert(parent.word().into(), json!(self.parent_id(parent)));
        // Its own word would be another thing's name: a role's label is called a group.
        refer.remove(kind.word());
        if kind == Kind::Role {
            refer.remove("group");
        }
        self.samples.refer = refer;
        self.samples.noun(kind.word(), pattern)
    }

    /// Gives the person of the stage a password and a session.
    async fn sign_in(&mut self, owner: &str) {
        let person = self.actors[&Kind::User.number()].clone();
        let body = json!({ "password": "a password of a person" });
        self.world.post(&format!("{}/password", person.path), owner, body).await.expect(204);
        let (session, secret) = (self.session.clone(), Hash::of(b"secret"));
        let command = ProvePassword { user: person.id, revision: 1, session, secret, renews: None };
        self.world.service.submit(self.world.acme.instance, Caller::nobody(), &command).await.unwrap();
    }

    /// Every route of the API, leading to the actors.
    pub fn asked(&mut self) -> Vec<Asked> {
        api_management::routes().iter().map(|route| self.ask_of(route)).collect()
    }

    fn ask_of(&mut self, route: &Route) -> Asked {
        let pattern = route.path.as_str();
        let of_collection = self.actors.values().find(|actor| pattern == actor.collection);
        let of_item = self.actors.values().filter(|actor| pattern.starts_with(&actor.item));
        let actor = of_collection.or(of_item.max_by_key(|actor| actor.item.len())).cloned();
        let bulk = pattern.strip_suffix("/bulk");
        let actor =
            actor.or_else(|| self.actors.values().find(|actor| bulk == Some(&actor.collection)).cloned());
        let path = self.lead(pattern, actor.as_ref());
        let nowhere = pattern.contains('{').then(|| {
            let whole =
                |part: &str| if part.starts_with('{') { "nowhere".to_owned() } else { part.to_owned() };
            pattern.split('/').map(whole).collect::<Vec<_>>().join("/")
        });
        let body = self.body_of(route, actor.as_ref());
        let permission = Permission::parse(&route.permission).ok();
        Asked {
            method: route.method.clone(),
            pattern: pattern.to_owned(),
            path,
            nowhere,
            body,
            actor,
            permission,
        }
    }

    fn lead(&self, pattern: &str, actor: Option<&Actor>) -> String {
        if pattern.starts_with("/api/v1/sessions/") {
            return pattern.replace("{id}", self.session.as_str());
        }
        if pattern == "/api/v1/users/{id}/secret" {
            return pattern.replace("{id}", "robot");
        }
        let Some(actor) = actor else { return pattern.to_owned() };
        if let Some(rest) = pattern.strip_prefix(&actor.item) {
            return format!("{}{rest}", actor.path);
        }
        let parent = actor.place.parent.as_ref();
        pattern.replace("{id}", parent.map_or("none", |(_, id)| id.as_str()))
    }

    fn body_of(&mut self, route: &Route, actor: Option<&Actor>) -> Option<Value> {
        route.body?;
        let Some(actor) = actor else { return Some(self.samples.body(route.method.as_str(), &route.path)) };
        if route.path.ends_with("/bulk") {
            return Some(json!({ "items": [actor.another] }));
        }
        match route.operation.split('_').next().unwrap_or_default() {
            "create" => Some(actor.another.clone()),
            "replace" | "update" => Some(json!({})),
            _ => Some(self.samples.body(route.method.as_str(), &route.path)),
        }
    }

    /// Whether a role at a place lets its holder do this somewhere.
    pub fn may(role: Option<&(AdministratorRole, Within)>, area: Area, verb: Verb, at: &[Within]) -> bool {
        role.is_some_and(|(role, within)| at.contains(within) && role.allows(area, verb))
    }

    /// Whether he sees an actor.
    pub fn sees(role: Option<&(AdministratorRole, Within)>, place: &Place) -> bool {
        Stage::may(role, place.area, Verb::Read, &place.at)
            || Stage::may(role, place.area, Verb::Read, &place.also)
    }
}
