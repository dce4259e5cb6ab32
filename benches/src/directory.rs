//! A large directory: how fast it is filled, what it weighs, and how long lists and searches take in it.

use crate::Error;
use crate::engine::{Engine, FIRST, INSTANCE, instance_key, numbered, organization};
use crate::process::resident_mb;
use crate::report::{Report, Target};
use identity::change::Create;
use identity::credential::password::{Password, SetPassword};
use identity::envelope::Caller;
use identity::id::Id;
use identity::list::condition::{Condition, Match, Test};
use identity::list::{Direction, Query, Sort, list};
use identity::name::{EmailAddress, Name, Username};
use identity::reader::Reader;
use identity::see::Eyes;
use identity::time::Timestamp;
use identity::user::person::NewKey;
use identity::user::{Profile, User, UserKind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Commands under way at once while it is filled.
const WRITERS: usize = 256;
/// Users of one organization of many.
const USERS_EACH: u64 = 100;
/// The organizations of the directory that the one of many is compared with.
const ORGANIZATIONS_FEW: u64 = 10;
/// How often each question is asked.
const ROUNDS: u64 = 300;
const PAGE: usize = 50;
/// The hash of everybody's password: hashing a million would measure nothing else.
const PHC: &[u8] = b"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";

pub(crate) async fn measure(users: u64, report: &mut Report) -> Result<(), Error> {
    let many = tempfile::tempdir_in("target")?;
    let (large, rate) =
        Directory::filled(&many.path().join("node"), users, users.div_ceil(USERS_EACH)).await?;
    report.add(format!("filling a directory of {users} users, each with a password"), rate, "1/s", None);
    let (in_many, _) = large.ask(of_organization).await?;
    for (name, question) in [
        ("the users of one organization", of_organization as fn(&Directory, u64) -> Query),
        ("all users by name", by_name),
        ("a username by its beginning", starting),
        ("a part of a name that one has", rare_part),
        ("a part of a name that many have", common_part),
        ("an e-mail address", e_mail),
        ("a part that nobody has", nobody),
    ] {
        let (p50, p99) = large.ask(question).await?;
        report.add(format!("{name}, p50"), p50, "ms", None);
        report.add(format!("{name}, p99"), p99, "ms", Some(Target::AtMost(50.0)));
    }
    let memory = resident_mb(std::process::id())?;
    #[allow(clippy::cast_precision_loss)]
    let most = storage::MEMORY_BYTES as f64 / 1e6 + 100.0;
    report.add("resident memory of the process", memory, "MB", Some(Target::AtMost(most)));
    large.engine.cluster.shutdown().await?;
    let organizations = large.organizations;
    drop(large);

    // As many users in all: what differs is how many organizations they are in.
    let few = tempfile::tempdir_in("target")?;
    let (wide, _) = Directory::filled(&few.path().join("node"), users, ORGANIZATIONS_FEW).await?;
    let (in_few, _) = wide.ask(of_organization).await?;
    wide.engine.cluster.shutdown().await?;
    let name =
        format!("users of one organization of {organizations}, over those of one of {ORGANIZATIONS_FEW}");
    report.add(name, in_many / in_few, "x", Some(Target::AtMost(1.2)));
    Ok(())
}

/// A node, and who is in it.
struct Directory {
    engine: Arc<Engine>,
    users: u64,
    organizations: u64,
}

impl Directory {
    /// A node with so many users, and how many of them came in a second.
    async fn filled(folder: &Path, users: u64, organizations: u64) -> Result<(Directory, f64), Error> {
        let engine = Arc::new(Engine::alone(folder).await?);
        let directory = Arc::new(Directory { engine, users, organizations });
        for number in 0..organizations {
            directory.engine.submit(organization(number, &format!("Organization {number}"))?).await?;
        }
        let (next, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let (directory, next) = (Arc::clone(&directory), Arc::clone(&next));
                tokio::spawn(async move {
                    let key = instance_key()?;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= users {
                            return Ok::<(), Error>(());
                        }
                        directory.create(&key, number).await?;
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await??;
        }
        #[allow(clippy::cast_precision_loss)]
        let rate = users as f64 / begun.elapsed().as_secs_f64();
        let engine = Arc::clone(&directory.engine);
        Ok((Directory { engine, users, organizations }, rate))
    }

    /// The organization of a user.
    fn organization(&self, number: u64) -> Id {
        Id::from_number(FIRST + number / self.users.div_ceil(self.organizations))
    }

    async fn create(&self, key: &crypto::InstanceKey, number: u64) -> Result<(), Error> {
        let id = Id::parse(&format!("u{number}"))?;
        let person = crypto::Secret::new([9; 64]);
        let birth = NewKey { wrapped: key.wrap_person(id.as_str(), &person, [1; 12]) };
        let command =
            Create { id: id.clone(), parent: self.organization(number), spec: user(number)?, birth };
        self.engine.submit(numbered(REQUESTS + 2 * number, &command)?).await?;
        let sealed = key.seal_key().seal(Password::PURPOSE, id.as_str().as_bytes(), [2; 12], PHC);
        self.engine.submit(numbered(REQUESTS + 2 * number + 1, &SetPassword { user: id, sealed })?).await
    }

    /// Asks a question about different users; the median and the 99th percentile in milliseconds.
    async fn ask(&self, question: impl Fn(&Directory, u64) -> Query) -> Result<(f64, f64), Error> {
        let view = self.engine.view().await?;
        let caller = Caller::system();
        let mut waits = Vec::new();
        for round in 0..ROUNDS {
            let query = question(self, round.wrapping_mul(7_919) % self.users);
            let begun = Instant::now();
            let reader = Reader { read: &view, instance: INSTANCE, now: Timestamp::default() };
            let page = list::<User>(&reader, &Eyes::new(reader, &caller), &query)?;
            waits.push(begun.elapsed());
            std::hint::black_box(page);
        }
        waits.sort_unstable();
        let at = |percent: usize| waits.get(waits.len() * percent / 100).map(Duration::as_secs_f64);
        Ok((at(50).unwrap_or(f64::NAN) * 1000.0, at(99).unwrap_or(f64::NAN) * 1000.0))
    }
}

/// Requests of users are numbered behind those of organizations.
const REQUESTS: u64 = 1 << 40;

/// Letters of a number, so that parts of names differ as those of people do.
fn word(mut number: u64) -> String {
    let mut letters = String::from("Q");
    number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
    for _ in 0..7 {
        letters.push(char::from(b'a' + u8::try_from(number % 26).unwrap_or_default()));
        number /= 26;
    }
    letters
}

fn user(number: u64) -> Result<User, Error> {
    let given = word(number);
    let family = word(number % 5_000);
    let email = EmailAddress::parse(&format!("{given}.{number}@mail.example").to_lowercase())?;
    let profile = Profile {
        given_name: Name::parse(&given)?,
        family_name: Name::parse(&family)?,
        display_name: None,
        nick_name: None,
        language: None,
        email: Some(email),
        email_verified: true,
    };
    let username = Username::parse(&format!("{}-{number}", given.to_lowercase()))?;
    Ok(User { username, kind: UserKind::Human(profile) })
}

fn query(condition: Option<Condition>, field: Option<&'static str>) -> Query {
    let sort = Sort { field, direction: Direction::Ascending };
    Query { condition, sort, after: Vec::new(), limit: PAGE }
}

fn term(field: &'static str, how: Match, text: String) -> Query {
    query(Some(Condition::Test(Test::Term(field, how, text))), None)
}

/// A page that begins at the same user whether his organization is small or large.
fn of_organization(of: &Directory, number: u64) -> Query {
    let parent = Condition::Test(Test::Parent(of.organization(number)));
    let id = format!("u{}", number / USERS_EACH * USERS_EACH);
    let mut after = u16::try_from(id.len()).unwrap_or_default().to_be_bytes().to_vec();
    after.extend(id.as_bytes());
    Query { after, ..query(Some(parent), None) }
}

fn by_name(_: &Directory, _: u64) -> Query {
    query(None, Some("name"))
}

fn starting(_: &Directory, number: u64) -> Query {
    term("username", Match::Starts, word(number).to_lowercase())
}

fn rare_part(_: &Directory, number: u64) -> Query {
    term("name", Match::Contains, word(number)[1..].to_owned())
}

fn common_part(_: &Directory, number: u64) -> Query {
    term("name", Match::Contains, word(number)[2..5].to_owned())
}

fn e_mail(_: &Directory, number: u64) -> Query {
    term("email", Match::Equal, format!("{}.{number}@mail.example", word(number)).to_lowercase())
}

fn nobody(_: &Directory, number: u64) -> Query {
    term("name", Match::Contains, format!("xyzzy{}", word(number)))
}
