//! The trail as it grows: server-sent events (HTML §9.2), each with its place as its id, so that a reader who comes again
//! goes on behind what he has. A stream ends after a minute, and when the caller's credential does.

use crate::ask::Ask;
use crate::error::Problem;
use crate::events::{query_of, shown_to};
use crate::query::Params;
use crate::seats::{Rooms, Seat};
use axum::Extension;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use identity::audit::Place;
use identity::audit::search::{self, Query};
use identity::permission::Area;
use identity::refusal::Refusal;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

/// What a stream can be narrowed by.
pub const FILTERS: &[(&str, &str)] = &[
    ("actor", "the id of the user or application that did it"),
    ("target", "the id of what it happened to"),
    ("kind", "the kind of what it happened to, such as project"),
    ("what", "what happened, such as created; several, separated by commas"),
    ("organization", "the id of the organization in which it happened"),
];

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// How often one stream looks, which is about a minute: after it the reader comes again, perhaps to another node.
const LOOKS_MAX: u32 = 240;
/// How many events one look takes.
const BATCH: usize = 100;

/// `GET /api/v1/events/stream`.
pub async fn follow(
    ask: Ask,
    Extension(rooms): Extension<Rooms>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let known: Vec<&str> = FILTERS.iter().map(|(name, _)| *name).collect();
    let mut query = query_of(&Params::of(query.as_deref(), &known)?)?;
    query.limit = BATCH;
    // Who sees no event takes no seat.
    if ask.eyes().organizations(Area::Events)?.is_some_and(|seen| seen.is_empty()) {
        return Err(Refusal::NotPermitted.into());
    }
    let seat = rooms.streams.take(&ask)?;
    let after = match headers.get("last-event-id").map(|value| value.to_str()) {
        None => search::last(&ask.reader())?,
        Some(text) => Some(text.ok().and_then(|text| Place::parse(text).ok()).ok_or_else(|| {
            let title = "Last-Event-ID takes the id of an event as the stream gave it";
            Problem::new(StatusCode::BAD_REQUEST, "invalid_header", title)
        })?),
    };
    let ready = VecDeque::new();
    let follower =
        Follower { ask, query, after, ready, is_behind: true, begun: false, looks: LOOKS_MAX, _seat: seat };
    let events = stream::unfold(follower, Follower::next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

struct Follower {
    ask: Ask,
    query: Query,
    /// Behind which place it goes on.
    after: Option<Place>,
    ready: VecDeque<Event>,
    /// Whether there may be more behind it.
    is_behind: bool,
    begun: bool,
    /// How often it looks yet.
    looks: u32,
    _seat: Seat,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Follower)> {
        if !self.begun {
            self.begun = true;
            // Told at once, so that the reader knows that he is heard, and when to come again.
            return Some((Ok(Event::default().retry(PAUSE).comment("following")), self));
        }
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            self.looks = self.looks.checked_sub(1)?;
            tokio::time::sleep(PAUSE).await;
            self = self.look().await?;
        }
    }

    /// Takes what has come since the last look; nothing more for whose credential no longer counts.
    async fn look(mut self) -> Option<Follower> {
        let view = self.ask.service.bounded().await.ok()?;
        self.is_behind |= view.position > self.ask.view.position;
        self.ask.renew(view);
        let looked = tokio::task::spawn_blocking(move || {
            self.ask.require_alive(&self.ask.view).ok()?;
            // Where nothing is new, nothing is looked for.
            if self.is_behind {
                self.take().ok()?;
            }
            Some(self)
        });
        looked.await.ok().flatten()
    }

    fn take(&mut self) -> Result<(), Problem> {
        let page = search::following(&self.ask.reader(), &self.ask.eyes(), &self.query, self.after)?;
        for event in shown_to(&self.ask, &page.found)? {
            let id = event["id"].as_str().unwrap_or_default();
            self.ready.push_back(Event::default().id(id).data(event.to_string()));
        }
        if let (true, Some(place)) = (page.found.is_empty(), page.next) {
            // How far it has looked without finding anything: a reader who comes again does not begin before that. Who
            // gets an id without data takes it for the last one (HTML §9.2.6), and is told of no event.
            self.ready.push_back(Event::default().id(place.to_string()).comment("looked up to here"));
        }
        self.is_behind = page.next.is_some();
        self.after = page.reached.or(self.after);
        Ok(())
    }
}
