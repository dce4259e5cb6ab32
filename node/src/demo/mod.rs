//! `conclave demo`: a cluster on this machine with something in it to try.
//!
//! This process is the edge and looks after the nodes, each a process of its own: [`plan`] says what there is, [`make`]
//! fills it at the first start, [`children`] runs it, [`edge`] forwards to it, [`watch`] tells what becomes of it. It
//! holds no state of the cluster: whatever happens to it, the nodes have everything.

mod ask;
mod children;
mod credentials;
mod edge;
mod explain;
mod log;
mod make;
mod plan;
mod ports;
mod running;
mod seed;
mod watch;

use crate::cli::DemoOptions;
use crate::exit::{Class, Failure, Outcome};
use crate::output::say;
use crate::serve::{Signals, StopBy};
use crate::telemetry;
use credentials::Credentials;
use plan::Plan;
use ports::{Ports, address};
use running::Running;
use std::path::Path;

/// The most nodes that a demo ever had: so many are looked for in its folder.
const NODES_MAX: u64 = 5;

/// Runs the demo until it is stopped.
pub(crate) async fn run(options: DemoOptions) -> Outcome<()> {
    let data = std::path::absolute(&options.data).map_err(Failure::other)?;
    let path = data.join("credentials");
    let known = Credentials::read(&path)?;
    let state = State::of(&data, known.as_ref());
    state.require(options.nodes, &options.data)?;
    let mut signals = Signals::take(StopBy::SignalsOnly)?;
    let taking = async {
        match state {
            State::Empty => Ports::take(options.port_base, options.nodes),
            State::Begun { .. } | State::Complete { .. } | State::Incomplete { .. } => {
                Ports::take_again(options.port_base, options.nodes).await
            }
        }
    };
    let Some(ports) = signals.unless(taking).await.transpose()? else { return Ok(()) };
    let mut nodes = ports.nodes(&data)?;
    for node in &mut nodes {
        // The nodes know each other by these addresses: were all to change at once, none would find another.
        let mut before = known.iter().flat_map(|known| known.nodes.iter().flatten());
        let before = before.find(|process| process.node == node.number).map(|process| process.peers.parse());
        if let Some(Ok(peers)) = before {
            node.peers = peers;
        }
    }
    let plan = Plan { edge: address(&ports.edge)?, nodes, log_level: options.log_level, data };
    plan.write()?;
    if let Some(first) = plan.nodes.first() {
        telemetry::start_logging(&plan.config(first)?);
    }
    let edge = ports.release();
    let known = match state {
        State::Complete { .. } => known,
        State::Empty | State::Begun { .. } | State::Incomplete { .. } => {
            tell_making(&state, known.is_some());
            let known = known.filter(|_| state != State::Empty);
            signals.unless(make::nodes(&plan, known, &path)).await.transpose()?
        }
    };
    let Some(credentials) = known else { return Ok(()) };
    let credentials = Credentials {
        issuer: plan.url(),
        operations: plan.nodes.first().map(|node| format!("http://{}", node.operations)).unwrap_or_default(),
        nodes: Some(plan.nodes.iter().map(credentials::Process::of).collect()),
        ..credentials
    };
    credentials.write(&path)?;
    Running::start(plan, credentials, path, edge)?.until(signals).await
}

fn tell_making(state: &State, has_credentials: bool) {
    if *state != State::Empty && !has_credentials {
        say("The credentials file is gone: making new passwords and secrets for the data that is there …");
    } else {
        say("First start: making an instance, its signing keys, an organization, applications and users …");
    }
}

/// What an earlier demo has left in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No node.
    Empty,
    /// Nodes, but not all that were to be made; the highest of them.
    Begun { highest: u64 },
    /// All of so many nodes.
    Complete { nodes: u64 },
    /// Nodes without one that was there.
    Incomplete { nodes: u64, missing: u64 },
}

impl State {
    fn of(data: &Path, known: Option<&Credentials>) -> State {
        let is_made = |number: &u64| plan::is_made(&data.join(format!("node-{number}")));
        let Some(highest) = (1..=NODES_MAX).rfind(is_made) else { return State::Empty };
        let Some(known) = known else { return State::Begun { highest } };
        let nodes = known.nodes.as_ref().map_or(1, |nodes| nodes.len() as u64);
        match (1..=nodes).find(|number| !is_made(number)) {
            None if nodes == 0 => State::Begun { highest },
            None => State::Complete { nodes },
            Some(missing) => State::Incomplete { nodes, missing },
        }
    }

    /// Refuses to go on with another number of nodes than there are.
    fn require(&self, wanted: u64, data: &Path) -> Outcome<()> {
        let data = data.display();
        let text = match self {
            State::Begun { highest: nodes } if *nodes > wanted => {
                format!("{data} holds {nodes} nodes of a demo: start it with --nodes {}", nodes | 1)
            }
            State::Complete { nodes: 1 } if wanted > 1 => {
                format!("{data} holds a demo of one node: start it with --nodes 1")
            }
            State::Complete { nodes } if *nodes != wanted => {
                format!("{data} holds a demo of {nodes} nodes: start it with --nodes {nodes}")
            }
            State::Incomplete { nodes, missing } => {
                format!("{data} holds a demo of {nodes} nodes, but node-{missing} is gone: put it back")
            }
            State::Empty | State::Begun { .. } | State::Complete { .. } => return Ok(()),
        };
        let text = format!("{text}, name another folder with --data, or remove {data} to begin anew");
        Err(Failure::new(Class::Usage, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_goes_on_with_as_many_nodes_as_it_has() {
        let says =
            |state: State, wanted| state.require(wanted, Path::new("demo")).err().map(|failure| failure.text);
        for (state, wanted) in [
            (State::Empty, 5),
            (State::Begun { highest: 2 }, 3),
            (State::Complete { nodes: 1 }, 1),
            (State::Complete { nodes: 3 }, 3),
        ] {
            assert_eq!(says(state, wanted), None, "{state:?}");
        }
        let choices = ", name another folder with --data, or remove demo to begin anew";
        for (state, wanted, text) in [
            (State::Complete { nodes: 1 }, 3, "demo holds a demo of one node: start it with --nodes 1"),
            (State::Complete { nodes: 5 }, 3, "demo holds a demo of 5 nodes: start it with --nodes 5"),
            (State::Begun { highest: 2 }, 1, "demo holds 2 nodes of a demo: start it with --nodes 3"),
            (
                State::Incomplete { nodes: 3, missing: 2 },
                3,
                "demo holds a demo of 3 nodes, but node-2 is gone: put it back",
            ),
        ] {
            assert_eq!(says(state, wanted), Some(format!("{text}{choices}")));
        }
    }
}
