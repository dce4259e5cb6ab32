//! The nodes' logs: each node writes into a file of its own; of that only errors are shown as they come.

use crate::exit::{Outcome, io};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The most that is read at once.
const READ_BYTES_MAX: u64 = 64 * 1024;
/// The most lines that are shown at once.
const LINES_MAX: usize = 5;

/// Begins a log anew.
pub(super) fn begin(path: &Path) -> Outcome<()> {
    File::create(path).map(|_| ()).map_err(|error| io("creating", path, &error))
}

/// The last error in a log; empty if there is none.
pub(super) fn last_words(path: &Path) -> String {
    let text = tail(path).unwrap_or_default();
    text.lines().rfind(|line| is_error(line)).unwrap_or_default().to_owned()
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(READ_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    read(file)
}

fn read(file: File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a line tells an error: a log line of that level, or the one line that says why a process ended.
fn is_error(line: &str) -> bool {
    line.starts_with("conclave: ") || line.split_whitespace().nth(1) == Some("ERROR")
}

/// Reads what a log gains.
#[derive(Debug)]
pub(super) struct Follower {
    path: PathBuf,
    at: u64,
}

impl Follower {
    /// Begins at the log's beginning.
    pub(super) fn new(path: &Path) -> Follower {
        Follower { path: path.to_path_buf(), at: 0 }
    }

    /// The errors since the last look. A line that is not whole yet waits; a log that can't be read has none.
    pub(super) fn errors(&mut self) -> Vec<String> {
        let Ok(text) = self.gained() else { return Vec::new() };
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        // Without an end of line in so much it is no line of ours.
        let passed = if text.len() as u64 >= READ_BYTES_MAX && whole == 0 { text.len() } else { whole };
        self.at += passed as u64;
        let mut errors: Vec<String> =
            text[..whole].lines().filter(|line| is_error(line)).map(str::to_owned).collect();
        let more = errors.len().saturating_sub(LINES_MAX);
        errors.truncate(LINES_MAX);
        if more > 0 {
            errors.push(format!("… and {more} errors more, in {}", self.path.display()));
        }
        errors
    }

    fn gained(&self) -> std::io::Result<String> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.at))?;
        read(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    #[test]
    fn only_whole_lines_of_errors_are_shown_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        begin(&path).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        let mut follower = Follower::new(&path);
        let mut gains = |text: &str| {
            file.write_all(text.as_bytes()).unwrap();
            follower.errors()
        };
        assert_eq!(gains("2026-01-01T00:00:00Z  INFO node: ERROR is a word\n"), [""; 0]);
        assert_eq!(gains("2026-01-01T00:00:00Z ERROR node: a "), [""; 0]);
        assert_eq!(gains("fault\nconclave: no"), ["2026-01-01T00:00:00Z ERROR node: a fault"]);
        assert_eq!(gains(" space\n"), ["conclave: no space"]);
        assert_eq!(gains(""), [""; 0]);
        let many = gains(&"x ERROR y\n".repeat(7));
        assert_eq!((many.len(), &many[5][..]), (6, &*format!("… and 2 errors more, in {}", path.display())));
        assert_eq!(last_words(&path), "x ERROR y");
    }
}
