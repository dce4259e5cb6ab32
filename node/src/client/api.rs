//! Requests to the management API: the token, the newest state that was seen, revisions, repetition, pages.

use super::access::{Access, Spoilt};
use super::http::{Answer, Http};
use super::problem;
use super::profiles::{Book, Profiles};
use super::surroundings::Surroundings;
use crate::cli::manage::Who;
use crate::clock::SystemClock;
use crate::entropy::SystemEntropy;
use crate::exit::{Class, Failure, Outcome};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use raft::Clock;
use serde_json::Value;
use std::time::Duration;

/// How a node names the state that an answer shows.
const POSITION: &str = "conclave-position";
/// How a request asks for no older state.
const AT_LEAST: &str = "conclave-at-least";
/// By what a node knows a repeated write again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// How often a request is sent: a leader that has just gone is followed by another within seconds.
const ATTEMPTS_MAX: u32 = 4;
/// The longest wait before the next attempt, whatever the node asks for.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// The most items of a page.
const PAGE_MAX: usize = 1000;

/// The management API of a node, in somebody's name.
pub(super) struct Api {
    http: Http,
    access: Access,
    clock: Box<dyn Clock>,
    /// The newest state that was seen.
    position: Option<String>,
    /// Where the position is kept after a write, so that the next command does not read an older state.
    kept: Option<(Profiles, String)>,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// What to do.
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    /// The values.
    pub(super) body: Option<Value>,
    /// Only if the resource has this revision.
    pub(super) revision: Option<u64>,
}

impl Ask {
    /// A request with a body.
    pub(super) fn with(method: Method, path: impl Into<String>, body: Value) -> Ask {
        Ask { method, path: path.into(), body: Some(body), revision: None }
    }

    /// A request without a body.
    pub(super) fn plain(method: Method, path: impl Into<String>) -> Ask {
        Ask { method, path: path.into(), body: None, revision: None }
    }

    /// Only if the resource has this revision.
    pub(super) fn at(mut self, revision: Option<u64>) -> Ask {
        self.revision = revision;
        self
    }
}

/// Which part of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// Those that fit.
    pub(super) filter: Option<String>,
    /// By which field.
    pub(super) sort: Option<String>,
    /// At most so many; `None`: all.
    pub(super) limit: Option<usize>,
    /// What this list alone is narrowed by.
    pub(super) more: Vec<(&'static str, String)>,
}

impl Api {
    /// The API that a command means: what the environment says, else the profile.
    pub(super) fn open(who: &Who, surroundings: &Surroundings) -> Outcome<Api> {
        if let Some(token) = surroundings.token()? {
            let url = surroundings.url().ok_or_else(|| {
                Failure::new(Class::Usage, "CONCLAVE_API_TOKEN is for no node: set CONCLAVE_API_URL too")
            })?;
            let http = Http::of(&url)?;
            let clock = Box::new(SystemClock);
            return Ok(Api { http, access: Access::Fixed(token), clock, position: None, kept: None });
        }
        let profiles = Profiles::of(surroundings.profiles_dir()?);
        let mut book = profiles.read()?;
        let name = book.meant(who.profile.as_deref());
        let profile = book.profile(&name)?.clone();
        let http = Http::of(&profile.url)?;
        // A token goes to the node that gave it, and to no other.
        if let Some(url) = surroundings.url()
            && Http::of(&url)?.base != http.base
        {
            let text = format_args!(
                "CONCLAVE_API_URL names {url}, but the profile {name} is signed in to {}: sign in there, or set \
                 CONCLAVE_API_TOKEN too",
                profile.url
            );
            return Err(Failure::new(Class::NotSignedIn, text));
        }
        let access = Access::Profile { profiles: profiles.clone(), name: name.clone(), held: None };
        let kept = Some((profiles, name));
        Ok(Api { http, access, clock: Box::new(SystemClock), position: profile.position, kept })
    }

    /// Scheme, host and port of the node: the issuer.
    pub(super) fn base(&self) -> &str {
        &self.http.base
    }

    /// Asks, and gives the answer's JSON; null where there is none.
    pub(super) async fn ask(&mut self, ask: Ask) -> Outcome<Value> {
        let mut answer = self.answered(&ask).await?;
        // The cluster was restored from a copy, or made anew: there is no such state in it any more.
        if problem::is_of_another_history(answer.status, &answer.body) && self.position.take().is_some() {
            answer = self.answered(&ask).await?;
        }
        if let Some(position) = answer.headers.get(POSITION).and_then(|value| value.to_str().ok()) {
            self.saw(position, &ask.method)?;
        }
        if !answer.status.is_success() {
            return Err(problem::failure(answer.status, &answer.body));
        }
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        let base = &self.http.base;
        serde_json::from_slice(&answer.body).map_err(|_| {
            Failure::other(format_args!("{base} gave an answer that is no JSON: is this Conclave's address?"))
        })
    }

    /// Reads a resource; `None` if there is none.
    pub(super) async fn find(&mut self, path: &str) -> Outcome<Option<Value>> {
        match self.ask(Ask::plain(Method::GET, path)).await {
            Ok(value) => Ok(Some(value)),
            Err(failure) if failure.class == Class::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Reads a list, page after page.
    pub(super) async fn list(&mut self, path: &str, part: Part) -> Outcome<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = None::<String>;
        loop {
            let left = part.limit.map_or(PAGE_MAX, |limit| limit.saturating_sub(items.len()));
            if left == 0 {
                return Ok(items);
            }
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &left.min(PAGE_MAX).to_string());
            for (name, value) in [("filter", &part.filter), ("sort", &part.sort), ("cursor", &cursor)] {
                value.as_ref().map(|value| query.append_pair(name, value));
            }
            query.extend_pairs(&part.more);
            let mut page = self.ask(Ask::plain(Method::GET, format!("{path}?{}", query.finish()))).await?;
            let next = page.get("next").and_then(Value::as_str).map(str::to_owned);
            let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) else {
                return Err(Failure::other("the node gave a list without items"));
            };
            items.extend(found);
            items.truncate(part.limit.unwrap_or(usize::MAX));
            // A cursor that does not move would never end.
            match next {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                Some(_) | None => return Ok(items),
            }
        }
    }

    /// Reads a long answer as it comes, and hands it on.
    pub(super) async fn download(
        &mut self,
        path: &str,
        take: &mut dyn FnMut(&[u8]) -> Outcome<()>,
    ) -> Outcome<()> {
        let token = self.access.token(&self.http, &*self.clock).await?;
        let headers = self.headers(&Ask::plain(Method::GET, path), &token, None)?;
        let refused = self.http.download(&format!("{}{path}", self.http.base), headers, take).await?;
        refused.map_or(Ok(()), |answer| Err(problem::failure(answer.status, &answer.body)))
    }

    /// Sends a request until a node answers it. A write carries a key, by which its repetition is known.
    async fn answered(&mut self, ask: &Ask) -> Outcome<Answer> {
        let key = (ask.method != Method::GET).then(|| crypto::b64url(&crypto::draw::<18>(&SystemEntropy)));
        let mut attempt = 0;
        let mut renewed = None;
        loop {
            attempt += 1;
            let token = self.access.token(&self.http, &*self.clock).await?;
            let headers = self.headers(ask, &token, key.as_deref())?;
            let body = ask.body.as_ref().map(|body| Bytes::from(body.to_string())).unwrap_or_default();
            let url = format!("{}{}", self.http.base, ask.path);
            let sent = self.http.send(ask.method.clone(), &url, headers, body).await;
            let wait = match sent {
                Ok(answer) if answer.status == StatusCode::UNAUTHORIZED && renewed.is_none() => {
                    // Clocks differ, and tokens are revoked: one more try with another token, and no more.
                    renewed = Some(());
                    match self.access.spoil(&token)? {
                        Spoilt::Renewable => continue,
                        Spoilt::ForGood => return Ok(answer),
                    }
                }
                Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE && attempt < ATTEMPTS_MAX => {
                    asked_to_wait(&answer).unwrap_or(Duration::from_secs(1))
                }
                Err(failure) if failure.class == Class::Unavailable && attempt < ATTEMPTS_MAX => {
                    Duration::from_millis(250) * attempt
                }
                Ok(answer) => return Ok(answer),
                Err(failure) => return Err(failure),
            };
            tokio::time::sleep(wait.min(WAIT_MAX)).await;
        }
    }

    fn headers(&self, ask: &Ask, token: &str, key: Option<&str>) -> Outcome<HeaderMap> {
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, text: &str| {
            let unfit = |_| {
                Failure::new(Class::NotSignedIn, format_args!("{name} can't be sent: it is no ASCII text"))
            };
            let mut value = HeaderValue::from_str(text).map_err(unfit)?;
            value.set_sensitive(name == header::AUTHORIZATION);
            headers.insert(name, value);
            Ok::<(), Failure>(())
        };
        add(header::AUTHORIZATION, &format!("Bearer {token}"))?;
        add(header::ACCEPT, "application/json")?;
        if ask.body.is_some() {
            let merge = ask.method == Method::PATCH;
            add(
                header::CONTENT_TYPE,
                if merge { "application/merge-patch+json" } else { "application/json" },
            )?;
        }
        if let Some(position) = &self.position {
            add(HeaderName::from_static(AT_LEAST), position)?;
        }
        if let Some(key) = key {
            add(HeaderName::from_static(IDEMPOTENCY_KEY), key)?;
        }
        if let Some(revision) = ask.revision {
            add(header::IF_MATCH, &format!("\"{revision}\""))?;
        }
        Ok(headers)
    }

    /// Remembers the state that an answer shows; after a write also for the next command.
    fn saw(&mut self, position: &str, method: &Method) -> Outcome<()> {
        self.position = Some(position.to_owned());
        let Some((profiles, name)) = &self.kept else { return Ok(()) };
        if method == Method::GET {
            return Ok(());
        }
        profiles.change(|book: &mut Book| {
            // Somebody may have signed out meanwhile.
            if let Some(profile) = book.profiles.get_mut(name) {
                profile.position = Some(position.to_owned());
            }
            Ok(())
        })
    }
}

/// How long a node wants to be left alone, if it says so in seconds.
fn asked_to_wait(answer: &Answer) -> Option<Duration> {
    let text = answer.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
