//! A request: whose instance, who asks, from which state it is answered, and how its writes are sent.

use crate::error::Problem;
use crate::position::{self, AT_LEAST};
use api_core::extract::tenant::{Tenant, tenant};
use api_core::secrets;
use api_core::service::Request;
use api_core::{Freshness, Position, Service, Submitted, View};
use api_oidc::bearer::{self, Alive};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use identity::command::Command;
use identity::credential::{alive, personal_token};
use identity::encoding::encode;
use identity::envelope::{Caller, Envelope, Remember};
use identity::execute;
use identity::id::{Fixed, Hash, Id};
use identity::permission::MANAGEMENT_SCOPE;
use identity::reader::{No, Reader, Run};
use identity::refusal::Refusal;
use identity::see::Eyes;
use identity::time::Timestamp;

/// What names a request whose repetition is to have no second effect.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The prefix of personal access tokens.
pub const PERSONAL_TOKEN: &str = "cnv_pat_";

/// The longest command, in bytes: around it stand the caller and his scopes.
const COMMAND_BYTES_MAX: usize = Envelope::MAX_BYTES - 16 * 1024;

/// A request of a caller whose credential is alive.
pub struct Ask {
    /// The hands of the node.
    pub service: Service,
    /// Whose instance.
    pub tenant: Tenant,
    /// The state that answers: no older than the bound, and than the caller has asked for.
    pub view: View,
    /// Who asks.
    pub caller: Caller,
    /// When his access token ends; what else he may have come with ends in the tables.
    expires: Option<Timestamp>,
    /// The path and method, for an Idempotency-Key.
    route: String,
    /// The Idempotency-Key, if there is one.
    key: Option<String>,
    /// The revision that must be the present one, if one is named.
    if_match: Option<u64>,
}

impl FromRequestParts<Service> for Ask {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Ask, Problem> {
        let headers = &parts.headers;
        let key = one(headers, &IDEMPOTENCY_KEY)?.map(idempotency_key).transpose()?;
        let if_match = one(headers, &header::IF_MATCH)?.map(revision).transpose()?.flatten();
        let at_least = one(headers, &AT_LEAST)?.map(wanted_position).transpose()?;
        let mut view = service.bounded().await?;
        let tenant = tenant(service, &view, headers)?;
        let (caller, expires) = caller(service, &view, &tenant, headers).await?;
        if let Some(wanted) = at_least {
            if wanted.lineage != view.position.lineage || wanted.shard != view.position.shard {
                let title = "the position is of another history of this cluster; read again without it";
                return Err(Problem::new(StatusCode::CONFLICT, "other_lineage", title));
            }
            // What is asked for comes on top of the bound: a revocation is never older than that.
            if view.position < wanted {
                view = service.backend.view(Freshness::AtLeast(wanted)).await?;
                // What nobody has written yet can't be waited for.
                if view.position < wanted {
                    return Err(api_core::Unavailable.into());
                }
            }
        }
        let route = format!("{} {}", parts.method, parts.uri.path());
        Ok(Ask { service: service.clone(), tenant, view, caller, expires, route, key, if_match })
    }
}

/// The value of a header that stands at most once.
pub(crate) fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let wrong = || {
        let title = format!("the header {name} stands once, in visible ASCII");
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", title)
    };
    if values.next().is_some() {
        return Err(wrong());
    }
    value.to_str().map(Some).map_err(|_| wrong())
}

fn idempotency_key(text: &str) -> Result<String, Problem> {
    Id::parse(text).map(|id| id.to_string()).map_err(|_| {
        let title = "an Idempotency-Key is 1 to 200 visible ASCII characters";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", title)
    })
}

/// The revision of an entity tag (RFC 9110 §8.8.3): `*` names any.
fn revision(text: &str) -> Result<Option<u64>, Problem> {
    if text.trim() == "*" {
        return Ok(None);
    }
    let tag = text.trim().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    tag.and_then(|tag| tag.parse().ok()).map(Some).ok_or_else(|| {
        let title = "If-Match takes one entity tag as an answer gave it, such as \"3\"";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", title)
    })
}

fn wanted_position(text: &str) -> Result<Position, Problem> {
    position::read(text).ok_or_else(|| {
        let title = "Conclave-At-Least takes a position as an answer gave it in Conclave-Position";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", title)
    })
}

/// Who asks, by the bearer token: an access token for management, or a personal access token.
async fn caller(
    service: &Service,
    view: &View,
    tenant: &Tenant,
    headers: &HeaderMap,
) -> Result<(Caller, Option<Timestamp>), Problem> {
    let token = bearer::from_header(headers)?.ok_or(api_oidc::error::Error::TokenMissing)?;
    if token.starts_with(PERSONAL_TOKEN) {
        return Ok((personal(service, view, tenant, token).await?, None));
    }
    let Alive { claims, user } = bearer::alive(service, view, tenant, token).await?;
    let bearer = bearer::bearer_of(&claims).ok_or(api_oidc::error::Error::InvalidToken)?;
    let scopes: Vec<String> = claims.scope.split(' ').map(str::to_owned).collect();
    if !scopes.iter().any(|scope| scope == MANAGEMENT_SCOPE) {
        let title = format!("the access token is not for management: ask for the scope {MANAGEMENT_SCOPE}");
        return Err(Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", title));
    }
    let caller = Caller::bearer(user.id, Hash::of(claims.jti.as_bytes()), bearer.source, scopes);
    Ok((caller, Some(bearer.expires)))
}

async fn personal(service: &Service, view: &View, tenant: &Tenant, token: &str) -> Result<Caller, Problem> {
    let invalid = || Problem::from(api_oidc::error::Error::InvalidToken);
    let key = service.data_key_at(view, tenant.instance)?;
    let bound = secrets::parse_proven(PERSONAL_TOKEN, &key, token).ok_or_else(invalid)?;
    let look = |view: &View| personal_token::presented(&view.reader(tenant.instance), &bound.id, &bound.hash);
    let owner = match look(view) {
        // Another node may just have made it.
        Err(No::Refused(_)) => look(&service.newest().await?),
        found => found,
    };
    match owner {
        Ok(owner) => Ok(Caller::personal(owner, bound.id)),
        Err(No::Refused(_)) => Err(invalid()),
        Err(No::Fault(fault)) => Err(fault.into()),
    }
}

impl Ask {
    /// The same request for one of its items: under an Idempotency-Key of its own.
    #[must_use]
    pub fn part(&self, place: usize) -> Ask {
        let key = self.key.as_ref().map(|key| format!("{key} {place}"));
        let (service, tenant, view) = (self.service.clone(), self.tenant.clone(), self.view.clone());
        Ask {
            service,
            tenant,
            view,
            caller: self.caller.clone(),
            expires: self.expires,
            route: self.route.clone(),
            key,
            if_match: None,
        }
    }

    /// Reads of the instance.
    pub fn reader(&self) -> Reader<'_> {
        self.view.reader(self.tenant.instance)
    }

    /// Refuses a caller whose credential has ended by a later view: for what lasts longer than a request.
    pub fn require_alive(&self, view: &View) -> Run<()> {
        if self.expires.is_some_and(|expires| expires <= view.now) {
            return Err(Refusal::CallerNotAlive.into());
        }
        alive::check(&view.reader(self.tenant.instance), &self.caller)
    }

    /// Goes on from a later view, and lets go of the one before; from no older one. Whatever lasts takes one regularly.
    pub fn renew(&mut self, view: View) {
        if view.position <= self.view.position {
            // Nothing is new; what has expired meanwhile is.
            self.view.now = view.now;
        } else {
            self.view = view;
        }
    }

    /// What the caller sees.
    pub fn eyes(&self) -> Eyes<'_> {
        Eyes::new(self.reader(), &self.caller)
    }

    /// The revision that the caller has read, if he says so.
    pub fn if_match(&self) -> Option<u64> {
        self.if_match
    }

    /// Refuses a caller who has read another revision than this.
    pub fn require_revision(&self, revision: u64) -> Result<(), Problem> {
        match self.if_match {
            Some(expected) if expected != revision => Err(Refusal::RevisionChanged.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses an If-Match for what has no entity tag: nothing has the one that it names.
    pub fn require_no_tag(&self) -> Result<(), Problem> {
        if self.if_match.is_some() { Err(Refusal::RevisionChanged.into()) } else { Ok(()) }
    }

    /// Whether a repetition of the request is to get the first reply.
    pub fn is_repeatable(&self) -> bool {
        self.key.is_some()
    }

    /// The id of the calling user.
    pub fn user(&self) -> Option<&Id> {
        match &self.caller.subject {
            identity::envelope::Subject::User(id) => Some(id),
            identity::envelope::Subject::System
            | identity::envelope::Subject::Operator
            | identity::envelope::Subject::Nobody
            | identity::envelope::Subject::Client(_) => None,
        }
    }

    /// Sends a command of this request. `asked` is its body: under an Idempotency-Key, a repetition gets the first
    /// reply, and another body is refused.
    pub async fn submit<C: Command>(
        &self,
        command: &C,
        asked: &[u8],
    ) -> Result<Submitted<C::Reply>, Problem> {
        // The log takes no longer ones, and would only say that it could not be asked.
        if encode(command).len() > COMMAND_BYTES_MAX {
            let title = "the values are too long together: 240 KiB are taken";
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title));
        }
        let instance = self.tenant.instance;
        let request = self.key.as_ref().map(|key| self.named(key, asked)).transpose()?;
        self.require_permitted(command, request.as_ref()).await?;
        let caller = self.caller.clone();
        Ok(match request {
            Some(request) => self.service.submit_as(instance, caller, command, request).await?,
            None => self.service.submit(instance, caller, command).await?,
        })
    }

    /// Refuses what the log would refuse to this caller: whoever has no permission gets no place in it, where everybody's
    /// writes wait. The log looks once more.
    async fn require_permitted<C: Command>(
        &self,
        command: &C,
        request: Option<&Request>,
    ) -> Result<(), Problem> {
        let instance = self.tenant.instance;
        let look = |view: &View| -> Result<(), Problem> {
            let reader = view.reader(instance);
            let access = command.access(&reader)?;
            execute::permit(&reader, &self.caller, &access).map_err(|no| match (no, access.permission()) {
                (No::Refused(Refusal::NotPermitted), Some((needed, within))) => {
                    Problem::lacking(needed, within)
                }
                (no, Some(_) | None) => no.into(),
            })
        };
        if look(&self.view).is_ok() {
            return Ok(());
        }
        // The permission may have come a moment ago.
        let view = self.service.newest().await?;
        match request {
            // What this very request has done may have taken its own permission away: a repetition gets the reply.
            Some(request)
                if execute::look_up(view.reader(instance).read, instance, &request.id)?.is_some() =>
            {
                Ok(())
            }
            Some(_) | None => look(&view),
        }
    }

    /// The request that an Idempotency-Key names: of this caller, to this route, with this body.
    fn named(&self, key: &str, asked: &[u8]) -> Result<Request, Problem> {
        let user = self.user().map(Id::as_str).unwrap_or_default();
        let named = [user, &self.route, key].join("\n");
        let name = [self.tenant.instance.0.to_be_bytes().as_slice(), named.as_bytes()].concat();
        let mut id = [0; 16];
        id.copy_from_slice(&Hash::of(&name).0[..16]);
        // The body may hold a password: a plain hash of it in the log could be guessed.
        let secret = self.service.data_key_at(&self.view, self.tenant.instance)?;
        let asked = Fixed(secret.hmac("idempotency", asked));
        Ok(Request { id: Fixed(id), remember: Remember::Key { asked } })
    }

    /// The state after a write of this request.
    pub async fn after(&self, position: Position) -> Result<View, Problem> {
        Ok(self.service.backend.view(Freshness::AtLeast(position)).await?)
    }
}
