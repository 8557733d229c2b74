//! What nobody could be told of does not pile up: episodes of a series that are owed alike become one. Pure.

use super::evaluate::rule_of;
use super::ledger::is_of;
use super::rule::Rule;
use super::state::{Past, State};
use crate::time::Moment;

/// Episodes of a series that nobody could be told of are one to those who will be: what is owed does not grow with the
/// time for which nobody can be reached. Returns the starts of what was folded into earlier ones.
pub fn fold(state: &mut State, rules: &[Rule]) -> Vec<Moment> {
    let mut folded = Vec::new();
    let mut kept: Vec<Past> = Vec::new();
    for past in std::mem::take(&mut state.past) {
        let free = |past: &Past| !past.unsettled && is_untold(past) && !is_pending(state, past);
        // The last of its like, or it would be told across one that somebody heard of.
        let earlier = kept.iter_mut().rev().find(|earlier| {
            earlier.standing.rule == past.standing.rule
                && earlier.standing.series == past.standing.series
                && earlier.owed == past.owed
                && earlier.value.is_some() == past.value.is_some()
        });
        match earlier.filter(|earlier| free(earlier) && free(&past)) {
            None => kept.push(past),
            Some(earlier) => {
                folded.extend(past.standing.since.clone());
                join(earlier, past, rules);
            }
        }
    }
    state.past = kept;
    folded
}

fn is_untold(past: &Past) -> bool {
    !past.owed.iter().any(|channel| past.standing.told.contains_key(channel))
}

fn is_pending(state: &State, past: &Past) -> bool {
    let claims = state.outbox.iter().flat_map(|frozen| &frozen.facts);
    claims.into_iter().any(|claim| is_of(claim, &past.standing))
}

fn join(earlier: &mut Past, later: Past, rules: &[Rule]) {
    let levels = rule_of(rules, &earlier.standing);
    let (known, new) = (&mut earlier.standing, later.standing);
    known.peak = known.peak.max(new.peak);
    let is_worse = new.worst.is_some_and(|value| {
        known.worst.is_none_or(|worst| levels.is_none_or(|levels| levels.is_worse(value, worst)))
    });
    if is_worse {
        (known.worst, known.worst_at) = (new.worst, new.worst_at);
    }
    known.cause = new.cause.or(known.cause.take());
    (earlier.end, earlier.value) = (later.end, later.value);
    earlier.more += later.more + 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::state::Standing;

    fn moment(epoch: i64) -> Moment {
        Moment { epoch, boot_id: "a".into(), uptime: epoch as f64 }
    }

    #[test]
    fn what_nobody_could_be_told_of_is_told_as_one_but_not_across_something_else() {
        let past = |minute: i64, unsettled| Past {
            standing: Standing { since: Some(moment(minute)), ..Standing::default() },
            end: moment(minute + 1),
            value: Some(1.0),
            owed: vec!["email:a@x".into()],
            unsettled,
            more: 0,
        };
        let ends = |past: &[Past]| {
            let mut state = State { past: past.to_vec(), ..State::default() };
            fold(&mut state, &[]);
            state.past.iter().map(|past| past.end.epoch).collect::<Vec<_>>()
        };
        assert_eq!(ends(&[past(1, false), past(3, false), past(5, false)]), [6]);
        assert_eq!(ends(&[past(1, false), past(3, true), past(5, false)]), [2, 4, 6]);
    }
}
