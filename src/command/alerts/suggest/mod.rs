//! `alerts suggest`: levels from this host's own history, with the mails that each would have cost. The samples are read
//! twice: to know the course of each series, and to judge them by what stands and by what is suggested.

mod seen;
mod snippet;
mod text;

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::super::selection::Selection;
use super::super::{Context, standing};
use super::past;
use crate::alert::replay::Judge;
use crate::alert::rule::{Levels, Measure, Rule, Threshold};
use crate::alert::suggest::{Course, Suggested, suggest};
use crate::cli::{Exit, Suggest};
use crate::clock;
use crate::collector;
use crate::config::Config;
use crate::metric::Unit;
use crate::render::json as shape;
use crate::series::{Pattern, Series};
use crate::store::range::Range;
use crate::summary::Summary;
use crate::time::span;
use seen::Seen;

const DAY: f64 = 86_400.0;
/// Fewer days of samples tell too little.
const FEWEST_DAYS: f64 = 2.0;
/// What mails are counted for.
const MONTH: f64 = 30.0 * DAY;

/// A series, what it has been, what it is held to and what it might be held to.
struct Row<'a> {
    series: Series,
    unit: Unit,
    summary: Summary,
    p1: f64,
    today: Option<(&'a Rule, &'a Levels)>,
    suggested: Option<Suggested>,
    /// What to write; `None` if that cannot be written beside what stands.
    entry: Option<(String, Value)>,
    /// Mails in 30 days, as it is and as suggested.
    mails: [Option<f64>; 2],
}

/// # Errors
/// The configuration cannot be used at all, there is no store, or a time or a series is not understood.
pub(super) fn run(arguments: &Suggest, context: &mut Context<'_>) -> Result<Exit> {
    let mut config = context.config()?;
    let range = context.range(arguments.since.as_deref(), None, "30d")?;
    let store = context.store_to_read(&config)?;
    standing::take_over(&mut config, &store, context);
    let typed = Selection::new(&arguments.series);
    let seen = Seen::read(&store, range, &typed, &config)?;
    if !typed.is_empty() {
        let known: BTreeSet<Series> = seen.series().map(|(series, _)| series).collect();
        typed.check(&known)?;
    }
    let mut rows = rows(&seen, &typed, &config);
    let sets = rows.iter().flat_map(Row::sets).collect();
    let past = past::judge(&store, range, &config, sets)?;
    let month = MONTH / seen.seconds().max(1.0);
    for (row, judges) in rows.iter_mut().zip(past.replay.judges.chunks(2)) {
        row.count(judges, range, month);
    }
    if seen.seconds() < FEWEST_DAYS * DAY && seen.samples > 0 {
        let covered = span::human(seen.seconds());
        context.note(&format!(
            "warning: {covered} of samples tell too little: wait for two days at least, better for 30"
        ));
    }
    let snippet = snippet::joined(&rows, &config);
    if arguments.json {
        let host = if past.host.is_empty() { clock::host(context.root) } else { past.host };
        let answer = object(&rows, &seen, range, &host, snippet);
        writeln!(context.out, "{}", Value::Object(answer))?;
    } else {
        let text = text::text(&rows, &snippet, context);
        write!(context.out, "{text}")?;
    }
    context.note_damage(&seen.damage);
    Ok(Exit::Done)
}

/// What is suggested for each series, in the order of what was asked, of the registry, of the labels.
fn rows<'a>(seen: &Seen, typed: &Selection, config: &'a Config) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (series, summariser) in seen.series() {
        let Some(summary) = summariser.summary() else { continue };
        let unit = collector::find(&series.metric).map_or(Unit::Count, |metric| metric.unit);
        let today = today(config, &series);
        let levels = today.map(|(_, levels)| levels);
        let p1 = summariser.percentile(1);
        let course = Course { min: summary.min, p1, p99: summary.p99, max: summary.max };
        let suggested = suggest(unit, levels, &course);
        let mails = [None; 2];
        let mut row = Row { series, unit, summary, p1, today, suggested, entry: None, mails };
        row.entry = snippet::entry(&row, config);
        rows.push(row);
    }
    rows.sort_by_key(|row| typed.position(&row.series));
    rows
}

/// The rule that holds the value of a series to levels.
fn today<'a>(config: &'a Config, series: &Series) -> Option<(&'a Rule, &'a Levels)> {
    config.rules.iter().find_map(|rule| {
        let levels = rule.levels_for(&series.metric, series.label.as_deref())?;
        (levels.measure == Measure::Value).then_some((rule, levels))
    })
}

impl Row<'_> {
    fn is_as_it_is(&self) -> bool {
        let levels = self.today.map(|(_, levels)| levels);
        levels.zip(self.suggested).is_some_and(|(levels, one)| one.is_as_it_is(levels))
    }

    fn is_below(&self) -> bool {
        self.today.is_some_and(|(_, levels)| levels.below)
    }

    /// Two sets of rules: what stands for this series alone, and what is suggested for it alone.
    fn sets(&self) -> [Vec<Rule>; 2] {
        let alone = |levels: &Levels| Rule {
            key: self.series.to_string(),
            pattern: Pattern {
                metric: self.series.metric.clone(),
                label: self.series.label.clone(),
            },
            levels: Some(levels.clone()),
            labels: Vec::new(),
        };
        let stands = self.today.map(|(_, levels)| alone(levels));
        let suggested = snippet::levels(self).map(|levels| alone(&levels));
        [stands.into_iter().collect(), suggested.into_iter().collect()]
    }

    fn count(&mut self, judges: &[Judge], range: Range, month: f64) {
        for (judge, mails) in judges.iter().zip(&mut self.mails) {
            let told = judge.told.iter().filter(|told| range.holds(told.at.epoch));
            let numbers: BTreeSet<usize> = told.map(|told| told.mail).collect();
            *mails = (!judge.rules.is_empty()).then_some(numbers.len() as f64 * month);
        }
        if self.is_as_it_is() {
            self.mails[1] = self.mails[0];
        }
    }
}

fn object(
    rows: &[Row<'_>],
    seen: &Seen,
    range: Range,
    host: &str,
    snippet: Map<String, Value>,
) -> Map<String, Value> {
    let mut answer = shape::answer();
    answer.insert("host".to_owned(), json!(host));
    shape::add_range(&mut answer, range);
    answer.insert("samples".to_owned(), json!(seen.samples));
    let series = rows.iter().map(|row| (row.series.to_string(), Value::Object(row.object())));
    answer.insert("series".to_owned(), Value::Object(series.collect()));
    answer.insert("alert_thresholds".to_owned(), Value::Object(snippet));
    answer
}

impl Row<'_> {
    fn object(&self) -> Map<String, Value> {
        let metric = collector::find(&self.series.metric);
        let mut object = shape::series_head(&self.series, Some(self.unit));
        let names = &["count", "min", "p50", "p99", "max"];
        object.extend(shape::summary(&self.summary, metric, names));
        object.insert("p1".to_owned(), shape::of_metric(self.p1, metric));
        let mails =
            |mails: Option<f64>| mails.map(|mails| shape::number(mails, Some(Unit::Percent)));
        if let Some((rule, levels)) = self.today {
            let level = |threshold: Option<Threshold>| {
                threshold.map(|threshold| shape::number(threshold.level, None))
            };
            let now = json!({"rule": rule.key, "below": levels.below, "warning": level(levels.warning),
                "critical": level(levels.critical), "mails": mails(self.mails[0])});
            object.insert("now".to_owned(), shape::present(now));
        }
        if let Some(suggested) = self.suggested {
            let critical = suggested.critical.map(|level| shape::number(level, None));
            let suggested = json!({"warning": shape::number(suggested.warning, None),
                "critical": critical, "mails": mails(self.mails[1]), "as_it_is": self.is_as_it_is()});
            object.insert("suggested".to_owned(), shape::present(suggested));
        }
        object
    }
}
