//! `config check`: every fault with its place, and what is likely not meant. Beyond the text of the file it looks at
//! what the file speaks of: the mail server's name, other files, the samples, and the timer that takes them.

mod mail;
mod others;
mod place;
mod probe;
mod rules;
mod timer;
mod units;

use serde_json::{Map, Value, json};

use super::super::Context;
use super::{put, spacing_warning};
use crate::cli::Exit;
use crate::collector::formerly;
use crate::config::Config;
use crate::config::fault::{Fault, position};
use crate::notify::way::{Way, ways};
use crate::render::json as shape;
use crate::sample::read::Wanted;
use crate::series::Series;
use crate::store::Store;
use crate::store::range::Range;
use rules::Seen;

/// What a look beyond the text found. Without a path it is about no key.
#[derive(Debug, PartialEq)]
enum Finding {
    /// Something will not work.
    Fault(Fault),
    /// Something is likely not meant.
    Warning(Fault),
    /// Nothing is wrong with it, but it should be known.
    Remark(String),
}

impl Finding {
    fn fault(key: &str, text: impl Into<String>) -> Self {
        Finding::Fault(Fault::new(&key.split('.').collect::<Vec<_>>(), text))
    }

    fn warning(key: &str, text: impl Into<String>) -> Self {
        Finding::Warning(Fault::new(&key.split('.').collect::<Vec<_>>(), text))
    }

    /// A warning about something outside of the file.
    fn outside(text: impl Into<String>) -> Self {
        Finding::Warning(Fault::new(&[], text))
    }
}

/// Every fault is an error here.
pub(super) fn run(as_json: bool, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let (mut faults, mut warnings, mut remarks) = (config.faults.clone(), Vec::new(), Vec::new());
    let text = config.path.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    let placed = |fault: Fault| Fault {
        place: text.as_ref().and_then(|text| position(text, &fault.path)),
        ..fault
    };
    for finding in look(&config, context) {
        match finding {
            Finding::Fault(fault) => faults.push(placed(fault)),
            Finding::Warning(about) if about.path.is_empty() => warnings.push(about.text),
            Finding::Warning(about) => warnings.push(placed(about).line(&file(&config))),
            Finding::Remark(text) => remarks.push(text),
        }
    }
    let exit = if faults.is_empty() { Exit::Done } else { Exit::Failed };
    if as_json {
        let answer = object(&config, &faults, &warnings, &remarks);
        writeln!(context.out, "{}", Value::Object(answer))?;
        return Ok(exit);
    }
    for fault in &faults {
        context.complain(&fault.line(&file(&config)));
    }
    for warning in &warnings {
        context.note(&format!("warning: {warning}"));
    }
    if exit == Exit::Done {
        let place = config.path.as_ref().map_or_else(
            || "no configuration file: the defaults".to_owned(),
            |path| path.display().to_string(),
        );
        let ways: Vec<String> = ways(&config).iter().map(Way::name).collect();
        let told = if ways.is_empty() {
            "nobody is told".to_owned()
        } else {
            format!("told by {}", ways.join(", "))
        };
        writeln!(context.out, "{place}: no faults; {} rules, {told}", config.rules.len())?;
        for remark in &remarks {
            writeln!(context.out, "{remark}")?;
        }
    }
    Ok(exit)
}

/// How lines name the file.
fn file(config: &Config) -> String {
    let path = config.path.as_ref();
    path.map_or_else(|| "configuration".to_owned(), |path| path.display().to_string())
}

/// Looks at everything the configuration speaks of.
fn look(config: &Config, context: &mut Context<'_>) -> Vec<Finding> {
    let store = context.store_to_read(config).ok();
    let mut findings = mail::look(config, context.root);
    findings.extend(others::look(config));
    findings.extend(place::look(config, context));
    if let Some(seen) = store.as_ref().and_then(|store| seen(store, context)) {
        findings.extend(rules::unseen(config, &seen));
    }
    findings.extend(rules::look(config));
    let timer = timer::look(config, store.as_ref(), context);
    // A timer that keeps another pace says why the samples do.
    let says_why = timer.iter().any(timer::is_about_pace);
    findings.extend(timer);
    if let (false, Some(store)) = (says_why, &store) {
        findings.extend(spacing_warning(config, store, context).map(Finding::outside));
    }
    findings
}

/// The series of the last 24 hours; `None` without a sample.
fn seen(store: &Store, context: &Context<'_>) -> Option<Seen> {
    let wanted = Wanted::everything().with_formerly(formerly());
    let mut seen = Seen::default();
    for sample in store.samples(Range::last(86_400, context.now.utc), &wanted).ok()? {
        seen.samples += 1;
        for (metric, label, _) in sample.values.points() {
            seen.series.insert(Series::new(metric, label));
        }
    }
    (seen.samples > 0).then_some(seen)
}

fn object(
    config: &Config,
    faults: &[Fault],
    warnings: &[String],
    remarks: &[String],
) -> Map<String, Value> {
    let faults = faults.iter().map(|fault| {
        let (line, column) = fault.place.unzip();
        let mut shown = Map::new();
        put(&mut shown, "file", json!(config.path));
        put(&mut shown, "key", json!(fault.path.join(".")));
        put(&mut shown, "text", json!(fault.text));
        put(&mut shown, "line", json!(line));
        put(&mut shown, "column", json!(column));
        Value::Object(shown)
    });
    let faults: Vec<Value> = faults.collect();
    let mut answer = shape::answer();
    put(&mut answer, "file", json!(config.path));
    answer.insert("faults".to_owned(), json!(faults));
    answer.insert("warnings".to_owned(), json!(warnings));
    answer.insert("remarks".to_owned(), json!(remarks));
    answer
}
