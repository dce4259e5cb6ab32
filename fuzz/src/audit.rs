//! Any file as an exported audit trail. Random bytes would never get past the check that ends each line, nor past the
//! chain: a line that is an object gets its check here, and a hash called `follows` becomes the one that follows.

use identity::audit::verify::{self, Why};
use identity::audit::{Head, Place, link};
use identity::id::Hash;
use serde_json::Value;

/// A file that is found sound holds what its manifest says, and is sound no more without one of its lines or with another
/// character in it.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // As it stands, which is what a stranger's file is.
    let _ = verify::file(text.lines());
    let mut chain = Head::NONE.hash;
    let lines: Vec<String> = text.lines().map(|line| sealed(line, &mut chain)).collect();
    let Ok(manifest) = verify::file(&lines) else { return };
    assert_eq!(manifest.count, lines.len() as u64 - 1, "the manifest is the last line");
    assert!(manifest.head.count >= manifest.count);
    let sum = input.iter().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let which = sum % lines.len();
    let mut fewer = lines.clone();
    fewer.remove(which);
    assert!(verify::file(&fewer).is_err(), "line {} may be taken away: {lines:#?}", which + 1);
    let mut other = lines.clone();
    let line = &mut other[which];
    let at = line.floor_char_boundary((sum / lines.len()) % line.len());
    let old = line[at..].chars().next().unwrap_or('x');
    line.replace_range(at..at + old.len_utf8(), if old == '0' { "1" } else { "0" });
    let wrong = verify::file(&other).expect_err("a character may be another");
    assert!(wrong.line >= 1 && wrong.why != Why::Empty, "{wrong}");
}

/// The line with its check, if it is an object.
fn sealed(line: &str, chain: &mut Hash) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_str(line) else { return line.to_owned() };
    members.remove("check");
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let place = Place::parse(&text(members.get("place")));
    let stored = crypto::unb64url(&text(members.get("stored")));
    if let (Ok(place), Some(stored)) = (place, stored) {
        *chain = link(chain, place, &stored);
        if members.get("hash").is_some_and(|hash| hash == "follows") {
            members.insert("hash".into(), crypto::hex(&chain.0).into());
        }
    }
    let mut line = Value::Object(members);
    for at in ["/manifest/end", "/manifest/head/hash"] {
        if let Some(hash) = line.pointer_mut(at).filter(|hash| *hash == "follows") {
            *hash = crypto::hex(&chain.0).into();
        }
    }
    let mut text = line.to_string();
    let check = crypto::hex(&crypto::sha256(text.as_bytes()));
    text.pop();
    format!("{text},\"check\":\"{check}\"}}")
}
