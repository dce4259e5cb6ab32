//! Which nodes belong to the cluster, and who may join: given a cluster of three, when a command, then a refusal.

use identity::cluster::membership::{RemoveNode, ReplaceNode, SetNodeRole};
use identity::cluster::node::{
    ACTIVE_MAX, FoundCluster, Node, NodeState, RecordNode, Wanted, is_removed, node, nodes,
};
use identity::cluster::token::{
    AdmitNode, CreateJoinToken, RevokeJoinToken, TOKENS_MAX, presented, token, tokens,
};
use identity::cluster::version::ProgramVersion;
use identity::command::Command;
use identity::encoding::encode;
use identity::envelope::Caller;
use identity::event::{Value, What};
use identity::id::{Hash, InstanceId, SYSTEM};
use identity::level::{self, RaiseLevel};
use identity::refusal::Refusal;
use identity::sweep::{Sweep, is_due};
use identity::testing::cluster::{address, report};
use identity::testing::fixtures::{World, id};
use identity::testing::given::Then;
use identity::testing::tenant::Tenants;

/// Node 1 and node 2 are wanted as voters, node 3 as a learner; all have reported.
fn three() -> World {
    let mut world = World::empty();
    world.found_cluster();
    assert_eq!((world.join(Wanted::Voter), world.join(Wanted::Learner)), (2, 3));
    world
}

/// Runs a command as the system.
fn when<C: Command>(world: &mut World, command: &C) -> Then<C::Reply> {
    world.when(&Caller::system(), SYSTEM, command)
}

fn of(world: &World, number: u64) -> Node {
    node(&world.reader(SYSTEM), number).unwrap().unwrap()
}

fn creation(lifetime_secs: u32) -> CreateJoinToken {
    CreateJoinToken { id: id("t"), secret: Hash::of(b"secret"), lifetime_secs, wanted: Wanted::Voter }
}

#[test]
fn the_founder_is_number_one_and_founds_once() {
    let mut world = World::empty();
    let found = |number| FoundCluster { address: address(number) };
    let number = when(&mut world, &found(1)).told(&[What::NodeFounded]);
    assert_eq!(number, 1);
    let founder = of(&world, 1);
    assert_eq!(
        (founder.wanted, founder.state, founder.version.as_str()),
        (Wanted::Voter, NodeState::Active, "")
    );
    assert_eq!((founder.level_min, founder.level_max), (0, 0));
    // A node asks at each start.
    assert_eq!(when(&mut world, &found(1)).told(&[]), 1);
    when(&mut world, &found(2)).refused(Refusal::AlreadyExists);
    world.join(Wanted::Voter);
    assert_eq!(when(&mut world, &found(1)).told(&[]), 1);
    when(&mut world, &found(2)).refused(Refusal::AlreadyExists);
    when(&mut world, &RemoveNode { node: 1 }).told(&[What::NodeRemoved]);
    for number in [1, 2] {
        when(&mut world, &found(number)).refused(Refusal::NodeRemoved);
    }
}

#[test]
fn nobody_joins_a_cluster_that_was_not_founded() {
    let mut world = World::empty();
    when(&mut world, &creation(60)).refused(Refusal::NotFound);
    when(&mut world, &report(1)).refused(Refusal::NotFound);
    assert_eq!(nodes(&world.reader(SYSTEM)).unwrap(), []);
}

#[test]
fn a_join_token_admits_one_node() {
    let mut world = World::empty();
    world.found_cluster();
    let ticket = world.ticket(Wanted::Learner);
    assert_eq!(presented(&world.reader(SYSTEM), &ticket.token, &ticket.secret).unwrap().unwrap().used, None);
    let admitted = when(&mut world, &ticket).told(&[What::NodeAdmitted, What::JoinTokenUsed]);
    assert_eq!(admitted.node, 2);
    assert_eq!((of(&world, 2).wanted, of(&world, 2).address), (Wanted::Learner, address(99)));
    let another = AdmitNode { key: Hash::of(b"another"), ..ticket.clone() };
    when(&mut world, &another).refused(Refusal::JoinTokenUsed);
    assert_eq!(nodes(&world.reader(SYSTEM)).unwrap().len(), 2);
    let used = token(&world.reader(SYSTEM), &ticket.token).unwrap().unwrap().used.unwrap();
    assert_eq!((used.by, used.key), (2, ticket.key));
}

#[test]
fn a_joiner_whose_answer_was_lost_gets_the_same_number() {
    let mut world = three();
    let ticket = world.ticket(Wanted::Voter);
    let first = when(&mut world, &ticket).told(&[What::NodeAdmitted, What::JoinTokenUsed]);
    world.join(Wanted::Voter);
    world.advance_secs(3599);
    assert_eq!(when(&mut world, &ticket).told(&[]), first);
    let moved = AdmitNode { address: address(7), ..ticket.clone() };
    assert_eq!(when(&mut world, &moved).told(&[]), first);
    assert_eq!(of(&world, first.node).address, address(99), "it says where it is when it starts");
    // The key alone is worth nothing, and neither is the secret.
    let guessed = AdmitNode { secret: Hash::of(b"guessed"), ..ticket.clone() };
    when(&mut world, &guessed).refused(Refusal::JoinTokenInvalid);
    world.advance_secs(1);
    when(&mut world, &ticket).refused(Refusal::JoinTokenInvalid);
}

#[test]
fn a_token_that_is_wrong_unknown_expired_or_revoked_is_refused_alike() {
    let mut world = three();
    let ticket = world.ticket(Wanted::Voter);
    let wrong = AdmitNode { secret: Hash::of(b"wrong"), ..ticket.clone() };
    let unknown = AdmitNode { token: id("unknown"), ..ticket.clone() };
    let mixed = AdmitNode { token: world.ticket(Wanted::Voter).token, ..ticket.clone() };
    for command in [&wrong, &unknown, &mixed] {
        when(&mut world, command).refused(Refusal::JoinTokenInvalid);
        assert_eq!(presented(&world.reader(SYSTEM), &command.token, &command.secret).unwrap(), None);
    }
    let mut revoked = world.clone();
    when(&mut revoked, &RevokeJoinToken { id: ticket.token.clone() }).told(&[What::Deleted]);
    when(&mut revoked, &ticket).refused(Refusal::JoinTokenInvalid);
    when(&mut revoked, &RevokeJoinToken { id: ticket.token.clone() }).refused(Refusal::NotFound);

    world.advance_secs(3599);
    when(&mut world.clone(), &ticket).told(&[What::NodeAdmitted, What::JoinTokenUsed]);
    world.advance_secs(1);
    when(&mut world, &ticket).refused(Refusal::JoinTokenInvalid);
    when(&mut world, &RevokeJoinToken { id: ticket.token.clone() }).refused(Refusal::NotFound);
    assert!(tokens(&world.reader(SYSTEM)).unwrap().is_empty(), "readers hide what has expired");
    assert_eq!(nodes(&world.reader(SYSTEM)).unwrap().len(), 3);
}

#[test]
fn a_used_token_is_not_revoked_the_node_is_removed() {
    let mut world = three();
    let ticket = world.ticket(Wanted::Voter);
    let admitted = world.must(&Caller::system(), SYSTEM, &ticket);
    when(&mut world, &RevokeJoinToken { id: ticket.token.clone() }).refused(Refusal::JoinTokenUsed);
    when(&mut world, &RemoveNode { node: admitted.node }).told(&[What::NodeRemoved]);
    when(&mut world, &ticket).refused(Refusal::NodeRemoved);
    let another = AdmitNode { key: Hash::of(b"another"), ..ticket };
    when(&mut world, &another).refused(Refusal::JoinTokenUsed);
}

#[test]
fn a_join_token_lives_a_minute_to_a_week_and_has_an_id_of_its_own() {
    let mut world = three();
    for secs in [0, 59, 7 * 86_400 + 1, u32::MAX] {
        when(&mut world, &creation(secs)).refused(Refusal::InvalidSpec);
    }
    for secs in [60, 7 * 86_400] {
        let expires = when(&mut world.clone(), &creation(secs)).told(&[What::Created]);
        assert_eq!(expires, world.now.plus_secs(u64::from(secs)));
    }
    world.must(&Caller::system(), SYSTEM, &creation(60));
    when(&mut world, &creation(60)).refused(Refusal::AlreadyExists);
    world.advance_secs(60);
    when(&mut world, &creation(60)).refused(Refusal::AlreadyExists);
    world.must(&Caller::system(), SYSTEM, &Sweep { limit: 100 });
    when(&mut world, &creation(60)).told(&[What::Created]);
}

#[test]
fn tokens_and_nodes_are_bounded() {
    let mut world = World::empty();
    world.found_cluster();
    for _ in 0..TOKENS_MAX {
        world.ticket(Wanted::Learner);
    }
    when(&mut world, &creation(60)).refused(Refusal::LimitReached);
    assert_eq!(tokens(&world.reader(SYSTEM)).unwrap().len(), TOKENS_MAX);
    world.advance_secs(3600);
    world.must(&Caller::system(), SYSTEM, &Sweep { limit: 2000 });
    while nodes(&world.reader(SYSTEM)).unwrap().len() < ACTIVE_MAX {
        world.join(Wanted::Learner);
        world.advance_secs(100);
        world.must(&Caller::system(), SYSTEM, &Sweep { limit: 2000 });
    }
    let ticket = world.ticket(Wanted::Voter);
    when(&mut world, &ticket).refused(Refusal::LimitReached);
    world.must(&Caller::system(), SYSTEM, &RemoveNode { node: 50 });
    // The token was not used up by the refusal.
    let admitted = when(&mut world, &ticket).told(&[What::NodeAdmitted, What::JoinTokenUsed]);
    assert_eq!(admitted.node, ACTIVE_MAX as u64 + 1);
    let numbers: Vec<u64> = nodes(&world.reader(SYSTEM)).unwrap().iter().map(|node| node.number).collect();
    assert!(numbers.iter().copied().eq(1..=ACTIVE_MAX as u64 + 1), "in order, removed ones too");
}

#[test]
fn a_token_is_swept_when_it_expires_and_not_when_one_before_it_would_have() {
    let mut world = three();
    let ticket = world.ticket(Wanted::Voter);
    world.must(&Caller::system(), SYSTEM, &ticket);
    world.must(&Caller::system(), SYSTEM, &creation(60));
    world.must(&Caller::system(), SYSTEM, &RevokeJoinToken { id: id("t") });
    world.must(&Caller::system(), SYSTEM, &creation(7200));
    world.advance_secs(3599);
    world.must(&Caller::system(), SYSTEM, &Sweep { limit: 2000 });
    let left = |world: &World| world.reader(SYSTEM).rows::<identity::cluster::token::JoinToken>(99).unwrap();
    assert_eq!(left(&world).len(), 4, "the used ones stay too, for a lost answer");
    world.advance_secs(1);
    assert!(is_due(&world.reader(SYSTEM)).unwrap());
    world.must(&Caller::system(), SYSTEM, &Sweep { limit: 2000 });
    assert_eq!(left(&world).iter().map(|token| token.id.as_str()).collect::<Vec<_>>(), ["t"]);
    world.advance_secs(3600);
    world.must(&Caller::system(), SYSTEM, &Sweep { limit: 2000 });
    assert!(left(&world).is_empty());
    assert_eq!(nodes(&world.reader(SYSTEM)).unwrap().len(), 4, "nodes do not expire");
}

#[test]
fn what_a_node_says_of_itself_is_recorded_once() {
    let mut world = three();
    when(&mut world, &report(2)).told(&[]);
    let newer = RecordNode { version: ProgramVersion::parse("9.9").unwrap(), level_max: 7, ..report(2) };
    let then = when(&mut world, &newer);
    let fields: Vec<u16> = then.events[0].fields.iter().map(|field| field.number).collect();
    assert_eq!(fields, [3, 5], "what changed and nothing else");
    then.told(&[What::NodeReported]);
    let recorded = of(&world, 2);
    assert_eq!((recorded.version.as_str(), recorded.level_min, recorded.level_max), ("9.9", 1, 7));
    assert_eq!(recorded.wanted, Wanted::Voter);
    for (level_min, level_max) in [(0, 0), (0, 1), (2, 1)] {
        let command = RecordNode { level_min, level_max, ..report(2) };
        when(&mut world, &command).refused(Refusal::InvalidSpec);
    }
    for number in [0, 4, u64::MAX] {
        when(&mut world, &report(number)).refused(Refusal::NotFound);
    }
}

#[test]
fn a_removed_node_never_comes_back() {
    let mut world = three();
    when(&mut world, &RemoveNode { node: 2 }).told(&[What::NodeRemoved]);
    let tombstone = of(&world, 2);
    assert_eq!(tombstone.state, NodeState::Removed);
    assert!(is_removed(&world.reader(SYSTEM), 2).unwrap());
    assert!(!is_removed(&world.reader(SYSTEM), 1).unwrap() && !is_removed(&world.reader(SYSTEM), 4).unwrap());
    when(&mut world, &RemoveNode { node: 2 }).refused(Refusal::NodeRemoved);
    when(&mut world, &report(2)).refused(Refusal::NodeRemoved);
    for wanted in [Wanted::Voter, Wanted::Learner] {
        when(&mut world, &SetNodeRole { node: 2, wanted }).refused(Refusal::NodeRemoved);
    }
    for (old, new) in [(2, 3), (3, 2), (2, 2)] {
        when(&mut world, &ReplaceNode { old, new }).refused(Refusal::NodeRemoved);
    }
    assert_eq!(world.join(Wanted::Voter), 4, "its number is not given again");
    world.must(&Caller::system(), SYSTEM, &RemoveNode { node: 4 });
    assert_eq!(world.join(Wanted::Voter), 5, "nor is that of the last one");
    world.advance_secs(400 * 86_400);
    world.must(&Caller::system(), SYSTEM, &Sweep { limit: 2000 });
    assert_eq!(of(&world, 2), tombstone, "no sweep takes it");
}

#[test]
fn the_last_voter_stays() {
    let mut world = three();
    when(&mut world, &RemoveNode { node: 1 }).told(&[What::NodeRemoved]);
    when(&mut world, &RemoveNode { node: 2 }).refused(Refusal::LastVoter);
    let demote = SetNodeRole { node: 2, wanted: Wanted::Learner };
    when(&mut world, &demote).refused(Refusal::LastVoter);
    when(&mut world.clone(), &RemoveNode { node: 3 }).told(&[What::NodeRemoved]);
    let promote = SetNodeRole { node: 3, wanted: Wanted::Voter };
    when(&mut world, &promote).told(&[What::NodeRoleSet]);
    when(&mut world, &promote).told(&[]);
    when(&mut world, &demote).told(&[What::NodeRoleSet]);
    when(&mut world, &demote).told(&[]);
    when(&mut world, &RemoveNode { node: 3 }).refused(Refusal::LastVoter);
    when(&mut world, &RemoveNode { node: 2 }).told(&[What::NodeRemoved]);
    for number in [0, 4] {
        when(&mut world, &RemoveNode { node: number }).refused(Refusal::NotFound);
        when(&mut world, &SetNodeRole { node: number, wanted: Wanted::Voter }).refused(Refusal::NotFound);
    }
}

#[test]
fn a_node_is_replaced_in_one_step_even_the_last_voter() {
    let mut world = three();
    for (old, new, refusal) in
        [(1, 1, Refusal::InvalidSpec), (1, 9, Refusal::NotFound), (9, 1, Refusal::NotFound)]
    {
        when(&mut world, &ReplaceNode { old, new }).refused(refusal);
    }
    when(&mut world, &ReplaceNode { old: 1, new: 2 }).told(&[What::NodeRemoved]);
    when(&mut world, &ReplaceNode { old: 2, new: 3 }).told(&[What::NodeRoleSet, What::NodeRemoved]);
    assert_eq!((of(&world, 3).wanted, of(&world, 3).state), (Wanted::Voter, NodeState::Active));
    assert!(is_removed(&world.reader(SYSTEM), 1).unwrap() && is_removed(&world.reader(SYSTEM), 2).unwrap());
    when(&mut world, &ReplaceNode { old: 2, new: 3 }).refused(Refusal::NodeRemoved);
}

#[test]
fn the_level_is_judged_on_what_every_member_recorded() {
    let mut world = three();
    let raise = RaiseLevel { level: 1 };
    assert_eq!(when(&mut world, &raise).told(&[]), 1);
    for (level_min, level_max) in [(2, 2), (7, 9)] {
        world.must(&Caller::system(), SYSTEM, &RecordNode { level_min, level_max, ..report(3) });
        when(&mut world, &raise).refused(Refusal::LevelNotSupported);
    }
    when(&mut world.clone(), &RemoveNode { node: 1 }).told(&[What::NodeRemoved]);
    when(&mut world, &raise).refused(Refusal::LevelNotSupported);
    when(&mut world, &RemoveNode { node: 3 }).told(&[What::NodeRemoved]);
    assert_eq!(when(&mut world, &raise).told(&[]), 1);
    // One that has joined and said nothing might run anything.
    let ticket = world.ticket(Wanted::Learner);
    let silent = world.must(&Caller::system(), SYSTEM, &ticket).node;
    when(&mut world, &raise).refused(Refusal::LevelNotSupported);
    world.must(&Caller::system(), SYSTEM, &report(silent));
    when(&mut world, &raise).told(&[]);
    when(&mut world, &RaiseLevel { level: level::MAX + 1 }).refused(Refusal::LevelNotSupported);
    when(&mut world, &RaiseLevel { level: 0 }).refused(Refusal::LevelNotSupported);
}

#[test]
fn a_program_that_is_older_than_the_records_say_stops_instead_of_disagreeing() {
    let mut world = three();
    for number in 1..=3 {
        let newer = RecordNode { level_max: level::MAX + 1, ..report(number) };
        world.must(&Caller::system(), SYSTEM, &newer);
    }
    let raise = world.envelope(&Caller::system(), SYSTEM, &RaiseLevel { level: level::MAX + 1 });
    let fault = world.execute(&encode(&raise)).unwrap_err();
    assert!(fault.0.contains("run a version that knows it"), "{fault}");
}

#[cfg(feature = "next-level")]
#[test]
fn e25_the_next_level_waits_for_the_last_old_node() {
    let mut world = three();
    let raise = RaiseLevel { level: 2 };
    let newer = |number| RecordNode { level_max: 2, ..report(number) };
    for number in [1, 2] {
        when(&mut world, &raise).refused(Refusal::LevelNotSupported);
        world.must(&Caller::system(), SYSTEM, &newer(number));
    }
    when(&mut world, &raise).refused(Refusal::LevelNotSupported);
    let (mut updated, mut removed) = (world.clone(), world);
    updated.must(&Caller::system(), SYSTEM, &newer(3));
    removed.must(&Caller::system(), SYSTEM, &RemoveNode { node: 3 });
    for world in [&mut updated, &mut removed] {
        assert_eq!(when(world, &raise).told(&[What::LevelRaised]), 2);
        assert_eq!(level::current(&world.tables).unwrap(), 2);
        when(world, &raise).told(&[]);
        when(world, &RaiseLevel { level: 1 }).refused(Refusal::LevelNotSupported);
    }
    when(&mut World::empty(), &raise).refused(Refusal::LevelNotSupported);
}

#[test]
fn only_the_system_in_its_own_instance_speaks_of_the_cluster() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    world.found_cluster();
    let (second, third) = (world.join(Wanted::Voter), world.join(Wanted::Learner));
    let ticket = world.ticket(Wanted::Voter);
    fn check<C: Command>(world: &mut World, instance: InstanceId, owner: &Caller, command: &C)
    where
        C::Reply: std::fmt::Debug,
    {
        world.when(&Caller::system(), instance, command).refused(Refusal::InvalidSpec);
        world.when(owner, instance, command).refused(Refusal::NotPermitted);
        world.when(&Caller::nobody(), SYSTEM, command).refused(Refusal::NotPermitted);
        world.when(owner, SYSTEM, command).refused(Refusal::CallerNotAlive);
    }
    let (instance, owner) = (acme.instance, acme.iam_owner.caller());
    check(&mut world, instance, &owner, &FoundCluster { address: address(1) });
    check(&mut world, instance, &owner, &creation(60));
    check(&mut world, instance, &owner, &RevokeJoinToken { id: ticket.token.clone() });
    check(&mut world, instance, &owner, &ticket);
    check(&mut world, instance, &owner, &report(second));
    check(&mut world, instance, &owner, &SetNodeRole { node: third, wanted: Wanted::Voter });
    check(&mut world, instance, &owner, &ReplaceNode { old: second, new: third });
    check(&mut world, instance, &owner, &RemoveNode { node: second });
    check(&mut world, instance, &owner, &RaiseLevel { level: 1 });
    // Readers find the cluster from wherever they look.
    assert_eq!(nodes(&world.reader(instance)).unwrap().len(), 3);
    assert_eq!(tokens(&world.reader(instance)).unwrap().len(), 3);
    assert!(node(&world.reader(instance), second).unwrap().is_some());
}

#[test]
fn neither_secret_nor_key_of_a_join_is_told_or_printed() {
    let mut world = three();
    let ticket = world.ticket(Wanted::Voter);
    let created = world.told_at(SYSTEM, world.index);
    let admitted = when(&mut world, &ticket);
    let row = token(&world.reader(SYSTEM), &ticket.token).unwrap().unwrap();
    let printed = format!("{ticket:?} {row:?} {:?}", creation(60));
    for hash in [ticket.secret, ticket.key] {
        for event in created.iter().chain(&admitted.events) {
            for value in event.fields.iter().filter_map(|field| field.after.as_ref()) {
                let Value::Plain(bytes) = value else { panic!("{value:?}") };
                assert!(!bytes.windows(32).any(|window| window == hash.0), "{event:?}");
            }
        }
        assert!(!printed.contains(&identity::id::hex(&hash.0)), "{printed}");
    }
}
