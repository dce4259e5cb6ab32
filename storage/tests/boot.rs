//! Which pairs of log and state may start, and which may not.

use storage::{Applied, Error, Log, LogBackend, State, boot};

use crate::fixture::*;

/// A folder whose log holds `entries` (after purging) and whose state has applied `applied` with `log_synced`.
fn check(log: impl Fn(&Log), applied_index: Option<(u64, u64)>) -> Result<(), Error> {
    let folder = folder();
    let (opened, state) = (folder.log(), folder.state());
    log(&opened);
    if let Some((index, log_synced)) = applied_index {
        state.write(Default::default(), Applied { log_synced, ..applied(index) }).unwrap();
    }
    boot::check(&opened, &state)
}

#[test]
fn a_log_and_a_state_that_fit_may_start() {
    assert_eq!(check(|_| {}, None), Ok(()));
    assert_eq!(check(|log| append(log, entries(1, 0..10)), None), Ok(()));
    assert_eq!(check(|log| append(log, entries(1, 0..10)), Some((9, 9))), Ok(()));
    assert_eq!(check(|log| append(log, entries(1, 0..10)), Some((4, 9))), Ok(()));
}

#[test]
fn a_log_that_ends_before_the_applied_position_but_after_what_was_synced_may_start() {
    assert_eq!(check(|log| append(log, entries(1, 0..10)), Some((20, 9))), Ok(()));
    assert_eq!(check(|_| {}, Some((20, 0))), Ok(()), "as after the install of a snapshot");
}

#[test]
fn a_log_that_ends_before_what_was_synced_is_refused() {
    let refused = check(|log| append(log, entries(1, 0..10)), Some((20, 10)));
    assert_eq!(refused, Err(Error::LogTailLost { last: 9, synced: 10 }));
}

#[test]
fn a_log_that_ends_before_its_own_committed_hint_is_refused() {
    let refused = check(
        |log| {
            append(log, entries(1, 0..10));
            log.save_committed(Some(id(1, 12))).unwrap();
        },
        Some((5, 5)),
    );
    assert_eq!(refused, Err(Error::LogTailLost { last: 9, synced: 12 }));
}

#[test]
fn a_state_behind_the_purged_position_is_refused() {
    let purged = |log: &Log| {
        append(log, entries(1, 0..10));
        wait(|done| log.purge(id(1, 6), done)).unwrap();
    };
    assert_eq!(check(purged, Some((6, 6))), Ok(()));
    assert!(matches!(check(purged, Some((5, 5))), Err(Error::CorruptState { .. })));
    assert!(matches!(check(purged, None), Err(Error::CorruptState { .. })));
}

#[test]
fn e03_a_log_without_its_beginning_is_refused() {
    assert!(matches!(check(|log| append(log, entries(1, 3..10)), None), Err(Error::CorruptLog { .. })));
}

#[test]
fn log_synced_never_says_more_than_was_applied() {
    let folder = folder();
    let state = folder.state();
    let written = Applied { log_synced: 50, ..applied(7) };
    state.write(Default::default(), written).unwrap();
    assert_eq!(state.applied().log_synced, 7);
    // Entries 8 to 50 were not committed; a new leader may truncate them, and the node still starts.
    let log = folder.log();
    append(&log, entries(1, 0..51));
    wait(|done| log.truncate_after(Some(7), done)).unwrap();
    assert_eq!(boot::check(&log, &state), Ok(()));
}

#[test]
fn the_check_holds_after_a_restart() {
    let folder = folder();
    {
        let (log, state): (Log, State) = (folder.log(), folder.state());
        append(&log, entries(1, 0..3000));
        state.write(Default::default(), Applied { log_synced: 2999, ..applied(2999) }).unwrap();
        wait(|done| log.purge(id(1, 1000), done)).unwrap();
    }
    assert_eq!(boot::check(&folder.log(), &folder.state()), Ok(()));
}
