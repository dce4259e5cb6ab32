//! The first steps of an instance: its record and key, its signing keys, its first people. `init`, the demo and tests
//! take the same steps, as the system.

use crate::backend::{Freshness, SubmitError, Unavailable};
use crate::keys::alg_of;
use crate::secrets;
use crate::service::Service;
use crypto::{Secret, draw, draw_secret};
use identity::application::TokenAlg;
use identity::change::Create;
use identity::credential::password::{Password, SetPassword};
use identity::credential::secret::{SetClientSecret, SetServiceSecret};
use identity::envelope::{Caller, Subject};
use identity::id::{Id, InstanceId, SYSTEM};
use identity::instance::{self, CreateInstance};
use identity::name::{HostName, Name};
use identity::permission::{Area, Verb, require};
use identity::reader::{No, Reader};
use identity::resource::{Resource, place};
use identity::setting;
use identity::setting::password_complexity::{PasswordComplexity, Unmet};
use identity::signing_key::{self, NewKey, RotateKeys, SigningKey, Step};
use identity::user::{User, person};

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log said no or did not answer.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// No view.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A key or a hash could not be made.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// Hashing was refused.
    #[error(transparent)]
    Password(#[from] crate::passwords::PasswordError),
    /// The organization demands more of a password: nothing was set.
    #[error("choose another password: {}", list(.0))]
    Weak(Vec<Unmet>),
    /// The state can't be read.
    #[error("{0}")]
    State(String),
}

impl From<identity::tables::Fault> for Error {
    fn from(fault: identity::tables::Fault) -> Error {
        Error::State(fault.0)
    }
}

impl From<No> for Error {
    fn from(no: No) -> Error {
        match no {
            No::Refused(refusal) => SubmitError::Refused(refusal).into(),
            No::Fault(fault) => fault.into(),
        }
    }
}

fn list(unmet: &[Unmet]) -> String {
    unmet.iter().map(Unmet::to_string).collect::<Vec<_>>().join(", ")
}

impl Service {
    /// Creates an instance with its first host name and its signing keys.
    pub async fn create_instance(&self, name: Name<200>, host: HostName) -> Result<InstanceId, Error> {
        let view = self.backend.view(Freshness::Linearizable).await?;
        let number = instance::next_number(&view.reader(SYSTEM))?;
        let key = draw_secret::<32>(&*self.entropy);
        let data_key = self.machine.keyring.wrap_instance(number, &key, draw(&*self.entropy));
        let command = CreateInstance { number, name, host, data_key };
        self.submit(SYSTEM, Caller::system(), &command).await?;
        for alg in TokenAlg::ALL {
            self.rotate_keys(number, alg).await?;
        }
        Ok(number)
    }

    /// Takes the step of the key schedule that is due, if one is.
    pub async fn rotate_keys(&self, instance: InstanceId, alg: TokenAlg) -> Result<Option<Step>, Error> {
        let view = self.backend.view(Freshness::Linearizable).await?;
        let reader = view.reader(instance);
        let Some(step) = signing_key::due(&reader, alg)? else { return Ok(None) };
        let new = match step {
            Step::Begin | Step::Publish => {
                // RSA takes its time: not on an async thread.
                let made =
                    tokio::task::spawn_blocking(move || crypto::SigningKey::generate(alg_of(alg))).await;
                let made = made.map_err(|error| Error::State(error.to_string()))??;
                let sealed = self.data_key(instance).await?.seal_key().seal(
                    SigningKey::PURPOSE,
                    made.kid.as_bytes(),
                    draw(&*self.entropy),
                    made.pkcs8.expose(),
                );
                let jwk =
                    serde_json::to_string(&made.jwk).map_err(|error| Error::State(error.to_string()))?;
                let kid = Id::parse(&made.kid).map_err(|error| Error::State(error.to_string()))?;
                Some(NewKey { kid, jwk, sealed })
            }
            Step::Activate => None,
        };
        let done = self.submit(instance, Caller::system(), &RotateKeys { alg, new }).await?;
        Ok(Some(done.reply))
    }

    /// The data key of an instance.
    pub async fn data_key(&self, instance: InstanceId) -> Result<std::sync::Arc<crypto::InstanceKey>, Error> {
        let view = self.backend.view(Freshness::Linearizable).await?;
        self.data_key_at(&view, instance).map_err(|no| Error::State(no.to_string()))
    }

    /// Creates a plain resource; returns its id.
    pub async fn create<T: Resource<Birth = ()>>(
        &self,
        instance: InstanceId,
        caller: &Caller,
        parent: &Id,
        spec: T,
    ) -> Result<Id, Error> {
        let command = Create { id: self.new_id(), parent: parent.clone(), spec, birth: () };
        Ok(self.submit(instance, caller.clone(), &command).await?.reply.id)
    }

    /// Creates a user with the key of his person; returns his id.
    pub async fn create_user(
        &self,
        instance: InstanceId,
        caller: &Caller,
        organization: &Id,
        spec: User,
    ) -> Result<Id, Error> {
        let id = self.new_id();
        let person = draw_secret::<64>(&*self.entropy);
        let data_key = self.data_key(instance).await?;
        let wrapped = data_key.wrap_person(id.as_str(), &person, draw(&*self.entropy));
        let birth = person::NewKey { wrapped };
        let command = Create { id, parent: organization.clone(), spec, birth };
        Ok(self.submit(instance, caller.clone(), &command).await?.reply.id)
    }

    /// Sets a person's password. Refused before it is hashed: who may not, and what his organization does not accept,
    /// unless the system itself has drawn it.
    pub async fn set_password(
        &self,
        instance: InstanceId,
        caller: &Caller,
        user: &Id,
        password: Secret<String>,
    ) -> Result<(), Error> {
        let command = self.new_password(instance, caller, user, password).await?;
        self.submit(instance, caller.clone(), &command).await?;
        Ok(())
    }

    /// The command that sets a person's password, with the same refusals; it is not sent yet.
    pub async fn new_password(
        &self,
        instance: InstanceId,
        caller: &Caller,
        user: &Id,
        password: Secret<String>,
    ) -> Result<SetPassword, Error> {
        if caller.subject != Subject::System {
            let view = self.newest().await?;
            accept(&view.reader(instance), caller, user, password.expose())?;
        }
        let phc = self.passwords.hash(password, draw(&*self.entropy)).await?;
        let data_key = self.data_key(instance).await?;
        let aad = user.as_str().as_bytes();
        let sealed = data_key.seal_key().seal(Password::PURPOSE, aad, draw(&*self.entropy), phc.as_bytes());
        Ok(SetPassword { user: user.clone(), sealed })
    }

    /// Gives an application a new secret and returns it: it is shown once.
    pub async fn new_client_secret(
        &self,
        instance: InstanceId,
        caller: &Caller,
        application: &Id,
    ) -> Result<Secret<String>, Error> {
        let (secret, hash) = secrets::mint(secrets::CLIENT_SECRET, &*self.entropy);
        let command = SetClientSecret { application: application.clone(), hash };
        self.submit(instance, caller.clone(), &command).await?;
        Ok(secret)
    }

    /// Gives a service account a new secret and returns it: it is shown once.
    pub async fn new_service_secret(
        &self,
        instance: InstanceId,
        caller: &Caller,
        user: &Id,
    ) -> Result<Secret<String>, Error> {
        let (secret, hash) = secrets::mint(secrets::CLIENT_SECRET, &*self.entropy);
        self.submit(instance, caller.clone(), &SetServiceSecret { user: user.clone(), hash }).await?;
        Ok(secret)
    }
}

/// Asks for the permission first: whoever lacks it learns nothing of what is demanded, nor lets a node work for him.
fn accept(reader: &Reader<'_>, caller: &Caller, user: &Id, password: &str) -> Result<(), Error> {
    let record = reader.existing::<User>(user)?;
    require(reader, caller, Area::Credential, Verb::Write, &place(reader, &record)?)?;
    let complexity: PasswordComplexity = setting::effective(reader, Some(&record.parent))?.0;
    complexity.check(password).map_err(Error::Weak)
}
