//! Any text as a filter.

use api_management::filter::{self, BYTES_MAX, COMPARISONS_MAX, DEPTH_MAX, Filter};

/// A filter that is read is written as one that is read as the same and no longer, and keeps to the limits; one that is
/// not names a place in the text.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match filter::parse(text) {
        Ok(found) => {
            assert!(text.len() <= BYTES_MAX);
            let written = found.to_string();
            assert!(written.len() <= text.len(), "{text:?} became {written:?}");
            assert_eq!(filter::parse(&written).as_ref(), Ok(&found), "{text:?} became {written:?}");
            // A pair of parentheses brings an `or`, an `and` and a `not` at most.
            assert!(depth(&found) <= 3 * (DEPTH_MAX + 1), "{text:?}");
            assert!(comparisons(&found) <= COMPARISONS_MAX, "{text:?}");
        }
        Err(error) => {
            let before = text.get(..error.at).expect("the place is one of the text's");
            assert_eq!(error.character, before.chars().count() + 1);
            assert!(!error.to_string().is_empty());
        }
    }
}

/// How deep it nests; chains are as the type says they are.
fn depth(filter: &Filter) -> usize {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            assert!(parts.len() > 1, "{filter:?}");
            let is_and = matches!(filter, Filter::And(_));
            for part in parts {
                let is_same =
                    if is_and { matches!(part, Filter::And(_)) } else { matches!(part, Filter::Or(_)) };
                assert!(!is_same, "{filter:?}");
            }
            1 + parts.iter().map(depth).max().unwrap_or_default()
        }
        Filter::Not(part) => 1 + depth(part),
        Filter::Compare(_) | Filter::Present(_) => 1,
    }
}

fn comparisons(filter: &Filter) -> usize {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().map(comparisons).sum(),
        Filter::Not(part) => comparisons(part),
        Filter::Compare(_) | Filter::Present(_) => 1,
    }
}
