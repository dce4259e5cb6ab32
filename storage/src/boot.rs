//! What is checked before a node may start: that log and state belong together and no end of the log is missing.
//!
//! openraft would quietly close a hole and so hide that votes and acknowledged entries were lost; this refuses.
//! Identities were compared when log and state were opened, and the newest entries' checksums too.

use std::path::{Path, PathBuf};

use crate::folder::Lock;
use crate::log::wal::{self, Ending};
use crate::{Applied, Error, LogBackend, LogId, State, atomic_file};

/// Entries that are read at once.
const PAGE: usize = 1 << 20;

/// Refuses a log and a state that do not fit together.
///
/// A log that ends before the applied position is legal: openraft applies what a quorum has, perhaps before this node
/// has synced it. A log that ends before `log_synced` is not: a piece of it is gone.
pub fn check(log: &dyn LogBackend, state: &State) -> Result<(), Error> {
    let path = state.dir.join("state");
    check_positions(log, &state.applied(), &path)?;
    check_entries(log, state.applied().log, &state.dir.join("log"))
}

/// The rules about positions alone.
fn check_positions(log: &dyn LogBackend, applied: &Applied, state_path: &Path) -> Result<(), Error> {
    let log = log.state();
    let last = log.last.map_or(0, |id| id.index);
    if last < applied.log_synced {
        return Err(Error::LogTailLost { last, synced: applied.log_synced });
    }
    // The log was synced together with this hint, after the entries it speaks of.
    if let Some(committed) =
        log.committed.filter(|committed| log.last.is_none_or(|last| last.index < committed.index))
    {
        return Err(Error::LogTailLost { last, synced: committed.index });
    }
    let behind = log.purged.filter(|purged| applied.log.is_none_or(|applied| applied.index < purged.index));
    if let Some(purged) = behind {
        let detail = format!(
            "it has applied {}, but the log begins after {purged}",
            applied.log.map_or("nothing".to_owned(), |id| id.to_string())
        );
        return Err(Error::CorruptState { path: state_path.to_path_buf(), detail });
    }
    Ok(())
}

/// The entries that will be applied again are all here, and the log begins where it should.
fn check_entries(log: &dyn LogBackend, applied: Option<LogId>, path: &Path) -> Result<(), Error> {
    let state = log.state();
    let first = state.first_index();
    if first >= state.next_index() {
        return Ok(());
    }
    let begins = log.read(first..first.saturating_add(1), 0, 1)?;
    if begins.first().is_none_or(|entry| entry.id.index != first) {
        return Err(missing(path, first));
    }
    let mut next = applied.map_or(first, |id| id.index.saturating_add(1)).max(first);
    while next < state.next_index() {
        let entries = log.read(next..state.next_index(), PAGE, usize::MAX)?;
        match entries.first().zip(entries.last()) {
            Some((begin, end)) if begin.id.index == next => next = end.id.index.saturating_add(1),
            _ => return Err(missing(path, next)),
        }
    }
    Ok(())
}

fn missing(path: &Path, index: u64) -> Error {
    Error::CorruptLog { path: path.to_path_buf(), detail: format!("entry {index} is missing") }
}

/// What `truncate_torn_tail` removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncated {
    /// The file that was cut.
    pub file: PathBuf,
    /// The bytes that went, kept beside it with the suffix `.torn`.
    pub bytes: u64,
}

/// Drops the last record of the newest log file if it is torn; `None` if it is not. The record may have been
/// acknowledged, so this is a person's decision, for a cluster that has no quorum elsewhere.
pub fn truncate_torn_tail(dir: &Path) -> Result<Option<Truncated>, Error> {
    let _lock = Lock::take(&dir.join("LOCK"))?;
    let Some((file, Ending::Torn { offset })) = wal::judge_newest(&dir.join("log"))? else { return Ok(None) };
    let content = atomic_file::read(&file)?.unwrap_or_default();
    let torn = usize::try_from(offset).ok().and_then(|offset| content.get(offset..)).unwrap_or_default();
    atomic_file::write_synced(&file.with_extension("torn"), torn)?;
    let opened =
        std::fs::File::options().write(true).open(&file).map_err(|e| Error::io("opening", &file, &e))?;
    opened.set_len(offset).map_err(|e| Error::io("cutting", &file, &e))?;
    opened.sync_all().map_err(|e| Error::io("syncing", &file, &e))?;
    atomic_file::sync_parent(&file)?;
    Ok(Some(Truncated { bytes: u64::try_from(torn.len()).unwrap_or(u64::MAX), file }))
}
