//! The leader's stream of entries to one follower: requests go out as they come up, answers come back in their order.
//!
//! One call lasts as long as the leader leads, so that an entry costs a frame each way and no head. openraft lends its
//! requests behind a lock that its next stream wants too; so they are taken only while the answers are asked for, and
//! with the answers everything is dropped.

use std::time::Duration;

use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use openraft::OptionalSend;
use openraft::errors::RPCError;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use crate::network::Link;
use crate::peers::wire::{AppendRequest, ReplicateResponse};
use crate::types::TypeConfig;

/// The most requests without an answer. The proposer has as many entries under way, and each may be followed by word
/// that it is committed.
const UNANSWERED_MAX: usize = 8;
/// How long an answer may take: the follower's disk may stall, and to send the same again would not help it.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What became of one request.
type Answer = Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>;

struct Session<'s, S> {
    link: &'s Link,
    input: S,
    /// Where requests go out; gone when there will be no more.
    requests: Option<mpsc::Sender<AppendRequest>>,
    answers: Streaming<ReplicateResponse>,
    unanswered: usize,
}

/// Opens the stream; its answers end with the first that is no success.
pub(crate) async fn open<'s, S>(
    link: &'s Link,
    input: S,
) -> Result<BoxStream<'s, Answer>, RPCError<TypeConfig>>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
{
    let mut client = link.client()?;
    let (requests, mut outgoing) = mpsc::channel(UNANSWERED_MAX);
    let outgoing = stream::poll_fn(move |cx| outgoing.poll_recv(cx));
    let opened = tokio::time::timeout(ANSWER_MAX, client.replicate(outgoing)).await;
    let answers = opened.map_err(|_| link.failed(&late()))?.map_err(|status| link.failed(&status))?;
    let answers = answers.into_inner();
    let session = Session { link, input, requests: Some(requests), answers, unanswered: 0 };
    Ok(stream::unfold(Some(session), |session| async move { session?.answer().await }).boxed())
}

fn late() -> Status {
    Status::deadline_exceeded("no answer came in time")
}

impl<S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin> Session<'_, S> {
    /// Sends what there is to send until the next answer has come; goes on after a success only.
    async fn answer(mut self) -> Option<(Answer, Option<Self>)> {
        loop {
            tokio::select! {
                biased;
                answer = self.answers.next() => {
                    let answer = match answer? {
                        Ok(response) => response.read().map_err(|error| self.link.unreadable(&error)),
                        Err(status) => Err(self.link.failed(&status)),
                    };
                    self.unanswered = self.unanswered.saturating_sub(1);
                    let goes_on = matches!(answer, Ok(Ok(_)));
                    return Some((answer, goes_on.then_some(self)));
                }
                request = self.input.next(), if self.may_send() => match (request, &self.requests) {
                    (Some(request), Some(requests)) => {
                        // An error says that the call has ended; why comes as its last answer.
                        let _ = requests.try_send(AppendRequest::from(&request));
                        self.unanswered += 1;
                    }
                    _ => self.requests = None,
                },
                () = tokio::time::sleep(ANSWER_MAX), if self.unanswered > 0 => {
                    return Some((Err(self.link.failed(&late())), None));
                }
            }
        }
    }

    fn may_send(&self) -> bool {
        self.unanswered < UNANSWERED_MAX && self.requests.is_some()
    }
}
