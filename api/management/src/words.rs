//! What serde says about a value, in the words of who writes JSON. No value is repeated: it may be a password.

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// The member of the value that it is about, if serde names one.
    pub member: Option<String>,
    /// What it should be.
    pub reason: String,
}

/// A message of serde, told anew. Messages of our own types are already told so.
pub fn of(message: &str) -> Told {
    let about = |reason: String| Told { member: None, reason };
    if message.starts_with("missing field `") {
        return Told { member: quoted(message).next(), reason: "it is missing".into() };
    }
    // What was sent may have backticks of its own: those behind it are serde's.
    if let Some((sent, known)) = message.rsplit_once("`, expected ") {
        let known = quoted(known).collect::<Vec<String>>().join(", ");
        if let Some(name) = sent.strip_prefix("unknown field `") {
            let reason = format!("there is no such field; there are: {known}");
            return Told { member: Some(name.to_owned()), reason };
        }
        if sent.starts_with("unknown variant `") {
            return about(format!("it is one of: {known}"));
        }
    }
    if let Some(name) = message.strip_prefix("unknown field `").and_then(|rest| rest.rsplit_once("`, ")) {
        let reason = "there is no such field, nor any other".into();
        return Told { member: Some(name.0.to_owned()), reason };
    }
    let is_serdes = ["invalid type: ", "invalid value: ", "invalid length "];
    match message.rsplit_once(", expected ") {
        Some((before, expected)) if is_serdes.iter().any(|start| before.starts_with(start)) => {
            about(expectation(expected))
        }
        Some(_) | None => about(message.to_owned()),
    }
}

/// The names that stand in backticks.
fn quoted(message: &str) -> impl Iterator<Item = String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned)
}

fn expectation(expected: &str) -> String {
    let first = expected.split(' ').next().unwrap_or_default();
    match (first, expected) {
        ("u8", _) => format!("a whole number, 0 to {}", u8::MAX),
        ("u16", _) => format!("a whole number, 0 to {}", u16::MAX),
        ("u32", _) => format!("a whole number, 0 to {}", u32::MAX),
        ("u64" | "usize", _) => "a whole number, 0 or more".into(),
        ("struct" | "map" | "newtype", _) | (_, "a map") => "an object".into(),
        ("tuple", _) => "a list".into(),
        (_, "string or map") => "an object with one member".into(),
        (_, "a string" | "string") => "a text".into(),
        (_, "a boolean") => "true or false".into(),
        (_, "a sequence") => "a list".into(),
        _ => format!("{expected} is expected"),
    }
}

#[cfg(test)]
mod tests {
    use crate::form::typed;
    use identity::setting::lockout::Lockout;
    use identity::user::User;
    use serde_json::{Value, json};

    fn check<T: serde::de::DeserializeOwned>(body: Value, field: &str, reason: &str) {
        let Value::Object(members) = body else { panic!("an object") };
        let problem = typed::<T>(members).err().unwrap().json();
        assert_eq!(problem["errors"], json!([{ "field": field, "reason": reason }]));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_path_and_in_plain_words() {
        let kinds = "it is one of: human, service";
        let name = json!({ "given_name": "A", "family_name": "B" });
        for (kind, field, reason) in [
            (json!("machine"), "kind", kinds),
            (json!("human"), "kind.human", "an object"),
            (json!(5), "kind", "an object with one member"),
            (json!({ "robot": {} }), "kind", kinds),
            (json!({ "service": {} }), "kind.service.name", "it is missing"),
            (json!({ "service": { "name": 5 } }), "kind.service.name", "a text"),
            (json!({ "human": { "given_name": "A" } }), "kind.human.family_name", "it is missing"),
            (json!({ "human": [] }), "kind.human", "an object"),
        ] {
            check::<User>(json!({ "username": "a", "kind": kind }), field, reason);
        }
        let mut member = name.clone();
        member["shoe_size"] = 43.into();
        let known = "there is no such field; there are: given_name, family_name, display_name, nick_name, \
                     language, email, email_verified";
        check::<User>(json!({ "username": "a", "kind": { "human": member } }), "kind.human.shoe_size", known);
        check::<User>(json!({ "kind": { "human": name } }), "username", "it is missing");
        let known = "there is no such field; there are: username, kind";
        check::<User>(
            json!({ "username": "a", "kind": { "human": name }, "usrname": "b" }),
            "usrname",
            known,
        );
    }

    #[test]
    fn numbers_are_told_by_what_they_may_be() {
        for value in [json!(-1), json!(1.5), json!("5"), json!(5_000_000_000_u64), json!(null)] {
            check::<Lockout>(
                json!({ "password_attempts_max": value }),
                "password_attempts_max",
                "a whole number, 0 to 4294967295",
            );
        }
    }
}
