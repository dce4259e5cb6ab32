//! Checks an exported trail by itself: no node, no keys. It proves that the events are those that the chain's end covers,
//! and that what they are shown as is what they say; whether that end is the true one, another witness tells: a node, or a
//! former export. What personal values were opened to, only their keys could prove; whether a line was altered since it
//! was written is told by its check.
//!
//! Names and words of events may be added and never change, so that this program reads what it or an older one wrote.

use crate::audit::file::{self, FORMAT, Line, Manifest, Mark, Told, Unreadable};
use crate::audit::{Entry, Head, Place, link, shown};
use crate::encoding::decode_row;
use crate::id::Hash;

/// The first line of a file that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Wrong {
    /// Which, from 1; behind the last one if the end is missing.
    pub line: u64,
    /// Why.
    pub why: Why,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// There is none.
    #[error("the file is empty")]
    Empty,
    /// The last line is no manifest.
    #[error("the file ends without its manifest: its end was cut off")]
    Cut,
    /// It has not the form of a line.
    #[error("this is no line of an exported trail, or it was altered")]
    Unreadable,
    /// Its check does not fit.
    #[error("it was altered")]
    Altered,
    /// Its event is not the one whose bytes it holds.
    #[error("the readable part says something else than the stored bytes")]
    Readable,
    /// Its hash does not follow.
    #[error("the chain does not lead here: this line or the one before it was altered")]
    Chain,
    /// An event before it is not there.
    #[error("events are missing before it")]
    Missing,
    /// It belongs elsewhere, or nowhere.
    #[error("it does not belong here: it was moved or added")]
    Misplaced,
    /// It says something else than the events.
    #[error("the manifest does not fit the events")]
    Manifest,
    /// It was written by another program.
    #[error("the file has a form that this program does not know; check it with the version that wrote it")]
    Format,
}

/// Checks the lines of a file, given without their ends. Holds few of them at a time.
///
/// # Errors
/// The first line that is wrong.
pub fn file<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> Result<Manifest, Wrong> {
    let mut check = Check::default();
    for line in lines {
        check.line(line.as_ref());
    }
    check.finish()
}

/// An event as the next one needs it.
struct Before {
    number: u64,
    place: Place,
    hash: Hash,
}

/// What has been read so far.
#[derive(Default)]
struct Check {
    lines: u64,
    /// The event of the first line; what comes before it, the manifest tells.
    first: Option<Told>,
    before: Option<Before>,
    /// The lowest number of an event, wherever it stands.
    lowest: Option<u64>,
    manifest: Option<Manifest>,
    wrong: Option<Wrong>,
    /// The number of the event that is missing where the first wrong line stands.
    wanted: Option<u64>,
}

impl Check {
    fn wrong(&mut self, line: u64, why: Why) {
        if self.wrong.as_ref().is_none_or(|other| line < other.line) {
            self.wrong = Some(Wrong { line, why });
        }
    }

    fn line(&mut self, text: &str) {
        self.lines += 1;
        if self.manifest.is_some() {
            return self.wrong(self.lines, Why::Misplaced);
        }
        match file::read(text) {
            Err(Unreadable::Form) => self.wrong(self.lines, Why::Unreadable),
            Err(Unreadable::Check) => self.wrong(self.lines, Why::Altered),
            Ok(Line::End { manifest }) => {
                if let Some(why) = self.wrong_end(&manifest) {
                    self.wrong(self.lines, why);
                }
                self.manifest = Some(manifest);
            }
            Ok(Line::Event(told)) => {
                // It was not missing, but comes too late.
                if let Some(wrong) = self.wrong.as_mut().filter(|_| self.wanted == Some(told.number)) {
                    wrong.why = Why::Misplaced;
                }
                self.lowest = Some(self.lowest.map_or(told.number, |lowest| lowest.min(told.number)));
                if let Some(why) = self.wrong_event(&told) {
                    if self.wrong.is_none() && why == Why::Missing {
                        self.wanted = self.before.as_ref().map(|before| before.number.saturating_add(1));
                    }
                    self.wrong(self.lines, why);
                }
                self.before = Some(Before { number: told.number, place: told.place, hash: told.hash });
                if self.lines == 1 {
                    self.first = Some(told);
                }
            }
        }
    }

    fn wrong_event(&self, told: &Told) -> Option<Why> {
        if let Some(before) = &self.before {
            let follows = before.number.saturating_add(1);
            if told.number != follows {
                return Some(if told.number > follows { Why::Missing } else { Why::Misplaced });
            }
            if told.place <= before.place || !link(&before.hash, told.place, &told.stored).same(&told.hash) {
                return Some(Why::Chain);
            }
        }
        let Ok(event) = decode_row(&told.stored) else { return Some(Why::Unreadable) };
        let entry = Entry { place: told.place, stored: told.stored.clone(), event };
        (!shown::agrees(&entry, &told.event)).then_some(Why::Readable)
    }

    fn wrong_end(&self, manifest: &Manifest) -> Option<Why> {
        if manifest.format != FORMAT {
            return Some(Why::Format);
        }
        let last =
            self.before.as_ref().map(|Before { number, place, .. }| Mark { number: *number, place: *place });
        if manifest.last.map(|mark| mark.number) > last.map(|mark| mark.number) {
            return Some(Why::Missing);
        }
        let count = match (manifest.first, manifest.last) {
            (Some(first), Some(last)) => {
                last.number.checked_sub(first.number).map(|more| more.saturating_add(1))
            }
            (None, None) => Some(0),
            (Some(_), None) | (None, Some(_)) => None,
        };
        let end = self.before.as_ref().map_or(manifest.start, |before| before.hash);
        let covered = manifest.last.map_or(0, |mark| mark.number);
        let begins =
            manifest.first.is_none_or(|mark| mark.number != 1) || manifest.start.same(&Head::NONE.hash);
        let fits = manifest.last == last
            && Some(manifest.count) == count
            && manifest.end.same(&end)
            && manifest.head.count >= covered
            && (manifest.head.count != covered || manifest.head.hash.same(&end))
            && begins;
        (!fits).then_some(Why::Manifest)
    }

    /// What is wrong with the first line: only the manifest tells what came before it.
    fn wrong_beginning(&self, manifest: &Manifest) -> Option<Why> {
        let told = self.first.as_ref()?;
        let Some(first) = manifest.first else { return Some(Why::Misplaced) };
        if told.number > first.number {
            let is_elsewhere = self.lowest.is_some_and(|lowest| lowest <= first.number);
            return Some(if is_elsewhere { Why::Misplaced } else { Why::Missing });
        }
        if told.number < first.number {
            return Some(Why::Misplaced);
        }
        let follows = link(&manifest.start, told.place, &told.stored).same(&told.hash);
        (told.place != first.place || !follows).then_some(Why::Chain)
    }

    fn finish(mut self) -> Result<Manifest, Wrong> {
        let Some(manifest) = self.manifest.take() else {
            self.wrong(self.lines + 1, if self.lines == 0 { Why::Empty } else { Why::Cut });
            return Err(self.wrong.unwrap_or(Wrong { line: 1, why: Why::Empty }));
        };
        if let Some(why) = self.wrong_beginning(&manifest) {
            self.wrong(1, why);
        }
        match self.wrong {
            Some(wrong) => Err(wrong),
            None => Ok(manifest),
        }
    }
}
