//! Seats for what lasts long on a node, such as a stream: so many in all, and so many for one caller, so that nobody takes
//! the others'.

use crate::ask::Ask;
use crate::error::Problem;
use axum::http::StatusCode;
use identity::id::{Id, InstanceId};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Who sits: a user of an instance.
type Who = (InstanceId, String);

/// Seats of one kind. They are a node's own: another node has as many.
pub struct Seats {
    all: usize,
    each: usize,
    taken: Mutex<BTreeMap<Who, usize>>,
}

/// A taken seat; it is free again when this is dropped.
pub struct Seat {
    of: &'static Seats,
    who: Who,
}

impl Seats {
    /// So many in all, and for each caller.
    pub const fn new(all: usize, each: usize) -> Seats {
        Seats { all, each, taken: Mutex::new(BTreeMap::new()) }
    }

    /// A seat for the caller; 503 if there is none.
    pub fn take(&'static self, ask: &Ask) -> Result<Seat, Problem> {
        let name = ask.user().map(Id::to_string).unwrap_or_default();
        let who = (ask.tenant.instance, name);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let his = taken.get(&who).copied().unwrap_or_default();
        if his >= self.each || taken.values().sum::<usize>() >= self.all {
            let title = "too many of these are under way on this node; end one, or try again";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title));
        }
        taken.insert(who.clone(), his + 1);
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
