//! Facts to a message: the fact first, so that it reads on a lock screen. Text and HTML are one content. Pure.

use maud::{DOCTYPE, html};

use super::letter::{Course, Fact, Letter, Message};
use crate::alert::Level;
use crate::alert::due::Reason;
use crate::collector;
use crate::metric::{Metric, Unit};
use crate::sample::{Process, Sample};
use crate::series::Series;
use crate::sparkline::sparkline;
use crate::time::{Now, Zone, span};

/// The message about some facts, the worst first.
pub fn compose(letter: &Letter<'_>) -> Message {
    let mut facts: Vec<&Fact> = letter.facts.iter().collect();
    facts.sort_by(|a, b| a.is_over().cmp(&b.is_over()).then(b.level.cmp(&a.level)));
    let body = Body::new(letter, &facts);
    let mut follows: Vec<String> = facts
        .iter()
        .flat_map(|fact| fact.standing.told.values().map(|told| told.thread.clone()))
        .collect();
    follows.dedup();
    let series: Vec<&str> = facts.iter().map(|fact| fact.standing.series.as_str()).collect();
    let level = facts
        .iter()
        .filter(|fact| !fact.is_over())
        .map(|fact| fact.level)
        .max()
        .unwrap_or(Level::Ok);
    Message {
        subject: subject(letter, &facts),
        text: body.text(),
        html: body.html(letter.host),
        level: level.name().to_owned(),
        series: series.join(", "),
        follows,
    }
}

/// What `notify test` sends.
pub fn test_message(host: &str, prefix: &str) -> Message {
    let body = Body {
        leads: vec![format!("This is a test message of hostwatch on {host}.")],
        rows: vec![(
            "Meaning".to_owned(),
            "mail from this host arrives; alerts will look like this".to_owned(),
        )],
        closing: Vec::new(),
    };
    let subject = format!("{}{host} test: mail from hostwatch works", spaced(prefix));
    Message {
        subject,
        text: body.text(),
        html: body.html(host),
        level: "ok".to_owned(),
        series: "-".to_owned(),
        follows: Vec::new(),
    }
}

fn subject(letter: &Letter<'_>, facts: &[&Fact]) -> String {
    let Some(first) = facts.first() else { return letter.host.to_owned() };
    let more =
        if facts.len() > 1 { format!(", and {} more", facts.len() - 1) } else { String::new() };
    let what = phrase(&first.series, first.value.or(first.standing.worst), true);
    let lasted = || span::human(lasted(first));
    let (word, text) = match first.reason {
        Reason::Raised | Reason::Escalated | Reason::Eased => (first.level.title(), what),
        Reason::Reminder => (first.level.title(), format!("{what}, still")),
        Reason::Recovered => ("RECOVERED".to_owned(), format!("{what} after {}", lasted())),
        Reason::Past => {
            ("RECOVERED".to_owned(), format!("{what}; was {} for {}", first.level.name(), lasted()))
        }
        Reason::Gone => ("GONE".to_owned(), format!("{} is no longer measured", first.series)),
    };
    format!("{}{} {word}: {text}{more}", spaced(letter.prefix), letter.host)
}

fn spaced(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!("{} ", prefix.trim()) }
}

fn lasted(fact: &Fact) -> f64 {
    match (&fact.end, &fact.standing.since) {
        (Some(end), Some(since)) => end.seconds_since(since),
        _ => 0.0,
    }
}

/// "/data 86 % full".
pub fn phrase(series: &Series, value: Option<f64>, short: bool) -> String {
    let metric = collector::find(&series.metric);
    let unit = metric.map_or(Unit::Count, |metric| metric.unit);
    let shown = match (value, unit, short) {
        (None, ..) => "not measured".to_owned(),
        (Some(value), Unit::Percent, true) => format!("{value:.0} %"),
        (Some(value), Unit::Celsius, true) => format!("{value:.0} °C"),
        (Some(value), ..) => unit.human(value),
    };
    let template = metric.map_or("{name} {value}", |metric| metric.phrase);
    template
        .replace("{name}", &series.to_string())
        .replace("{label}", series.label.as_deref().unwrap_or_default())
        .replace("{value}", &shown)
}

/// The content, before it is text or HTML.
struct Body {
    leads: Vec<String>,
    rows: Vec<(String, String)>,
    closing: Vec<String>,
}

impl Body {
    fn new(letter: &Letter<'_>, facts: &[&Fact]) -> Self {
        let clock = Clock { now: letter.now, zone: letter.zone };
        let mut body = Body { leads: Vec::new(), rows: Vec::new(), closing: Vec::new() };
        for fact in facts {
            body.leads.push(if fact.is_over() {
                lead_over(fact, &clock)
            } else {
                lead_firing(fact, letter.sample, &clock)
            });
            body.add_levels(fact, &clock);
            let course = letter
                .courses
                .iter()
                .find(|(series, _)| *series == fact.series)
                .map(|(_, course)| course);
            body.rows.extend(course.and_then(|course| course_row(fact, course, &clock)));
        }
        body.add_processes("Busy now", &letter.sample.top, "");
        if let Some(before) = letter.before {
            body.add_processes(
                "Before",
                &before.top,
                &format!("   at {}", clock.time(before.epoch())),
            );
        }
        body.rows.push(("Otherwise".to_owned(), otherwise(letter.sample, facts)));
        body.closing.extend(facts.iter().filter_map(|fact| next_reminder(fact, &clock)).take(1));
        body.closing.push(match letter.others.as_slice() {
            [] if facts.iter().all(|fact| fact.is_over()) => {
                format!("Nothing else is firing on {}.", letter.host)
            }
            [] => return body,
            others => format!("Also firing on {}: {}.", letter.host, others.join(", ")),
        });
        body
    }

    fn add_levels(&mut self, fact: &Fact, clock: &Clock<'_>) {
        let metric = collector::find(&fact.series.metric);
        let unit = metric.map_or(Unit::Count, |metric| metric.unit);
        let value = fact.value.map_or_else(|| "not measured".to_owned(), |value| unit.human(value));
        let level = |name: &str, threshold: Option<crate::alert::rule::Threshold>| {
            threshold
                .map(|threshold| format!(", {name} {}", unit.level(threshold.level)))
                .unwrap_or_default()
        };
        let levels = fact
            .levels
            .as_ref()
            .map(|levels| level("warning", levels.warning) + &level("critical", levels.critical))
            .unwrap_or_default();
        let word = if fact.is_over() { "OK".to_owned() } else { fact.level.title() };
        self.rows.push((word, format!("{}   {value}{levels}", fact.series)));
        if let (true, Some(worst)) =
            (fact.is_over() || fact.reason == Reason::Reminder, fact.standing.worst)
        {
            let at = fact
                .standing
                .worst_at
                .as_ref()
                .map(|at| format!(" at {}", clock.time(at.epoch)))
                .unwrap_or_default();
            let critical = fact.levels.as_ref().and_then(|levels| levels.critical);
            let never = critical.filter(|_| fact.standing.peak < Level::Critical).map(|critical| {
                format!("; critical ({}) was never reached", unit.level(critical.level))
            });
            self.rows.push((
                "Worst".to_owned(),
                format!("{}{at}{}", unit.human(worst), never.unwrap_or_default()),
            ));
        }
    }

    fn add_processes(&mut self, title: &str, top: &[Process], note: &str) {
        let busy: Vec<String> = top.iter().take(4).map(describe).collect();
        if !busy.is_empty() {
            self.rows.push((title.to_owned(), format!("{}{note}", busy.join(", "))));
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.leads.join("\n"));
        for (title, content) in &self.rows {
            text.push_str(&format!(" {title:<9} {content}\n"));
        }
        if !self.closing.is_empty() {
            text.push_str(&format!("\n{}\n", self.closing.join("\n")));
        }
        text
    }

    fn html(&self, host: &str) -> String {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; meta name="viewport" content="width=device-width"; title { (host) } }
                body style="font:15px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:46em;margin:1em auto;padding:0 1em" {
                    @for lead in &self.leads { p style="font-size:17px;margin:0 0 .6em" { strong { (lead) } } }
                    table style="border-collapse:collapse;margin:.8em 0" {
                        @for (title, content) in &self.rows {
                            tr {
                                th style=(format!("text-align:left;vertical-align:top;padding:.2em 1em .2em 0;white-space:nowrap;color:{}", colour(title))) { (title) }
                                td style="padding:.2em 0;font-family:ui-monospace,monospace;font-size:13px" { (content) }
                            }
                        }
                    }
                    @for line in &self.closing { p style="color:#555;margin:.3em 0" { (line) } }
                }
            }
        };
        markup.into_string()
    }
}

fn colour(title: &str) -> &'static str {
    match title {
        "CRITICAL" => "#b00020",
        "WARNING" => "#9a5b00",
        "OK" => "#1b6e3c",
        _ => "#555",
    }
}

/// Times as people say them: today without a date, this week by the day's name.
pub struct Clock<'a> {
    pub now: &'a Now,
    pub zone: Zone,
}

impl Clock<'_> {
    pub fn time(&self, epoch: i64) -> String {
        let (then, today) = (self.zone.at_epoch(epoch), self.zone.date(self.now.utc));
        let days = (today - then.date_naive()).num_days();
        let form = match days {
            0 => "%H:%M",
            -6..=6 => "%a %H:%M",
            _ => "%Y-%m-%d %H:%M",
        };
        then.format(form).to_string()
    }
}

fn lead_firing(fact: &Fact, sample: &Sample, clock: &Clock<'_>) -> String {
    let unit = collector::find(&fact.series.metric).map_or(Unit::Count, |metric| metric.unit);
    let level = fact
        .levels
        .as_ref()
        .and_then(|levels| levels.threshold(fact.level))
        .map(|threshold| format!(" (level {})", unit.level(threshold.level)));
    let since =
        fact.standing.since.as_ref().map(|since| format!(" since {}", clock.time(since.epoch)));
    let change = match fact.reason {
        Reason::Escalated => "; it is now critical",
        Reason::Eased => "; it is no longer critical",
        Reason::Reminder => "; still",
        _ => "",
    };
    let left = collector::find(&fact.series.metric)
        .and_then(|metric| room_left(metric, &fact.series, sample))
        .unwrap_or_default();
    format!(
        "{}{}{}{change}.{left}",
        sentence(&phrase(&fact.series, fact.value, false)),
        level.unwrap_or_default(),
        since.unwrap_or_default()
    )
}

fn room_left(metric: &Metric, series: &Series, sample: &Sample) -> Option<String> {
    let (available, total) = metric.capacity?;
    let number = |metric: &Metric| sample.values.get(metric.name, series.label.as_deref());
    Some(format!(
        " {} of {} left.",
        available.unit.human(number(available)?),
        total.unit.human(number(total)?)
    ))
}

fn lead_over(fact: &Fact, clock: &Clock<'_>) -> String {
    let unit = collector::find(&fact.series.metric).map_or(Unit::Count, |metric| metric.unit);
    let threshold = fact.levels.as_ref().and_then(|levels| levels.threshold(fact.level));
    let ends = threshold
        .map(|threshold| format!(" (ends at {})", unit.level(threshold.clear)))
        .unwrap_or_default();
    let past = threshold.map_or_else(|| fact.level.name().to_owned(), |threshold| format!("past {}", unit.level(threshold.level)));
    let when = |epoch: Option<i64>| epoch.map_or_else(|| "?".to_owned(), |epoch| clock.time(epoch));
    let (start, end) = (
        when(fact.standing.since.as_ref().map(|since| since.epoch)),
        when(fact.end.as_ref().map(|end| end.epoch)),
    );
    match fact.reason {
        Reason::Gone => {
            format!("{} was {past} since {start} and has not been measured for a day.", fact.series)
        }
        Reason::Past => format!(
            "{}{ends}. It was {past} from {start} to {end}; this could not be told before.",
            sentence(&phrase(&fact.series, fact.value, false))
        ),
        _ => format!(
            "{} again{ends}. It was {past} from {start} to {end}.",
            sentence(&phrase(&fact.series, fact.value, false))
        ),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

fn course_row(fact: &Fact, course: &Course, clock: &Clock<'_>) -> Option<(String, String)> {
    let unit = collector::find(&fact.series.metric).map_or(Unit::Count, |metric| metric.unit);
    let ((start, first), (end, last)) = (course.points.first()?, course.points.last()?);
    let steps = i64::try_from(course.points.len()).unwrap_or(1) - 1;
    if steps < 1 {
        return None;
    }
    let values: Vec<Option<f64>> = course.points.iter().map(|(_, value)| Some(*value)).collect();
    let step = span::human((end - start) as f64 / steps as f64);
    let line = format!(
        "{} {} {}   one bar = {step}, {} to {}",
        unit.bare(*first),
        sparkline(&values, least_spread(unit, *last)),
        unit.bare(*last),
        clock.time(*start),
        clock.time(*end)
    );
    Some(("Course".to_owned(), line))
}

/// Moves smaller than this are drawn as calm.
pub fn least_spread(unit: Unit, typical: f64) -> f64 {
    match unit {
        Unit::Percent | Unit::Celsius => 10.0,
        _ => typical.abs() * 0.1,
    }
}

/// `rsync (backup, pid 20117) 96 %`.
fn describe(process: &Process) -> String {
    let user = if process.user.is_empty() { String::new() } else { format!("{}, ", process.user) };
    let cpu = process.cpu_percent.map(|percent| format!(" {percent:.0} %,")).unwrap_or_default();
    format!(
        "{} ({user}pid {}){cpu} {}",
        process.name,
        process.pid,
        Unit::Bytes.human(process.memory as f64)
    )
}

fn otherwise(sample: &Sample, facts: &[&Fact]) -> String {
    let told = |name: &str| facts.iter().any(|fact| fact.series.metric == name);
    let overview = collector::metrics()
        .filter(|metric| metric.overview && metric.label.is_none() && !told(metric.name));
    let mut parts: Vec<String> = overview
        .filter_map(|metric| {
            Some(phrase(
                &Series::new(metric.name, None),
                Some(sample.values.get(metric.name, None)?),
                true,
            ))
        })
        .collect();
    parts.extend(sample.uptime.map(|uptime| format!("up {}", span::human(uptime))));
    parts.join(", ")
}

fn next_reminder(fact: &Fact, clock: &Clock<'_>) -> Option<String> {
    let repeat = fact.levels.as_ref()?.threshold(fact.level)?.repeat;
    if fact.is_over() || !repeat.is_finite() || repeat <= 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let at = clock.now.utc.timestamp().saturating_add(repeat as i64);
    let sooner = if fact.level < Level::Critical
        && fact.levels.as_ref().is_some_and(|levels| levels.critical.is_some())
    {
        "; sooner only if it turns critical"
    } else {
        ""
    };
    Some(format!("Next reminder {}{sooner}. A mail follows when it ends.", clock.time(at)))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::alert::rule::{Levels, Threshold};
    use crate::alert::state::{Standing, Told};
    use crate::sample::read::{Wanted, line};
    use crate::time::Moment;

    fn now() -> Now {
        Now {
            utc: DateTime::parse_from_rfc3339("2026-11-22T02:25:00Z").unwrap().to_utc(),
            boot_id: "a".into(),
            uptime: 61_140.0,
        }
    }

    fn moment(minutes_ago: i32) -> Moment {
        Moment {
            epoch: now().utc.timestamp() - i64::from(minutes_ago) * 60,
            boot_id: "a".into(),
            uptime: 61_140.0 - f64::from(minutes_ago) * 60.0,
        }
    }

    fn sample() -> Sample {
        let text = r#"{"timestamp":"2026-11-22T02:25:00Z","uptime":61140,"cpu_percent":38.4,"memory_percent":43.1,"filesystem_percent":{"/data":86},
            "filesystem_available":{"/data":35111550000},"filesystem_total":{"/data":251000000000},
            "top":[{"pid":20117,"name":"rsync","user":"backup","cpu_percent":96,"memory":1048576}]}"#;
        line(text.as_bytes(), &Wanted::everything()).unwrap()
    }

    fn fact(reason: Reason, end: Option<Moment>) -> Fact {
        let limit =
            |level: f64| Some(Threshold { level, clear: level - 5.0, hold: 0.0, repeat: 86_400.0 });
        let standing = Standing {
            rule: "filesystem_percent".into(),
            series: "filesystem_percent{/data}".into(),
            level: Level::Warning,
            since: Some(moment(110)),
            worst: Some(92.8),
            worst_at: Some(moment(60)),
            peak: Level::Warning,
            ..Standing::default()
        };
        let levels = Levels { below: false, warning: limit(85.0), critical: limit(95.0) };
        Fact {
            reason,
            series: Series::parse(&standing.series),
            standing,
            level: Level::Warning,
            value: Some(if end.is_some() { 79.9 } else { 86.0 }),
            levels: Some(levels),
            end,
        }
    }

    fn composed(facts: &[Fact]) -> Message {
        let (now, sample) = (now(), sample());
        let course = Course {
            points: vec![
                (moment(10).epoch, 79.8),
                (moment(5).epoch, 82.0),
                (moment(0).epoch, 86.0),
            ],
        };
        let courses = [(Series::parse("filesystem_percent{/data}"), course)];
        compose(&Letter {
            host: "gate-pi",
            now: &now,
            zone: Zone::Utc,
            prefix: "",
            sample: &sample,
            before: None,
            facts,
            courses: &courses,
            others: Vec::new(),
        })
    }

    #[test]
    fn a_raise_puts_the_fact_first() {
        let message = composed(&[fact(Reason::Raised, None)]);
        assert_eq!(message.subject, "gate-pi WARNING: /data 86 % full");
        assert!(
            message.text.starts_with(
                "/data 86.0 % full (level 85) since 00:35. 32.7 GiB of 233.8 GiB left.\n"
            ),
            "{}",
            message.text
        );
        assert!(
            message.text.contains(
                " WARNING   filesystem_percent{/data}   86.0 %, warning 85, critical 95\n"
            ),
            "{}",
            message.text
        );
        assert!(message.text.contains("one bar = 5 min, 02:15 to 02:25"), "{}", message.text);
        assert!(
            message.text.contains("rsync (backup, pid 20117) 96 %")
                && message.text.contains("Next reminder Mon 02:25"),
            "{}",
            message.text
        );
    }

    #[test]
    fn a_recovery_says_how_long_and_how_bad() {
        let message = composed(&[fact(Reason::Recovered, Some(moment(0)))]);
        assert_eq!(
            (message.subject.as_str(), message.level.as_str()),
            ("gate-pi RECOVERED: /data 80 % full after 1 h 50 min", "ok")
        );
        assert!(
            message.text.contains("92.8 % at 01:25; critical (95) was never reached"),
            "{}",
            message.text
        );
        assert!(message.text.contains("Nothing else is firing on gate-pi."), "{}", message.text);
    }

    #[test]
    fn what_could_not_be_told_in_time_is_told_as_past() {
        let message = composed(&[fact(Reason::Past, Some(moment(0)))]);
        assert!(
            message.text.contains("from 00:35 to 02:25; this could not be told before"),
            "{}",
            message.text
        );
    }

    #[test]
    fn several_facts_are_one_message_the_worst_first() {
        let mut critical = fact(Reason::Raised, None);
        (critical.level, critical.series, critical.value) =
            (Level::Critical, Series::parse("cpu_temp"), Some(91.0));
        let message = composed(&[
            fact(Reason::Recovered, Some(moment(0))),
            fact(Reason::Raised, None),
            critical,
        ]);
        assert_eq!(message.subject, "gate-pi CRITICAL: CPU at 91 °C, and 2 more");
    }

    #[test]
    fn what_follows_a_raise_refers_to_it() {
        let mut reminder = fact(Reason::Reminder, None);
        reminder.standing.told.insert(
            "email".into(),
            Told { level: Level::Warning, at: moment(100), thread: "<1@x>".into(), first: 0 },
        );
        assert_eq!(composed(&[reminder]).follows, ["<1@x>"]);
    }

    #[test]
    fn html_is_escaped() {
        let mut odd = fact(Reason::Raised, None);
        odd.series = Series::parse("filesystem_percent{/<b>}");
        assert!(!composed(&[odd]).html.contains("<b>"));
    }
}
