//! What a kind of resource, or a setting, is made of, as the description of the API has it; no node is asked.

use super::nouns::{Declared, Noun, noun};
use crate::exit::{Class, Failure, Outcome};
use crate::output::{Form, say};
use api_management::shape::{Description, cases, dotted, words};
use serde_json::{Value, json};

/// How wide a line of text is.
const LINE_CHARS: usize = 100;

/// A field that can be set.
struct Field {
    /// Its dotted name, as `--set` takes it.
    name: String,
    /// What it may be.
    value: String,
    /// Whether it has to be there, where that is which it stands in.
    is_needed: bool,
    /// What it is for.
    about: String,
}

/// Carries out the command.
pub(super) fn run(kind: &str, form: Form) -> Outcome<()> {
    let is_setting = identity::setting::NAMES.contains(&kind);
    let (head, fields) = if is_setting { of_setting(kind)? } else { of_noun(noun(kind)?)? };
    match form {
        Form::Json => {
            let row = |field: &Field| json!({ "field": field.name, "value": field.value, "needed": field.is_needed, "about": field.about });
            say(format_args!("{:#}", Value::from_iter(fields.iter().map(row))));
        }
        Form::Table => say(text(&head, &fields)),
    }
    Ok(())
}

fn description() -> Description {
    Description::new(api_management::openapi::describe(&api_management::routes()))
}

/// What is said first of a setting, and its fields.
fn of_setting(name: &str) -> Outcome<(String, Vec<Field>)> {
    let description = description();
    let shape = description.taken(&format!("/api/v1/settings/{name}"), "put");
    let mut fields = Vec::new();
    take(&description, "", shape.unwrap_or(&Value::Null), &[], &mut fields);
    for field in &mut fields {
        // What is not named stays as it is.
        field.is_needed = false;
    }
    Ok((format!("{name} is a setting.\n\n  conclave settings set {name} --set FIELD=VALUE …\n"), fields))
}

/// What is said first of a kind, and its fields.
fn of_noun(noun: &Noun) -> Outcome<(String, Vec<Field>)> {
    let description = description();
    let Some(shape) = description.posted(&noun.route()?) else {
        let text = format_args!("{} come about by themselves: nothing of them can be set", noun.plural);
        return Err(Failure::new(Class::Usage, text));
    };
    let mut fields = Vec::new();
    take(&description, "", shape, &noun.own_fields(), &mut fields);
    Ok((head(noun, &fields), fields))
}

fn head(noun: &Noun, fields: &[Field]) -> String {
    let above = noun.parent().map_or("the instance".to_owned(), |parent| format!("{parent}s"));
    let mut about = format!("{} hang under {above}.", noun.plural);
    let gone = noun.goes_with();
    if !gone.is_empty() {
        about += &format!(" What goes with one: {}.", gone.join(", "));
    }
    let set = match fields {
        [] => String::new(),
        fields if fields.iter().any(|field| field.value.starts_with(LIST)) => {
            " --set FIELD=VALUE … LIST='[\"A\", \"B\"]'".to_owned()
        }
        _ => " --set FIELD=VALUE …".to_owned(),
    };
    let mut text = wrapped(&about, "");
    text += &format!("\n\n  conclave create {} {}{set}\n", noun.word, noun.address());
    if noun.declared == Declared::Never {
        text += "\nFiles of `conclave apply` can't have them: they come with a secret that is shown once.\n";
    }
    let further = match noun.word {
        "application" => "`conclave new-secret application ID` makes its secret, which is shown once.",
        "key" => {
            "`conclave new-key USER --key-file FILE` makes the pair as well, and keeps the private half in the file."
        }
        "user" => {
            "A person gets a password by `conclave set-password ID`, a service account a secret by `conclave new-secret user ID`."
        }
        _ => return text,
    };
    text + "\n" + &wrapped(further, "") + "\n"
}

/// The fields of a shape, what is needed first, each with those in it.
fn take(description: &Description, name: &str, shape: &Value, own: &[&str], into: &mut Vec<Field>) {
    let shape = description.resolved(shape);
    let is_needed =
        |member: &str| shape["required"].as_array().is_some_and(|all| all.iter().any(|one| one == member));
    let mut members: Vec<_> = shape["properties"].as_object().into_iter().flatten().collect();
    members.retain(|(member, _)| !(name.is_empty() && own.contains(&member.as_str())));
    members.sort_by_key(|(member, _)| !is_needed(member));
    for (member, inner) in members {
        let (name, whole) = (dotted(name, member), description.resolved(inner));
        let told = [inner.get("description").or(whole.get("description")), whole["items"].get("description")];
        let told: Vec<_> = told.into_iter().flatten().filter_map(Value::as_str).collect();
        let (value, about) = (value(description, &name, inner), told.join(" Each: "));
        into.push(Field { name: name.clone(), value, is_needed: is_needed(member), about });
        take(description, &name, whole, &[], into);
        for case in cases(whole) {
            let first = into.len();
            take(description, &name, case, &[], into);
            // One of them is: which, is for the caller to say.
            let of_case = |field: &&mut Field| !field.name[name.len() + 1..].contains('.');
            into[first..].iter_mut().filter(of_case).for_each(|field| field.is_needed = false);
        }
    }
}

/// How a list begins.
const LIST: &str = "list of ";

/// What a value may be, in a few words.
fn value(description: &Description, name: &str, shape: &Value) -> String {
    let shape = description.resolved(shape);
    let known = words(shape, cases(shape));
    if !known.is_empty() {
        return known.join(" | ");
    }
    let of_cases = cases(shape).iter().flat_map(|case| {
        let case = description.resolved(case);
        let fields = case["properties"].as_object().into_iter().flatten();
        let word = case.get("const").and_then(Value::as_str).map(str::to_owned);
        fields.map(|(field, _)| dotted(name, field)).chain(word)
    });
    let of_cases: Vec<String> = of_cases.collect();
    if !of_cases.is_empty() {
        return format!("one of {}", of_cases.join(", "));
    }
    let kind = match &shape["type"] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        one => one.as_str(),
    };
    let bounds = |least: &str, most: &str| match (shape[least].as_u64(), shape[most].as_u64()) {
        (None, None) => String::new(),
        (Some(least), None) => format!("{least} or more"),
        (None | Some(0), Some(most)) => format!("up to {most}"),
        (Some(least), Some(most)) => format!("{least} to {most}"),
    };
    match (kind.unwrap_or_default(), bounds("minLength", "maxLength")) {
        ("string", _) if shape["format"] == "date-time" => "moment, as 2030-01-01T00:00:00Z".to_owned(),
        ("string", _) if shape["contentEncoding"] == "base64" => "bytes in base64".to_owned(),
        ("string", chars) if chars.is_empty() => "text".to_owned(),
        ("string", chars) => format!("text of {chars} characters"),
        ("integer", _) => format!("whole number, {}", bounds("minimum", "maximum")),
        ("boolean", _) => "true | false".to_owned(),
        ("array", _) => {
            format!(
                "{LIST}{}; each: {}",
                bounds("minItems", "maxItems"),
                value(description, name, &shape["items"])
            )
        }
        _ => "fields".to_owned(),
    }
}

fn text(head: &str, fields: &[Field]) -> String {
    let mut text = head.to_owned();
    for field in fields {
        let needed = if field.is_needed { " (needed)" } else { "" };
        text += &format!("\n{}{needed}: {}\n", field.name, field.value);
        if !field.about.is_empty() {
            text += &(wrapped(&field.about, "    ") + "\n");
        }
    }
    text.trim_end().to_owned()
}

/// A text in lines that are not too wide, each behind an indent.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE_CHARS => {
                *line += &format!(" {word}")
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::nouns::NOUNS;

    fn told(kind: &str) -> String {
        let (head, fields) = of_noun(noun(kind).unwrap()).unwrap();
        text(&head, &fields)
    }

    #[test]
    fn each_kind_that_can_be_made_is_explained_whole() {
        for noun in NOUNS.iter().filter(|noun| noun.word != "session") {
            for field in of_noun(noun).unwrap().1 {
                assert!(
                    !field.value.is_empty() && field.value != "list of ; each: ",
                    "{}: {}",
                    noun.word,
                    field.name
                );
                assert!(!noun.own_fields().contains(&field.name.as_str()), "{}: {}", noun.word, field.name);
            }
        }
        let failure = of_noun(noun("session").unwrap()).err().unwrap();
        assert!(failure.text.contains("come about by themselves"), "{}", failure.text);
    }

    #[test]
    fn fields_have_the_names_that_set_takes_and_say_what_they_may_be() {
        let user = told("users");
        for part in [
            "users hang under organizations. What goes with one: user-metadata, members,",
            "  conclave create user ID --parent ORGANIZATION --set FIELD=VALUE …",
            "kind (needed): one of kind.human, kind.service",
            "kind.human: fields",
            "kind.human.given_name (needed): text of 1 to 200 characters\n    Given name.",
            "kind.human.email_verified: true | false",
        ] {
            assert!(user.contains(part), "{part}: {user}");
        }
        assert!(!user.contains("organization:"), "it stands in the address: {user}");
        let administrator = told("administrator");
        for part in [
            "within (needed): one of instance, within.organization, within.project, within.project_grant",
            "roles (needed): list of 1 to 20; each: text of 1 to 200 characters",
            "PROJECT_OWNER (Project)",
        ] {
            assert!(administrator.contains(part), "{part}: {administrator}");
        }
        let application = told("application");
        for part in ["auth (needed): none | basic | post", "redirect_uris: list of up to 50; each: text"] {
            assert!(application.contains(part), "{part}: {application}");
        }
        assert!(told("token").contains("conclave create token --parent USER --set"), "{}", told("token"));
        assert!(told("member").ends_with("conclave create member GROUP/USER"), "{}", told("member"));
        assert!(told("key").contains("conclave new-key USER --key-file FILE"), "{}", told("key"));
        assert!(told("role").contains("conclave create role PROJECT/KEY --set"), "{}", told("role"));
    }

    #[test]
    fn each_setting_is_explained_whole() {
        for name in identity::setting::NAMES {
            let (head, fields) = of_setting(name).unwrap();
            assert!(!fields.is_empty() && head.contains(&format!("conclave settings set {name}")), "{head}");
        }
        let (head, fields) = of_setting("lockout").unwrap();
        let text = text(&head, &fields);
        assert!(text.contains("password_attempts_max: whole number") && text.contains("3 to 100"), "{text}");
    }

    #[test]
    fn lines_are_no_wider_than_a_terminal_unless_a_word_is() {
        let lines = wrapped(&"word ".repeat(50), "    ");
        assert!(
            lines.lines().all(|line| line.starts_with("    word") && line.len() <= LINE_CHARS),
            "{lines}"
        );
        assert_eq!(wrapped(&"x".repeat(200), ""), "x".repeat(200));
    }
}
