//! Who belongs to the cluster: this node reports itself, and while it leads, Raft's membership follows the records.

use api_core::{Freshness, Service, SubmitError, View};
use identity::cluster::address::PeerAddress;
use identity::cluster::node::{self, FOUNDER, FoundCluster, Node, RecordNode, Wanted};
use identity::cluster::version::ProgramVersion;
use identity::envelope::Caller;
use identity::id::SYSTEM;
use identity::level;
use identity::refusal::Refusal;
use raft::{Cluster, MemberStep, Peer, Role};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;

/// How often the records are looked at.
const EVERY: Duration = Duration::from_millis(300);

/// This program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Reports and leads until `stop` says so.
pub(crate) async fn run(
    service: Service,
    cluster: Cluster,
    me: u64,
    address: PeerAddress,
    mut stop: watch::Receiver<bool>,
) {
    let mut reported = false;
    loop {
        let looked = tokio::select! {
            looked = look(&service, &cluster, me, &address, &mut reported) => looked,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if let Err(why) = looked {
            tracing::debug!(%why, "the members were not looked after");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn look(
    service: &Service,
    cluster: &Cluster,
    me: u64,
    address: &PeerAddress,
    reported: &mut bool,
) -> Result<(), String> {
    let view = service.backend.view(Freshness::Stale).await.map_err(|error| error.to_string())?;
    let nodes = node::nodes(&view.reader(SYSTEM)).map_err(|fault| fault.0)?;
    let mine = nodes.iter().find(|node| node.number == me);
    if mine.is_some_and(|node| !node.is_active()) {
        cluster.withdraw("this node was removed from the cluster").await;
        return Ok(());
    }
    if !*reported {
        *reported = report(service, &view, me, address, mine).await?;
    }
    if cluster.status().role == Role::Leader
        && let Some(step) =
            cluster.lead_members_to(&wanted(&nodes)).await.map_err(|error| error.to_string())?
    {
        tell(&step);
    }
    Ok(())
}

/// Writes this node's record if it differs from what is so; whether it is right now.
async fn report(
    service: &Service,
    view: &View,
    me: u64,
    address: &PeerAddress,
    known: Option<&Node>,
) -> Result<bool, String> {
    let say = |error: SubmitError| error.to_string();
    if known.is_none() && me == FOUNDER {
        let command = FoundCluster { address: address.clone() };
        match service.submit(SYSTEM, Caller::system(), &command).await {
            // Its address was another one when it was founded; the report below corrects that.
            Ok(_) | Err(SubmitError::Refused(Refusal::AlreadyExists)) => {}
            Err(error) => return Err(say(error)),
        }
    }
    let version = ProgramVersion::parse(VERSION).map_err(|error| error.to_string())?;
    let command = RecordNode {
        node: me,
        address: address.clone(),
        version,
        level_min: level::MIN,
        level_max: level::MAX,
    };
    let same = |node: &Node| {
        node.address == command.address
            && node.version == command.version
            && (node.level_min, node.level_max) == (command.level_min, command.level_max)
    };
    if known.is_some_and(same) {
        return Ok(true);
    }
    let submitted = service.submit(SYSTEM, Caller::system(), &command).await.map_err(say)?;
    tracing::info!(
        node = me,
        index = submitted.position.index,
        before = view.position.index,
        "this node is recorded"
    );
    Ok(true)
}

fn wanted(nodes: &[Node]) -> BTreeMap<u64, raft::Wanted> {
    let active = nodes.iter().filter(|node| node.is_active());
    let wanted = active.map(|node| {
        let peer = Peer { address: node.address.to_string() };
        (node.number, raft::Wanted { peer, voter: node.wanted == Wanted::Voter })
    });
    wanted.collect()
}

fn tell(step: &MemberStep) {
    match step {
        MemberStep::Added(nodes) => tracing::info!(?nodes, "nodes follow from now on"),
        MemberStep::Moved(nodes) => tracing::info!(?nodes, "addresses of nodes have changed"),
        MemberStep::Voters(nodes) => tracing::info!(?nodes, "these nodes vote from now on"),
        MemberStep::Removed(nodes) => tracing::info!(?nodes, "nodes are members no more"),
    }
}
