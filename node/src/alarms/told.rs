//! Alarms in the log: a line when one comes and a line when it goes, however long it stands between.

use super::{About, Alarm};
use crate::operations::Operations;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(1);

/// Writes what comes and goes to the log until the node stops.
pub(crate) async fn run(operations: Operations) {
    let mut stop = operations.stop.clone();
    let mut told = Told::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let changes = told.look(operations.alarms());
        for alarm in changes.come {
            tracing::warn!(alarm, "an alarm comes");
        }
        for alarm in changes.gone {
            tracing::info!(alarm, "an alarm goes");
        }
    }
}

/// What stood at the last look, and what of it was told.
#[derive(Debug, Default)]
struct Told {
    standing: BTreeMap<(About, u64), Standing>,
}

#[derive(Clone, Debug)]
struct Standing {
    text: String,
    told: bool,
}

/// What there is to tell.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    come: Vec<String>,
    gone: Vec<String>,
}

impl Told {
    /// Takes a look. An alarm comes when it stands at two looks in a row, so that members who are asked for the first
    /// time, and an election, are none.
    fn look(&mut self, alarms: Vec<Alarm>) -> Changes {
        let mut changes = Changes::default();
        let mut before = std::mem::take(&mut self.standing);
        let withdrawn = alarms.iter().any(|alarm| alarm.about == About::Withdrawn);
        for Alarm { about, node, text } in alarms {
            let known = before.remove(&(about, node));
            let was_told = known.as_ref().is_some_and(|known| known.told);
            if known.is_some() && !was_told {
                changes.come.push(text.clone());
            }
            self.standing.insert((about, node), Standing { text, told: known.is_some() });
        }
        // One that has withdrawn does not know whether what it said of others is so any more.
        if !withdrawn {
            changes.gone = before.into_values().filter(|known| known.told).map(|known| known.text).collect();
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(secs: u64) -> Alarm {
        Alarm { about: About::Silent, node: 2, text: format!("silent for {secs} s") }
    }

    fn come(text: &str) -> Changes {
        Changes { come: vec![text.to_owned()], gone: vec![] }
    }

    #[test]
    fn an_alarm_is_told_once_when_it_comes_and_once_when_it_goes() {
        let mut told = Told::default();
        assert_eq!(told.look(vec![silent(4)]), Changes::default(), "it has to stand");
        assert_eq!(told.look(vec![silent(5)]), come("silent for 5 s"));
        assert_eq!(told.look(vec![silent(6)]), Changes::default(), "only its text is another");
        let gone = Changes { come: vec![], gone: vec!["silent for 6 s".to_owned()] };
        assert_eq!(told.look(vec![]), gone);
        assert_eq!(told.look(vec![]), Changes::default());
    }

    #[test]
    fn what_stands_at_one_look_only_is_not_told() {
        let mut told = Told::default();
        told.look(vec![silent(4)]);
        assert_eq!(told.look(vec![]), Changes::default());
        assert_eq!(told.look(vec![silent(4)]), Changes::default());
    }

    #[test]
    fn the_same_about_two_nodes_are_two_alarms() {
        let mut told = Told::default();
        let third = Alarm { node: 3, text: "the third".to_owned(), ..silent(4) };
        told.look(vec![silent(4)]);
        assert_eq!(told.look(vec![silent(5), third.clone()]), come("silent for 5 s"));
        assert_eq!(told.look(vec![silent(6), third]), come("the third"));
    }

    #[test]
    fn one_that_withdraws_takes_nothing_back() {
        let mut told = Told::default();
        told.look(vec![silent(4)]);
        told.look(vec![silent(5)]);
        let text = "this node has withdrawn: why".to_owned();
        let withdrawn = Alarm { about: About::Withdrawn, node: 1, text: text.clone() };
        assert_eq!(told.look(vec![withdrawn.clone()]), Changes::default());
        assert_eq!(told.look(vec![withdrawn]), come(&text));
    }
}
