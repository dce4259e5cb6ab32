//! The words of the pages, from one Fluent file per locale.
//!
//! Messages hold plain text, never markup: templates escape every text like any other value, and a value that needs
//! markup of its own inside a sentence goes through [`Locale::around`]. A message's id may name an attribute
//! (`fault-internal.advice`).

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::locale::Locale;

/// Stands in for a value while its sentence is written; U+FFFC cannot be typed and occurs in no message.
const PLACE: &str = "\u{FFFC}";

/// A sentence cut at the place of its only value, so that a template can mark the value up.
#[derive(Debug, PartialEq, Eq)]
pub struct Around {
    pub before: String,
    pub after: String,
}

impl Locale {
    /// The text of a message without arguments.
    ///
    /// A message that is missing reads in English, one that is missing there too shows its id; both fail tests.
    #[must_use]
    pub fn text(self, id: &str) -> Cow<'static, str> {
        self.written(id, None)
    }

    /// The text of a message about a number, in the plural form that the locale asks for (argument `$count`).
    #[must_use]
    pub fn count(self, id: &str, count: u64) -> Cow<'static, str> {
        let args = FluentArgs::from_iter([("count", count)]);
        self.written(id, Some(&args))
    }

    /// The text of a message before and after the place of its only argument.
    #[must_use]
    pub fn around(self, id: &str, argument: &'static str) -> Around {
        let args = FluentArgs::from_iter([(argument, FluentValue::from(PLACE))]);
        let text = self.written(id, Some(&args));
        let (before, after) = text.split_once(PLACE).unwrap_or((&text, ""));
        Around { before: before.to_owned(), after: after.to_owned() }
    }

    fn written(self, id: &str, args: Option<&FluentArgs<'_>>) -> Cow<'static, str> {
        let found = lookup(self, id, args);
        assert!(!cfg!(test) || found.is_some(), "message {id} is missing or broken in {}", self.tag());
        found.or_else(|| lookup(Locale::En, id, args)).unwrap_or_else(|| Cow::Owned(id.to_owned()))
    }

    const fn source(self) -> &'static str {
        match self {
            Self::En => include_str!("../locales/en.ftl"),
            Self::De => include_str!("../locales/de.ftl"),
        }
    }
}

/// Parsed once: a bundle is shared by all threads, its plural rules are kept by the concurrent memoizer.
fn bundle(locale: Locale) -> &'static FluentBundle<FluentResource> {
    static EN: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| parsed(Locale::En));
    static DE: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| parsed(Locale::De));
    match locale {
        Locale::En => &EN,
        Locale::De => &DE,
    }
}

/// Keeps what can be read of a broken file: a page with an English sentence is better than no page.
fn parsed(locale: Locale) -> FluentBundle<FluentResource> {
    let resource =
        FluentResource::try_new(locale.source().to_owned()).unwrap_or_else(|(readable, _)| readable);
    let language = locale.tag().parse::<LanguageIdentifier>().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Values from outside stand in `<bdi>` instead, so that a text can be compared and copied as it reads.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    bundle
}

fn lookup(locale: Locale, id: &str, args: Option<&FluentArgs<'_>>) -> Option<Cow<'static, str>> {
    let bundle = bundle(locale);
    let (id, attribute) = id.split_once('.').map_or((id, None), |(id, attribute)| (id, Some(attribute)));
    let message = bundle.get_message(id)?;
    let pattern = match attribute {
        Some(attribute) => message.get_attribute(attribute)?.value(),
        None => message.value()?,
    };
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, args, &mut errors);
    errors.is_empty().then_some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Each message and attribute with the arguments it names. Reads the text itself: fluent-bundle keeps its syntax
    /// tree to itself.
    fn signature(locale: Locale) -> BTreeMap<String, BTreeSet<String>> {
        let mut found = BTreeMap::<String, BTreeSet<String>>::new();
        let (mut message, mut current) = (String::new(), String::new());
        for line in locale.source().lines().filter(|line| !line.starts_with('#')) {
            let name = line.split_once('=').map(|(name, _)| name.trim()).unwrap_or_default();
            if line.starts_with(|first: char| first.is_ascii_alphabetic()) {
                assert!(!found.contains_key(name), "{name} stands twice in {}", locale.tag());
                message = name.to_owned();
                current = name.to_owned();
            } else if name.starts_with('.') {
                current = format!("{message}{name}");
            }
            let arguments = line.split('$').skip(1).map(|rest| {
                rest.chars()
                    .take_while(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter))
                    .collect()
            });
            if !current.is_empty() {
                found.entry(current.clone()).or_default().extend(arguments);
            }
        }
        found
    }

    #[test]
    fn every_file_parses() {
        for locale in Locale::ALL {
            let resource = FluentResource::try_new(locale.source().to_owned());
            assert!(resource.is_ok(), "{}: {:?}", locale.tag(), resource.err().map(|(_, errors)| errors));
        }
    }

    #[test]
    fn every_locale_has_the_same_messages_and_arguments() {
        let expected = signature(Locale::En);
        assert!(expected.len() > 20);
        for locale in Locale::ALL {
            assert_eq!(signature(locale), expected, "{}", locale.tag());
        }
    }

    #[test]
    fn every_message_can_be_written() {
        for locale in Locale::ALL {
            for (id, arguments) in signature(locale) {
                let args: FluentArgs<'_> =
                    arguments.iter().map(|name| (name.as_str(), FluentValue::from(2))).collect();
                let text = lookup(locale, &id, Some(&args));
                assert!(
                    text.as_ref().is_some_and(|text| !text.trim().is_empty()),
                    "{id} in {}",
                    locale.tag()
                );
                assert!(!text.is_some_and(|text| text.contains(['<', '>', '&'])), "{id} holds markup");
            }
        }
    }

    #[test]
    fn numbers_choose_their_plural() {
        assert!(Locale::En.count("wait-seconds", 1).contains("1 second."));
        assert!(Locale::En.count("wait-seconds", 30).contains("30 seconds."));
        assert!(Locale::De.count("wait-minutes", 1).contains("1 Minute "));
        assert!(Locale::De.count("wait-minutes", 5).contains("5 Minuten "));
    }

    #[test]
    fn a_sentence_is_cut_around_its_value() {
        let sentence = Locale::En.around("sign-in-organization", "organization");
        assert_eq!(sentence, Around { before: "Use your ".to_owned(), after: " account.".to_owned() });
    }

    #[test]
    fn a_missing_message_is_not_found_anywhere() {
        assert_eq!(lookup(Locale::De, "no-such-message", None), None);
        assert_eq!(lookup(Locale::De, "fault-internal.no-such-attribute", None), None);
        assert_eq!(
            lookup(Locale::De, "wait-seconds", None),
            None,
            "an argument that is not given is an error"
        );
    }
}
