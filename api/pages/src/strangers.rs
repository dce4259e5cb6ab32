//! Names that nobody has are delayed like names that somebody has: else the delay would tell which exist. A name whose
//! account is locked goes on here too, from where its own count ends.
//!
//! A node counts them by itself, in memory and bounded; no stranger writes to the log with a made-up name.

use identity::id::{Hash, InstanceId};
use identity::instance::lifetimes::Lifetimes;
use identity::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many names are remembered; beyond, those with the fewest failures are forgotten.
const NAMES_MAX: usize = 10_000;

/// Failures of names that nobody has.
#[derive(Default)]
pub struct Strangers(Mutex<Names>);

/// How many failures each name has, and until when it is delayed.
type Names = HashMap<(InstanceId, Hash), (u32, Timestamp)>;

impl Strangers {
    /// Until when a name is delayed.
    pub fn delayed(&self, instance: InstanceId, name: &str, now: Timestamp) -> Option<Timestamp> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, until) = names.get(&(instance, hash(name)))?;
        (*until > now).then_some(*until)
    }

    /// Takes over so many failures, and a delay, that were counted elsewhere.
    pub fn remember(&self, instance: InstanceId, name: &str, failures: u32, until: Timestamp) {
        if failures == 0 {
            return;
        }
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut names);
        let entry = names.entry((instance, hash(name))).or_insert((failures, until));
        *entry = (entry.0.max(failures), entry.1.max(until));
    }

    /// Counts a failure, unless the name is delayed by now: then it says until when.
    pub fn failed(
        &self,
        instance: InstanceId,
        name: &str,
        lifetimes: &Lifetimes,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut names);
        let entry = names.entry((instance, hash(name))).or_insert((0, now));
        if entry.1 > now {
            return Some(entry.1);
        }
        entry.0 = entry.0.saturating_add(1);
        entry.1 = now.plus_secs(u64::from(lifetimes.delay_after(entry.0)));
        None
    }
}

fn make_room(names: &mut Names) {
    if names.len() >= NAMES_MAX {
        // Whoever floods this with names tries each of them once or twice: those go first.
        let fewest = names.values().map(|(failures, _)| *failures).min().unwrap_or_default();
        names.retain(|_, (failures, _)| *failures > fewest);
    }
}

fn hash(name: &str) -> Hash {
    Hash::of(identity::name::fold(name).as_bytes())
}
