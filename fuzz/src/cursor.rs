//! Cursors and positions. The first line is the name of a list, the rest a place in it; the whole is also read as
//! somebody's cursor and as his position.

use crate::ground::Ground;
use crate::world::OTHER_HOST;
use api_management::ask::Ask;
use api_management::{cursor, position};
use axum::extract::FromRequestParts;
use axum::http::{Request, header};

struct Asks {
    ground: Ground,
    owner: Ask,
    /// Another caller of the same instance, and one of another.
    others: [Ask; 2],
}

thread_local! {
    static ASKS: Asks = asks();
}

fn asks() -> Asks {
    let ground = Ground::new(async |_| {});
    let world = &ground.stage.world;
    let ask = |host: &str, token: &str| {
        let request = Request::get("/").header(header::HOST, host);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let ask = ground.runtime.block_on(Ask::from_request_parts(&mut parts, &world.service));
        ask.unwrap_or_else(|problem| panic!("no caller of {host}: {problem:?}"))
    };
    let owner = ask(world.acme.host, &world.acme.iam_owner);
    let others = [ask(world.acme.host, &world.acme.org_owner), ask(OTHER_HOST, &world.umbra.iam_owner)];
    Asks { ground, owner, others }
}

/// What is sealed is opened by the same caller for the same list, and by nobody else, for no other list, and in no other
/// writing; a position that is read is written as the same text.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Some(found) = position::read(&text) {
        assert_eq!(position::write(found), text);
    }
    let (list, place) = text.split_once('\n').unwrap_or((&text, ""));
    ASKS.with(|asks| {
        assert!(cursor::open(&asks.owner, list, &text).is_err(), "{text:?} was never sealed");
        let Ok(sealed) = cursor::seal(&asks.owner, list, place.into()) else {
            assert!(place.len() > 2_000, "a place of {} bytes is not sealed", place.len());
            return;
        };
        let opened = cursor::open(&asks.owner, list, &sealed).ok();
        assert_eq!(opened.as_deref(), Some(place.as_bytes()));
        assert!(cursor::open(&asks.owner, &format!("{list} "), &sealed).is_err(), "another list");
        for other in &asks.others {
            assert!(cursor::open(other, list, &sealed).is_err(), "another caller");
        }
        let altered = altered(&sealed, input);
        assert!(cursor::open(&asks.owner, list, &altered).is_err(), "{altered} instead of {sealed}");
        asks.ground.rewind();
    });
}

/// The text with one of its characters replaced by another that base64url has; which, the input decides.
fn altered(sealed: &str, input: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sum = input.iter().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let mut bytes = sealed.as_bytes().to_vec();
    let at = sum % bytes.len();
    let new = LETTERS[(sum / bytes.len()) % 64];
    bytes[at] = if bytes[at] == new { b'.' } else { new };
    String::from_utf8(bytes).expect("ASCII stays ASCII")
}
