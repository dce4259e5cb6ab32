//! The nouns of the management API as the command line knows them: their words, where they stand, what a list shows.
//!
//! Their order is that in which they depend on each other: what stands above is made before and deleted after.

use crate::exit::{Class, Failure, Outcome};

/// What a noun hangs under, and how its paths say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing but the instance: `/users`.
    Instance,
    /// A resource of this noun, which a field of that name tells; paths don't: `/projects`.
    In(&'static str),
    /// A resource of this noun, whose path leads to it: `/projects/P/roles`. The field is the one that ends the path.
    Under(&'static str, &'static str),
    /// A resource of this noun, under whose path they are listed; the path of one is its own: `/sessions/S`.
    ListedUnder(&'static str),
}

/// A noun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noun {
    /// The word for one.
    pub(crate) word: &'static str,
    /// The word for many.
    pub(crate) plural: &'static str,
    /// The word for many in paths.
    pub(crate) segment: &'static str,
    /// Where it stands.
    pub(crate) place: Place,
    /// The fields that a list shows.
    pub(crate) columns: &'static [&'static str],
    /// Whether files can say how it is to be.
    pub(crate) declared: Declared,
}

/// Whether files can say how a resource is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    /// They can.
    InFiles,
    /// It comes with a secret that is shown once, or comes about by itself: commands alone.
    Never,
}

use Declared::{InFiles, Never};
use Place::{In, Instance, ListedUnder, Under};

macro_rules! nouns {
    ($($word:literal $plural:literal $segment:literal $place:expr, $declared:ident, $columns:expr;)*) => {
        /// All of them.
        pub(crate) const NOUNS: &[Noun] = &[$(Noun {
            word: $word, plural: $plural, segment: $segment, place: $place, columns: &$columns, declared: $declared,
        },)*];
    };
}

nouns! {
    "organization" "organizations" "organizations" Instance, InFiles, ["id", "name", "domain", "state"];
    "organization-metadata" "organization-metadata" "metadata" Under("organization", "key"), InFiles, ["key", "value"];
    "custom-role" "custom-roles" "custom-roles" Instance, InFiles, ["id", "name", "permissions", "state"];
    "project" "projects" "projects" In("organization"), InFiles, ["id", "name", "organization", "state"];
    "role" "roles" "roles" Under("project", "key"), InFiles, ["key", "display_name", "group", "state"];
    "application" "applications" "applications" In("project"), InFiles, ["id", "name", "kind", "project", "state"];
    "user" "users" "users" In("organization"), InFiles, ["id", "username", "organization", "state", "locked"];
    "user-metadata" "user-metadata" "metadata" Under("user", "key"), InFiles, ["key", "value"];
    "group" "groups" "groups" In("organization"), InFiles, ["id", "name", "organization", "state"];
    "member" "members" "members" Under("group", "user"), InFiles, ["user", "state"];
    "project-grant" "project-grants" "project-grants" In("project"), InFiles,
        ["id", "project", "organization", "roles", "lapsed", "state"];
    "authorization" "authorizations" "authorizations" In("project"), InFiles,
        ["id", "user", "project", "roles", "lapsed", "state"];
    "administrator" "administrators" "administrators" Instance, InFiles, ["id", "user", "within", "roles", "state"];
    "token" "tokens" "tokens" Under("user", "id"), Never, ["id", "expires", "created", "state"];
    "key" "keys" "keys" Under("user", "id"), Never, ["id", "expires", "created", "state"];
    "session" "sessions" "sessions" ListedUnder("user"), Never, ["id", "user", "started", "authenticated", "expires"];
}

/// Words of elsewhere for what has another one here, and what is said of them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("app", "write application"),
    ("grant", "write authorization for what a user may, project-grant for what an organization is given"),
    ("metadata", "write user-metadata or organization-metadata"),
    ("org", "write organization"),
    ("pat", "write token"),
    ("personal-access-token", "write token"),
    ("policies", "policies are settings, see `conclave settings --help`"),
    ("policy", "policies are settings, see `conclave settings --help`"),
    ("service-account", "service accounts are users, write user"),
    ("setting", "see `conclave settings --help`"),
    ("user-grant", "write authorization"),
];

/// The noun of a word, singular or plural.
pub(crate) fn noun(word: &str) -> Outcome<&'static Noun> {
    let wanted = word.to_ascii_lowercase().replace('_', "-");
    if let Some(noun) = NOUNS.iter().find(|noun| noun.word == wanted || noun.plural == wanted) {
        return Ok(noun);
    }
    Err(Failure::new(Class::Usage, format_args!("there is no kind \"{word}\": {}", instead(&wanted))))
}

/// What is said to whoever wrote a word that is no kind.
fn instead(wanted: &str) -> String {
    let is = |word: &str| word == wanted || wanted.strip_suffix('s') == Some(word);
    if let Some((_, advice)) = ELSEWHERE.iter().find(|(word, _)| is(word)) {
        return (*advice).to_owned();
    }
    // A word that is not almost the same would lead astray.
    let typos_max = (wanted.chars().count() / 3).clamp(1, 3);
    let words = NOUNS.iter().flat_map(|noun| [noun.word, noun.plural]);
    let near = words.map(|word| (strsim::damerau_levenshtein(wanted, word), word)).min();
    match near.filter(|(typos, _)| *typos <= typos_max) {
        Some((_, word)) => format!("the nearest is \"{word}\""),
        None => {
            let all: Vec<_> = NOUNS.iter().map(|noun| noun.word).collect();
            format!("there are {}", all.join(", "))
        }
    }
}

/// What the help says about kinds.
pub(crate) fn help() -> String {
    let mut text = "`conclave get user me` shows who is signed in.\n\nKinds:\n".to_owned();
    for noun in NOUNS {
        text += &match noun.place {
            Instance => format!("  {}\n", noun.word),
            In(parent) | ListedUnder(parent) => format!("  {:<22} --parent is its {parent}\n", noun.word),
            Under(parent, key) => {
                let article = if parent.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
                format!("  {:<22} under {article} {parent}, as {}/{}\n", noun.word, caps(parent), caps(key))
            }
        };
    }
    text
}

fn caps(word: &str) -> String {
    word.to_ascii_uppercase()
}

impl Noun {
    /// Its place in the order of dependencies.
    pub(crate) fn rank(&self) -> usize {
        NOUNS.iter().position(|noun| noun.word == self.word).unwrap_or(NOUNS.len())
    }

    /// The words for all that goes when it is deleted: what hangs under it or refers to it, and what does so to that, in the
    /// order of dependencies.
    pub(crate) fn goes_with(&self) -> Vec<&'static str> {
        let mut gone = vec![self.word];
        let mut found = Vec::new();
        // What is depended on stands before what depends on it: one pass meets all.
        for noun in NOUNS {
            if noun.parent().iter().chain(noun.refers()).any(|word| gone.contains(word)) {
                gone.push(noun.word);
                found.push(noun.plural);
            }
        }
        found
    }

    /// The words for what it refers to, besides its parent, and does not outlive.
    fn refers(&self) -> &'static [&'static str] {
        match self.word {
            "member" => &["user"],
            "authorization" => &["user", "project-grant"],
            "project-grant" => &["organization"],
            "administrator" => &["user", "organization", "project", "project-grant"],
            _ => &[],
        }
    }

    /// The fields by which the API names one and its parent.
    pub(crate) fn own_fields(&self) -> Vec<&'static str> {
        match self.place {
            Instance => vec!["id"],
            In(parent) | ListedUnder(parent) => vec!["id", parent],
            Under(parent, key) => vec!["id", parent, key],
        }
    }

    /// How a new one is named on the command line, as `PROJECT/KEY`.
    pub(crate) fn address(&self) -> String {
        match self.place {
            Under(parent, _) if self.declared == Never => format!("--parent {}", caps(parent)),
            Instance => "ID".to_owned(),
            In(parent) | ListedUnder(parent) => format!("ID --parent {}", caps(parent)),
            Under(parent, key) => format!("{}/{}", caps(parent), caps(key)),
        }
    }

    /// The path of its collection as the description of the API has it.
    pub(crate) fn route(&self) -> Outcome<String> {
        Ok(match self.place {
            Instance | In(_) => format!("/api/v1/{}", self.segment),
            Under(parent, _) | ListedUnder(parent) => {
                format!("/api/v1/{}/{{id}}/{}", noun(parent)?.segment, self.segment)
            }
        })
    }

    /// The word of what it hangs under, other than the instance.
    pub(crate) fn parent(&self) -> Option<&'static str> {
        match self.place {
            Instance => None,
            In(parent) | Under(parent, _) | ListedUnder(parent) => Some(parent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_collection_of_the_api_has_its_noun_here() {
        let known: Vec<String> = NOUNS.iter().map(|known| known.route().unwrap()).collect();
        for route in api_management::routes() {
            if route.operation.starts_with("list_") && route.path != "/api/v1/events" {
                assert!(known.contains(&route.path), "{} has no noun on the command line", route.path);
            }
        }
    }

    #[test]
    fn a_kind_has_a_singular_and_a_plural_word() {
        for (word, expected) in [
            ("user", "user"),
            ("users", "user"),
            ("Project-Grants", "project-grant"),
            ("project_grant", "project-grant"),
            ("user-metadata", "user-metadata"),
        ] {
            assert_eq!(noun(word).map(|noun| noun.word).ok(), Some(expected), "{word}");
        }
    }

    #[test]
    fn an_unknown_kind_is_told_the_nearest_if_one_is_near() {
        for (word, part) in [
            ("usr", "nearest is \"user\""),
            ("uesrs", "nearest is \"users\""),
            ("organisation", "nearest is \"organization\""),
            ("projcet-grants", "nearest is \"project-grants\""),
            ("metadata", "organization-metadata"),
            ("policies", "conclave settings"),
            ("settings", "conclave settings"),
            ("personal_access_tokens", "write token"),
            ("user-grant", "write authorization"),
            ("Grants", "write authorization"),
            ("flow", "there are organization, organization-metadata, custom-role"),
            ("", "there are organization"),
        ] {
            let failure = noun(word).unwrap_err();
            assert_eq!(failure.class, Class::Usage);
            assert!(failure.text.contains(part), "{}", failure.text);
        }
    }

    #[test]
    fn all_that_goes_with_a_noun_is_known() {
        for (word, expected) in [
            ("role", &[][..]),
            ("administrator", &[]),
            ("group", &["members"]),
            ("project", &["roles", "applications", "project-grants", "authorizations", "administrators"]),
            ("project-grant", &["authorizations", "administrators"]),
            (
                "user",
                &[
                    "user-metadata",
                    "members",
                    "authorizations",
                    "administrators",
                    "tokens",
                    "keys",
                    "sessions",
                ],
            ),
        ] {
            assert_eq!(noun(word).unwrap().goes_with(), expected, "{word}");
        }
        let of_organization = noun("organization").unwrap().goes_with();
        assert!(of_organization.contains(&"projects") && of_organization.contains(&"roles"));
        assert!(!of_organization.contains(&"custom-roles") && !of_organization.contains(&"organizations"));
    }

    macro_rules! referring {
        ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
            /// The words of all resources, with what the domain says that they refer to.
            const REFERRING: &[(&str, &[identity::record::Kind])] =
                &[$(($word, <$type as identity::resource::Resource>::REFERS)),*];
        };
    }
    identity::resources!(referring);

    #[test]
    fn what_refers_to_another_is_what_the_domain_says() {
        let here = |word: &str| match word {
            "group_member" => "member".to_owned(),
            "personal_token" => "token".to_owned(),
            "service_key" => "key".to_owned(),
            other => other.replace('_', "-"),
        };
        for (word, kinds) in REFERRING.iter().filter(|(word, _)| *word != "domain") {
            // A custom role that somebody holds is not deleted.
            let words = kinds.iter().map(|kind| here(kind.word())).filter(|word| word != "custom-role");
            assert_eq!(noun(&here(word)).unwrap().refers(), words.collect::<Vec<_>>(), "{word}");
        }
    }

    #[test]
    fn a_parent_comes_before_what_hangs_under_it() {
        for noun in NOUNS {
            let Some(parent) = noun.parent() else { continue };
            let above = super::noun(parent).unwrap();
            assert!(above.rank() < noun.rank(), "{} before {}", above.word, noun.word);
        }
    }
}
