//! The administration side of a node: HTTP over a socket in its data folder, for whoever may read that folder.
//!
//! It is what `conclave token`, `cluster`, `disable` and `enable` speak to. The socket belongs to the owner of the folder and is
//! closed to everybody else by its mode; no port is opened, so nothing has to be guarded on the network.

pub(crate) mod inherit;
pub(crate) mod switch;

use crate::exit::{Class, Failure, Outcome, io};
use crate::join::{self, Place};
use crate::operations::{self, Operations};
use crate::routes::problem;
use crate::votes::{Loss, No, Votes, Way};
use api_core::{Freshness, Service, SubmitError, View};
use axum::extract::{Path as Segment, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use identity::cluster::membership::{RemoveNode, ReplaceNode, SetNodeRole};
use identity::cluster::node::{Wanted, nodes};
use identity::cluster::token::{RevokeJoinToken, tokens};
use identity::command::Command;
use identity::envelope::Caller;
use identity::id::{Id, SYSTEM};
use identity::level::RaiseLevel;
use identity::refusal::Refusal;
use raft::Cluster;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// The socket in the data folder.
const SOCKET: &str = "admin.sock";
/// The pause after a connection could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a node has once it has re-applied its log.
pub(crate) struct Hands {
    /// What the API works with.
    pub(crate) service: Service,
    /// This node's part in the cluster.
    pub(crate) cluster: Cluster,
    /// What is handed to those who join.
    pub(crate) place: Arc<Place>,
    /// Knows why the cluster does not answer.
    pub(crate) operations: Operations,
}

/// How long an operator waits for a cluster that may have no majority. Elections are over long before.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What the administration side works with. Its status can be asked from the beginning, everything else later.
#[derive(Clone)]
pub(crate) struct Admin {
    /// The node's, once it has them.
    pub(crate) hands: Arc<OnceLock<Hands>>,
    /// What the operations side knows.
    pub(crate) operations: Operations,
    /// Whether this node is to take no more work.
    pub(crate) drained: watch::Sender<bool>,
}

/// The socket's place, by a short path however long that of the folder is: a socket's path has 108 bytes at most.
fn short(dir: &Path) -> Outcome<(File, PathBuf)> {
    let folder = File::open(dir).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(Class::NoData, format_args!("{} does not exist: correct data_dir", dir.display()))
        }
        _ => io("opening", dir, &error),
    })?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
    Ok((folder, path))
}

/// Takes the socket. The folder's lock is held, so whatever has its name is left from an earlier process.
pub(crate) fn bind(dir: &Path) -> Outcome<UnixListener> {
    let (_folder, path) = short(dir)?;
    crate::folder::remove(&dir.join(SOCKET))?;
    UnixListener::bind(&path).map_err(|error| io("listening on", &dir.join(SOCKET), &error))
}

/// Connects to the node that runs on a data folder.
pub(crate) async fn connect(dir: &Path) -> Outcome<UnixStream> {
    let (_folder, path) = short(dir)?;
    UnixStream::connect(&path).await.map_err(|error| {
        let text = match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => format!(
                "no node runs on {}: start it with `conclave serve`, or name another folder with --data-dir",
                dir.display()
            ),
            std::io::ErrorKind::PermissionDenied => {
                format!("{} belongs to another user: run this as its owner", dir.join(SOCKET).display())
            }
            _ => format!("the node on {} can't be reached: {error}", dir.display()),
        };
        Failure::new(Class::NotRunning, text)
    })
}

/// Serves until `stop` says so.
pub(crate) async fn serve(listener: UnixListener, admin: Admin, mut stop: watch::Receiver<bool>) {
    let router = router(admin);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, most likely: to ask again at once would only burn a core.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let served =
                Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            if let Err(error) = served {
                tracing::debug!(%error, "an administrator's connection ended early");
            }
        });
    }
}

fn router(admin: Admin) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/tokens", get(list_tokens).post(create_token))
        .route("/tokens/{id}", axum::routing::delete(revoke_token))
        .route("/nodes/{node}/promote", post(promote))
        .route("/nodes/{node}/demote", post(demote))
        .route("/nodes/{node}/remove", post(remove))
        .route("/nodes/{old}/replace/{new}", post(replace))
        .route("/transfer-leader", post(transfer))
        .route("/drain", post(drain))
        .route("/snapshot", post(snapshot))
        .route("/level/{level}", post(raise_level))
        .route("/switch", post(switch::switch))
        .route("/inherit", post(inherit::inherit))
        .with_state(admin)
}

/// A refusal with a sentence that says what to do.
struct Refused(Box<Response>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

type Answer = Result<Response, Refused>;

fn refuse(status: StatusCode, code: &str, text: impl std::fmt::Display) -> Refused {
    Refused(Box::new(problem(status, code, &text.to_string())))
}

fn no(No(code, text): No) -> Refused {
    refuse(StatusCode::CONFLICT, code, text)
}

impl Admin {
    fn hands(&self) -> Result<&Hands, Refused> {
        self.hands.get().ok_or_else(|| {
            let text = "the node has not re-applied its log yet: `conclave cluster status` says why";
            refuse(StatusCode::SERVICE_UNAVAILABLE, "starting", text)
        })
    }
}

impl Hands {
    async fn submit<C: Command>(&self, command: &C) -> Answer {
        self.in_time(self.service.submit(SYSTEM, Caller::operator(), command)).await?;
        Ok(Json(json!({ "done": true })).into_response())
    }

    /// Waits for a command that was submitted, but not longer than an operator would.
    async fn in_time<T>(&self, submit: impl Future<Output = Result<T, SubmitError>>) -> Result<T, Refused> {
        let error = match tokio::time::timeout(ANSWER_WITHIN, submit).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        Err(match error {
            Some(SubmitError::Refused(refusal)) => {
                let is_missing = refusal == Refusal::NotFound;
                let status = if is_missing { StatusCode::NOT_FOUND } else { StatusCode::CONFLICT };
                refuse(status, refusal.code(), refusal)
            }
            Some(error @ SubmitError::NotApplied(_)) => refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_applied",
                format_args!("{error}; {}", self.why()),
            ),
            Some(SubmitError::Unknown(_)) | None => refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "unknown",
                format_args!(
                    "the cluster did not answer; {}. Whether it was done is not known: look, then repeat it",
                    self.why()
                ),
            ),
        })
    }

    /// The state as of now.
    async fn view(&self) -> Result<View, Refused> {
        let view = self.service.backend.view(Freshness::Linearizable).await;
        view.map_err(|error| {
            refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", format_args!("{error}; {}", self.why()))
        })
    }

    /// Why the cluster does not answer.
    fn why(&self) -> String {
        let reasons = self.operations.reasons();
        if reasons.is_empty() {
            return "`conclave cluster status` shows how it is".to_owned();
        }
        format!("node {} says: {}", self.cluster.status().node, reasons.join("; "))
    }

    /// The votes, with these nodes, which have to be members.
    async fn votes(&self, of: &[u64]) -> Result<Votes, Refused> {
        let nodes = nodes(&self.view().await?.reader(SYSTEM));
        let nodes = nodes.map_err(|fault| refuse(StatusCode::INTERNAL_SERVER_ERROR, "fault", fault))?;
        let votes = Votes { status: self.cluster.status(), nodes };
        of.iter().try_for_each(|node| votes.known(*node)).map_err(no)?;
        Ok(votes)
    }
}

async fn status(State(admin): State<Admin>) -> Response {
    operations::cluster(State(admin.operations)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    lifetime_secs: u32,
    learner: bool,
}

async fn create_token(State(admin): State<Admin>, Json(asked): Json<NewToken>) -> Answer {
    let hands = admin.hands()?;
    let wanted = if asked.learner { Wanted::Learner } else { Wanted::Voter };
    let made = join::create_token(&hands.service, &hands.place, asked.lifetime_secs, wanted);
    let made = hands.in_time(made).await?;
    let shown = json!({ "token": made.text.expose(), "id": made.id, "expires": made.expires.0 / 1000 });
    Ok(Json(shown).into_response())
}

async fn list_tokens(State(admin): State<Admin>) -> Answer {
    let view = admin.hands()?.view().await?;
    let tokens = tokens(&view.reader(SYSTEM));
    let tokens = tokens.map_err(|fault| refuse(StatusCode::INTERNAL_SERVER_ERROR, "fault", fault))?;
    let shown = tokens.iter().map(|token| {
        json!({
            "id": token.id,
            "expires": token.expires.0 / 1000,
            "for": match token.wanted { Wanted::Voter => "voter", Wanted::Learner => "learner" },
            "used_by": token.used.as_ref().map(|used| used.by),
        })
    });
    Ok(Json(Value::Array(shown.collect())).into_response())
}

async fn revoke_token(State(admin): State<Admin>, Segment(id): Segment<String>) -> Answer {
    let id = Id::parse(&id).map_err(|error| refuse(StatusCode::BAD_REQUEST, "invalid_id", error))?;
    admin.hands()?.submit(&RevokeJoinToken { id }).await
}

async fn promote(State(admin): State<Admin>, Segment(node): Segment<u64>) -> Answer {
    let hands = admin.hands()?;
    let votes = hands.votes(&[node]).await?;
    hands.submit(&SetNodeRole { node, wanted: Wanted::Voter }).await?;
    Ok(Json(json!({ "done": true, "comes_of_it": votes.promoted(node) })).into_response())
}

#[derive(Deserialize)]
struct Force {
    #[serde(default)]
    force: bool,
}

async fn demote(
    State(admin): State<Admin>,
    Segment(node): Segment<u64>,
    Query(asked): Query<Force>,
) -> Answer {
    let hands = admin.hands()?;
    let loss = Loss { node, way: Way::Demoted, force: asked.force };
    hands.votes(&[node]).await?.may_lose(loss).map_err(no)?;
    hands.submit(&SetNodeRole { node, wanted: Wanted::Learner }).await
}

async fn remove(
    State(admin): State<Admin>,
    Segment(node): Segment<u64>,
    Query(asked): Query<Force>,
) -> Answer {
    let hands = admin.hands()?;
    let loss = Loss { node, way: Way::Removed, force: asked.force };
    hands.votes(&[node]).await?.may_lose(loss).map_err(no)?;
    hands.submit(&RemoveNode { node }).await
}

async fn replace(
    State(admin): State<Admin>,
    Segment((old, new)): Segment<(u64, u64)>,
    Query(asked): Query<Force>,
) -> Answer {
    let hands = admin.hands()?;
    let loss = Loss { node: old, way: Way::Replaced(new), force: asked.force };
    hands.votes(&[old, new]).await?.may_lose(loss).map_err(no)?;
    hands.submit(&ReplaceNode { old, new }).await
}

#[derive(Deserialize)]
struct To {
    to: Option<u64>,
}

async fn transfer(State(admin): State<Admin>, Query(asked): Query<To>) -> Answer {
    let cluster = &admin.hands()?.cluster;
    let status = cluster.status();
    if status.leader != Some(status.node) {
        let leader = status.leader.map_or("no node".to_owned(), |leader| format!("node {leader}"));
        let text = format!("{leader} leads, and only the leader hands over: run this on its data folder");
        return Err(refuse(StatusCode::CONFLICT, "not_leader", text));
    }
    let leader = cluster.hand_over(asked.to).await;
    let leader = leader.map_err(|error| refuse(StatusCode::CONFLICT, "not_handed_over", error))?;
    Ok(Json(json!({ "leader": leader })).into_response())
}

#[derive(Deserialize)]
struct Drain {
    #[serde(default)]
    undo: bool,
}

/// A drained node leads no more and says at `/ready` that it takes no work, while it answers whoever asks all the same.
async fn drain(State(admin): State<Admin>, Query(asked): Query<Drain>) -> Answer {
    let cluster = &admin.hands()?.cluster;
    admin.drained.send_replace(!asked.undo);
    cluster.may_lead(asked.undo);
    if !asked.undo
        && let Err(error) = cluster.hand_over(None).await
    {
        tracing::warn!(%error, "the drained node leads on");
        return Ok(Json(json!({ "drained": true, "warning": error.to_string() })).into_response());
    }
    Ok(Json(json!({ "drained": !asked.undo })).into_response())
}

async fn snapshot(State(admin): State<Admin>) -> Answer {
    let index = admin.hands()?.cluster.snapshot().await;
    let index = index.map_err(|error| refuse(StatusCode::SERVICE_UNAVAILABLE, "not_made", error))?;
    Ok(Json(json!({ "index": index })).into_response())
}

async fn raise_level(State(admin): State<Admin>, Segment(level): Segment<u32>) -> Answer {
    admin.hands()?.submit(&RaiseLevel { level }).await
}
