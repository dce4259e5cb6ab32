//! What commands print: lines for people, tables, or JSON for programs.

use serde_json::Value;
use std::fmt::Display;
use std::io::Write;

/// The form of data that a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Prints a line. A reader that has gone away is no failure of ours.
pub(crate) fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints rows under a header, or as a JSON array of objects with the header's words as names.
pub(crate) fn rows<const N: usize>(form: Form, header: [&str; N], rows: &[[String; N]]) {
    match form {
        Form::Table => say(table(header, rows)),
        Form::Json => {
            let object = |row: &[String; N]| {
                let fields = header
                    .iter()
                    .zip(row)
                    .map(|(name, text)| ((*name).to_owned(), Value::from(text.as_str())));
                Value::Object(fields.collect())
            };
            say(format_args!("{:#}", Value::Array(rows.iter().map(object).collect())));
        }
    }
}

pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut lines = vec![header.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| row.to_vec()));
    aligned(&lines)
}

/// Lines whose cells stand under each other, however many they have.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(row.len().max(widths.len()), 0);
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(text, width)| format!("{text:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A moment, in seconds since the Unix epoch, as RFC 3339 writes it in UTC.
pub(crate) fn moment(secs: u64) -> String {
    // Counted from a 1st of March, leap days are the last of their years: the days of a month follow from its number.
    const DAYS_TO_EPOCH: u64 = 719_468;
    let (days, second) = (secs / 86_400 + DAYS_TO_EPOCH, secs % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = 400 * era + year + later;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(moment(secs), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let rows = [["a".to_owned(), "1".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(table(["k", "value"], &rows), "k     value\na     1\nlong");
    }
}
