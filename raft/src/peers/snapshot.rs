//! A snapshot on its way between nodes: its manifest, then its files in pieces.
//!
//! There is no limit on the whole, which may take long over a slow line; what ends it is silence. Nothing is believed
//! before the hashes of all files are right. A node takes in one at a time: a newer call ends an older, whose sender has
//! most likely gone.

use std::cmp::Ordering;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use openraft::vote::RaftVote;
use storage::{Manifest, Receiver, Snapshot, State};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tonic::{Status, Streaming};

use super::wire::{Part, SnapshotHead, SnapshotPart, SnapshotPiece, Vote};
use crate::state_machine;
use crate::types::Raft;

/// How long the next part may be waited for.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(10);
/// The bytes of one piece.
const PIECE_BYTES: usize = 256 << 10;

/// The parts of a snapshot, read as they are asked for.
pub(crate) fn parts(vote: Vote, snapshot: &Snapshot) -> io::Result<impl Stream<Item = SnapshotPart> + use<>> {
    let manifest = snapshot.manifest.encode().map_err(io::Error::other)?.into();
    let head = SnapshotPart { part: Some(Part::Head(SnapshotHead { vote, manifest })) };
    let files = snapshot.manifest.files.iter().map(|file| (file.name.clone(), file.size)).collect();
    let reader = Pieces { folder: snapshot.path.clone(), files, open: None, offset: 0 };
    let pieces = stream::unfold(reader, |reader| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut reader = reader;
            (reader.next(), reader)
        });
        match read.await {
            Ok((Ok(Some(piece)), reader)) => Some((SnapshotPart { part: Some(Part::Piece(piece)) }, reader)),
            Ok((Ok(None), _)) => None,
            // The stream ends early, and the receiver finds files that are too short.
            Ok((Err(error), _)) => {
                tracing::warn!(%error, "a snapshot could not be read while it was sent");
                None
            }
            Err(_) => None,
        }
    });
    Ok(stream::StreamExt::chain(stream::iter([head]), pieces))
}

/// Where in the files the reading is.
struct Pieces {
    folder: PathBuf,
    files: Vec<(String, u64)>,
    open: Option<File>,
    offset: u64,
}

impl Pieces {
    fn next(&mut self) -> Result<Option<SnapshotPiece>, io::Error> {
        while let Some((name, size)) = self.files.first() {
            if self.offset >= *size {
                self.files.remove(0);
                (self.open, self.offset) = (None, 0);
                continue;
            }
            let file = match self.open.take() {
                Some(file) => file,
                None => File::open(self.folder.join(name))?,
            };
            let left = usize::try_from(size.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            let mut bytes = BytesMut::zeroed(left.min(PIECE_BYTES));
            file.read_exact_at(&mut bytes, self.offset)?;
            let piece = SnapshotPiece { file: name.clone(), offset: self.offset, bytes: bytes.freeze() };
            self.offset = self.offset.saturating_add(piece.bytes.len() as u64);
            self.open = Some(file);
            return Ok(Some(piece));
        }
        Ok(None)
    }
}

/// Where a node takes snapshots in.
#[derive(Default)]
pub(crate) struct Intake {
    /// The number of the newest call.
    newest: watch::Sender<u64>,
    /// Held with what is received, also while a blocking thread has it.
    place: Arc<Mutex<()>>,
}

impl Intake {
    /// Takes a snapshot in and installs it, unless the sender's vote is an older one. The vote that this node has
    /// afterwards.
    pub(crate) async fn receive(
        &self,
        mut parts: Streaming<SnapshotPart>,
        raft: &Raft,
        state: Arc<State>,
    ) -> Result<Vote, Status> {
        let Some(Part::Head(SnapshotHead { vote, manifest })) = next(&mut parts).await? else {
            return Err(Status::invalid_argument("a snapshot begins with its head"));
        };
        let vote = vote.into();
        let current = raft.with_raft_state(|state| *state.vote_ref()).await.map_err(unavailable)?;
        if !matches!(RaftVote::partial_cmp(&vote, &current), Some(Ordering::Equal | Ordering::Greater)) {
            // The sender learns that it leads no more.
            return Ok(Vote::from(&current));
        }
        let manifest =
            Manifest::decode(&manifest).map_err(|error| Status::invalid_argument(error.to_string()))?;
        tracing::info!(bytes = manifest.size(), position = ?manifest.position(), "a snapshot arrives");
        let mut turn = self.turn();
        let place = turn.unless_over(Arc::clone(&self.place).lock_owned()).await?;
        let mut received =
            blocking(move || Ok(Received { receiver: state.receive(manifest)?, place })).await?;
        while let Some(part) = turn.unless_over(next(&mut parts)).await?? {
            let Part::Piece(SnapshotPiece { file, offset, bytes }) = part else {
                return Err(Status::invalid_argument("a snapshot has one head"));
            };
            received = write(received, file, offset, bytes).await?;
        }
        let (parcel, _place) = blocking(move || Ok((received.receiver.finish()?, received.place))).await?;
        let snapshot =
            state_machine::described(parcel).map_err(|error| Status::data_loss(error.to_string()))?;
        let response = raft.install_full_snapshot(vote, snapshot).await.map_err(unavailable)?;
        tracing::info!("the snapshot is installed");
        Ok(Vote::from(&response.vote))
    }

    /// The turn of a call that ends all earlier ones.
    fn turn(&self) -> Turn {
        let mut number = 0;
        self.newest.send_modify(|newest| {
            *newest = newest.wrapping_add(1);
            number = *newest;
        });
        Turn { number, newest: self.newest.subscribe() }
    }
}

/// Lasts until a newer one begins.
struct Turn {
    number: u64,
    newest: watch::Receiver<u64>,
}

impl Turn {
    /// What is waited for, unless this turn is over before.
    async fn unless_over<T>(&mut self, waited: impl Future<Output = T>) -> Result<T, Status> {
        let number = self.number;
        tokio::select! {
            biased;
            _ = self.newest.wait_for(|newest| *newest != number) => {
                Err(Status::aborted("another snapshot has come since"))
            }
            done = waited => Ok(done),
        }
    }
}

/// What has come so far, and the right to take it in.
struct Received {
    receiver: Receiver,
    place: OwnedMutexGuard<()>,
}

async fn write(mut received: Received, file: String, offset: u64, bytes: Bytes) -> Result<Received, Status> {
    blocking(move || received.receiver.write(&file, offset, &bytes).map(|()| received)).await
}

fn unavailable(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

async fn next(parts: &mut Streaming<SnapshotPart>) -> Result<Option<Part>, Status> {
    let message = tokio::time::timeout(IDLE_MAX, parts.message()).await;
    let message = message.map_err(|_| Status::deadline_exceeded("the snapshot's sender fell silent"))??;
    Ok(message.and_then(|part| part.part))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, storage::Error> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Status::internal(error.to_string()))?
        .map_err(|error| Status::internal(error.to_string()))
}
