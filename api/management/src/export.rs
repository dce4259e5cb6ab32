//! The audit trail as a file that proves itself.

use crate::ask::Ask;
use crate::error::{Problem, internal};
use crate::events::wrong;
use crate::query::Params;
use crate::seats::Seats;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use identity::audit::Place;
use identity::audit::export::{self, Export, Range};
use identity::audit::unseal::Persons;
use identity::see::Eyes;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Lines that are read ahead of a slow reader, and that are shown by one look at who may read and who can be read.
const LINES_AHEAD: usize = 64;

/// `GET /api/v1/events/export`.
pub async fn exported(ask: Ask, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let params = Params::of(query.as_deref(), &["after", "through"])?;
    let place = |name: &str| {
        params.get(name).map(|text| Place::parse(text).map_err(|no| wrong(name, no))).transpose()
    };
    let range = Range { after: place("after")?, through: place("through")? };
    export::require(&ask.eyes())?;
    let seat = EXPORTS.take(&ask)?;
    let (lines, reading) = mpsc::channel::<Result<String, std::io::Error>>(LINES_AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(problem) = write_lines(&ask, range, &lines) {
            // The reader sees a file without its end, which proves nothing.
            let _ = lines.try_send(Err(std::io::Error::other(problem.code())));
        }
        drop(seat);
    });
    let body = stream::unfold(reading, async |mut reading| {
        let line = reading.recv().await?;
        Some((line, reading))
    });
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Exports of one node at once: each holds a thread that hashes passwords too, and a view.
static EXPORTS: Seats = Seats::new(2, 1);
/// How long one line waits for its reader.
const LINE_WITHIN: Duration = Duration::from_secs(30);

fn write_lines(
    ask: &Ask,
    range: Range,
    lines: &mpsc::Sender<Result<String, std::io::Error>>,
) -> Result<(), Problem> {
    let runtime = tokio::runtime::Handle::current();
    let mut export = Export::new(ask.reader(), &ask.eyes(), range)?;
    while !export.is_over() {
        // Whose credential ends meanwhile reads no more, and who is erased meanwhile is not read any more.
        let view = runtime.block_on(ask.service.bounded())?;
        ask.require_alive(&view)?;
        let reader = view.reader(ask.tenant.instance);
        let eyes = Eyes::new(reader, &ask.caller);
        export::require(&eyes)?;
        let persons = Persons::new(reader, &eyes, &ask.service.machine.keyring)?;
        for line in (0..LINES_AHEAD).map_while(|_| export.next(&persons)) {
            match lines.try_send(Ok(line.map_err(internal)? + "\n")) {
                Ok(()) => {}
                Err(TrySendError::Full(line)) => {
                    // The timer needs the runtime's context, which this thread is in.
                    let sent =
                        runtime.block_on(async { tokio::time::timeout(LINE_WITHIN, lines.send(line)).await });
                    if !matches!(sent, Ok(Ok(()))) {
                        return Ok(());
                    }
                    // Time has passed: the next line is for who may read then.
                    break;
                }
                // Nobody reads any more.
                Err(TrySendError::Closed(_)) => return Ok(()),
            }
        }
    }
    Ok(())
}
