//! The person's browser.

use std::process::{Command, Stdio};

/// Opens an address in it; an error if there is no program for that.
pub(super) fn open(url: &str) -> std::io::Result<()> {
    let mut command = Command::new("xdg-open");
    // What browsers print has nothing to do with us.
    let child = command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // It ends by itself, at the latest with the terminal; nobody waits for it.
    drop(child);
    Ok(())
}
