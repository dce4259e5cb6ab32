//! The standard world: two instances; two organizations in the first, one in the second, all of the same shape.
//!
//! ```text
//! instance 1, auth.example        acme (IAM owner lives here), globex
//! instance 2, auth.umbra.example  umbra (its own IAM owner)
//! each organization               a project "portal" with the roles admin and viewer; four applications; an owner of
//!                                 the organization, one of the project, a person without roles, a service account
//! ```

use crate::administrator::Administrator;
use crate::application::redirect_uri::RedirectUri;
use crate::application::{Application, ApplicationKind, ClientAuth, TokenAlg};
use crate::authorization::Authorization;
use crate::change::Create;
use crate::credential::password::{Password, SetPassword};
use crate::credential::secret::{SetClientSecret, SetServiceSecret};
use crate::envelope::Caller;
use crate::id::{Hash, Id, InstanceId, SYSTEM};
use crate::instance::CreateInstance;
use crate::name::{EmailAddress, HostName, LanguageTag, Username};
use crate::organization::Organization;
use crate::permission::{AdministratorRole, Within};
use crate::project::Project;
use crate::project::role::{Role, RoleKey};
use crate::resource::Resource;
use crate::several::Several;
use crate::signing_key::{NewKey, RotateKeys, SigningKey};
use crate::testing::fixtures::{World, id, name, several};
use crate::user::person;
use crate::user::{Profile, User, UserKind};
use std::sync::LazyLock;

/// Where the web application of every tenant takes its codes.
pub const CALLBACK: &str = "https://app.example/callback";
/// Where the native application of every tenant takes its codes, on any port.
pub const LOOPBACK: &str = "http://127.0.0.1/callback";
/// The secret of every web application.
pub const WEB_SECRET: &str = "the secret of a web application";
/// The secret of every API application.
pub const API_SECRET: &str = "the secret of an api";
/// The secret of every service account.
pub const SERVICE_SECRET: &str = "the secret of a service account";

/// An organization with everything in it.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its instance.
    pub instance: InstanceId,
    /// The organization.
    pub organization: Id,
    /// Its project "portal".
    pub project: Id,
    /// A confidential web application.
    pub web: Client,
    /// A public single-page application.
    pub spa: Client,
    /// A public native application.
    pub native: Client,
    /// A resource server.
    pub api: Client,
    /// An owner of the whole instance: lives in its first organization.
    pub iam_owner: Person,
    /// An owner of this organization.
    pub org_owner: Person,
    /// An owner of the project.
    pub project_owner: Person,
    /// A person who governs nothing, and holds the role `viewer` in the project.
    pub user: Person,
    /// A service account without roles.
    pub service: Service,
}

/// An application and the generation of its secret.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client id.
    pub id: Id,
    /// Which secret; none if it is public.
    pub generation: Option<u32>,
}

impl Client {
    /// The application as it calls.
    pub fn caller(&self) -> Caller {
        Caller::client(self.id.clone(), self.generation)
    }
}

/// A person with a password and a session.
#[derive(Clone, Debug)]
pub struct Person {
    /// The user.
    pub id: Id,
    /// A session, begun when the world began.
    pub session: Id,
}

impl Person {
    /// The person as he calls from his browser.
    pub fn caller(&self) -> Caller {
        Caller::session(self.id.clone(), self.session.clone())
    }
}

/// A service account and the generation of its secret.
#[derive(Clone, Debug)]
pub struct Service {
    /// The user.
    pub id: Id,
    /// Which secret.
    pub generation: u32,
}

impl Service {
    /// The service account as it calls.
    pub fn caller(&self) -> Caller {
        Caller::service(self.id.clone(), self.generation)
    }
}

/// The tenants of the standard world.
#[derive(Clone, Debug)]
pub struct Tenants {
    /// In instance 1, with its IAM owner.
    pub acme: Tenant,
    /// In instance 1.
    pub globex: Tenant,
    /// In instance 2, with its IAM owner.
    pub umbra: Tenant,
}

static STANDARD: LazyLock<(World, Tenants)> = LazyLock::new(|| {
    let mut world = World::empty();
    let first = world.create_instance(1, "auth.example");
    let acme = world.create_tenant(first, "acme", None);
    let globex = world.create_tenant(first, "globex", Some(acme.iam_owner.clone()));
    let second = world.create_instance(2, "auth.umbra.example");
    let umbra = world.create_tenant(second, "umbra", None);
    (world, Tenants { acme, globex, umbra })
});

impl World {
    /// The standard world: made once, then copied.
    pub fn standard() -> (World, Tenants) {
        STANDARD.clone()
    }

    /// An instance with its host and a signing key.
    pub fn create_instance(&mut self, number: u64, host: &str) -> InstanceId {
        let instance = InstanceId(number);
        let key = crypto::Secret::new(self.draw::<32>());
        let nonce = self.draw();
        let data_key = self.machine().keyring.wrap_instance(instance, &key, nonce);
        let host = HostName::parse(host).unwrap();
        let command = CreateInstance { number: instance, name: name(host.as_str()), host, data_key };
        self.must(&Caller::system(), SYSTEM, &command);
        let new = Some(self.new_key(instance));
        self.must(&Caller::system(), instance, &RotateKeys { alg: TokenAlg::Es256, new });
        instance
    }

    /// A key as a node generates it: sealed bytes and a JWK that need not be one here.
    pub fn new_key(&mut self, instance: InstanceId) -> NewKey {
        let kid = self.fresh_id();
        let sealed = self.seal(instance, SigningKey::PURPOSE, &kid, b"a private key");
        NewKey { jwk: format!("{{\"kid\":\"{kid}\"}}"), kid, sealed }
    }

    /// An organization with everything in it. Without an owner of the instance, it gets him.
    pub fn create_tenant(&mut self, instance: InstanceId, word: &str, iam_owner: Option<Person>) -> Tenant {
        let within = |suffix: &str| id(&format!("{word}-{suffix}"));
        let root = Id::from_number(instance.0);
        let organization = id(word);
        let domain = HostName::parse(&format!("{word}.example")).unwrap();
        self.create(instance, &organization, &root, Organization { name: name(word), domain });
        let project = within("portal");
        let spec = Project {
            name: name("Portal"),
            role_assertion: false,
            role_check: false,
            has_project_check: false,
        };
        self.create(instance, &project, &organization, spec);
        for key in ["admin", "viewer"] {
            let spec = Role { key: RoleKey::parse(key).unwrap(), display_name: name(key), group: None };
            self.create(instance, &within(key), &project, spec);
        }
        let web = self.create_client(instance, &project, within("web"), web());
        let spa = self.create_client(instance, &project, within("spa"), spa());
        let native = self.create_client(instance, &project, within("native"), native());
        let api = self.create_client(instance, &project, within("api"), api());
        let iam_owner = iam_owner.unwrap_or_else(|| {
            let person = self.create_person(instance, &organization, within("iam-owner"));
            self.appoint(instance, &person.id, Within::Instance, AdministratorRole::IamOwner);
            person
        });
        let org_owner = self.create_person(instance, &organization, within("org-owner"));
        let place = Within::Organization(organization.clone());
        self.appoint(instance, &org_owner.id, place, AdministratorRole::OrgOwner);
        let project_owner = self.create_person(instance, &organization, within("project-owner"));
        let place = Within::Project(project.clone());
        self.appoint(instance, &project_owner.id, place, AdministratorRole::ProjectOwner);
        let user = self.create_person(instance, &organization, within("alice"));
        let roles = Several::one(RoleKey::parse("viewer").unwrap());
        let grant = Authorization { user: user.id.clone(), roles, grant: None };
        self.create(instance, &within("alice-grant"), &project, grant);
        let service = self.create_service(instance, &organization, within("service"));
        Tenant {
            instance,
            organization,
            project,
            web,
            spa,
            native,
            api,
            iam_owner,
            org_owner,
            project_owner,
            user,
            service,
        }
    }

    /// A plain resource that carries nothing from its birth.
    pub fn create<T: Resource<Birth = ()>>(&mut self, instance: InstanceId, id: &Id, parent: &Id, spec: T) {
        let command = Create { id: id.clone(), parent: parent.clone(), spec, birth: () };
        self.must(&Caller::system(), instance, &command);
    }

    /// An application, with its secret if it keeps one.
    pub fn create_client(&mut self, instance: InstanceId, project: &Id, id: Id, spec: Application) -> Client {
        let secret = match spec.kind {
            ApplicationKind::Web => Some(WEB_SECRET),
            ApplicationKind::Api => Some(API_SECRET),
            ApplicationKind::SinglePage | ApplicationKind::Native => None,
        };
        self.create(instance, &id, project, spec);
        let generation = secret.map(|secret| {
            let command = SetClientSecret { application: id.clone(), hash: Hash::of(secret.as_bytes()) };
            self.must(&Caller::system(), instance, &command)
        });
        Client { id, generation }
    }

    /// A person's key, wrapped as a node does.
    pub fn person_key(&mut self, instance: InstanceId, user: &Id) -> person::NewKey {
        let key = crypto::Secret::new(self.draw::<64>());
        let nonce = self.draw();
        person::NewKey { wrapped: self.instance_key(instance).wrap_person(user.as_str(), &key, nonce) }
    }

    /// A person with a password, signed in.
    pub fn create_person(&mut self, instance: InstanceId, organization: &Id, user: Id) -> Person {
        let birth = self.person_key(instance, &user);
        let command =
            Create { id: user.clone(), parent: organization.clone(), spec: human(user.as_str()), birth };
        self.must(&Caller::system(), instance, &command);
        self.set_password(instance, &user);
        let session = self.sign_in(instance, &user);
        Person { id: user, session }
    }

    /// A new password, whose hash is bytes that nobody can verify.
    pub fn set_password(&mut self, instance: InstanceId, user: &Id) -> u32 {
        let sealed =
            self.seal(instance, Password::PURPOSE, user, b"$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA");
        self.must(&Caller::system(), instance, &SetPassword { user: user.clone(), sealed })
    }

    /// A service account with a secret.
    pub fn create_service(&mut self, instance: InstanceId, organization: &Id, user: Id) -> Service {
        let birth = self.person_key(instance, &user);
        let spec = service(user.as_str());
        let command = Create { id: user.clone(), parent: organization.clone(), spec, birth };
        self.must(&Caller::system(), instance, &command);
        let command = SetServiceSecret { user: user.clone(), hash: Hash::of(SERVICE_SECRET.as_bytes()) };
        let generation = self.must(&Caller::system(), instance, &command);
        Service { id: user, generation }
    }

    /// An administrator entry, under an id made of the user and the place.
    pub fn appoint(
        &mut self,
        instance: InstanceId,
        user: &Id,
        within: Within,
        role: AdministratorRole,
    ) -> Id {
        let entry = id(&format!("{user}-{role:?}"));
        let spec = Administrator { user: user.clone(), within, roles: several([role.into()]) };
        self.create(instance, &entry, &Id::from_number(instance.0), spec);
        entry
    }
}

/// A person with every field filled.
pub fn human(username: &str) -> User {
    User {
        username: Username::parse(username).unwrap(),
        kind: UserKind::Human(Profile {
            given_name: name("Alice"),
            family_name: name("Liddell"),
            display_name: None,
            nick_name: Some(name("Al")),
            language: LanguageTag::parse("de-CH").ok(),
            email: EmailAddress::parse(&format!("{username}@mail.example")).ok(),
            email_verified: true,
        }),
    }
}

/// A service account.
pub fn service(username: &str) -> User {
    User { username: Username::parse(username).unwrap(), kind: UserKind::Service { name: name("A program") } }
}

fn application(kind: ApplicationKind, auth: ClientAuth, redirects: &[&str]) -> Application {
    let uris = |texts: &[&str]| {
        several(texts.iter().map(|text| RedirectUri::parse(text).unwrap()).collect::<Vec<_>>())
    };
    Application {
        name: name("An application"),
        kind,
        auth,
        redirect_uris: uris(redirects),
        post_logout_redirect_uris: uris(redirects),
        refresh: kind != ApplicationKind::Api,
        alg: TokenAlg::Es256,
        access_token_roles: false,
        id_token_roles: false,
        id_token_userinfo: false,
        pkce_optional: false,
    }
}

/// A confidential web application.
pub fn web() -> Application {
    application(ApplicationKind::Web, ClientAuth::Basic, &[CALLBACK])
}

/// A public single-page application.
pub fn spa() -> Application {
    application(ApplicationKind::SinglePage, ClientAuth::None, &[CALLBACK])
}

/// A public native application.
pub fn native() -> Application {
    application(ApplicationKind::Native, ClientAuth::None, &[LOOPBACK])
}

/// A resource server.
pub fn api() -> Application {
    application(ApplicationKind::Api, ClientAuth::Basic, &[])
}
