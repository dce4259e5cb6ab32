//! Numbers with their units, as a table and as JSON.

use crate::Error;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What was measured.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    target: Option<Target>,
}

/// What a number should be.
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Report {
    /// Adds a number, the median of its runs.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        target: Option<Target>,
    ) {
        let row = Row { name: name.into(), value, unit, target };
        eprintln!("  {:<70} {:>12} {}", row.name, short(row.value), row.unit);
        self.rows.push(row);
    }

    /// Adds a sentence on what could not be measured, or how a number is to be read.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("  {text}");
        self.notes.push(text);
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!("{:<72} {:>12} {:<10} {:>14}", "measure", "median", "unit", "target");
        for row in &self.rows {
            let target = match &row.target {
                Some(Target::AtMost(most)) => {
                    format!("<= {most} {}", if row.value <= *most { "ok" } else { "MISSED" })
                }
                Some(Target::AtLeast(least)) => {
                    format!(">= {least} {}", if row.value >= *least { "ok" } else { "MISSED" })
                }
                None => String::new(),
            };
            println!("{:<72} {:>12} {:<10} {:>14}", row.name, short(row.value), row.unit, target);
        }
        for note in &self.notes {
            println!("{note}");
        }
    }

    /// Writes the numbers as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let mut rows = Map::new();
        for row in &self.rows {
            rows.insert(row.name.clone(), json!({ "median": row.value, "unit": row.unit }));
        }
        Ok(std::fs::write(path, serde_json::to_string_pretty(&Value::Object(rows))?)?)
    }
}

/// The median of some runs.
pub(crate) fn median(mut runs: Vec<f64>) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Enough digits, and no more.
fn short(value: f64) -> String {
    if value.abs() < 10.0 { format!("{value:.2}") } else { format!("{value:.1}") }
}
