//! `alerts replay`: over a period with constant rules it gives what really happened, and nothing is touched by asking.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs;

use common::{Host, Ran, json, keys, line};
use serde_json::{Value, json};

/// 11:00 in Berlin on 22 November 2026.
const NOW: i64 = 1_795_341_600;
const BOOT: &str = "/boot/firmware";

/// The same numbers for the same seed: a linear congruential generator (Knuth).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(sides)).unwrap()
    }
}

/// What a host does for a while.
#[derive(Clone, Copy)]
enum Phase {
    Calm,
    Hot,
    /// Around the level, so that an alert flaps.
    Restless,
    Busy,
    Full,
}

/// A host of whose rules each looks at something else, told by a program that remembers all it hears.
struct Watched {
    host: Host,
    dice: Dice,
    phase: Phase,
    mounts: String,
}

impl Watched {
    fn new(seed: u64, monitoring: &Value) -> Self {
        let host = Host::new("raspberry-pi-4");
        let told = format!("cat >> {}", host.path("told").display());
        let mut config = json!({
            "monitoring": {
                "default_rules": false,
                "expect": [BOOT],
                "alert_thresholds": {
                    "cpu_temp": {"warning": 70, "critical": 80, "clear_for": "5m", "repeat": "2h"},
                    "cpu_percent": {"warning": 80, "critical": 95},
                    "temperat*": {"warning": 72, "times": "3/5"},
                    "memory_percent": {"warning": 60, "critical": {"level": 90, "for": "15m"}},
                    "memory_available": {"below": true, "change": "20%/30m"},
                    "filesystem_percent": {"warning": 0, "repeat": "3h"},
                    "network_received_rate": {"below": true, "warning": 100},
                    "missing": {"critical": 1, "clear": 0},
                    "gap": "1h"
                }
            },
            "notifications": {
                "quiet_hours": "22:00-06:00",
                "command": {"argv": ["/bin/sh", "-c", told]}
            }
        });
        let more = monitoring.as_object().unwrap().clone();
        config["monitoring"].as_object_mut().unwrap().extend(more);
        host.configure(&config.to_string());
        let mounts = fs::read_to_string(host.path("root/proc/1/mountinfo")).unwrap();
        Watched { host, dice: Dice(seed), phase: Phase::Calm, mounts }
    }

    fn live(&mut self, samples: usize) {
        for at in 0..samples {
            self.change();
            let told = self.host.run(&["collect", "-q"]);
            assert_eq!(told, Ran::new(0, "", ""), "at {}", self.host.epoch);
            // Nobody was there for three days.
            let away = if at == samples / 2 { 3 * 86_400 } else { 0 };
            let spacing = self.spacing();
            let busy = if matches!(self.phase, Phase::Busy) { 97 } else { 20 };
            self.host.pass(spacing + away, busy);
            match self.dice.roll(70) {
                0 => self.host.reboot(),
                // The clock alone goes on.
                1 => self.host.set_clock(self.host.epoch + 4_000),
                _ => {}
            }
        }
    }

    /// Five minutes, not quite, or a hole.
    fn spacing(&mut self) -> u32 {
        match self.dice.roll(40) {
            0 => 900 + self.dice.roll(9_000),
            1 => 40,
            2..8 => 280 + self.dice.roll(40),
            _ => 300,
        }
    }

    fn change(&mut self) {
        if self.dice.roll(12) == 0 {
            let phases = [Phase::Calm, Phase::Hot, Phase::Restless, Phase::Busy, Phase::Full];
            self.phase = phases[usize::try_from(self.dice.roll(5)).unwrap()];
        }
        let (celsius, available) = match self.phase {
            Phase::Calm | Phase::Busy => (50 + self.dice.roll(8), 1_000),
            Phase::Hot => (68 + self.dice.roll(16), 900),
            Phase::Restless => (64 + self.dice.roll(10), 800 - 80 * self.dice.roll(3)),
            Phase::Full => (55, 150 + self.dice.roll(300)),
        };
        self.host.heat(celsius);
        let memory = format!("MemTotal: 1894964 kB\nMemAvailable: {} kB\n", available * 1_000);
        self.host.write("proc/meminfo", &memory);
        let is_there = |line: &&str| !line.contains(BOOT);
        let mounts = match self.dice.roll(8) {
            0 => self.mounts.lines().filter(is_there).collect::<Vec<_>>().join("\n") + "\n",
            _ => self.mounts.clone(),
        };
        self.host.write("proc/1/mountinfo", &mounts);
    }

    /// What the program heard: when, what, and of what.
    fn told(&self) -> Vec<Value> {
        let heard = fs::read_to_string(self.host.path("told")).unwrap();
        let mut told = Vec::new();
        for message in heard.lines().map(json) {
            let facts = message["alerts"].as_array().unwrap().iter();
            told.extend(facts.map(|fact| short(&message["epoch"], fact)));
        }
        sorted(told)
    }

    fn replay(&self, arguments: &[&str]) -> Value {
        self.host.run(&[&["alerts", "replay", "--json"], arguments].concat()).json()
    }
}

/// The value in tenths: the program is told every digit there is.
fn short(epoch: &Value, fact: &Value) -> Value {
    let value = fact["value"].as_f64().map(|value| format!("{:.0}", (value * 10.0).round()));
    json!([epoch, fact["kind"], fact["series"], fact["level"], value])
}

fn assert_same(replayed: &[Value], really: &[Value]) {
    let only = |some: &[Value], others: &[Value]| {
        some.iter().filter(|one| !others.contains(one)).cloned().collect::<Vec<_>>()
    };
    assert_eq!((only(replayed, really), only(really, replayed)), (vec![], vec![]));
    assert_eq!(replayed.len(), really.len());
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by_key(Value::to_string);
    values
}

fn notifications(answer: &Value) -> Vec<Value> {
    let told = answer["notifications"].as_array().unwrap().iter();
    sorted(told.map(|told| short(&told["epoch"], told)).collect())
}

/// Episodes of which nothing is left but what and when.
fn episodes(answer: &Value) -> Vec<Value> {
    let episodes = answer["alerts"].as_array().unwrap().iter();
    let shortened = |one: &Value| {
        if one["end"].is_null() {
            return json!([one["series"], "lasts"]);
        }
        json!(["series", "start", "end", "level", "worst", "told"].map(|key| &one[key]))
    };
    sorted(episodes.map(shortened).collect())
}

/// Replay over a period with constant rules gives the episodes that really happened.
fn lives_and_is_replayed(seed: u64, monitoring: &Value) {
    let mut watched = Watched::new(seed, monitoring);
    let before = format!("@{}", watched.host.epoch - 60);
    watched.live(320);
    let host = &watched.host;
    assert!(host.happened().iter().all(|event| event != "owed" && event != "refused"));
    let (snapshot, told) = (host.snapshot(), watched.told());
    let answer = watched.replay(&["--since", &before]);
    for kind in ["raised", "escalated", "eased", "recovered", "reminder", "flapping", "absence"] {
        assert!(told.iter().any(|told| told[1] == kind), "{kind} did not happen");
    }
    assert_same(&notifications(&answer), &told);
    let mails = fs::read_to_string(host.path("told")).unwrap().lines().count();
    assert_eq!(answer["mails"], mails);
    let list = host.run(&["alerts", "list", "--json", "--since", &before]).json();
    assert_same(&episodes(&answer), &episodes(&list));
    assert_eq!(host.snapshot(), snapshot, "asking touches nothing");
}

#[test]
fn over_a_period_with_constant_rules_it_gives_what_really_happened() {
    lives_and_is_replayed(1, &json!({}));
}

#[test]
fn with_another_course_and_a_stated_interval_as_well() {
    lives_and_is_replayed(20_261_122, &json!({"log_interval": 300, "startup_grace": "20m"}));
}

#[test]
fn with_a_third_course_and_nothing_that_must_be_there_as_well() {
    lives_and_is_replayed(77, &json!({"expect": []}));
}

/// Samples of these CPU temperatures, ten minutes apart, the last one ten minutes ago; with these levels.
fn of_celsius(celsius: &[u32], thresholds: &Value) -> Host {
    let count = i64::try_from(celsius.len()).unwrap();
    let lines = (0..).zip(celsius).map(|(at, celsius)| {
        let uptime = 900_000 + 600 * u32::try_from(at).unwrap();
        let values = format!(r#""interval":600,"cpu_temp":{celsius},"memory_percent":20"#);
        line(NOW - 600 * (count - at), uptime, &values)
    });
    let content = lines.collect::<String>();
    let host = Host::with_file(NOW, "metrics_2026-11-22.jsonl", content);
    let monitoring = json!({"default_rules": false, "alert_thresholds": thresholds});
    host.configure(&json!({ "monitoring": monitoring }).to_string());
    host
}

fn replay(host: &Host, arguments: &[&str]) -> Ran {
    host.run(&[&["alerts", "replay"], arguments].concat())
}

#[test]
fn scripts_get_every_key_of_the_contract() {
    let host = of_celsius(&[50, 71, 72, 50], &json!({"cpu_temp": 70, "memory_percent": 20}));
    let answer = replay(&host, &["--json"]).json();
    let contract = ["schema", "host", "since", "until", "notifications", "mails"];
    assert_eq!(keys(&answer)[..contract.len()], contract);
    assert_eq!((&answer["schema"], &answer["host"]), (&json!(1), &json!("gate-pi")));
    let told = &answer["notifications"];
    let raised = json!({"timestamp": "2026-11-22T10:20:00+01:00", "epoch": NOW - 2_400,
        "kind": "raised", "series": "memory_percent", "level": "warning", "value": 20,
        "rule": "memory_percent"});
    assert_eq!((&told[0], told.as_array().map(Vec::len)), (&raised, Some(3)));
    assert_eq!((&answer["mails"], &answer["samples"]), (&json!(3), &json!(4)));
    let rules = json!([{"rule": "cpu_temp", "mails": 2, "episodes": 1, "seconds": 1_200},
        {"rule": "memory_percent", "mails": 1, "episodes": 1, "seconds": 2_400}]);
    assert_eq!(answer["rules"], rules);
    assert_eq!(answer["alerts"][1]["worst"], 72);
}

#[test]
fn people_get_the_mails_the_rules_and_the_sum() {
    let thresholds = json!({"cpu_temp": 70, "memory_percent": 20, "load1": 4});
    let host = of_celsius(&[75, 71, 72, 50], &thresholds);
    assert_eq!(
        replay(&host, &["--since", "1d"]).done(),
        " mail   kind       series          level      value
 10:20  raised     cpu_temp        WARNING  75.0 °C
        raised     memory_percent  WARNING   20.0 %
 10:50  recovered  cpu_temp        WARNING  50.0 °C

 rule            mails  episodes  fired for
 cpu_temp            2         1     30 min
 memory_percent      1         1     40 min
 load1               0         0          -

 2 mails in 1 d; 4 samples
"
    );
}

#[test]
fn what_fired_before_is_not_raised_anew() {
    let host = of_celsius(&[75; 12], &json!({"cpu_temp": {"warning": 70, "repeat": "1h"}}));
    let answer = replay(&host, &["--since", "65m", "--json"]).json();
    let told = notifications(&answer);
    assert_eq!(told.iter().map(|told| &told[1]).collect::<Vec<_>>(), ["reminder"]);
    let episode = &answer["alerts"][0];
    assert_eq!((&episode["end"], &episode["seconds"]), (&Value::Null, &json!(7_200)));
    assert_eq!((&answer["samples"], &answer["rules"][0]["seconds"]), (&json!(6), &json!(3_900)));
}

#[test]
fn a_rule_with_a_fault_is_not_replayed() {
    let host = of_celsius(&[75], &json!({"cpu_temp": {"warning": 70, "critical": 60}}));
    replay(&host, &["--json"]).says(3, &["config.json:1:", "cpu_temp.critical", "out of order"]);
    replay(&host, &["--config", "missing.json"]).says(3, &["could not read", "missing.json"]);
}

#[test]
fn another_configuration_is_judged_without_touching_anything() {
    let mut host = Host::new("raspberry-pi-4");
    host.configure(
        r#"{"monitoring": {"default_rules": false, "alert_thresholds": {"cpu_temp": 99}}}"#,
    );
    for _ in 0..4 {
        host.heat(75);
        host.collect();
        host.pass(600, 20);
    }
    let other = r#"{"monitoring": {"default_rules": false, "alert_thresholds": {"cpu_temp": 70}}}"#;
    fs::write(host.path("other.json"), other).unwrap();
    let snapshot = host.snapshot();
    let mails =
        |config: &str| replay(&host, &["--json", "--config", config]).json()["mails"].clone();
    assert_eq!((mails("config.json"), mails("other.json")), (json!(0), json!(1)));
    assert_eq!(host.snapshot(), snapshot);
}

#[test]
fn damaged_lines_are_passed_over_and_counted() {
    let host = of_celsius(&[75, 50], &json!({"cpu_temp": 70}));
    let path = host.data().join("metrics_2026-11-22.jsonl");
    let content = fs::read_to_string(&path).unwrap().replacen('\n', "\ngarbage\n", 1);
    fs::write(path, content).unwrap();
    let ran = replay(&host, &["--json"]);
    assert_eq!((ran.code, json(&ran.out)["mails"].clone()), (Some(0), json!(2)));
    ran.says_in_one_line(&["passed over: 1 damaged line", "metrics_2026-11-22.jsonl:2"]);
}

#[test]
fn an_empty_range_is_said_and_no_store_is_an_error() {
    let host = of_celsius(&[75], &json!({"cpu_temp": 70}));
    let empty = ["--since", "2026-11-01", "--until", "2026-11-10"];
    assert_eq!(replay(&host, &empty).done(), "no samples in this range\n");
    let answer = replay(&host, &[&empty[..], &["--json"]].concat()).json();
    assert_eq!((&answer["notifications"], &answer["mails"]), (&json!([]), &json!(0)));
    replay(&Host::new("raspberry-pi-4"), &[]).says(3, &["no samples in", "hostwatch collect"]);
    replay(&host, &["--since", "soon"]).says(3, &["--since", "\"soon\" is not a time"]);
    replay(&host, &["--every", "1h"]).says(3, &["--every"]);
}
