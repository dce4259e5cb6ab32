//! A world to test in: an instance, an organization, a project, applications, people, and browsers with cookies.

use api_core::bootstrap;
use api_core::keys::Keys;
use api_core::passwords::Passwords;
use api_core::solo::Solo;
use api_core::{Service, Settings};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use crypto::testing::{CHEAP_PASSWORDS, SeededEntropy};
use crypto::{ClusterKey, PasswordHasher, Secret};
use http_body_util::BodyExt;
use identity::application::redirect_uri::RedirectUri;
use identity::application::{Application, ApplicationKind, ClientAuth, TokenAlg};
use identity::authorization::Authorization;
use identity::envelope::Caller;
use identity::execute::Machine;
use identity::id::{Id, InstanceId};
use identity::keyring::Keyring;
use identity::organization::Organization;
use identity::project::{Project, role::Role};
use identity::several::Several;
use identity::testing::fixtures::several;
use identity::time::Timestamp;
use identity::user::{Profile, User, UserKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower::ServiceExt;

pub const HOST: &str = "auth.example";
pub const ISSUER: &str = "https://auth.example";
pub const CALLBACK: &str = "https://app.example/callback";
pub const PASSWORD: &str = "correct horse battery staple";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[derive(Clone)]
pub struct World {
    pub solo: Arc<Solo>,
    pub service: Service,
    pub router: Router,
    pub instance: InstanceId,
    pub organization: Id,
    pub project: Id,
    pub web: Id,
    pub web_secret: String,
    pub spa: Id,
    pub native: Id,
    pub api: Id,
    pub api_secret: String,
    pub alice: Id,
    pub bob: Id,
    pub robot: Id,
    pub robot_secret: String,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }
    pub fn location(&self) -> &str {
        self.headers
            .get(header::LOCATION)
            .unwrap_or_else(|| panic!("no redirect: {}", self.body))
            .to_str()
            .unwrap()
    }
    /// A parameter of the redirect's query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(self.location(), name)
    }
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

pub fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub fn basic(id: &str, secret: &str) -> String {
    use base64::Engine;
    let encode = |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = format!("{}:{}", encode(id), encode(secret));
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

pub fn uris(texts: &[&str]) -> Several<RedirectUri, 0, 50> {
    several(texts.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect::<Vec<_>>())
}

pub fn application(kind: ApplicationKind, auth: ClientAuth) -> Application {
    let api = kind == ApplicationKind::Api;
    Application {
        name: identity::name::Name::parse("Portal").unwrap(),
        kind,
        auth,
        redirect_uris: uris(if api { &[] } else { &[CALLBACK] }),
        post_logout_redirect_uris: uris(if api { &[] } else { &["https://app.example/bye"] }),
        refresh: !api,
        alg: TokenAlg::Es256,
        access_token_roles: false,
        id_token_roles: false,
        id_token_userinfo: false,
        pkce_optional: false,
    }
}

pub fn human(username: &str) -> User {
    let name = |text: &str| identity::name::Name::parse(text).unwrap();
    let profile = Profile {
        given_name: name(username),
        family_name: name("Example"),
        display_name: None,
        nick_name: None,
        language: None,
        email: Some(identity::name::EmailAddress::parse(&format!("{username}@mail.example")).unwrap()),
        email_verified: true,
    };
    User { username: identity::name::Username::parse(username).unwrap(), kind: UserKind::Human(profile) }
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
        let router = crate::tools::routers(&service);
        Self::furnish(solo, service, router).await.unwrap()
    }

    async fn furnish(solo: Arc<Solo>, service: Service, router: Router) -> Result<World, bootstrap::Error> {
        let name = |text: &str| identity::name::Name::parse(text).unwrap();
        let system = Caller::system();
        let host = identity::name::HostName::parse(HOST).unwrap();
        let instance = service.create_instance(name("Test"), host).await?;
        let root = Id::from_number(instance.0);
        let domain = identity::name::HostName::parse("acme.example").unwrap();
        let acme = Organization { name: name("ACME"), domain };
        let organization = service.create(instance, &system, &root, acme).await?;
        let portal = Project {
            name: name("Portal"),
            role_assertion: false,
            role_check: false,
            has_project_check: false,
        };
        let project = service.create(instance, &system, &organization, portal).await?;
        let key = identity::project::role::RoleKey::parse("admin").unwrap();
        let role = Role { key: key.clone(), display_name: name("Admin"), group: None };
        service.create(instance, &system, &project, role).await?;
        let web = application(ApplicationKind::Web, ClientAuth::Basic);
        let web = service.create(instance, &system, &project, web).await?;
        let web_secret = service.new_client_secret(instance, &system, &web).await?.expose().clone();
        let spa = application(ApplicationKind::SinglePage, ClientAuth::None);
        let spa = service.create(instance, &system, &project, spa).await?;
        let mut native = application(ApplicationKind::Native, ClientAuth::None);
        native.redirect_uris =
            uris(&[CALLBACK, "http://127.0.0.1/cb", "http://localhost/cb", "com.example.app:/cb"]);
        let native = service.create(instance, &system, &project, native).await?;
        let api = application(ApplicationKind::Api, ClientAuth::Basic);
        let api = service.create(instance, &system, &project, api).await?;
        let api_secret = service.new_client_secret(instance, &system, &api).await?.expose().clone();
        let alice = service.create_user(instance, &system, &organization, human("alice")).await?;
        let bob = service.create_user(instance, &system, &organization, human("bob")).await?;
        for user in [&alice, &bob] {
            service.set_password(instance, &system, user, Secret::new(PASSWORD.into())).await?;
        }
        let roles = Authorization { user: alice.clone(), roles: several([key]), grant: None };
        service.create(instance, &system, &project, roles).await?;
        let robot = User {
            username: identity::name::Username::parse("robot").unwrap(),
            kind: UserKind::Service { name: name("Robot") },
        };
        let robot = service.create_user(instance, &system, &organization, robot).await?;
        let robot_secret = service.new_service_secret(instance, &system, &robot).await?.expose().clone();
        Ok(World {
            solo,
            service,
            router,
            instance,
            organization,
            project,
            web,
            web_secret,
            spa,
            native,
            api,
            api_secret,
            alice,
            bob,
            robot,
            robot_secret,
        })
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).header(header::HOST, HOST).body(Body::empty()).unwrap()).await
    }

    /// Posts a form without cookies, with an Authorization header if one is given.
    pub async fn post(&self, path: &str, authorization: Option<&str>, pairs: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path)
            .header(header::HOST, HOST)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        self.send(request.body(Body::from(form(pairs))).unwrap()).await
    }

    pub fn web_auth(&self) -> String {
        basic(self.web.as_str(), &self.web_secret)
    }

    pub fn api_auth(&self) -> String {
        basic(self.api.as_str(), &self.api_secret)
    }

    /// The parameters of a sound authorization request of the web application.
    pub fn request(&self) -> Vec<(String, String)> {
        let challenge = crypto::pkce_s256(VERIFIER);
        [
            ("client_id", self.web.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid profile email offline_access"),
            ("state", "st"),
            ("nonce", "n-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The path of that request, with some parameters replaced, added, or (by an empty value) left out.
    pub fn authorize_path(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = self.request();
        for (name, value) in changes {
            pairs.retain(|(key, _)| key != name);
            if !value.is_empty() {
                pairs.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        format!("/oauth/v2/authorize?{}", form(&pairs))
    }

    /// Exchanges a code for tokens as the web application.
    pub async fn redeem(&self, code: &str) -> Answer {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth/v2/token", Some(&self.web_auth()), &pairs).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post("/oauth/v2/token", Some(&self.web_auth()), &pairs).await
    }

    pub async fn introspect(&self, token: &str) -> Answer {
        self.post("/oauth/v2/introspect", Some(&self.api_auth()), &[("token", token)]).await
    }

    pub async fn userinfo(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let request = Request::get("/oidc/v1/userinfo")
            .header(header::HOST, HOST)
            .header(header::AUTHORIZATION, bearer);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Signs alice in with a new browser and returns it with the tokens.
    pub async fn signed_in(&self) -> (Browser<'_>, Value) {
        let browser = Browser::new(self);
        let code =
            browser.sign_in(&self.authorize_path(&[]), "alice", PASSWORD).await.parameter("code").unwrap();
        let tokens = self.redeem(&code).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
        (browser, tokens.json())
    }

    pub async fn submit<C: identity::command::Command>(&self, command: C) -> C::Reply {
        let done = self.service.submit(self.instance, Caller::system(), &command).await;
        done.unwrap_or_else(|error| panic!("{}: {error}", C::NAME)).reply
    }
}

/// A browser: it keeps cookies.
pub struct Browser<'w> {
    pub world: &'w World,
    pub cookies: Mutex<BTreeMap<String, String>>,
}

impl<'w> Browser<'w> {
    pub fn new(world: &'w World) -> Browser<'w> {
        Browser { world, cookies: Mutex::default() }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let cookies: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, HOST);
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let answer = self.world.send(request.body(Body::from(body.unwrap_or_default())).unwrap()).await;
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let (pair, attributes) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if attributes.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, Some(form(pairs))).await
    }

    pub fn session(&self) -> Option<String> {
        self.cookies.lock().unwrap().get("__Host-conclave_session").cloned()
    }

    /// Follows an authorization request to the form.
    pub async fn form(&self, path: &str) -> SignInForm {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert!(answer.location().starts_with("/ui/login?flow="), "{}", answer.location());
        let page = self.get(answer.location()).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        SignInForm { flow: hidden(&page.body, "flow"), csrf: hidden(&page.body, "csrf") }
    }

    /// Fills the form in.
    pub async fn fill(&self, form: &SignInForm, username: &str, password: &str) -> Answer {
        let pairs = [
            ("flow", form.flow.as_str()),
            ("csrf", &form.csrf),
            ("username", username),
            ("password", password),
        ];
        self.post("/ui/login", &pairs).await
    }

    /// From the request to the answer behind the form.
    pub async fn sign_in(&self, path: &str, username: &str, password: &str) -> Answer {
        let form = self.form(path).await;
        self.fill(&form, username, password).await
    }
}

pub struct SignInForm {
    pub flow: String,
    pub csrf: String,
}

/// The value of a hidden field.
pub fn hidden(html: &str, name: &str) -> String {
    let marker = format!("name=\"{name}\"");
    let at = html.find(&marker).unwrap_or_else(|| panic!("no field {name} in {html}"));
    let rest = &html[at..];
    let value = rest.split("value=\"").nth(1).unwrap();
    value.split('"').next().unwrap().to_owned()
}

/// The claims of a JWT, unverified.
pub fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&crypto::unb64url(body).unwrap()).unwrap()
}
