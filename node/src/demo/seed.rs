//! What the demo has in it. Every step may be repeated: a first start that was interrupted begins again.

use super::credentials::{Client, Credentials, Person, Spa, Web};
use crate::config::values::PublicUrl;
use crate::exit::Outcome;
use crate::init::new_password;
use crate::steps::{self, Steps, invalid, name};
use api_core::Service;
use identity::application::redirect_uri::RedirectUri;
use identity::application::{Application, ApplicationKind, ClientAuth, TokenAlg};
use identity::authorization::Authorization;
use identity::envelope::Caller;
use identity::id::Id;
use identity::name::{EmailAddress, HostName, LanguageTag};
use identity::organization::Organization;
use identity::project::Project;
use identity::project::role::{Role, RoleKey};
use identity::several::Several;
use identity::user::{Profile, UserKind};

/// The id of the project that the demo's applications are in.
pub(super) const PROJECT: &str = "portal";

const WEB_REDIRECT: &str = "http://localhost:9999/callback";
const WEB_REDIRECT_BY_ADDRESS: &str = "http://127.0.0.1:9999/callback";
const WEB_POST_LOGOUT: &str = "http://localhost:9999/";
const SPA_REDIRECT: &str = "http://localhost:9998/callback";

/// Fills an empty cluster; returns what is needed to try it.
pub(crate) async fn seed(service: &Service, url: &PublicUrl) -> Outcome<Credentials> {
    let steps = steps::instance(service, "Demo", &url.host).await?;
    let acme =
        Organization { name: name("ACME")?, domain: HostName::parse("acme.localhost").map_err(invalid)? };
    let acme = steps.resource("acme", &steps.root(), acme).await?;
    steps.own_project(&acme).await?;

    let portal =
        Project { name: name("Portal")?, role_assertion: true, role_check: false, has_project_check: false };
    let portal = steps.resource(PROJECT, &acme, portal).await?;
    for (key, title) in [("reader", "Reader"), ("editor", "Editor"), ("admin", "Portal administrator")] {
        let role = Role { key: role_key(key)?, display_name: name(title)?, group: None };
        steps.resource(&format!("portal-role-{key}"), &portal, role).await?;
    }
    let (web, spa, api) = applications(&steps, &portal).await?;

    let robot = UserKind::Service { name: name("Nightly report")? };
    let robot = steps.user(&acme, "robot", robot).await?;
    let secret = service.new_service_secret(steps.instance, &Caller::system(), &robot).await?;
    let robot_secret = secret.expose().clone();

    let (_, user) = person(&steps, &acme, "alice", ("Alice", "Adams"), Some(&portal)).await?;
    let (owner, admin) = person(&steps, &acme, "admin", ("Ada", "Administrator"), None).await?;
    steps.owner("instance-owner", &owner).await?;

    Ok(Credentials {
        issuer: url.issuer(),
        operations: String::new(),
        nodes: Some(Vec::new()),
        web,
        spa,
        api,
        service: Client { client_id: robot.to_string(), client_secret: robot_secret },
        admin,
        user,
    })
}

async fn applications(steps: &Steps<'_>, portal: &Id) -> Outcome<(Web, Spa, Client)> {
    let web = Application {
        redirect_uris: uris(&[WEB_REDIRECT, WEB_REDIRECT_BY_ADDRESS])?,
        post_logout_redirect_uris: uris(&[WEB_POST_LOGOUT])?,
        refresh: true,
        ..application("Portal", ApplicationKind::Web, ClientAuth::Basic)?
    };
    let web = steps.resource("portal-web", portal, web).await?;
    let spa = Application {
        redirect_uris: uris(&[SPA_REDIRECT])?,
        refresh: true,
        ..application("Portal in the browser", ApplicationKind::SinglePage, ClientAuth::None)?
    };
    let spa = steps.resource("portal-spa", portal, spa).await?;
    let api = application("Portal API", ApplicationKind::Api, ClientAuth::Basic)?;
    let api = steps.resource("portal-api", portal, api).await?;
    Ok((
        Web {
            client_secret: client_secret(steps, &web).await?,
            client_id: web.to_string(),
            redirect_uri: WEB_REDIRECT.to_owned(),
            post_logout_redirect_uri: WEB_POST_LOGOUT.to_owned(),
        },
        Spa { client_id: spa.to_string(), redirect_uri: SPA_REDIRECT.to_owned() },
        Client { client_secret: client_secret(steps, &api).await?, client_id: api.to_string() },
    ))
}

async fn client_secret(steps: &Steps<'_>, application: &Id) -> Outcome<String> {
    let secret = steps.service.new_client_secret(steps.instance, &Caller::system(), application).await?;
    Ok(secret.expose().clone())
}

fn application(title: &str, kind: ApplicationKind, auth: ClientAuth) -> Outcome<Application> {
    Ok(Application {
        name: name(title)?,
        kind,
        auth,
        redirect_uris: Several::default(),
        post_logout_redirect_uris: Several::default(),
        refresh: false,
        alg: TokenAlg::Es256,
        access_token_roles: true,
        id_token_roles: true,
        id_token_userinfo: false,
        pkce_optional: false,
    })
}

/// A person with a new password, and with roles in the project if one is named.
async fn person(
    steps: &Steps<'_>,
    organization: &Id,
    username: &str,
    (given, family): (&str, &str),
    project: Option<&Id>,
) -> Outcome<(Id, Person)> {
    let profile = Profile {
        given_name: name(given)?,
        family_name: name(family)?,
        display_name: None,
        nick_name: None,
        language: Some(LanguageTag::parse("en").map_err(invalid)?),
        email: Some(EmailAddress::parse(&format!("{username}@acme.localhost")).map_err(invalid)?),
        email_verified: true,
    };
    let user = steps.user(organization, username, UserKind::Human(profile)).await?;
    let password = new_password();
    let shown = password.expose().clone();
    steps.service.set_password(steps.instance, &Caller::system(), &user, password).await?;
    if let Some(project) = project {
        let roles = Several::new(vec![role_key("reader")?, role_key("editor")?]).map_err(invalid)?;
        let authorization = Authorization { user: user.clone(), roles, grant: None };
        steps.resource(&format!("{project}-{username}"), project, authorization).await?;
    }
    Ok((user, Person { username: username.to_owned(), password: shown }))
}

fn role_key(key: &str) -> Outcome<RoleKey> {
    RoleKey::parse(key).map_err(invalid)
}

fn uris(texts: &[&str]) -> Outcome<Several<RedirectUri, 0, 50>> {
    let uris =
        texts.iter().map(|text| RedirectUri::parse(text)).collect::<Result<_, _>>().map_err(invalid)?;
    Several::new(uris).map_err(invalid)
}
