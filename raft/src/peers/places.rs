//! A few places for those who are not known: when all are taken, who has been there longest makes room.
//!
//! So nobody can take them all and keep them: who means it is through long before his turn comes.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// The places.
pub(super) struct Places {
    max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// Who makes room first stands first: in the order in which they came, or were served.
    holders: VecDeque<Holder>,
}

struct Holder {
    number: u64,
    served: bool,
    /// Dropped when the place is given to another.
    _room: oneshot::Sender<()>,
}

impl Taken {
    fn remove(&mut self, number: u64) -> Option<Holder> {
        let at = self.holders.iter().position(|holder| holder.number == number)?;
        self.holders.remove(at)
    }
}

impl Places {
    pub(super) fn new(max: usize) -> Arc<Places> {
        Arc::new(Places { max, taken: Mutex::default() })
    }

    /// Takes a place; the oldest one's that is not being served where none is free.
    pub(super) fn take(self: &Arc<Self>) -> Place {
        let mut taken = self.taken();
        if taken.holders.len() >= self.max {
            let idle = taken.holders.iter().position(|holder| !holder.served);
            taken.holders.remove(idle.unwrap_or_default());
        }
        let number = taken.next;
        taken.next = number.wrapping_add(1);
        let (room, lost) = oneshot::channel();
        taken.holders.push_back(Holder { number, served: false, _room: room });
        Place { claim: Claim { places: Arc::clone(self), number }, lost }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, until it is dropped or lost. As a future, it ends when it is lost.
pub(super) struct Place {
    claim: Claim,
    lost: oneshot::Receiver<()>,
}

impl Place {
    pub(super) fn claim(&self) -> Claim {
        self.claim.clone()
    }
}

impl Future for Place {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.lost).poll(cx).map(drop)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.claim.places.taken().remove(self.claim.number);
    }
}

/// By what the holder of a place is known to those who serve him.
#[derive(Clone)]
pub(super) struct Claim {
    places: Arc<Places>,
    number: u64,
}

impl Claim {
    /// Serves him: while others may be sent away, he is not. Afterwards he counts as one who has just come, so that he
    /// has time to take the answer with him.
    pub(super) fn serve(&self) -> Served<'_> {
        self.set_served(true);
        Served(self)
    }

    fn set_served(&self, served: bool) {
        let mut taken = self.places.taken();
        if let Some(holder) = taken.remove(self.number) {
            taken.holders.push_back(Holder { served, ..holder });
        }
    }
}

/// The serving of one who holds a place.
pub(super) struct Served<'a>(&'a Claim);

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.0.set_served(false);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_lost(place: &mut Place) -> bool {
        place.now_or_never().is_some()
    }

    #[test]
    fn the_oldest_makes_room() {
        let places = Places::new(2);
        let (mut first, mut second) = (places.take(), places.take());
        assert!(!is_lost(&mut first));
        let mut third = places.take();
        assert_eq!([&mut first, &mut second, &mut third].map(is_lost), [true, false, false]);
        drop(first);
        drop(second);
        let mut fourth = places.take();
        assert_eq!([&mut third, &mut fourth].map(is_lost), [false, false], "one had left by himself");
    }

    #[test]
    fn one_who_is_served_stays() {
        let places = Places::new(2);
        let (mut first, mut second) = (places.take(), places.take());
        let claim = first.claim();
        let served = claim.serve();
        let mut third = places.take();
        assert_eq!([&mut first, &mut second, &mut third].map(is_lost), [false, true, false]);
        drop(served);
        let mut fourth = places.take();
        assert_eq!([&mut first, &mut third].map(is_lost), [false, true], "he has just been served");
        let _fifth = places.take();
        assert_eq!([&mut first, &mut fourth].map(is_lost), [true, false]);
    }
}
