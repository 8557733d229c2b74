//! Commands and plugins, from what they print to what is stored.

use std::path::Path;
use std::time::Instant;

use super::super::Settings;
use super::super::tests::fixture;
use super::*;
use crate::metric::Unit;
use crate::sample::Values;

static VALUE: Metric = Metric::gauge("custom_test", Unit::Count, "Test.").labelled("key");
static STATE: Metric = Metric::gauge("custom_test_state", Unit::Count, "Test.");
static LEVEL: Metric = Metric::gauge("custom_test_level", Unit::Count, "Test.").labelled("level");

fn custom(format: Format, script: &str) -> Custom {
    let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    Custom {
        name: "test".to_owned(),
        source: Source::Command { argv, limit: Duration::from_secs(8) },
        format,
        value: &VALUE,
        plugin: format.may_have_state().then_some(Plugin { state: &STATE, level: &LEVEL }),
    }
}

/// Without what would end the children of other tests.
fn stored(custom: &Custom) -> (Values, String) {
    let settings = Settings::default();
    let host = Host { settings: &settings, ..fixture(Path::new("/")) };
    let mut reading = Reading::default();
    for outcome in read(std::slice::from_ref(custom), &host, &mut Reading::default()) {
        store(custom, outcome, &host, &mut reading);
    }
    let failed = reading.values.get("collector_failed", Some("custom:test"));
    assert_eq!(failed, Some(f64::from(u8::from(!reading.errors.is_empty()))));
    (reading.values, reading.errors.remove("custom:test").unwrap_or_default())
}

fn error(format: Format, script: &str) -> String {
    stored(&custom(format, script)).1
}

#[test]
fn a_single_number_has_no_label_and_several_have() {
    let (values, error) = stored(&custom(Format::Auto, "echo 7"));
    assert_eq!((values.get("custom_test", None), error.as_str()), (Some(7.0), ""));
    let (values, _) = stored(&custom(Format::Auto, "echo a 1; echo b 2"));
    assert_eq!(values.get("custom_test", Some("b")), Some(2.0));
}

#[test]
fn a_plugin_has_a_state_and_levels_that_stay_in_its_unit() {
    let script = "echo 'DISK WARNING | /=90%;80;95 free=2MB;5:;1:'; exit 1";
    for format in [Format::Auto, Format::Nagios] {
        let (values, error) = stored(&custom(format, script));
        assert_eq!((values.get("custom_test_state", None), error.as_str()), (Some(1.0), ""));
        assert_eq!(values.get("custom_test", Some("/")), Some(90.0));
        assert_eq!(values.get("custom_test_level", Some("/ warning")), Some(80.0));
        let below = values.get("custom_test_level", Some("free critical below"));
        assert_eq!(below, Some(1_048_576.0));
    }
}

#[test]
fn a_plugin_that_does_not_know_has_failed_and_has_no_state() {
    let (values, error) =
        stored(&custom(Format::Nagios, "echo 'UNKNOWN - no route | a=1'; exit 3"));
    assert_eq!(error, "unknown: UNKNOWN - no route");
    assert_eq!((values.get("custom_test_state", None), values.entry("custom_test")), (None, None));
}

#[test]
fn a_plugin_that_says_nothing_has_not_changed_its_levels() {
    let mut sample = crate::sample::read::line(
        br#"{"timestamp":"2026-11-22T00:00:00Z","custom_test_level":{"/ warning":80}}"#,
        &crate::sample::read::Wanted::everything(),
    )
    .unwrap();
    sample.errors.clear();
    let host = Host { last: Some(&sample), ..fixture(Path::new("/")) };
    let mut reading = Reading::default();
    let custom = custom(Format::Nagios, "");
    store(&custom, Err("no end".to_owned()), &host, &mut reading);
    assert_eq!(reading.values.get("custom_test_level", Some("/ warning")), Some(80.0));
}

#[test]
fn an_exit_status_is_a_failure_in_its_last_words() {
    for format in [Format::Auto, Format::Number, Format::Lines, Format::Json, Format::Prometheus] {
        assert_eq!(error(format, "echo 5; echo no queue >&2; exit 2"), "no queue");
        assert_eq!(error(format, "echo 5; exit 2"), "it failed (exit status: 2)");
    }
    assert_eq!(error(Format::Nagios, "echo CRITICAL; exit 2"), "");
    assert_eq!(error(Format::Nagios, "exit 127"), "it failed (exit status: 127)");
    assert_eq!(error(Format::Auto, "kill -9 $$"), "it failed (signal: 9 (SIGKILL))");
}

#[test]
fn a_plugin_without_data_is_known_by_its_word_or_by_what_it_was() {
    let (values, error) =
        stored(&custom(Format::Auto, "echo 'HTTP CRITICAL - Socket timeout'; exit 2"));
    assert_eq!((values.get("custom_test_state", None), error.as_str()), (Some(2.0), ""));
    let custom = custom(Format::Auto, "echo Socket timeout; exit 2");
    let settings = Settings::default();
    let state = |last: &str| {
        let line = format!(r#"{{"timestamp":"2026-11-22T00:00:00Z"{last}}}"#);
        let wanted = crate::sample::read::Wanted::everything();
        let last = crate::sample::read::line(line.as_bytes(), &wanted).unwrap();
        let host = Host { settings: &settings, last: Some(&last), ..fixture(Path::new("/")) };
        let outcome = read(std::slice::from_ref(&custom), &host, &mut Reading::default()).remove(0);
        outcome.map(|parsed| parsed.state)
    };
    assert_eq!(state(r#","custom_test_state":0"#), Ok(Some(2)));
    assert_eq!(state(""), Err("it failed (exit status: 2)".to_owned()));
}

#[test]
fn bytes_that_are_no_text_are_shown_lossily() {
    let (values, error) = stored(&custom(Format::Auto, r"printf 'a\377b 1\n'"));
    assert_eq!((values.get("custom_test", Some("a\u{fffd}b")), error.as_str()), (Some(1.0), ""));
    assert!(self::error(Format::Number, r"printf '\377'").contains("is no number"));
}

#[test]
fn small_numbers_keep_their_digits_and_scaling_leaves_none() {
    let (values, _) = stored(&custom(Format::Auto, "echo 0.00042"));
    assert_eq!(values.get("custom_test", None), Some(0.00042));
    let tidied = |number: f64| tidy(Value::Float(number)).as_f64();
    assert_eq!((tidied(0.1 + 0.2), tidied(-0.0).to_string()), (0.3, "0".to_owned()));
}

#[test]
fn one_that_hangs_holds_no_other_up() {
    let mut slow = custom(Format::Auto, "sleep 60");
    slow.source = Source::Command {
        argv: ["/bin/sh", "-c", "sleep 60"].map(str::to_owned).to_vec(),
        limit: Duration::from_millis(300),
    };
    let all = [slow, custom(Format::Auto, "echo 1"), custom(Format::Auto, "sleep 0.2; echo 2")];
    let began = Instant::now();
    let outcomes = read(&all, &fixture(Path::new("/")), &mut Reading::default());
    assert_eq!(outcomes[0], Err("no end within 0.3 s".to_owned()));
    assert!(outcomes[1].is_ok() && outcomes[2].is_ok());
    assert!(began.elapsed() < Duration::from_secs(3));
}
