//! Looking on all nodes at once, again and again, whether somebody is still let in.

use crate::application::{Application, Outcome};
use crate::browser::Browser;
use crate::check::Verdict;
use crate::cluster::Cluster;
use crate::history::Clock;
use crate::http::Http;
use crate::wait;
use crate::world::World;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Between two looks, so that the nodes have time for all of them.
const PAUSE: Duration = Duration::from_millis(5);
/// A hang, where every way is tried several times a second.
const HANG: Duration = Duration::from_secs(30);

/// A way in.
#[derive(Clone, Debug)]
pub enum Way {
    /// The person's name and password, in a new browser.
    Password,
    /// The session of a browser that has signed in, for a code.
    Session(Browser),
    /// A refresh token; the look keeps its successor.
    Refresh(String),
    /// An access token, as the resource server sees it.
    Introspection(String),
    /// An access token, for its holder's userinfo.
    Userinfo(String),
    /// The service account's secret, for a token.
    Credentials,
}

impl Way {
    /// Whether a node lets somebody in by it. Who is told that a token does not count is refused too.
    async fn look(&mut self, node: &Http, world: &World) -> Outcome<bool> {
        match self {
            Way::Password => {
                let signed_in = Browser::default().sign_in(node, &world.web, &world.person).await;
                signed_in.map(|_| true)
            }
            Way::Session(browser) => browser.silently(node, &world.web).await.map(|_| true),
            Way::Refresh(token) => {
                let tokens = world.web.refresh(node, token).await;
                if let Outcome::Done(tokens) = &tokens {
                    token.clone_from(&tokens.refresh);
                }
                tokens.map(|_| true)
            }
            Way::Introspection(token) => world.is_alive(node, token).await,
            Way::Userinfo(token) => Application::userinfo(node, token).await,
            Way::Credentials => {
                world.service.client_credentials(node, &world.service_scope).await.map(|_| true)
            }
        }
    }
}

/// One look.
#[derive(Clone, Debug)]
struct Look {
    way: &'static str,
    node: usize,
    from: Duration,
    outcome: Outcome<bool>,
}

impl Look {
    fn accepted(&self) -> bool {
        self.outcome == Outcome::Done(true)
    }

    fn refused(&self) -> bool {
        matches!(self.outcome, Outcome::Done(false) | Outcome::Refused(_))
    }
}

/// Looks that go on until this is dropped.
#[derive(Debug)]
pub struct Watch {
    looks: Arc<Mutex<Vec<Look>>>,
    clock: Clock,
    tasks: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Begins on these ways: each on its node, under a name of its own there.
    pub fn start(cluster: &Cluster, ways: Vec<(usize, &'static str, Way)>) -> Watch {
        let mut watch = Watch { looks: Arc::default(), clock: cluster.clock, tasks: Vec::new() };
        for (number, name, way) in ways {
            let eye = Eye {
                number,
                name,
                node: cluster.public(number),
                way,
                world: cluster.world.clone(),
                clock: cluster.clock,
                looks: Arc::clone(&watch.looks),
            };
            watch.tasks.push(tokio::spawn(eye.look_on()));
        }
        watch
    }

    /// Waits until every way has been open at a look that began from now on.
    pub async fn until_accepted(&self) {
        self.until("everybody is let in", Look::accepted).await;
    }

    /// Waits until every way has been closed at a look that began from now on.
    pub async fn until_refused(&self) {
        self.until("everybody is refused", Look::refused).await;
    }

    async fn until(&self, what: &str, holds: fn(&Look) -> bool) {
        let since = self.clock.now();
        wait::until(what, HANG, async || {
            let looks = self.looks();
            let fresh = looks.iter().filter(|look| look.from >= since && holds(look));
            let seen: BTreeSet<(&str, usize)> = fresh.map(|look| (look.way, look.node)).collect();
            (seen.len() == self.tasks.len()).then_some(())
        })
        .await;
    }

    /// How long after this moment somebody was let in last, by a look that began then.
    pub fn latest_accepted(&self, since: Duration) -> Duration {
        let looks = self.looks();
        let late = looks.iter().filter(|look| look.accepted()).map(|look| look.from.saturating_sub(since));
        late.max().unwrap_or_default()
    }

    /// Judges that nobody was let in by a look that began after this moment.
    ///
    /// # Errors
    /// Names the look.
    pub fn is_closed_after(&self, moment: Duration) -> Verdict {
        match self.looks().iter().find(|look| look.accepted() && look.from > moment) {
            Some(look) => {
                let late = look.from.saturating_sub(moment).as_millis();
                Err(format!("let in {late} ms too late: {look:?}"))
            }
            None => Ok(()),
        }
    }

    /// Judges that nobody was ever refused.
    ///
    /// # Errors
    /// Names the look.
    pub fn was_always_open(&self) -> Verdict {
        match self.looks().iter().find(|look| look.refused()) {
            Some(look) => Err(format!("refused without a reason: {look:?}")),
            None => Ok(()),
        }
    }

    fn looks(&self) -> Vec<Look> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

struct Eye {
    number: usize,
    name: &'static str,
    node: Http,
    way: Way,
    world: World,
    clock: Clock,
    looks: Arc<Mutex<Vec<Look>>>,
}

impl Eye {
    async fn look_on(mut self) {
        loop {
            let from = self.clock.now();
            let outcome = self.way.look(&self.node, &self.world).await;
            let look = Look { way: self.name, node: self.number, from, outcome };
            self.looks.lock().unwrap_or_else(PoisonError::into_inner).push(look);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(looks: &[(u64, Outcome<bool>)]) -> Watch {
        let look = |(from, outcome): &(u64, Outcome<bool>)| Look {
            way: "userinfo",
            node: 1,
            from: Duration::from_millis(*from),
            outcome: outcome.clone(),
        };
        let looks = looks.iter().map(look).collect();
        Watch { looks: Arc::new(Mutex::new(looks)), clock: Clock::start(), tasks: Vec::new() }
    }

    #[test]
    fn who_is_let_in_too_late_is_found() {
        let at = Duration::from_millis;
        let watch = seen(&[
            (10, Outcome::Done(true)),
            (40, Outcome::Done(true)),
            (50, Outcome::Unknown(String::new())),
            (60, Outcome::Done(false)),
        ]);
        assert!(watch.is_closed_after(at(40)).is_ok());
        assert!(watch.is_closed_after(at(39)).is_err());
        assert_eq!((watch.latest_accepted(at(30)), watch.latest_accepted(at(45))), (at(10), at(0)));
    }

    #[test]
    fn a_node_that_cannot_know_has_refused_nobody() {
        let open = seen(&[(10, Outcome::Done(true)), (20, Outcome::Unknown(String::new()))]);
        assert!(open.was_always_open().is_ok());
        for refused in [Outcome::Done(false), Outcome::Refused("invalid_client".to_owned())] {
            assert!(seen(&[(10, Outcome::Done(true)), (20, refused)]).was_always_open().is_err());
        }
    }
}
