//! A cluster of one in memory that is the same for each input: what one has written is taken back before the next.

use crate::stage::{Asked, Stage};
use crate::world::{Answer, HOST};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use http_body_util::BodyExt;
use identity::testing::memory::MemoryTables;
use serde_json::Value;
use std::cell::RefCell;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The cluster, and the runtime in which its handlers run.
pub(crate) struct Ground {
    pub(crate) runtime: Runtime,
    pub(crate) stage: Stage,
    /// Every route of the management API, leading to what stands on the stage.
    pub(crate) asked: Vec<Asked>,
    before: RefCell<Arc<MemoryTables>>,
}

impl Ground {
    /// The stage, with what a target adds to it.
    pub(crate) fn new(furnish: impl AsyncFnOnce(&mut Stage)) -> Ground {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = built.expect("a runtime can be made");
        let mut stage = runtime.block_on(Stage::new());
        runtime.block_on(furnish(&mut stage));
        let (asked, before) = (stage.asked(), stage.world.solo.tables().into());
        Ground { runtime, stage, asked, before }
    }

    /// Takes back whatever was written.
    pub(crate) fn rewind(&self) {
        let solo = &self.stage.world.solo;
        let before = self.before.borrow();
        if !Arc::ptr_eq(&solo.tables(), &before) {
            solo.rewind(Arc::clone(&before));
        }
    }

    /// What is written by now is part of the stage.
    pub(crate) fn keep(&self) {
        *self.before.borrow_mut() = self.stage.world.solo.tables();
    }

    /// Asks the management API as an owner of the instance, with a body in JSON.
    pub(crate) fn ask(&self, method: &Method, path: &str, body: &[u8]) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, HOST)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.stage.elsewhere))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_vec()));
        self.send(&self.stage.world.router, request.expect("paths of the stage are paths"))
    }

    /// Shows what stands at a path.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&Method::GET, path, b"")
    }

    /// Sends a request to a router of this cluster.
    pub(crate) fn send(&self, router: &Router, request: Request<Body>) -> Answer {
        self.runtime.block_on(async {
            let Ok(response) = router.clone().oneshot(request).await;
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.expect("an answer has an end").to_bytes();
            let body = String::from_utf8_lossy(&bytes).into_owned();
            Answer { status: parts.status, headers: parts.headers, body }
        })
    }
}

/// The JSON of an answer that must have some.
#[track_caller]
pub(crate) fn json(answer: &Answer) -> Value {
    let json = serde_json::from_str(&answer.body);
    json.unwrap_or_else(|error| panic!("{} {error}: {}", answer.status, answer.body))
}
