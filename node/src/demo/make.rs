//! The demo's first start: node 1 begins a cluster and is filled, the others join it. Every step may be repeated: what
//! was interrupted is gone on with.

use super::credentials::Credentials;
use super::plan::{Node, Plan};
use super::seed;
use crate::exit::{Failure, Outcome};
use crate::output::say;
use crate::{join, serve, steps, wire};
use identity::cluster::node::Wanted;
use std::path::Path;

/// How long a token of the demo admits: it is used at once.
const TOKEN_SECS: u32 = 600;

/// Makes what is missing: the data of node 1, what the demo has in it, and the other nodes. Node 1 lives in this process
/// meanwhile, and is stopped at the end.
pub(super) async fn nodes(plan: &Plan, known: Option<Credentials>, path: &Path) -> Outcome<Credentials> {
    let Some((first, others)) = plan.nodes.split_first() else {
        return Err(Failure::other("a demo has a node"));
    };
    let mut config = plan.config(first)?;
    let open = serve::open(&mut config).await?;
    let made = async || -> Outcome<Credentials> {
        // Credentials without the data that they open are worth nothing.
        let known = if steps::is_begun(&open.node.service).await? { known } else { None };
        let credentials = match known {
            Some(known) => known,
            None => {
                let made = seed::seed(&open.node.service, &config.public_url).await?;
                made.write(path)?;
                made
            }
        };
        // The cluster knows its first member before others join.
        open.node.membership().look_once().await;
        for node in others.iter().filter(|node| !node.is_made()) {
            say(format_args!("Node {} joins …", node.number));
            let_in(plan, &open, node).await?;
        }
        Ok(credentials)
    };
    let made = made().await;
    let stopped = open.stop().await;
    let credentials = made?;
    stopped?;
    Ok(credentials)
}

/// Makes a node a member of the cluster that the running node 1 has begun, as an operator does it.
async fn let_in(plan: &Plan, open: &serve::Open, node: &Node) -> Outcome<()> {
    let wire::Node { service, place, .. } = &open.node;
    let token =
        join::create_token(service, place, TOKEN_SECS, Wanted::Voter).await.map_err(Failure::other)?;
    join::join(&plan.config(node)?, token.text.expose()).await.map(|_| ())
}
