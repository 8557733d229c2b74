//! Nobody watched for a while: a hole between two samples that is longer than its rule allows is told once, as something
//! that is over. Pure.

use super::evaluate::owed_to;
use super::rule::{Levels, Rule};
use super::state::{Past, Standing};
use super::step::{At, Hole};
use super::{Channel, Level};
use crate::metric::{Judged, Metric, Unit};

/// Judged at the first sample after a hole; never stored, since the lines tell it.
pub static GAP: Metric = Metric::gauge(
    "gap",
    Unit::Seconds,
    "How long no sample was taken, judged once at the first sample after it; never stored.",
)
.phrased("no samples for {value}")
.judged(&[Judged::warning(3_600.0).until(0.0)]);

/// What is owed about the hole before this sample, if the rule is about holes and this one is long enough.
pub(super) fn judge(rule: &Rule, at: &At, channels: &[Channel]) -> Option<Past> {
    let hole = at.hole.as_ref()?;
    let levels = rule.levels_for(GAP.name, None)?;
    let level = level_of(levels, hole)?;
    let standing = Standing {
        rule: rule.key.clone(),
        series: GAP.name.to_owned(),
        level,
        levels: levels.fingerprint(),
        since: Some(hole.since.clone()),
        worst: Some(hole.seconds),
        peak: level,
        cause: Some(hole.cause.clone()).filter(|cause| !cause.is_empty()),
        ..Standing::default()
    };
    let owed = owed_to(&standing, channels);
    let (end, value) = (at.now.clone(), Some(hole.seconds));
    (!owed.is_empty()).then_some(Past { standing, end, value, owed, unsettled: false, more: 0 })
}

fn level_of(levels: &Levels, hole: &Hole) -> Option<Level> {
    let past = |threshold: Option<&super::rule::Threshold>| {
        threshold.is_some_and(|threshold| levels.is_past(threshold, hole.seconds))
    };
    if past(levels.critical.as_ref()) {
        Some(Level::Critical)
    } else {
        past(levels.warning.as_ref()).then_some(Level::Warning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::tests::threshold;
    use crate::series::Pattern;
    use crate::time::Moment;

    fn judged(seconds: f64) -> Option<Past> {
        let moment = |epoch| Moment { epoch, boot_id: "a".into(), uptime: 9.0 };
        let (warning, critical) = (threshold(3_600.0, 0.0), threshold(86_400.0, 0.0));
        let rule = Rule {
            key: "gap".into(),
            pattern: Pattern::parse("gap"),
            levels: Some(Levels {
                warning: Some(warning),
                critical: Some(critical),
                ..Levels::default()
            }),
            labels: Vec::new(),
        };
        let hole = Hole { since: moment(0), seconds, cause: "power cut".into() };
        let at = At { now: moment(9), interval: 300.0, hole: Some(hole), grace: true };
        judge(&rule, &at, &[Channel { name: "email:a@b".into(), from: Level::Warning }])
    }

    #[test]
    fn a_long_hole_is_owed_with_its_cause_and_a_short_one_is_not() {
        assert_eq!(judged(600.0), None);
        let past = judged(7_200.0).unwrap();
        assert_eq!(
            (past.standing.level, past.standing.cause.as_deref()),
            (Level::Warning, Some("power cut"))
        );
        assert_eq!(judged(90_000.0).map(|past| past.standing.peak), Some(Level::Critical));
    }
}
