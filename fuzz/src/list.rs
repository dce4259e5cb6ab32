//! Lists under any filter, order and place. The lines are: the word for many of a kind, the order, the filter, and a
//! place to go on behind.

use crate::ground::Ground;
use crate::stage::Stage;
use api_management::condition;
use api_management::noun::Noun;
use identity::envelope::Caller;
use identity::id::Id;
use identity::list::condition::Condition;
use identity::list::{Direction, Page, Query, Sort, list};
use identity::reader::{Reader, Run};
use identity::record::State;
use identity::see::Eyes;
use serde_json::json;

thread_local! {
    static GROUND: Ground = Ground::new(furnish);
}

/// Names that differ in little: in case, in length, in what is no letter, in what is beyond ASCII.
const NAMES: &[&str] = &[
    "a",
    "A",
    "ab",
    "abc",
    "ABC",
    "abcd",
    "bca",
    "anna",
    "Anna",
    "ANNA",
    "annab",
    "Zoë",
    "zoe",
    "Ünal",
    "ünal",
    "İpek",
    "ß",
    "ss",
    "日本語",
    "日本",
    "\"quoted\"",
    "back\\slash",
    "per%cent",
    "x y z",
    "aaaa",
    "aaaaa",
];

async fn furnish(stage: &mut Stage) {
    let owner = stage.elsewhere.clone();
    for (number, name) in NAMES.iter().enumerate() {
        let id = format!("person-{number}");
        let mut profile = json!({ "given_name": name, "family_name": NAMES[NAMES.len() - 1 - number] });
        if number % 3 == 0 {
            profile["email"] = format!("Person{}@mail.example", number / 2).into();
        }
        let organization = ["acme", "globex"][number % 2];
        let kind = json!({ "human": profile });
        let body = json!({ "id": id, "organization": organization, "username": id, "kind": kind });
        stage.world.solo.advance_secs(number as u64 / 4);
        stage.world.post("/api/v1/users", &owner, body).await.expect(201);
        if number % 5 == 0 {
            let path = format!("/api/v1/users/{id}/deactivate");
            stage.world.post(&path, &owner, json!({})).await.expect(200);
        }
        let (id, name) = (format!("team-{number}"), format!("{name} {number}"));
        let body = json!({ "id": id, "organization": organization, "name": name });
        stage.world.post("/api/v1/groups", &owner, body).await.expect(201);
    }
}

/// A list holds exactly what meets its filter; its pages together are the list; backwards it is the same.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(4, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (word, order, filter, place) = (next(), next(), next(), next());
    GROUND.with(|ground| of(ground, word, &Asked { order, filter, place: place.as_bytes() }));
}

struct Asked<'i> {
    order: &'i str,
    filter: &'i str,
    place: &'i [u8],
}

macro_rules! nouns {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        /// Asks for the kind that has this word; `metadata` is that of users.
        fn of(ground: &Ground, word: &str, asked: &Asked<'_>) {
            $(if word == $plural {
                return try_list::<$type>(ground, asked);
            })*
        }
    };
}
identity::resources!(nouns);

/// So many at once are all there are.
const ALL: usize = 1000;

fn try_list<T: Noun>(ground: &Ground, asked: &Asked<'_>) {
    let wanted = match asked.filter {
        "" => None,
        text => match condition::parse::<T>(text) {
            Ok(wanted) => Some(wanted),
            Err(problem) => return assert!(problem.status().is_client_error(), "{problem:?}"),
        },
    };
    let tables = ground.stage.world.solo.tables();
    let now = ground.stage.world.solo.now();
    let reader = Reader { read: &*tables, instance: ground.stage.world.acme.instance, now };
    let caller = Caller::system();
    let eyes = Eyes::new(reader, &caller);
    let page = |condition: &Option<Condition>, sort, after: &[u8], limit| -> Run<Page<T>> {
        list(&reader, &eyes, &Query { condition: condition.clone(), sort, after: after.into(), limit })
    };
    let by_id = Sort { field: None, direction: Direction::Ascending };
    let all = page(&None, by_id, b"", ALL).expect("everything is listed");
    let meets = all.found.iter().filter(|record| wanted.as_ref().is_none_or(|wanted| wanted.holds(record)));
    let expected: Vec<&Id> = meets.map(|record| &record.id).collect();
    let found = page(&wanted, by_id, b"", ALL).expect("a filter that is read can be asked for");
    assert_eq!(ids(&found), expected, "{:?}", asked.filter);
    assert!(found.next.is_none() && found.found.iter().all(|record| record.state != State::Deleted));

    let (name, backwards) = asked.order.strip_prefix('-').map_or((asked.order, false), |name| (name, true));
    let field = T::SEARCH.iter().find(|field| **field == name).copied();
    let sort =
        Sort { field, direction: if backwards { Direction::Descending } else { Direction::Ascending } };
    let whole = page(&wanted, sort, b"", ALL).expect("an order that exists can be asked for");
    assert!(whole.found.iter().all(|record| expected.contains(&&record.id)));
    let other = if backwards { Direction::Ascending } else { Direction::Descending };
    let mut turned = page(&wanted, Sort { direction: other, ..sort }, b"", ALL).expect("so can its reverse");
    turned.found.reverse();
    assert_eq!(ids(&turned), ids(&whole), "{:?} {:?}", asked.order, asked.filter);

    let limit = 1 + asked.place.len() % 7;
    let (mut pages, mut after) = (Vec::new(), Vec::new());
    loop {
        let part = page(&wanted, sort, &after, limit).expect("a place that was given leads on");
        assert!(part.found.len() <= limit);
        pages.extend(part.found.iter().map(|record| record.id.clone()));
        assert!(pages.len() <= whole.found.len(), "pages that do not end");
        match part.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(
        pages.iter().collect::<Vec<_>>(),
        ids(&whole),
        "{:?} {:?} by {limit}",
        asked.order,
        asked.filter
    );

    // Nobody can make a cursor; a place of another version must do no harm all the same.
    if let Ok(part) = page(&wanted, sort, asked.place, limit) {
        assert!(part.found.iter().all(|record| expected.contains(&&record.id)));
    }
}

fn ids<T>(page: &Page<T>) -> Vec<&Id> {
    page.found.iter().map(|record| &record.id).collect()
}
