//! Seats for what lasts long on a node, such as a stream: so many in all, and so many for one caller or one instance, so
//! that nobody takes the others'.

use crate::ask::Ask;
use crate::error::Problem;
use axum::http::StatusCode;
use identity::id::{Id, InstanceId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The seats of one node.
#[derive(Clone)]
pub struct Rooms {
    /// For streams of the trail.
    pub streams: Arc<Seats>,
    /// For exports of it: each holds a thread that hashes passwords too. One for an instance, however many owners it has.
    pub exports: Arc<Seats>,
}

impl Default for Rooms {
    fn default() -> Rooms {
        Rooms {
            streams: Arc::new(Seats::new(100, 10, Whose::Callers)),
            exports: Arc::new(Seats::new(2, 1, Whose::Instances)),
        }
    }
}

/// Whose seats are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of one caller.
    Callers,
    /// Those of all callers of an instance.
    Instances,
}

/// Who sits: a user of an instance, or no one user of it.
type Who = (InstanceId, Option<Id>);

/// Seats of one kind. They are a node's own: another node has as many.
pub struct Seats {
    all: usize,
    each: usize,
    whose: Whose,
    taken: Mutex<BTreeMap<Who, usize>>,
}

/// A taken seat; it is free again when this is dropped.
pub struct Seat {
    of: Arc<Seats>,
    who: Who,
}

impl Seats {
    /// So many in all, and for each whose they are.
    pub fn new(all: usize, each: usize, whose: Whose) -> Seats {
        Seats { all, each, whose, taken: Mutex::default() }
    }

    /// A seat for the caller; 503 if there is none.
    pub fn take(self: Arc<Self>, ask: &Ask) -> Result<Seat, Problem> {
        let user = match self.whose {
            Whose::Callers => ask.user().cloned(),
            Whose::Instances => None,
        };
        let who = (ask.tenant.instance, user);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let his = taken.get(&who).copied().unwrap_or_default();
        if his >= self.each || taken.values().sum::<usize>() >= self.all {
            let title = "too many of these are under way on this node; end one, or try again";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title));
        }
        taken.insert(who.clone(), his + 1);
        drop(taken);
        Ok(Seat { of: self, who })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(his) = taken.get_mut(&self.who) {
            *his -= 1;
            if *his == 0 {
                taken.remove(&self.who);
            }
        }
    }
}
