//! What was read at a position need not be read again at the same one.
//!
//! A memo is true for one position of the log, because everything in it follows from the rows alone, never from the
//! time. At another position all of it is forgotten: there is nothing that could be stale.

use crate::backend::{Position, View};
use identity::id::InstanceId;
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How many things are kept at one position; beyond, they are read each time.
const KEPT_MAX: usize = 10_000;

/// What a thing is, so that two kinds can't be taken for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// The instance of a host name.
    Host,
    /// The lifetimes of an instance.
    Lifetimes,
    /// Who a client id names, and his secret.
    Client,
    /// The key that signs with an algorithm.
    Signer,
}

type Name = (InstanceId, About, String);
type Thing = Arc<dyn Any + Send + Sync>;

/// What was read at the newest position.
#[derive(Default)]
pub struct Memo(RwLock<(Position, HashMap<Name, Thing>)>);

impl Memo {
    /// What `read` returned at this view's position; it is asked only if nobody has before. Its errors are not kept.
    pub fn get<T: Send + Sync + 'static, E>(
        &self,
        view: &View,
        instance: InstanceId,
        about: About,
        name: &str,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let key = (instance, about, name.to_owned());
        {
            let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if kept.0 == view.position
                && let Some(found) = kept.1.get(&key).and_then(|thing| Arc::clone(thing).downcast::<T>().ok())
            {
                return Ok(found);
            }
        }
        let thing = Arc::new(read()?);
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if view.position > kept.0 {
            *kept = (view.position, HashMap::new());
        }
        // An older view must not fill the memo of a newer one.
        if view.position == kept.0 && kept.1.len() < KEPT_MAX {
            kept.1.insert(key, Arc::clone(&thing) as Thing);
        }
        Ok(thing)
    }
}
