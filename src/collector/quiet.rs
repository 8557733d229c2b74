//! Quiet metrics: flags of trouble, nearly always 0. All of them stand in the first line of a day and of a boot; a line
//! after it names those that are up, and those that were before in this boot. Of the others the last value holds.

use std::collections::BTreeSet;

use super::{Host, built_in};
use crate::metric::Metric;
use crate::sample::{Entry, Value, Values};
use crate::series::Series;

/// Leaves out what the lines of the day tell already, and gives what the next run has to know: the series that are up,
/// or were in this boot.
pub fn settle(host: &Host<'_>, values: &mut Values) -> BTreeSet<String> {
    let mut loud = host.earlier.map(|earlier| earlier.loud.clone()).unwrap_or_default();
    // An alert about what was before the boot has to hear that it is over.
    loud.extend(host.last.into_iter().flat_map(|last| up(&last.values)));
    loud.extend(up(values));
    if host.last_of_this_boot().is_some() && host.last_is_of_today() {
        for metric in all() {
            let flags = values.remove(metric.name);
            for (label, flag) in flags.iter().flat_map(|flags| labels(metric, flags)) {
                if loud.contains(&series(metric, label)) {
                    values.set_for(metric, label, flag);
                }
            }
        }
    }
    loud
}

fn all() -> impl Iterator<Item = &'static Metric> {
    built_in().filter(|metric| metric.quiet)
}

/// The series that are more than nothing.
fn up(values: &Values) -> BTreeSet<String> {
    let of = |metric: &'static Metric| {
        let flags = values.entry(metric.name).into_iter().flat_map(|flags| labels(metric, flags));
        flags.filter(|(_, flag)| flag.as_f64() > 0.0).map(|(label, _)| series(metric, label))
    };
    all().flat_map(of).collect()
}

fn labels<'a>(metric: &'a Metric, flags: &'a Entry) -> impl Iterator<Item = (&'a str, Value)> {
    flags.points(metric.name).filter_map(|(_, label, flag)| Some((label?, flag)))
}

fn series(metric: &Metric, label: &str) -> String {
    Series::new(metric.name, Some(label)).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::earlier::Earlier;
    use super::super::tests::fixture;
    use super::super::{COLLECTOR_FAILED, Host};
    use super::*;
    use crate::sample::Sample;
    use crate::sample::read::{Wanted, line};

    const UNIT: &str = "collector_failed{unit}";

    fn before(date: &str, boot: &str, flags: &str) -> Sample {
        let text = format!(
            r#"{{"timestamp":"{date}T00:00:00Z","boot_id":"{boot}","uptime":900,"collector_failed":{{{flags}}}}}"#
        );
        line(text.as_bytes(), &Wanted::everything()).unwrap()
    }

    fn today(flags: &str) -> Sample {
        before("1970-01-01", "boot", flags)
    }

    /// What a line says after that one, where cpu and unit are active, and what is kept for the next.
    fn told(last: Option<&Sample>, loud: &[&str], failing: Option<&str>) -> (String, String) {
        let loud = loud.iter().map(|series| (*series).to_owned()).collect();
        let earlier = Earlier { loud, ..Earlier::default() };
        let host = Host { last, earlier: Some(&earlier), ..fixture(Path::new("/nonexistent")) };
        let mut values = Values::default();
        for name in ["cpu", "unit"] {
            let flag = u64::from(failing == Some(name));
            values.set_for(&COLLECTOR_FAILED, name, flag);
        }
        let loud = settle(&host, &mut values);
        let flag = |(_, name, flag): (_, Option<&str>, Value)| {
            format!("{} {}", name.unwrap(), flag.as_f64())
        };
        let flags: Vec<String> = values.points().map(flag).collect();
        let loud: Vec<String> = loud.into_iter().collect();
        (flags.join(", "), loud.join(", "))
    }

    fn pair(flags: &str, loud: &str) -> (String, String) {
        (flags.to_owned(), loud.to_owned())
    }

    #[test]
    fn the_first_line_of_a_day_or_a_boot_names_all() {
        let all = pair("cpu 0, unit 0", "");
        assert_eq!(told(None, &[], None), all);
        assert_eq!(told(Some(&before("1970-01-01", "another", "")), &[], None), all);
        assert_eq!(told(Some(&before("1969-12-31", "boot", "")), &[], None), all);
        assert_eq!(told(Some(&today(r#""cpu":0"#)), &[], None), pair("", ""));
    }

    #[test]
    fn one_that_is_up_is_named_and_goes_on_being_named_when_it_is_down() {
        assert_eq!(told(Some(&today("")), &[], Some("unit")), pair("unit 1", UNIT));
        assert_eq!(told(Some(&today(r#""unit":1"#)), &[UNIT], None), pair("unit 0", UNIT));
        assert_eq!(told(Some(&today(r#""unit":0"#)), &[UNIT], None), pair("unit 0", UNIT));
    }

    #[test]
    fn without_the_cache_and_after_a_boot_the_line_before_tells_what_was_up() {
        let failed = r#""cpu":0,"unit":1"#;
        assert_eq!(told(Some(&today(failed)), &[], None), pair("unit 0", UNIT));
        let another = before("1970-01-01", "another", failed);
        assert_eq!(told(Some(&another), &[], None), pair("cpu 0, unit 0", UNIT));
    }
}
