//! Given a world, when a command, then a reply or a refusal, and what was told.
//!
//! ```text
//! world.when(&caller, instance, &command).refused(Refusal::NotPermitted);
//! world.when(&caller, instance, &command).told(&[What::Created]);
//! ```

use crate::audit;
use crate::command::Command;
use crate::envelope::Caller;
use crate::event::{Event, What};
use crate::id::InstanceId;
use crate::refusal::Refusal;
use crate::testing::fixtures::World;

/// What became of a command.
#[must_use = "say what you expect: `refused` or `told`"]
#[derive(Debug)]
pub struct Then<R> {
    /// Its reply or refusal.
    pub outcome: Result<R, Refusal>,
    /// The events that it told, in order.
    pub events: Vec<Event>,
}

impl World {
    /// Runs a command and notes what it tells.
    pub fn when<C: Command>(&mut self, caller: &Caller, instance: InstanceId, command: &C) -> Then<C::Reply> {
        let before = self.head.digest;
        let outcome = self.run(caller, instance, command);
        assert_ne!(self.head.digest, before, "every command moves the digest, a refused one too");
        Then { outcome, events: self.told_at(instance, self.index) }
    }

    /// The events of an instance that one entry of the log told, in order.
    pub fn told_at(&self, instance: InstanceId, index: u64) -> Vec<Event> {
        let trail = audit::trail(&self.tables, instance, usize::MAX).unwrap();
        trail.into_iter().filter(|entry| entry.place.index == index).map(|entry| entry.event).collect()
    }
}

impl<R: std::fmt::Debug> Then<R> {
    /// It was refused for this reason, and told nothing.
    #[track_caller]
    pub fn refused(self, refusal: Refusal) {
        match self.outcome {
            Err(found) => assert_eq!(found, refusal),
            Ok(reply) => panic!("expected {refusal:?}, it replied {reply:?}"),
        }
        assert!(self.events.is_empty(), "a refusal tells nothing");
    }

    /// It ran, and told exactly these; its reply.
    #[track_caller]
    pub fn told(self, expected: &[What]) -> R {
        let reply = match self.outcome {
            Ok(reply) => reply,
            Err(refusal) => panic!("expected {expected:?}, it was refused: {refusal:?}"),
        };
        let found: Vec<Option<What>> =
            self.events.iter().map(|event| What::from_number(event.what)).collect();
        let expected: Vec<Option<What>> = expected.iter().copied().map(Some).collect();
        assert_eq!(found, expected);
        reply
    }
}
