//! What an entry packs.

use std::sync::atomic::AtomicU8;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::*;
use crate::propose::{COMMAND_BYTES_MAX, withdraw};

fn pending(bytes: usize) -> (Pending, oneshot::Receiver<Submitted>) {
    let (answer, answered) = oneshot::channel();
    let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let stage = Arc::new(AtomicU8::new(QUEUED));
    (Pending { command: Bytes::from(vec![0; bytes]), stage, answer, room }, answered)
}

/// The sizes that `gather` packs of commands of these sizes, and the one it holds back.
fn check(sizes: &[usize], packed: usize, held: Option<usize>) {
    let (queue, mut arrived) = mpsc::unbounded_channel();
    let mut all = sizes.iter().map(|bytes| pending(*bytes).0);
    let first = all.next().unwrap();
    all.for_each(|pending| queue.send(pending).unwrap());
    let (pack, rest) = gather(first, &mut arrived);
    assert_eq!((pack.len(), rest.map(|pending| pending.command.len())), (packed, held));
}

#[test]
fn an_entry_takes_what_is_there_up_to_its_limits() {
    check(&[10], 1, None);
    check(&[10; 256], 256, None);
    check(&[10; 300], 256, Some(10));
    check(&[ENTRY_BYTES - 5, 5], 2, None);
    check(&[ENTRY_BYTES - 5, 6], 1, Some(6));
    check(&[5, COMMAND_BYTES_MAX], 1, Some(COMMAND_BYTES_MAX));
    check(&[COMMAND_BYTES_MAX, 1], 1, Some(1));
}

#[test]
fn a_withdrawn_command_is_not_packed_and_a_packed_one_not_withdrawn() {
    let (queue, mut arrived) = mpsc::unbounded_channel();
    let (first, _first_answer) = pending(1);
    let (second, _second_answer) = pending(2);
    let stages = [Arc::clone(&first.stage), Arc::clone(&second.stage)];
    assert!(withdraw(&stages[0]));
    queue.send(second).unwrap();
    let (pack, rest) = gather(first, &mut arrived);
    assert_eq!(pack.iter().map(|pending| pending.command.len()).collect::<Vec<_>>(), [2]);
    assert!(rest.is_none());
    assert!(!withdraw(&stages[1]));
}

#[test]
fn a_command_whose_caller_has_gone_is_packed() {
    let (queue, mut arrived) = mpsc::unbounded_channel();
    let (first, answer) = pending(1);
    drop((answer, queue));
    assert_eq!(gather(first, &mut arrived).0.len(), 1);
}

#[test]
fn the_largest_entry_is_below_the_limit_of_the_log() {
    let batch = frames::batch(u64::MAX, u32::MAX, vec![Bytes::from(vec![0; COMMAND_BYTES_MAX])]).unwrap();
    assert!(batch.frame.len() < crate::log_store::ENTRY_BYTES_MAX);
    let many = vec![Bytes::from(vec![0; ENTRY_BYTES / ENTRY_COMMANDS_MAX]); ENTRY_COMMANDS_MAX];
    assert!(frames::batch(u64::MAX, u32::MAX, many).unwrap().frame.len() < crate::log_store::ENTRY_BYTES_MAX);
}
