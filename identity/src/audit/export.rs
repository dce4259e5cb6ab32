//! The trail as a file that proves itself: see `file` for its lines, `verify` for how it is checked.
//!
//! All events of a range are in it, for a chain with holes proves nothing: so it is for those who may read all.

use crate::audit::file::{self, Chain, FORMAT, Line, Manifest, Mark, Told};
use crate::audit::merge::{self, Merge};
use crate::audit::unseal::Unseal;
use crate::audit::{Entry, Head, Place, head, link, shown};
use crate::id::{Hash, InstanceId};
use crate::permission::{Area, Within};
use crate::reader::{Reader, Run};
use crate::refusal::Refusal;
use crate::see::Eyes;
use crate::tables::Read;

/// Which part of the trail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Behind this place; `None` from the first event.
    pub after: Option<Place>,
    /// Up to this place and with it; `None` to the last event.
    pub through: Option<Place>,
}

/// The lines of a file, without their ends. Reads the trail in bounded batches as it is asked for lines; the chain is hashed
/// from its beginning, also where the range begins later. It ends after the manifest, or after a fault. It holds no view: a
/// file may take hours, and a view keeps on disk whatever is overwritten meanwhile.
pub struct Export {
    instance: InstanceId,
    after: Option<Place>,
    /// The last place of it; `None` if nothing has happened yet. Each later view has all up to there.
    through: Option<Place>,
    /// The head of the whole trail when it began.
    head: Head,
    events: Merge,
    chain: Head,
    start: Hash,
    first: Option<Mark>,
    last: Option<Mark>,
    is_over: bool,
}

/// Refuses a caller who may not read all events of the instance.
pub fn require(eyes: &Eyes<'_>) -> Run<()> {
    for area in [Area::Events, Area::Instance] {
        if !eyes.may_read(area, &Within::Instance)? {
            return Err(Refusal::NotPermitted.into());
        }
    }
    Ok(())
}

/// How many events one call hashes at most.
const LOOKS_MAX: usize = 1_000;

impl Export {
    /// Begins a file of what a view has. Refused: a caller who may not read all events of the instance.
    pub fn new(reader: Reader<'_>, eyes: &Eyes<'_>, range: Range) -> Run<Export> {
        require(eyes)?;
        let Reader { read, instance, .. } = reader;
        let last = merge::last(read, instance)?;
        Ok(Export {
            instance,
            after: range.after,
            through: last.map(|last| range.through.map_or(last, |through| through.min(last))),
            head: head(read, instance)?,
            events: Merge::whole(read, instance)?,
            chain: Head::NONE,
            start: Head::NONE.hash,
            first: None,
            last: None,
            is_over: false,
        })
    }

    /// Whether there are no more lines.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next line, or none yet where much lies before the first. The view may be the one that it began with or any later
    /// one, and what opens personal values another each time too: a file takes long, and who is erased meanwhile is not to
    /// be read in the rest of it.
    pub fn next(&mut self, read: &dyn Read, unseal: &dyn Unseal) -> Option<Run<Option<String>>> {
        if self.is_over {
            return None;
        }
        let line = self.line(read, unseal);
        self.is_over |= line.is_err();
        Some(line)
    }

    fn line(&mut self, read: &dyn Read, unseal: &dyn Unseal) -> Run<Option<String>> {
        for _ in 0..LOOKS_MAX {
            let Some(entry) = self.events.next(read)? else { return Ok(Some(self.end())) };
            if self.through.is_none_or(|through| entry.place > through) {
                return Ok(Some(self.end()));
            }
            let before = self.chain.hash;
            self.chain.hash = link(&before, entry.place, &entry.stored);
            self.chain.count = self.chain.count.saturating_add(1);
            if self.after.is_none_or(|after| entry.place > after) {
                return self.event(before, entry, unseal).map(Some);
            }
        }
        Ok(None)
    }

    fn end(&mut self) -> String {
        self.is_over = true;
        self.manifest()
    }

    fn event(&mut self, before: Hash, entry: Entry, unseal: &dyn Unseal) -> Run<String> {
        let mark = Mark { number: self.chain.count, place: entry.place };
        if self.first.is_none() {
            (self.first, self.start) = (Some(mark), before);
        }
        self.last = Some(mark);
        let event = shown::event(&entry, unseal)?;
        let Mark { number, place } = mark;
        let told = Told { event, hash: self.chain.hash, number, place, stored: entry.stored };
        Ok(file::write(&Line::Event(told)))
    }

    fn manifest(&self) -> String {
        let Head { hash, count } = self.head;
        let count_of = |first: Mark, last: Mark| (last.number - first.number).saturating_add(1);
        let manifest = Manifest {
            format: FORMAT,
            instance: self.instance.0,
            count: self.first.zip(self.last).map_or(0, |(first, last)| count_of(first, last)),
            first: self.first,
            last: self.last,
            start: if self.first.is_some() { self.start } else { self.chain.hash },
            end: self.chain.hash,
            head: Chain { count, hash },
        };
        file::write(&Line::End { manifest })
    }
}
