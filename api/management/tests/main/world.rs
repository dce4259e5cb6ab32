//! A world to test in: two instances; two organizations in the first, one in the second, each with a project; and callers
//! with personal access tokens, one for each role that is asked about.

use api_core::bootstrap;
use api_core::keys::Keys;
use api_core::passwords::Passwords;
use api_core::secrets;
use api_core::solo::Solo;
use api_core::{Service, Settings};
use api_management::ask::PERSONAL_TOKEN;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use crypto::testing::{CHEAP_PASSWORDS, SeededEntropy};
use crypto::{ClusterKey, PasswordHasher, Secret};
use http_body_util::BodyExt;
use identity::administrator::Administrator;
use identity::change::Create;
use identity::credential::personal_token::{PersonalToken, TokenSecret};
use identity::envelope::Caller;
use identity::execute::Machine;
use identity::id::{Id, InstanceId};
use identity::keyring::Keyring;
use identity::name::{HostName, Name, Username};
use identity::organization::Organization;
use identity::permission::{AdministratorRole, Within};
use identity::project::Project;
use identity::project::role::{Role, RoleKey};
use identity::resource::Resource;
use identity::testing::fixtures::several;
use identity::time::Timestamp;
use identity::user::{User, UserKind};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

pub const HOST: &str = "auth.example";
pub const OTHER_HOST: &str = "auth.umbra.example";

/// A tenant, and the tokens of those who govern it.
#[derive(Clone)]
pub struct Tenant {
    pub host: &'static str,
    pub instance: InstanceId,
    pub organization: Id,
    pub project: Id,
    pub iam_owner: String,
    pub org_owner: String,
    pub project_owner: String,
    /// A service account without any role.
    pub nobody: String,
    pub nobody_id: Id,
}

#[derive(Clone)]
pub struct World {
    pub solo: Arc<Solo>,
    pub service: Service,
    pub router: Router,
    pub acme: Tenant,
    pub globex: Tenant,
    pub umbra: Tenant,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }
    #[track_caller]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
    /// Fails unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }
    /// Fails unless it is a problem of this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Answer {
        let answer = self.expect(status);
        assert_eq!(answer.code(), code, "{}", answer.body);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        answer
    }
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }
}

pub fn name<const N: usize>(text: &str) -> Name<N> {
    Name::parse(text).unwrap()
}

pub fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

/// A text as it stands in a query or a path.
pub fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

impl World {
    pub async fn new() -> World {
        let machine = Arc::new(Machine::new(Keyring::new(ClusterKey::new(Secret::new([7; 32])))));
        let solo = Arc::new(Solo::new(Arc::clone(&machine), Timestamp(1_800_000_000_000)));
        let settings = Settings { scheme: "https", port: None, bounded: Duration::from_millis(250) };
        let service = Service {
            backend: Arc::clone(&solo) as _,
            machine,
            entropy: Arc::new(SeededEntropy::new(1)),
            passwords: Arc::new(Passwords::new(PasswordHasher::new(CHEAP_PASSWORDS, 2).unwrap())),
            keys: Arc::new(Keys::default()),
            memo: Arc::default(),
            settings: Arc::new(settings),
        };
        let router = api_management::router(service.clone());
        Self::furnish(solo, service, router).await.unwrap()
    }

    async fn furnish(solo: Arc<Solo>, service: Service, router: Router) -> Result<World, bootstrap::Error> {
        let first = service.create_instance(name("First"), HostName::parse(HOST).unwrap()).await?;
        let acme = tenant(&service, first, HOST, "acme", None).await?;
        let globex = tenant(&service, first, HOST, "globex", Some(acme.iam_owner.clone())).await?;
        let second = service.create_instance(name("Second"), HostName::parse(OTHER_HOST).unwrap()).await?;
        let umbra = tenant(&service, second, OTHER_HOST, "umbra", None).await?;
        Ok(World { solo, service, router, acme, globex, umbra })
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        // A stream has no end to wait for.
        if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
            return Answer { status, headers, body: String::new() };
        }
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// Asks as the bearer of a token, with a body if there is one.
    pub async fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        self.ask_with(method, path, token, &[], body).await
    }

    /// The same at the host of the tenant and with more headers.
    pub async fn ask_with(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, HOST);
        }
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, token, None).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.ask("POST", path, token, Some(body)).await
    }

    /// A new service account of an organization with a role at a place; returns its token.
    pub async fn appoint(&self, tenant: &Tenant, within: Within, role: AdministratorRole) -> String {
        let (service, instance) = (&self.service, tenant.instance);
        let word = format!("{}-{}", role.name().to_ascii_lowercase(), self.solo.now().0);
        self.solo.advance_secs(1);
        let (user, token) = account(service, instance, &tenant.organization, &word).await.unwrap();
        office(service, instance, &user, within, role).await.unwrap();
        token
    }
}

async fn tenant(
    service: &Service,
    instance: InstanceId,
    host: &'static str,
    word: &str,
    iam_owner: Option<String>,
) -> Result<Tenant, bootstrap::Error> {
    let root = Id::from_number(instance.0);
    let organization = id(word);
    let domain = HostName::parse(&format!("{word}.example")).unwrap();
    put(service, instance, &organization, &root, Organization { name: name(word), domain }).await?;
    let project = id(&format!("{word}-portal"));
    let spec =
        Project { name: name("Portal"), role_assertion: false, role_check: false, has_project_check: false };
    put(service, instance, &project, &organization, spec).await?;
    for key in ["admin", "viewer"] {
        let spec = Role { key: RoleKey::parse(key).unwrap(), display_name: name(key), group: None };
        put(service, instance, &id(&format!("{word}-{key}")), &project, spec).await?;
    }
    let made =
        async |suffix: &str| account(service, instance, &organization, &format!("{word}-{suffix}")).await;
    let iam_owner = match iam_owner {
        Some(token) => token,
        None => {
            let (user, token) = made("iam-owner").await?;
            office(service, instance, &user, Within::Instance, AdministratorRole::IamOwner).await?;
            token
        }
    };
    let (user, org_owner) = made("org-owner").await?;
    let place = Within::Organization(organization.clone());
    office(service, instance, &user, place, AdministratorRole::OrgOwner).await?;
    let (user, project_owner) = made("project-owner").await?;
    let place = Within::Project(project.clone());
    office(service, instance, &user, place, AdministratorRole::ProjectOwner).await?;
    let (nobody_id, nobody) = made("nobody").await?;
    Ok(Tenant {
        host,
        instance,
        organization,
        project,
        iam_owner,
        org_owner,
        project_owner,
        nobody,
        nobody_id,
    })
}

/// A plain resource under an id of the test's choice.
pub async fn put<T: Resource<Birth = ()>>(
    service: &Service,
    instance: InstanceId,
    id: &Id,
    parent: &Id,
    spec: T,
) -> Result<(), bootstrap::Error> {
    let command = Create { id: id.clone(), parent: parent.clone(), spec, birth: () };
    service.submit(instance, Caller::system(), &command).await?;
    Ok(())
}

/// A service account with a personal access token.
async fn account(
    service: &Service,
    instance: InstanceId,
    organization: &Id,
    username: &str,
) -> Result<(Id, String), bootstrap::Error> {
    let kind = UserKind::Service { name: name(username) };
    let spec = User { username: Username::parse(username).unwrap(), kind };
    let user = service.create_user(instance, &Caller::system(), organization, spec).await?;
    let token = service.new_id();
    let (secret, hash) =
        secrets::mint_proven(PERSONAL_TOKEN, &*service.data_key(instance).await?, &token, &*service.entropy);
    let birth = TokenSecret { hash };
    let command = Create { id: token, parent: user.clone(), spec: PersonalToken { expires: None }, birth };
    service.submit(instance, Caller::system(), &command).await?;
    Ok((user, secret.expose().clone()))
}

async fn office(
    service: &Service,
    instance: InstanceId,
    user: &Id,
    within: Within,
    role: AdministratorRole,
) -> Result<(), bootstrap::Error> {
    let entry = id(&format!("{user}-{}", role.name()));
    let spec = Administrator { user: user.clone(), within, roles: several([role.into()]) };
    put(service, instance, &entry, &Id::from_number(instance.0), spec).await
}
