//! One connection to each member for everything that is not openraft's: forwarded commands, read rounds, greetings.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tonic::Status;

use crate::peers::dial::{Client, Dialer};

/// The connections; each is made when it is first used.
pub(crate) struct Pool {
    dialer: Option<Dialer>,
    clients: Mutex<BTreeMap<u64, (String, Client)>>,
}

impl Pool {
    /// A pool that dials; without a dialer, one that has no way to anybody.
    pub(crate) fn new(dialer: Option<Dialer>) -> Self {
        Pool { dialer, clients: Mutex::default() }
    }

    /// The client of a member. One whose address has changed is dialled anew.
    pub(crate) fn client(&self, node: u64, address: &str) -> Result<Client, Status> {
        let Some(dialer) = &self.dialer else {
            return Err(Status::unavailable("this node was started without a listener for peers"));
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, client)) = clients.get(&node)
            && known == address
        {
            return Ok(client.clone());
        }
        let client = dialer.dial(node, address)?;
        clients.insert(node, (address.to_owned(), client.clone()));
        Ok(client)
    }
}
