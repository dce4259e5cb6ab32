//! The first start: the first instance, its administrator, and its own project.

use crate::config::values::PublicUrl;
use crate::entropy::SystemEntropy;
use crate::exit::{Class, Failure, Outcome, io};
use crate::folder::write_private;
use crate::output::say;
use crate::steps::{self, Steps, invalid, name};
use api_core::Service;
use crypto::{Secret, draw};
use identity::envelope::Caller;
use identity::id::Id;
use identity::name::HostName;
use identity::organization::Organization;
use identity::user::{Profile, UserKind};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The administrator's name to sign in with.
const ADMINISTRATOR: &str = "admin";
/// The service account's.
const BOOTSTRAP: &str = "bootstrap";

/// Where secrets go that are otherwise shown once.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Files {
    /// Takes the administrator's password (12 characters or more) from this file, or writes it there if the file does
    /// not exist. Without this option it is printed once on the terminal, or, where there is none, written to
    /// admin.password in the data folder: remove that file after reading
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_password_file: Option<PathBuf>,
    /// Makes a service account that owns the instance, and writes its client id and secret to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) bootstrap_secret_file: Option<PathBuf>,
}

/// What the first start has made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// Where to sign in.
    pub(crate) issuer: String,
    /// The administrator's name.
    pub(crate) administrator: &'static str,
    /// How his password was told.
    pub(crate) password: Told,
    /// Where the service account's secret is.
    pub(crate) bootstrap_secret: Option<PathBuf>,
}

/// How a password reaches its owner.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// It stood in this file.
    TakenFrom(PathBuf),
    /// It was written to this file.
    WrittenTo(PathBuf),
    /// It was printed.
    Printed,
}

/// Makes what is missing; `None` if nothing is. `dir` takes the password if there is no terminal to print it on.
pub(crate) async fn ensure(
    service: &Service,
    url: &PublicUrl,
    dir: &Path,
    files: &Files,
) -> Outcome<Option<Made>> {
    if steps::is_owned(service).await? {
        return Ok(None);
    }
    let steps = steps::instance(service, "Conclave", &url.host).await?;
    let domain = HostName::parse(&format!("conclave.{}", domain_of(url))).map_err(invalid)?;
    let spec = Organization { name: name("Conclave")?, domain };
    let organization = steps.resource("conclave", &steps.root(), spec).await?;
    steps.own_project(&organization).await?;
    let profile = Profile {
        given_name: name("Instance")?,
        family_name: name("Administrator")?,
        display_name: None,
        nick_name: None,
        language: None,
        email: None,
        email_verified: false,
    };
    let administrator = steps.user(&organization, ADMINISTRATOR, UserKind::Human(profile)).await?;
    let (password, told) = password(dir, files.admin_password_file.as_deref())?;
    service.set_password(steps.instance, &Caller::system(), &administrator, password).await?;
    let bootstrap_secret = match &files.bootstrap_secret_file {
        Some(path) => Some((bootstrap(&steps, &organization, path).await?, path.clone())),
        None => None,
    };
    // The last step: whoever is interrupted before it repeats all of them, with a password that is told again.
    steps.owner("instance-owner", &administrator).await?;
    let bootstrap_secret = match bootstrap_secret {
        Some((user, path)) => {
            steps.owner("bootstrap-owner", &user).await?;
            Some(path)
        }
        None => None,
    };
    let made = Made { issuer: url.issuer(), administrator: ADMINISTRATOR, password: told, bootstrap_secret };
    Ok(Some(made))
}

/// A name to stand under in organization domains; an address is none.
fn domain_of(url: &PublicUrl) -> &str {
    let host = url.host.as_str();
    if host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok() { "localhost" } else { host }
}

async fn bootstrap(steps: &Steps<'_>, organization: &Id, path: &Path) -> Outcome<Id> {
    let kind = UserKind::Service { name: name("Bootstrap")? };
    let user = steps.user(organization, BOOTSTRAP, kind).await?;
    let secret = steps.service.new_service_secret(steps.instance, &Caller::system(), &user).await?;
    let text = serde_json::json!({ "client_id": user, "client_secret": secret.expose() });
    write_private(path, format!("{text}\n").as_bytes())?;
    Ok(user)
}

/// The shortest password of an administrator that is taken from a file.
const PASSWORD_CHARS_MIN: usize = 12;

/// The administrator's password: given in a file, or made and told.
fn password(dir: &Path, file: Option<&Path>) -> Outcome<(Secret<String>, Told)> {
    if let Some(path) = file.filter(|path| path.exists()) {
        let text = std::fs::read_to_string(path).map_err(|error| io("reading", path, &error))?;
        let password = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
        if password.expose().chars().count() < PASSWORD_CHARS_MIN {
            return Err(Failure::new(
                Class::Config,
                format_args!(
                    "{} holds a password of less than {PASSWORD_CHARS_MIN} characters; write a longer one",
                    path.display()
                ),
            ));
        }
        return Ok((password, Told::TakenFrom(path.to_path_buf())));
    }
    let password = new_password();
    let on_terminal = std::io::stdout().is_terminal();
    let path = file.map(Path::to_path_buf).or_else(|| (!on_terminal).then(|| dir.join("admin.password")));
    let told = match path {
        Some(path) => {
            write_private(&path, format!("{}\n", password.expose()).as_bytes())?;
            Told::WrittenTo(path)
        }
        None => {
            say(format_args!("The password of {ADMINISTRATOR}, shown once: {}", password.expose()));
            Told::Printed
        }
    };
    Ok((password, told))
}

/// A password of 120 random bits.
pub(crate) fn new_password() -> Secret<String> {
    Secret::new(crypto::b64url(&draw::<15>(&SystemEntropy)))
}

impl Made {
    /// What the operator should know now.
    pub(crate) fn lines(&self) -> Vec<String> {
        let password = match &self.password {
            Told::TakenFrom(path) => format!("his password is the one in {}", path.display()),
            Told::WrittenTo(path) => format!("his password is in {}", path.display()),
            Told::Printed => "his password is shown above, once".to_owned(),
        };
        let mut lines = vec![
            format!("The first instance is made; its issuer is {}", self.issuer),
            format!("Its administrator signs in as {}; {password}", self.administrator),
        ];
        if let Some(path) = &self.bootstrap_secret {
            lines.push(format!("The service account's client id and secret are in {}", path.display()));
        }
        lines
    }
}
