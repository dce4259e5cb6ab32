//! `cargo xtask tidy`: what must hold for the text of the repository.
//!
//! Each check is a pure function from the tree (or a part of it) to findings, in a file of its own, and is tried on
//! trees of a few lines. Nothing here builds, writes or asks git. In reading order: the tree and its two kinds of
//! file, then the checks.

mod finding;
mod manifest;
mod source;
mod tree;

mod arrows;
mod clock;
mod features;
mod homes;
mod invariants;
mod length;
mod purity;
mod words;

pub(crate) use finding::Finding;
pub(crate) use tree::Tree;

/// Prints one line per finding, then what the invariants still lack.
///
/// # Errors
/// When there is a finding, or when the tree cannot be read.
pub(crate) fn run() -> Result<(), String> {
    let tree = Tree::read(&crate::root())?;
    let mut findings = tree.unreadable.clone();
    let checks = [
        arrows::check,
        homes::check,
        purity::check,
        clock::check,
        words::check,
        length::check,
        features::check,
    ];
    for check in checks {
        findings.extend(check(&tree));
    }
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    print!("{}", invariants::report(&tree));
    match findings.len() {
        0 => Ok(()),
        1 => Err("tidy: 1 finding".into()),
        many => Err(format!("tidy: {many} findings")),
    }
}
