//! The audit trail as a file that proves itself.

use crate::ask::Ask;
use crate::error::{Problem, internal};
use crate::events::wrong;
use crate::query::Params;
use crate::seats::Rooms;
use axum::Extension;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::{Stream, stream};
use identity::audit::Place;
use identity::audit::export::{self, Export, Range};
use identity::audit::unseal::Persons;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::sleep;

/// Lines that are read ahead of a slow reader, and that are shown by one look at who may read and who can be read.
const LINES_AHEAD: usize = 64;

/// `GET /api/v1/events/export`.
pub async fn exported(
    ask: Ask,
    Extension(rooms): Extension<Rooms>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::of(query.as_deref(), &["after", "through"])?;
    let place = |name: &str| {
        params.get(name).map(|text| Place::parse(text).map_err(|no| wrong(name, no))).transpose()
    };
    let range = Range { after: place("after")?, through: place("through")? };
    export::require(&ask.eyes())?;
    let seat = rooms.exports.take(&ask)?;
    let (lines, reading) = mpsc::channel(LINES_AHEAD);
    let whole = Arc::new(AtomicBool::new(false));
    let is_whole = Arc::clone(&whole);
    tokio::task::spawn_blocking(move || {
        match write_lines(ask, range, &lines) {
            Ok(Written::Whole) => is_whole.store(true, Ordering::Release),
            Ok(Written::Part) => {}
            Err(problem) => tracing::warn!(code = problem.code(), "an export of the trail was cut off"),
        }
        drop(seat);
    });
    let mut response = Body::from_stream(until_whole(reading, whole)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The lines, and behind them an error if they are not all: what is cut off must not look like the end.
fn until_whole(
    reading: mpsc::Receiver<String>,
    whole: Arc<AtomicBool>,
) -> impl Stream<Item = Result<String, std::io::Error>> {
    stream::unfold(Some((reading, whole)), async |state| {
        let (mut reading, whole) = state?;
        match reading.recv().await {
            Some(line) => Some((Ok(line), Some((reading, whole)))),
            None if whole.load(Ordering::Acquire) => None,
            None => Some((Err(std::io::Error::other("the export was cut off")), None)),
        }
    })
}

/// How much of a file was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// All of it.
    Whole,
    /// What its reader has taken before he went, or was too slow.
    Part,
}

/// The least speed of a reader: so many lines,
const LINES_LEAST: usize = 3_000;
/// within so long from the first of them that waits for him. Else two who read a line now and then hold all seats for days.
const LINES_WITHIN: Duration = Duration::from_secs(30);

/// How fast a reader takes lines.
#[derive(Default)]
struct Pace {
    taken: usize,
    /// Until when he is to have taken enough, if a line had to wait. What is slow before is the reading of the trail.
    patience: Option<BoxFuture<'static, ()>>,
}

type Lines = mpsc::Sender<String>;

impl Pace {
    /// Counts a line that was taken.
    fn count(&mut self) {
        self.taken += 1;
        if self.taken >= LINES_LEAST {
            *self = Pace::default();
        }
    }

    /// Waits until a line is taken; `false` if the reader has gone, or a timer that began before enough lines has ended.
    async fn wait(
        &mut self,
        lines: &Lines,
        line: String,
        timer: impl FnOnce() -> BoxFuture<'static, ()>,
    ) -> bool {
        let patience = self.patience.get_or_insert_with(timer);
        let is_taken = tokio::select! {
            biased;
            sent = lines.send(line) => sent.is_ok(),
            () = patience => false,
        };
        if is_taken {
            self.count();
        }
        is_taken
    }
}

fn write_lines(mut ask: Ask, range: Range, lines: &Lines) -> Result<Written, Problem> {
    let runtime = tokio::runtime::Handle::current();
    let mut export = Export::new(ask.reader(), &ask.eyes(), range)?;
    let mut pace = Pace::default();
    while !export.is_over() {
        // Whose credential ends meanwhile reads no more, and who is erased meanwhile is not read any more. The view before
        // is let go of, so that what is overwritten need not be kept for as long as somebody reads.
        ask.renew(runtime.block_on(ask.service.bounded())?);
        ask.require_alive(&ask.view)?;
        let (reader, eyes) = (ask.reader(), ask.eyes());
        export::require(&eyes)?;
        let persons = Persons::new(reader, &eyes, &ask.service.machine.keyring)?;
        for line in (0..LINES_AHEAD).map_while(|_| export.next(reader.read, &persons)) {
            // What lies before the file is hashed, piece by piece: whoever has gone meanwhile is not waited for.
            let Some(line) = line.map_err(internal)? else {
                if lines.is_closed() {
                    return Ok(Written::Part);
                }
                break;
            };
            match lines.try_send(line + "\n") {
                Ok(()) => pace.count(),
                Err(TrySendError::Full(line)) => {
                    // The timer needs the runtime's context, which this thread is in.
                    let timer = || sleep(LINES_WITHIN).boxed();
                    if !runtime.block_on(pace.wait(lines, line, timer)) {
                        return Ok(Written::Part);
                    }
                    // Time has passed: the next line is for who may read then.
                    break;
                }
                // Nobody reads any more.
                Err(TrySendError::Closed(_)) => return Ok(Written::Part),
            }
        }
    }
    Ok(Written::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use tokio::sync::Notify;

    /// How many of so many lines are sent to a reader who takes some of them, and how often time began anew; it is over
    /// when he has stopped.
    async fn send(count: usize, taken: usize) -> (usize, usize) {
        let (lines, mut reading) = mpsc::channel(1);
        let over = Arc::new(Notify::new());
        let stopped = Arc::clone(&over);
        tokio::spawn(async move {
            for _ in 0..taken {
                let _ = reading.recv().await;
            }
            stopped.notify_one();
            std::future::pending::<()>().await;
            drop(reading);
        });
        let (mut pace, mut began) = (Pace::default(), 0);
        for sent in 0..count {
            let timer = || {
                began += 1;
                let over = Arc::clone(&over);
                async move { over.notified().await }.boxed()
            };
            if !pace.wait(&lines, String::new(), timer).await {
                return (sent, began);
            }
        }
        (count, began)
    }

    #[tokio::test]
    async fn what_is_cut_off_does_not_look_like_the_end() {
        for (whole, last) in [(true, Some(Ok("line"))), (false, Some(Err("the export was cut off")))] {
            let (lines, reading) = mpsc::channel(2);
            lines.send("line".to_owned()).await.unwrap();
            drop(lines);
            let all: Vec<_> = until_whole(reading, Arc::new(AtomicBool::new(whole))).collect().await;
            let told: Vec<_> = all.iter().map(|one| one.as_deref().map_err(ToString::to_string)).collect();
            assert_eq!(told.len(), if whole { 1 } else { 2 });
            assert_eq!(told.last().cloned(), last.map(|last| last.map_err(str::to_owned)));
        }
    }

    #[tokio::test]
    async fn a_reader_keeps_his_export_as_long_as_he_takes_enough_lines() {
        assert_eq!(send(5 * LINES_LEAST, 5 * LINES_LEAST).await, (5 * LINES_LEAST, 5));
        // Lines that are too few do not begin anew; one more waits in the channel.
        assert_eq!(send(5 * LINES_LEAST, LINES_LEAST - 2).await, (LINES_LEAST - 1, 1));
        assert_eq!(send(5 * LINES_LEAST, 0).await, (1, 1));
    }
}
