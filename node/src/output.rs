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
    let mut widths = header.map(|word| word.chars().count());
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let line = |row: [&str; N]| {
        let cells = row.iter().zip(widths).map(|(text, width)| format!("{text:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(header.map(|word| word).map(|word| word))];
    lines.extend(
        rows.iter().map(|row| line(std::array::from_fn(|at| row.get(at).map_or("", String::as_str)))),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let rows = [["a".to_owned(), "1".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(table(["k", "value"], &rows), "k     value\na     1\nlong");
    }
}
