//! The hands of a node: everything that a handler needs besides its request.

use crate::backend::{Backend, Freshness, Position, Proposal, SubmitError, Unavailable, View};
use crate::keys::{KeyError, Keys, alg_of};
use crate::memo::{About, Memo};
use crate::passwords::Passwords;
use crypto::{Entropy, InstanceKey, SigningKey, draw};
use identity::application::TokenAlg;
use identity::command::Command;
use identity::encoding::{decode, encode};
use identity::envelope::{Caller, Remember};
use identity::execute::Machine;
use identity::id::{Fixed, Id, InstanceId, RequestId};
use identity::instance::lifetimes::{self, Lifetimes};
use identity::reader::No;
use identity::tables::Fault;
use std::sync::Arc;

/// What the operator decides about the public side.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https` or `http`: the scheme of every issuer.
    pub scheme: &'static str,
    /// The port that stands in issuers; `None` for the scheme's own.
    pub port: Option<u16>,
    /// How old a state introspection, userinfo and session checks may be: `d`.
    pub bounded: std::time::Duration,
}

impl Settings {
    /// The issuer of a host name.
    pub fn issuer(&self, host: &str) -> String {
        match self.port {
            Some(port) => format!("{}://{host}:{port}", self.scheme),
            None => format!("{}://{host}", self.scheme),
        }
    }

    /// Whether browsers reach us over TLS, so that cookies may say so.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }
}

/// The hands of a node; cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// The cluster.
    pub backend: Arc<dyn Backend>,
    /// The keys of instances.
    pub machine: Arc<Machine>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Password hashing, off the async threads.
    pub passwords: Arc<Passwords>,
    /// Parsed signing keys.
    pub keys: Arc<Keys>,
    /// What was read at the newest position.
    pub memo: Arc<Memo>,
    /// The operator's settings.
    pub settings: Arc<Settings>,
}

/// What names a command for its repetitions.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The request's id.
    pub id: RequestId,
    /// How long a repetition gets the same reply.
    pub remember: Remember,
}

/// A command's typed reply and where it stands.
#[derive(Clone, Debug)]
pub struct Submitted<R> {
    /// The reply.
    pub reply: R,
    /// Its position.
    pub position: Position,
}

impl Service {
    /// Proposes a command under a new request id. An unknown outcome is asked for again with the same id once.
    pub async fn submit<C: Command>(
        &self,
        instance: InstanceId,
        caller: Caller,
        command: &C,
    ) -> Result<Submitted<C::Reply>, SubmitError> {
        let request = Request { id: Fixed(draw(&*self.entropy)), remember: Remember::Retry };
        self.submit_as(instance, caller, command, request).await
    }

    /// The same under a request id of the caller's.
    pub async fn submit_as<C: Command>(
        &self,
        instance: InstanceId,
        caller: Caller,
        command: &C,
        request: Request,
    ) -> Result<Submitted<C::Reply>, SubmitError> {
        let proposal = Proposal {
            request: request.id,
            instance,
            caller,
            remember: request.remember,
            number: C::NUMBER,
            body: encode(command),
        };
        let applied = match self.backend.submit(proposal.clone()).await {
            Err(SubmitError::Unknown(_)) => self.backend.submit(proposal).await?,
            other => other?,
        };
        let reply =
            decode(&applied.reply).map_err(|_| SubmitError::NotApplied("the reply has another form"))?;
        Ok(Submitted { reply, position: applied.position })
    }

    /// A view no older than `d`.
    pub async fn bounded(&self) -> Result<View, Unavailable> {
        self.backend.view(Freshness::Bounded(self.settings.bounded)).await
    }

    /// A view of every write that was acknowledged before: for what must not be missed, be it a moment old.
    pub async fn newest(&self) -> Result<View, Unavailable> {
        self.backend.view(Freshness::Linearizable).await
    }

    /// The data key of an instance that is active.
    pub fn data_key_at(&self, view: &View, instance: InstanceId) -> Result<Arc<InstanceKey>, No> {
        let record = view.reader(instance).live_instance()?;
        Ok(self.machine.keyring.instance(instance, &record.spec.data_key)?)
    }

    /// The lifetimes of an instance.
    pub fn lifetimes(&self, view: &View, instance: InstanceId) -> Result<Arc<Lifetimes>, Fault> {
        self.memo.get(view, instance, About::Lifetimes, "", || lifetimes::of(&view.reader(instance)))
    }

    /// The key that signs an instance's tokens with an algorithm.
    pub fn signer(
        &self,
        view: &View,
        instance: InstanceId,
        alg: TokenAlg,
    ) -> Result<Arc<SigningKey>, KeyError> {
        let found = self.memo.get(view, instance, About::Signer, alg_of(alg).name(), || {
            self.keys.signer(&self.machine, &view.reader(instance), alg)
        })?;
        Ok(Arc::clone(&found))
    }

    /// A new random identifier of 128 bits.
    pub fn new_id(&self) -> Id {
        Id::from_bytes(draw(&*self.entropy))
    }
}
