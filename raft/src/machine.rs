//! The port to what commands mean: a pure function from a state and commands to outcomes and changes.
//!
//! `identity::execute` is the machine of a node. The port exists because agreement does not depend on what is agreed
//! on: the tests of this crate use a machine of a few lines, and the simulation will use both.

use bytes::Bytes;
use identity::execute::{At, Chunk, Head, Outcome};
use identity::tables::{Changes, Fault, Read};
use identity::time::Timestamp;

/// The commands of one log entry; none for entries of Raft's own.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    /// The index of the entry.
    pub index: u64,
    /// The leader's stamp; `None` for an entry that carries none.
    pub time: Option<Timestamp>,
    /// The commands, in order.
    pub commands: &'a [Bytes],
}

/// What a chunk of steps did.
pub struct Ran {
    /// For each step, the outcome of each of its commands.
    pub outcomes: Vec<Vec<Outcome>>,
    /// For each step, the digest after it.
    pub digests: Vec<[u8; 32]>,
    /// All rows written.
    pub changes: Changes,
    /// Log time and digest after the last step.
    pub head: Head,
}

/// Runs commands. The result depends on the arguments and on nothing else, on every replica and build of one level.
pub trait Machine: Send + Sync + 'static {
    /// Whether every replica can read the command. Asked before it is proposed: an unreadable one stops all of them.
    fn readable(&self, command: &[u8]) -> bool;

    /// The level that the cluster has on; an entry carries it.
    ///
    /// # Errors
    /// A fault stops the node.
    fn level(&self, base: &dyn Read) -> Result<u32, Fault>;

    /// Runs `steps` in order over `base`, beginning at `head`. Log time never runs backwards, whatever a step says.
    ///
    /// # Errors
    /// A fault stops the node: the tables can't be read, or hold or are asked what this build does not know.
    fn run(&self, base: &dyn Read, head: Head, steps: &[Step<'_>]) -> Result<Ran, Fault>;
}

impl Machine for identity::execute::Machine {
    fn readable(&self, command: &[u8]) -> bool {
        identity::execute::Machine::readable(self, command)
    }

    fn level(&self, base: &dyn Read) -> Result<u32, Fault> {
        identity::level::current(base)
    }

    fn run(&self, base: &dyn Read, head: Head, steps: &[Step<'_>]) -> Result<Ran, Fault> {
        let mut chunk = Chunk::new(base, head, self);
        let mut outcomes = Vec::with_capacity(steps.len());
        let mut digests = Vec::with_capacity(steps.len());
        for step in steps {
            let mut of_step = Vec::with_capacity(step.commands.len());
            if let Some(time) = step.time {
                chunk.observe(time);
                for (ordinal, command) in (0..).zip(step.commands) {
                    of_step.push(chunk.execute(At { index: step.index, ordinal, time }, command)?);
                }
            }
            outcomes.push(of_step);
            digests.push(chunk.digest());
        }
        if chunk.panics() > 0 {
            tracing::error!(
                commands = chunk.panics(),
                "commands panicked; they were refused and wrote nothing"
            );
        }
        let (changes, head) = chunk.finish();
        Ok(Ran { outcomes, digests, changes, head })
    }
}
