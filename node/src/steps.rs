//! The first resources of an instance, each made unless it is there already: what was interrupted can be repeated.

use crate::config::values::PublicUrl;
use crate::exit::{Class, Failure, Outcome};
use api_core::{Freshness, Service, SubmitError, View};
use identity::administrator::{Administrator, has_owner};
use identity::application::{Application, ApplicationKind, ClientAuth, TokenAlg};
use identity::change::Create;
use identity::encoding::Invalid;
use identity::envelope::Caller;
use identity::id::{Id, InstanceId, SYSTEM};
use identity::instance;
use identity::name::{HostName, Name, Username};
use identity::permission::{AdministratorRole, Within};
use identity::project::Project;
use identity::reader::No;
use identity::record::Kind;
use identity::refusal::Refusal;
use identity::resource::Resource;
use identity::several::Several;
use identity::user::{User, UserKind, by_login_name};

/// Makes resources of one instance, as the system.
pub(crate) struct Steps<'s> {
    /// The hands.
    pub(crate) service: &'s Service,
    /// Where.
    pub(crate) instance: InstanceId,
}

/// The state as of now.
pub(crate) async fn view(service: &Service) -> Outcome<View> {
    service.backend.view(Freshness::Linearizable).await.map_err(Failure::other)
}

/// The state that this node has, which it has re-applied: enough for what, once true, stays true.
async fn own_view(service: &Service) -> Outcome<View> {
    service.backend.view(Freshness::Stale).await.map_err(Failure::other)
}

/// The first instance, with its signing keys.
pub(crate) async fn instance<'s>(service: &'s Service, title: &str, host: &HostName) -> Outcome<Steps<'s>> {
    let numbers = instance::numbers(&view(service).await?.reader(SYSTEM))?;
    let instance = match numbers.first() {
        Some(number) => *number,
        None => service.create_instance(name(title)?, host.clone()).await?,
    };
    for alg in TokenAlg::ALL {
        service.rotate_keys(instance, alg).await?;
    }
    Ok(Steps { service, instance })
}

/// Whether there is an instance.
pub(crate) async fn is_begun(service: &Service) -> Outcome<bool> {
    Ok(!instance::numbers(&view(service).await?.reader(SYSTEM))?.is_empty())
}

/// Whether the first instance exists and somebody was made its owner: the last of the first steps. An owner whom the
/// operator has switched off since is one all the same: making him again would give him a new password.
pub(crate) async fn is_owned(service: &Service) -> Outcome<bool> {
    let view = own_view(service).await?;
    let numbers = instance::numbers(&view.reader(SYSTEM))?;
    let Some(first) = numbers.first() else { return Ok(false) };
    // One that is switched off is nobody's to make again.
    if view.reader(*first).live_instance().is_err() {
        return Ok(true);
    }
    has_owner(&view.reader(*first)).map_err(no)
}

/// Refuses a public URL whose host belongs to no instance: every request would be answered 404.
pub(crate) async fn require_known_host(service: &Service, url: &PublicUrl) -> Outcome<()> {
    let view = own_view(service).await?;
    let system = view.reader(SYSTEM);
    if instance::by_host(&system, url.host.as_str()).map_err(no)?.is_some() {
        return Ok(());
    }
    let mut hosts = Vec::new();
    for number in instance::numbers(&system)?.into_iter().take(HOSTS_SHOWN) {
        let id = Id::from_number(number.0);
        hosts.extend(system.children(Kind::Instance, &id, Kind::Domain, HOSTS_SHOWN)?);
    }
    let hosts: Vec<String> = hosts.iter().map(Id::to_string).collect();
    Err(Failure::new(
        Class::Config,
        format_args!(
            "public.url: no instance has the host name {}; the data was made for {}: set public.url to that",
            url.host.as_str(),
            hosts.join(", ")
        ),
    ))
}

/// How many host names an error names.
const HOSTS_SHOWN: usize = 5;

impl Steps<'_> {
    /// A plain resource under this id.
    pub(crate) async fn resource<T: Resource<Birth = ()>>(
        &self,
        id: &str,
        parent: &Id,
        spec: T,
    ) -> Outcome<Id> {
        let id = Id::parse(id).map_err(invalid)?;
        let command = Create { id: id.clone(), parent: parent.clone(), spec, birth: () };
        match self.service.submit(self.instance, Caller::system(), &command).await {
            Ok(_) | Err(SubmitError::Refused(Refusal::AlreadyExists)) => Ok(id),
            Err(error) => Err(Failure::other(format_args!("{id} was not made: {error}"))),
        }
    }

    /// The instance itself as a parent.
    pub(crate) fn root(&self) -> Id {
        Id::from_number(self.instance.0)
    }

    /// A user with this name.
    pub(crate) async fn user(&self, organization: &Id, username: &str, kind: UserKind) -> Outcome<Id> {
        let found = by_login_name(&view(self.service).await?.reader(self.instance), username).map_err(no)?;
        if let Some(record) = found {
            return Ok(record.id);
        }
        let spec = User { username: Username::parse(username).map_err(invalid)?, kind };
        Ok(self.service.create_user(self.instance, &Caller::system(), organization, spec).await?)
    }

    /// Lets a user own the instance.
    pub(crate) async fn owner(&self, id: &str, user: &Id) -> Outcome<()> {
        let roles = Several::one(AdministratorRole::IamOwner.into());
        let spec = Administrator { user: user.clone(), within: Within::Instance, roles };
        self.resource(id, &self.root(), spec).await.map(|_| ())
    }

    /// The instance's own project, with the application that the command line signs in by.
    pub(crate) async fn own_project(&self, organization: &Id) -> Outcome<()> {
        let spec = Project {
            name: name("Conclave")?,
            role_assertion: false,
            role_check: false,
            has_project_check: false,
        };
        let project = self.resource("conclave", organization, spec).await?;
        let redirect = |text| identity::application::redirect_uri::RedirectUri::parse(text).map_err(invalid);
        let spec = Application {
            name: name("Conclave command line")?,
            kind: ApplicationKind::Native,
            auth: ClientAuth::None,
            // A loopback address of a native application may name any port.
            redirect_uris: Several::new(vec![
                redirect("http://127.0.0.1/callback")?,
                redirect("http://[::1]/callback")?,
            ])
            .map_err(invalid)?,
            post_logout_redirect_uris: Several::default(),
            refresh: true,
            alg: TokenAlg::Es256,
            access_token_roles: false,
            id_token_roles: false,
            id_token_userinfo: false,
            pkce_optional: false,
        };
        self.resource("conclave-cli", &project, spec).await.map(|_| ())
    }
}

/// A name that is written in this program.
pub(crate) fn name<const N: usize>(text: &str) -> Outcome<Name<N>> {
    Name::parse(text).map_err(invalid)
}

/// A text that the domain does not take.
pub(crate) fn invalid(error: Invalid) -> Failure {
    Failure::other(error)
}

fn no(no: No) -> Failure {
    match no {
        No::Refused(refusal) => Failure::other(refusal),
        No::Fault(fault) => fault.into(),
    }
}
