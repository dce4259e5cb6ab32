//! A cluster as its records have it: founded, joined, reported.

use crate::cluster::address::PeerAddress;
use crate::cluster::node::{FoundCluster, RecordNode, Wanted};
use crate::cluster::token::{AdmitNode, CreateJoinToken};
use crate::cluster::version::ProgramVersion;
use crate::envelope::Caller;
use crate::id::SYSTEM;
use crate::level;
use crate::testing::fixtures::World;

/// Where a node of a test is reached.
pub fn address(number: u64) -> PeerAddress {
    PeerAddress::parse(&format!("node-{number}.test:8081")).unwrap()
}

/// What a node of the first release reports of itself at its start: level 1, whatever this program runs, so that a
/// recorded log is the same on every build.
pub fn report(number: u64) -> RecordNode {
    RecordNode {
        node: number,
        address: address(number),
        version: ProgramVersion::parse("0.1.0+test").unwrap(),
        level_min: level::MIN,
        level_max: level::MIN,
    }
}

impl World {
    /// Founds the cluster: node 1, which has reported.
    pub fn found_cluster(&mut self) -> u64 {
        let number = self.must(&Caller::system(), SYSTEM, &FoundCluster { address: address(1) });
        self.must(&Caller::system(), SYSTEM, &report(number));
        number
    }

    /// Creates a join token for an hour, and what a joiner presents with it.
    pub fn ticket(&mut self, wanted: Wanted) -> AdmitNode {
        let (id, secret) = (self.fresh_id(), self.fresh_hash());
        let token = CreateJoinToken { id: id.clone(), secret, lifetime_secs: 3600, wanted };
        self.must(&Caller::system(), SYSTEM, &token);
        AdmitNode { token: id, secret, key: self.fresh_hash(), address: address(99) }
    }

    /// Lets a node join, which has reported; its number.
    pub fn join(&mut self, wanted: Wanted) -> u64 {
        let ticket = self.ticket(wanted);
        let number = self.must(&Caller::system(), SYSTEM, &ticket).node;
        self.must(&Caller::system(), SYSTEM, &report(number));
        number
    }
}
