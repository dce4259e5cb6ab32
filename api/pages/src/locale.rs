//! The languages of the pages, and how one is chosen for a request.
//!
//! Only the primary subtag decides (`de-CH` reads German). Words live in [`crate::texts`].

/// Longest preference list that is looked at; browsers send below 200 bytes.
const PREFERENCES_BYTES_MAX: usize = 1024;
/// Most entries of one preference list that are looked at.
const PREFERENCES_MAX: usize = 32;

/// A language that every page can be read in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// The fallback, and the language of every text that has no translation.
    #[default]
    En,
    De,
}

impl Locale {
    /// Every locale, the fallback first.
    pub const ALL: [Self; 2] = [Self::En, Self::De];

    /// Chooses the language of a page, English when nothing fits.
    ///
    /// `ui_locales` is the OpenID Connect parameter (Core 1.0 §3.1.2.1: BCP 47 tags by preference, separated by
    /// spaces) and wins over `accept_language` (RFC 9110 §12.5.4). Entries that cannot be read are passed over, and
    /// so is whatever stands beyond the first 1024 bytes or 32 entries.
    #[must_use]
    pub fn choose(ui_locales: Option<&str>, accept_language: Option<&str>) -> Self {
        ui_locales
            .and_then(Self::first_of_ui_locales)
            .or_else(|| accept_language.and_then(Self::best_of_accept_language))
            .unwrap_or_default()
    }

    /// The BCP 47 tag, as in the `lang` attribute.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The writing direction, as in the `dir` attribute.
    #[must_use]
    pub const fn dir(self) -> &'static str {
        match self {
            Self::En | Self::De => "ltr",
        }
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?;
        Self::ALL.into_iter().find(|locale| locale.tag().eq_ignore_ascii_case(primary))
    }

    fn first_of_ui_locales(list: &str) -> Option<Self> {
        bounded(list).split_ascii_whitespace().take(PREFERENCES_MAX).find_map(Self::of_tag)
    }

    fn best_of_accept_language(list: &str) -> Option<Self> {
        let mut best: Option<(u16, Self)> = None;
        for entry in bounded(list).split(',').take(PREFERENCES_MAX) {
            let (tag, parameter) =
                entry.split_once(';').map_or((entry, None), |(tag, rest)| (tag, Some(rest)));
            let Some(locale) = Self::of_tag(tag.trim()) else {
                continue;
            };
            let Some(weight) = parameter.map_or(Some(1000), thousandths) else {
                continue;
            };
            // Equal weights: the first wins. Zero means "not this one".
            if weight > best.map_or(0, |(heaviest, _)| heaviest) {
                best = Some((weight, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }
}

/// The start of a preference list, cut where a character begins.
fn bounded(list: &str) -> &str {
    &list[..list.floor_char_boundary(PREFERENCES_BYTES_MAX)]
}

/// Reads `q=0.8` as 800; nothing for what is not a weight of RFC 9110 §12.4.2.
fn thousandths(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction = format!("{fraction:0<3}").parse::<u16>().ok()?;
    match (whole, fraction) {
        ("0", _) => Some(fraction),
        ("1", 0) => Some(1000),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Locale::{self, De, En};

    #[test]
    fn ui_locales_are_taken_in_their_order() {
        for (list, expected) in [
            ("de en", De),
            ("en de", En),
            ("fr-CA de-CH en", De),
            ("DE", De),
            ("fr it", En),
            ("", En),
            ("german", En),
            ("  de  ", De),
        ] {
            assert_eq!(Locale::choose(Some(list), None), expected, "{list:?}");
        }
    }

    #[test]
    fn accept_language_is_weighed() {
        for (list, expected) in [
            ("de", De),
            ("de-AT,de;q=0.9,en;q=0.8", De),
            ("fr, de;q=0.5, en;q=0.8", En),
            ("en;q=0.1, de ; Q = 0.2", De),
            ("de;q=0, fr", En),
            ("de;q=0.000", En),
            ("de;q=1.000,en", De),
            ("*", En),
            ("*;q=0.5, de;q=0.1", De),
        ] {
            assert_eq!(Locale::choose(None, Some(list)), expected, "{list:?}");
        }
    }

    #[test]
    fn ui_locales_win_and_fall_through_when_nothing_fits() {
        assert_eq!(Locale::choose(Some("en"), Some("de")), En);
        assert_eq!(Locale::choose(Some("tlh"), Some("de")), De);
    }

    #[test]
    fn garbage_is_passed_over() {
        for list in [
            "de;q=2",
            "de;q=1.1",
            "de;q=0.1234",
            "de;q=-1",
            "de;q=NaN",
            "de;q",
            "de;",
            "de;x=1",
            "de;q=0.5;q=1",
            ",,,",
            ";;;=",
            "\0\r\n",
            "de_DE",
            "-de",
            "ᚦe",
        ] {
            assert_eq!(Locale::choose(None, Some(list)), En, "{list:?}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(Locale::choose(None, Some(&format!("{}de", "fr,".repeat(31)))), De);
        assert_eq!(Locale::choose(None, Some(&format!("{}de", "fr,".repeat(32)))), En);
        assert_eq!(Locale::choose(Some(&format!("{} de", "é".repeat(5000))), None), En);
        assert_eq!(Locale::choose(Some(&format!("{}de", "ﷺ ".repeat(300))), None), En);
    }

    #[test]
    fn tags_lead_back_to_their_locale() {
        for locale in Locale::ALL {
            assert_eq!(Locale::choose(Some(locale.tag()), None), locale);
            assert!(["ltr", "rtl"].contains(&locale.dir()));
        }
    }
}
