//! The proposer: where commands are handed in, and where their callers wait for what became of them.
//!
//! A command waits in a queue bounded by bytes until `pack` takes it. A caller that stops waiting loses nothing: what
//! is queued is proposed all the same.
//!
//! `NotApplied` is a promise: the command did not and will never apply. Where that is not certain, the answer is
//! `Unknown`, and the request id resolves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use identity::refusal::Refusal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot, watch};

use crate::machine::Machine;
use crate::pack::Packer;
use crate::position::Position;

/// The largest command.
pub const COMMAND_BYTES_MAX: usize = 256 << 10;
/// The most bytes of commands that are queued or in flight.
const QUEUE_BYTES_MAX: u32 = 8 << 20;
/// What a command costs in the queue beside its bytes.
const QUEUE_OVERHEAD: usize = 256;
/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is committed and applied on this node.
    Applied {
        /// The command's encoded reply.
        reply: Bytes,
        /// Where; a view `AtLeast` there holds it.
        position: Position,
    },
    /// The domain refused it, in the order of the log; nothing was written.
    Refused {
        /// Why.
        refusal: Refusal,
        /// What the refusal saw: a view `AtLeast` there shows the reason.
        position: Position,
    },
    /// It did not and will never apply.
    NotApplied(NotApplied),
    /// It may have applied or may still do; its request id tells, once its deadline has passed.
    Unknown,
}

/// Why a command is certain never to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotApplied {
    /// Too much waits already; try again after a moment.
    #[error("the node has too much to do")]
    Overloaded,
    /// It is larger than [`COMMAND_BYTES_MAX`].
    #[error("the command is too large")]
    TooLarge,
    /// This build can't read it.
    #[error("the command can't be read")]
    Unreadable,
    /// Its deadline passed before it was proposed.
    #[error("the deadline passed before the command was proposed")]
    Late,
    /// This node does not lead, or may not lead on.
    #[error("this node is not the leader")]
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<u64>,
    },
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
    /// This node leads, but its clock is off the median of the cluster, or too few clocks are known to say so.
    #[error("the leader's clock is off the median of the cluster")]
    ClockOff,
    /// This node has withdrawn: its state differs from the others', or it was removed.
    #[error("the node takes no part any more")]
    Withdrawn,
}

pub(crate) const QUEUED: u8 = 0;
pub(crate) const PROPOSED: u8 = 1;
const WITHDRAWN: u8 = 2;

/// A command in the queue.
pub(crate) struct Pending {
    pub(crate) command: Bytes,
    /// `QUEUED`, then either `PROPOSED` by the packer or `WITHDRAWN` by its caller.
    pub(crate) stage: Arc<AtomicU8>,
    pub(crate) answer: oneshot::Sender<Submitted>,
    pub(crate) room: OwnedSemaphorePermit,
}

impl Pending {
    /// Tells the caller what became of it; its room is free by then. Nobody may listen any more.
    pub(crate) fn settle(self, submitted: Submitted) {
        drop(self.room);
        let _ = self.answer.send(submitted);
    }
}

/// How much went through the proposer.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) entries: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) behind_ms: AtomicU64,
}

/// Where commands are handed in.
pub(crate) struct Proposer {
    machine: Arc<dyn Machine>,
    queue: mpsc::UnboundedSender<Pending>,
    room: Arc<Semaphore>,
    pub(crate) counts: Arc<Counts>,
}

impl Proposer {
    /// A proposer and the task that packs for it.
    pub(crate) fn new(packer: Packer) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, arrived) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        let proposer = Proposer {
            machine: Arc::clone(&packer.machine),
            queue,
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX as usize)),
            counts: Arc::clone(&counts),
        };
        (proposer, packer.run(arrived, counts))
    }

    /// Has a command carried out, and waits at most `patience` for what became of it. Nothing is proposed before `ready`.
    pub(crate) async fn submit(
        &self,
        command: Bytes,
        patience: Duration,
        ready: &watch::Receiver<bool>,
    ) -> Submitted {
        let mut late = std::pin::pin!(tokio::time::sleep(patience));
        if !*ready.borrow() {
            let mut ready = ready.clone();
            tokio::select! {
                opened = ready.wait_for(|ready| *ready) => {
                    if opened.is_err() {
                        return Submitted::NotApplied(NotApplied::Stopped);
                    }
                }
                () = &mut late => return Submitted::NotApplied(NotApplied::Late),
            }
        }
        let (stage, answer) = match self.enqueue(command) {
            Ok(queued) => queued,
            Err(why) => return Submitted::NotApplied(why),
        };
        let why = tokio::select! {
            answered = answer => match answered {
                Ok(submitted) => return submitted,
                // The packer dropped it unanswered: it stopped, before or after proposing.
                Err(_) => NotApplied::Stopped,
            },
            () = &mut late => NotApplied::Late,
        };
        if withdraw(&stage) { Submitted::NotApplied(why) } else { Submitted::Unknown }
    }

    /// The bytes that wait or are in flight.
    pub(crate) fn queued_bytes(&self) -> u64 {
        u64::from(QUEUE_BYTES_MAX).saturating_sub(self.room.available_permits() as u64)
    }

    /// Takes no more commands, and waits up to `patience` until those it has are answered.
    pub(crate) async fn close(&self, patience: Duration) {
        // All of the room is free only when nothing is queued or in flight; whoever comes now finds no room.
        if tokio::time::timeout(patience, self.room.acquire_many(QUEUE_BYTES_MAX)).await.is_err() {
            tracing::warn!("commands were left unanswered");
        }
        self.room.close();
    }

    fn enqueue(&self, command: Bytes) -> Result<(Arc<AtomicU8>, oneshot::Receiver<Submitted>), NotApplied> {
        if command.len() > COMMAND_BYTES_MAX {
            return Err(NotApplied::TooLarge);
        }
        if !self.machine.readable(&command) {
            return Err(NotApplied::Unreadable);
        }
        let cost = u32::try_from(command.len() + QUEUE_OVERHEAD).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(cost).map_err(|error| match error {
            TryAcquireError::NoPermits => NotApplied::Overloaded,
            TryAcquireError::Closed => NotApplied::Stopped,
        })?;
        let (answer, answered) = oneshot::channel();
        let stage = Arc::new(AtomicU8::new(QUEUED));
        let pending = Pending { command, stage: Arc::clone(&stage), answer, room };
        self.queue.send(pending).map_err(|_| NotApplied::Stopped)?;
        Ok((stage, answered))
    }
}

/// Takes a command back, if it was not proposed yet.
pub(crate) fn withdraw(stage: &AtomicU8) -> bool {
    stage.compare_exchange(QUEUED, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire).is_ok()
}
