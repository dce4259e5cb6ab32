//! The audit trail at the terminal: the last events, a file of all of them, and the proof that the file is whole.

use super::api::{Api, Part};
use super::event;
use super::nouns::noun;
use super::surroundings::Surroundings;
use crate::cli::manage::Audit;
use crate::exit::{Class, Failure, Outcome, io};
use crate::output::{Form, say};
use identity::audit::verify;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// Where a node tells of events.
pub(super) const EVENTS: &str = "/api/v1/events";
/// The pause between two looks for what is new.
const PAUSE: Duration = Duration::from_secs(1);

/// Carries out a command.
pub(super) async fn run(command: Audit, surroundings: &Surroundings) -> Outcome<()> {
    match command {
        Audit::Tail { actor, target, kind, what, organization, since, until, limit, follow, who, output } => {
            let wishes = [
                ("actor", actor),
                ("target", target),
                ("kind", kind.map(|kind| told_as(&kind))),
                ("what", what),
                ("organization", organization),
                ("since", since),
                ("until", until),
            ];
            let more = wishes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let mut api = Api::open(&who, surroundings)?;
            let part = Part { limit: Some(limit), more, ..Part::default() };
            tail(&mut api, part, output, Then::of(follow)).await
        }
        Audit::Export { file, who } => {
            let mut api = Api::open(&who, surroundings)?;
            export(&mut api, &file).await
        }
        Audit::Verify { file } => prove(&file),
    }
}

/// The word by which the trail calls a kind.
fn told_as(kind: &str) -> String {
    match noun(kind).map(|noun| noun.word) {
        Ok("token") => "personal_token".to_owned(),
        Ok("key") => "service_key".to_owned(),
        Ok("member") => "group_member".to_owned(),
        Ok(word) => word.replace('-', "_"),
        // What is no resource, as a setting: the node knows.
        Err(_) => kind.to_owned(),
    }
}

/// What follows the last events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    WhatHappens,
}

impl Then {
    fn of(follow: bool) -> Then {
        if follow { Then::WhatHappens } else { Then::End }
    }
}

async fn tail(api: &mut Api, part: Part, form: Form, then: Then) -> Outcome<()> {
    let mut events = api.list(EVENTS, part.clone()).await?;
    events.reverse();
    if then == Then::End {
        event::list(form, events);
        return Ok(());
    }
    let mut last = None;
    loop {
        for one in &events {
            event::line(form, one);
        }
        last = events.last().and_then(|event| event["id"].as_str()).map(str::to_owned).or(last);
        tokio::time::sleep(PAUSE).await;
        let mut part = part.clone();
        part.more.push(("order", "oldest".to_owned()));
        part.more.extend(last.clone().map(|id| ("after", id)));
        part.limit = None;
        events = api.list(EVENTS, part).await?;
    }
}

async fn export(api: &mut Api, path: &Path) -> Outcome<()> {
    // Nothing that is there is overwritten: it may be the proof of former times.
    let file = File::options().write(true).create_new(true).open(path);
    let mut file = BufWriter::new(file.map_err(|error| io("creating", path, &error))?);
    let mut lines = 0u64;
    let mut take = |piece: &[u8]| {
        lines += u64::try_from(piece.iter().filter(|byte| **byte == b'\n').count()).unwrap_or_default();
        file.write_all(piece).map_err(|error| io("writing", path, &error))
    };
    let taken = api.download(&format!("{EVENTS}/export"), &mut take).await;
    let written = match taken {
        Ok(()) => file.flush().map_err(|error| io("writing", path, &error)),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = written {
        // A file without its end proves nothing.
        let _ = std::fs::remove_file(path);
        return Err(failure);
    }
    let events = lines.saturating_sub(1);
    say(format_args!("{} has {events} events; `conclave audit verify {0}` proves it", path.display()));
    Ok(())
}

fn prove(path: &Path) -> Outcome<()> {
    let file = File::open(path).map_err(|error| io("reading", path, &error))?;
    // What is no text is no line of ours either, and is named by its number like any other that was altered.
    let lines = BufReader::new(file).split(b'\n').map_while(|line| {
        let line = line.ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    });
    let manifest = verify::file(lines)
        .map_err(|wrong| Failure::new(Class::Altered, format_args!("{}: {wrong}", path.display())))?;
    let place = |mark: Option<identity::audit::file::Mark>| match mark {
        Some(mark) => format!("{} (number {})", mark.place, mark.number),
        None => "none".to_owned(),
    };
    say(format_args!("{} is as it was written", path.display()));
    say(format_args!("  instance  {}", manifest.instance));
    say(format_args!("  events    {}", manifest.count));
    say(format_args!("  first     {}", place(manifest.first)));
    say(format_args!("  last      {}", place(manifest.last)));
    say(format_args!("  chain     {}", identity::id::hex(&manifest.end.0)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::nouns::NOUNS;
    use super::*;

    #[test]
    fn the_trail_knows_each_kind_of_the_command_line() {
        for known in NOUNS {
            let word = told_as(known.plural);
            assert!(identity::record::Kind::from_word(&word).is_some(), "{word}");
        }
        assert_eq!(told_as("password-complexity"), "password-complexity");
    }

    #[test]
    fn what_is_no_trail_is_told_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trail.ndjson");
        for text in ["", "\n", "{}\n", "\u{fffd}\n{\"manifest\":{}}\n"] {
            std::fs::write(&path, text).unwrap();
            let failure = prove(&path).unwrap_err();
            assert_eq!(failure.class, Class::Altered, "{text:?}: {}", failure.text);
            assert!(failure.text.contains("line"), "{}", failure.text);
        }
        assert_eq!(prove(&folder.path().join("absent")).unwrap_err().class, Class::Io);
    }
}
