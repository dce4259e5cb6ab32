//! What is found in the log's RocksDB when it is opened, and reads of it by index.

use std::path::Path;

use rocksdb::{DB, DBRawIterator, ReadOptions};

use crate::codec::{entry, meta};
use crate::error::Part;
use crate::{Entry, Error, LogId, Vote};

/// Payload bytes at the end of the log whose entries are checked one by one at each start.
const CHECKED_BYTES: u64 = 1 << 20;

/// The content of a log at its opening.
pub(crate) struct Found {
    pub(crate) purged: Option<(LogId, u64)>,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    /// The first entry's index; meaningless when `newest` is empty.
    pub(crate) first: u64,
    /// The entry before the newest ones, with its end, if it was not purged.
    pub(crate) before: Option<(LogId, u64)>,
    /// The newest entries, in order, with contents checked.
    pub(crate) newest: Vec<Entry>,
    /// Whether entries below the purged position are still there: a crash came between marking and removing.
    pub(crate) leftovers: bool,
}

/// Reads what is there, and checks the metadata, the first entry and the newest ones.
pub(crate) fn find(db: &DB, path: &Path) -> Result<Found, Error> {
    let purged = read_row(db, path, meta::PURGED, meta::decode_purged)?;
    let start = purged.map_or(0, |(id, _)| id.index.saturating_add(1));
    let mut found = Found {
        purged,
        vote: read_row(db, path, meta::VOTE, meta::decode_vote)?,
        committed: read_row(db, path, meta::COMMITTED, meta::decode_position)?.flatten(),
        first: start,
        before: None,
        newest: Vec::new(),
        leftovers: false,
    };
    let mut rows = Rows::new(db, path);
    rows.0.seek(entry::key(0));
    found.leftovers = rows.index()?.is_some_and(|index| index < start);
    rows.0.seek(entry::key(start));
    let Some(first) = rows.index()? else { return Ok(found) };
    if purged.is_some() && first != start {
        return Err(damaged(path, format!("it begins at index {first} instead of {start}")));
    }
    found.first = first;
    read_newest(&mut rows, &mut found)?;
    Ok(found)
}

fn read_newest(rows: &mut Rows<'_>, found: &mut Found) -> Result<(), Error> {
    rows.0.seek_for_prev(entry::end_key());
    let mut bytes: u64 = 0;
    // The index and the end that the next entry backwards must have.
    let mut expected: Option<(u64, u64)> = None;
    loop {
        let Some(index) = rows.index()? else {
            return Err(damaged(rows.1, format!("entry {:?} is missing", expected.map(|(index, _)| index))));
        };
        let (entry, end) = rows.entry(index)?;
        if expected.is_some_and(|expected| expected != (index, end)) {
            return Err(damaged(rows.1, format!("entries are missing between {index} and its next")));
        }
        if bytes >= CHECKED_BYTES {
            found.before = Some((entry.id, end));
            break;
        }
        let size = u64::try_from(entry.payload.len()).unwrap_or(u64::MAX);
        bytes = bytes.saturating_add(size);
        found.newest.push(entry);
        if index == found.first {
            break;
        }
        expected = Some((index - 1, end.saturating_sub(size)));
        rows.0.prev();
    }
    found.newest.reverse();
    Ok(())
}

/// The entry at `index` with its end; `None` if it is not on disk.
pub(crate) fn get(db: &DB, path: &Path, index: u64) -> Result<Option<(LogId, u64)>, Error> {
    let value = db.get_pinned(entry::key(index)).map_err(|e| Error::rocks(Part::Log, "reading", path, e))?;
    value.map(|value| entry::decode_head(index, &value).map_err(|detail| damaged(path, detail))).transpose()
}

/// Entries in the order of their indexes, from `from` on without a gap, until `more` says no.
pub(crate) fn each(
    db: &DB,
    path: &Path,
    from: u64,
    mut more: impl FnMut(Entry, u64) -> bool,
) -> Result<(), Error> {
    let mut rows = Rows::new(db, path);
    rows.0.seek(entry::key(from));
    let mut expected = from;
    while let Some(index) = rows.index()? {
        if index != expected {
            break;
        }
        let (entry, end) = rows.entry(index)?;
        if !more(entry, end) {
            break;
        }
        expected = index.saturating_add(1);
        rows.0.next();
    }
    Ok(())
}

/// A row of metadata; unreadable bytes are damage.
pub(crate) fn read_row<T>(
    db: &DB,
    path: &Path,
    key: &[u8],
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(bytes) = db.get(key).map_err(|e| Error::rocks(Part::Log, "reading", path, e))? else {
        return Ok(None);
    };
    let name = String::from_utf8_lossy(key.get(1..).unwrap_or_default()).into_owned();
    decode(&bytes).map(Some).ok_or_else(|| damaged(path, format!("the row {name} is unreadable")))
}

pub(crate) fn damaged(path: &Path, detail: String) -> Error {
    Error::CorruptLog { path: path.to_path_buf(), detail }
}

struct Rows<'a>(DBRawIterator<'a>, &'a Path);

impl<'a> Rows<'a> {
    fn new(db: &'a DB, path: &'a Path) -> Rows<'a> {
        let mut options = ReadOptions::default();
        options.set_iterate_range(entry::key(0).to_vec()..entry::end_key().to_vec());
        options.fill_cache(false);
        Rows(db.raw_iterator_opt(options), path)
    }

    /// The index at the cursor; `None` at the end.
    fn index(&self) -> Result<Option<u64>, Error> {
        self.0.status().map_err(|e| Error::rocks(Part::Log, "reading", self.1, e))?;
        let Some(key) = self.0.key() else { return Ok(None) };
        entry::index_of(key).map(Some).ok_or_else(|| damaged(self.1, "a key is unreadable".into()))
    }

    /// The entry at the cursor.
    fn entry(&self, index: u64) -> Result<(Entry, u64), Error> {
        entry::decode(index, self.0.value().unwrap_or_default()).map_err(|detail| damaged(self.1, detail))
    }
}
