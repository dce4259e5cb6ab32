//! What is needed to try the demo, kept in `DIR/credentials` as JSON for programs.

use super::plan::Node;
use crate::exit::{Class, Failure, Outcome, io};
use crate::folder::write_private;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that is needed to try the demo. It is a demo: its secrets are there to be shown.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// The issuer.
    pub(crate) issuer: String,
    /// The operations side of node 1.
    pub(crate) operations: String,
    /// The nodes; empty until all are made. A demo that had but one did not list it.
    pub(crate) nodes: Option<Vec<Process>>,
    /// A confidential web application.
    pub(crate) web: Web,
    /// A public single-page application.
    pub(crate) spa: Spa,
    /// A resource server, for introspection.
    pub(crate) api: Client,
    /// A service account, for client credentials.
    pub(crate) service: Client,
    /// The owner of the instance.
    pub(crate) admin: Person,
    /// A user with a role in the project.
    pub(crate) user: Person,
}

/// A node of the demo.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) node: u64,
    /// Its public side.
    pub(crate) public: String,
    /// Its operations side.
    pub(crate) operations: String,
    /// Where it talks with the other nodes.
    pub(crate) peers: String,
    /// Its process; none while it does not run.
    pub(crate) pid: Option<u32>,
    /// Its data.
    pub(crate) data: PathBuf,
}

impl Process {
    /// A node that does not run yet.
    pub(crate) fn of(node: &Node) -> Process {
        Process {
            node: node.number,
            public: format!("http://{}", node.public),
            operations: format!("http://{}", node.operations),
            peers: node.peers.to_string(),
            pid: None,
            data: node.data.clone(),
        }
    }
}

/// A web application.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Web {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) redirect_uri: String,
    pub(crate) post_logout_redirect_uri: String,
}

/// A single-page application.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Spa {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
}

/// Something that authenticates with a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// Somebody who signs in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Credentials {
    /// Those of an earlier start; `None` before the first one was complete.
    pub(crate) fn read(path: &Path) -> Outcome<Option<Credentials>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("reading", path, &error)),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let text =
                format!("{} can't be read ({error}): remove the demo's folder to begin anew", path.display());
            Failure::new(Class::Failed, text)
        })
    }

    /// Keeps them, for this user only.
    pub(crate) fn write(&self, path: &Path) -> Outcome<()> {
        let text = serde_json::to_string_pretty(self).map_err(Failure::other)?;
        write_private(path, format!("{text}\n").as_bytes())
    }
}
