//! What an alert mail says, as the host's own mail program gets it: the real program, one run after the other.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, UNIX_EPOCH};

use common::{Host, json, line};
use serde_json::Value;

const MINUTES: u32 = 60;
const HOUR: u32 = 60 * MINUTES;
/// Seconds for which the host has been up at first.
const UP: u32 = 30 * 24 * HOUR;

/// A host whose mails are kept in files, with these rules and no others.
struct Mailed {
    host: Host,
}

/// A mail as it was handed over.
struct Mail {
    subject: String,
    level: String,
    text: String,
    html: String,
}

impl Mailed {
    fn with(rules: &str) -> Self {
        let mut host = Host::new("raspberry-pi-4");
        host.uptime = f64::from(UP);
        host.write("proc/uptime", &format!("{UP}.00 0.00\n"));
        for name in ["mails", "data"] {
            fs::create_dir(host.path(name)).unwrap();
        }
        let program = host.path("sendmail");
        host.configure(&format!(
            r#"{{"monitoring": {{"log_interval": 300, "default_rules": false, "alert_thresholds": {rules}}},
                "notifications": {{"email": {{"transport": "sendmail", "sendmail_path": "{}", "from_address": "hostwatch@gate-pi",
                    "to_addresses": ["admin@example.com"]}}}}}}"#,
            program.display()
        ));
        let mailed = Mailed { host };
        mailed.accepts(true);
        mailed
    }

    /// Whether the mail program takes mail from now on.
    fn accepts(&self, does: bool) {
        let mails = self.host.path("mails");
        let keep = format!("exec cat >{0}/$(ls {0} | wc -l)", mails.display());
        let script = if does { keep } else { "cat >/dev/null; exit 75".to_owned() };
        let path = self.host.path("sendmail");
        // A program that runs cannot be written, so a new one takes its place.
        let new = self.host.path("sendmail.new");
        fs::write(&new, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Lines every five minutes, the last one five minutes ago, of the values of `rest` so many minutes ago.
    fn past(&self, hours: u32, rest: impl Fn(u32) -> String) {
        for minutes in (1..=hours * 12).rev().map(|step| step * 5) {
            let epoch = self.host.epoch - i64::from(minutes * 60);
            let uptime = UP - minutes * 60;
            // 22 November begins at 23:00 UTC of the day before.
            let date = if epoch < 1_795_302_000 { "2026-11-21" } else { "2026-11-22" };
            let path = self.host.data().join(format!("metrics_{date}.jsonl"));
            let mut text = fs::read_to_string(&path).unwrap_or_default();
            text.push_str(&line(epoch, uptime, &rest(minutes)));
            fs::write(path, text).unwrap();
        }
    }

    fn collect(&self) {
        let ran = self.host.run(&["collect"]);
        assert!(matches!(ran.code, Some(0 | 4)), "{ran:?}");
    }

    /// Samples five minutes apart.
    fn heats(&mut self, celsius: &[u32]) {
        for degrees in celsius {
            self.host.pass(5 * MINUTES, 10);
            self.host.heat(*degrees);
            self.collect();
        }
    }

    fn is_busy(&mut self, percent: &[u64]) {
        for share in percent {
            self.host.pass(5 * MINUTES, *share);
            self.collect();
        }
    }

    fn mails(&self) -> Vec<Mail> {
        let count = fs::read_dir(self.host.path("mails")).unwrap().count();
        let path = |at: usize| self.host.path("mails").join(at.to_string());
        (0..count).map(|at| Mail::read(&fs::read_to_string(path(at)).unwrap())).collect()
    }

    fn last(&self) -> Mail {
        self.mails().pop().unwrap()
    }
}

impl Mail {
    fn read(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let (head, rest) = text.split_once("\n\n").unwrap();
        let header = |name: &str| {
            let lines = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            lines.unwrap_or_default().to_owned()
        };
        let boundary = head.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
        let parts: Vec<&str> = rest.split(&format!("--{boundary}")).collect();
        // The line break before a boundary belongs to the boundary.
        let part = |at: usize| {
            let content = parts[at].split_once("\n\n").unwrap().1;
            decoded(content.strip_suffix('\n').unwrap())
        };
        Mail {
            subject: header("Subject"),
            level: header("X-Hostwatch-Level"),
            text: part(1),
            html: part(2),
        }
    }

    fn has(&self, words: &[&str]) {
        for word in words {
            assert!(self.text.contains(word), "{word} is missing:\n{}", self.text);
        }
    }

    fn has_not(&self, words: &[&str]) {
        for word in words {
            assert!(!self.text.contains(word), "{word} is there:\n{}", self.text);
        }
    }
}

/// Quoted-printable as text.
fn decoded(part: &str) -> String {
    let text = part.replace("=\n", "");
    let mut pieces = text.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

/// Who looks at 09:41 in Berlin sees the hour, the day, and where it goes.
#[test]
fn a_raise_shows_its_hour_its_day_and_its_pace() {
    let mut mailed = Mailed::with(r#"{"cpu_temp": {"warning": 70, "critical": 85}}"#);
    mailed.past(24, |ago| format!("\"cpu_temp\":{}", if ago > 55 { 48 } else { 71 - ago / 5 * 2 }));
    mailed.host.heat(71);
    mailed.collect();
    let mail = mailed.last();
    assert_eq!(mail.level, "warning");
    assert!(
        mail.text.starts_with(
            "\
CPU at 71.0 °C (level 70) since 09:41.
If it goes on, critical (85) at about 10:15.

 WARNING   cpu_temp   71.0 °C, warning 70, critical 85
 Course    49.0 ▁▂▂▃▄▄▅▅▆▇▇█ 71.0   one bar = 5 min, 08:46 to 09:41
 24 hours  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█   min 48.0, max 71.0 since Sat 09:46
 Earlier   first time in 30 days
"
        ),
        "{}",
        mail.text
    );
    assert!(
        mail.text.ends_with(
            "
Next reminder Mon 09:41; sooner only if it turns critical. A mail follows when
it ends.

Quiet until it ends:
  sudo hostwatch alerts silence 'cpu_temp' --until-recovered
Why, and who was told:
  hostwatch alerts explain 'cpu_temp'
"
        ),
        "{}",
        mail.text
    );
    mailed.heats(&[76, 86]);
    mailed.last().has(&[
        "CPU at 86.0 °C: now critical (level 85), a warning since 09:41.\n\n",
        " CRITICAL  cpu_temp   86.0 °C, warning 70, critical 85\n",
        "Next reminder 13:51. A mail follows",
    ]);
}

#[test]
fn hours_without_samples_are_gaps_in_the_day() {
    let mailed = Mailed::with(r#"{"cpu_temp": 70}"#);
    mailed.past(24, |ago| {
        let is_gap = (181..=360).contains(&ago);
        if is_gap { "\"load1\":1".to_owned() } else { format!("\"cpu_temp\":{}", 40 + ago / 300) }
    });
    mailed.host.heat(71);
    mailed.collect();
    mailed.last().has(&[" 24 hours  ▂▂▂▂▂▂▂▂▂▁▁▁▁▁▁▁▁▁  ▁▁▁█   min 40.0"]);
}

#[test]
fn a_recovery_shows_the_whole_episode_who_was_busy_and_what_was_before() {
    let mut mailed = Mailed::with(r#"{"cpu_temp": {"warning": 70, "critical": 85}}"#);
    mailed.heats(&[50, 50, 71, 73, 60]);
    let first = mailed.last();
    first.has(&[
        "CPU at 60.0 °C: fine again (ends at 66.5). It was past 70 from 09:56 to 10:06\n(10 min).\n",
        " OK        cpu_temp   60.0 °C, warning 70, critical 85\n",
        " Worst     73.0 °C at 10:01; critical (85) was never reached\n",
        " Busy then at 10:01: ",
        " Course    50.0 ▁▁▇█▄ 60.0   one bar = 5 min, 09:46 to 10:06\n",
        " Earlier   first time in 30 days\n",
        "\nNothing else is firing on gate-pi.\n",
    ]);
    first.has_not(&["Busy now", "Before", "silence", "explain", "Next reminder", "If it goes on"]);
    let mut long = vec![50, 80];
    long.extend([75; 40]);
    // A second end is believed once it lasted.
    long.extend([55; 26]);
    mailed.heats(&long);
    mailed.last().has(&[
        "past 70 from 10:16 to 13:41\n(3 h 25 min)",
        " Worst     80.0 °C at 10:16;",
        " Course    73.0 ▆▂█▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▁ 55.0\n           one bar = 10 min, 10:01 to 13:41\n",
        " Earlier   2nd time in 30 days; before: 09:56 (10 min)\n",
    ]);
}

#[test]
fn a_reminder_says_how_often_it_was_told() {
    let mut mailed = Mailed::with(r#"{"cpu_temp": {"warning": 70, "repeat": "15m"}}"#);
    mailed.heats(&[71, 71, 71, 71, 71, 71, 71]);
    let mails = mailed.mails();
    assert_eq!(mails.len(), 3);
    mails[1]
        .has(&["CPU at 71.0 °C (level 70), still, since 09:46.", " Told      once before, 09:46"]);
    mails[2].has(&[" Told      twice before, from 09:46 to 10:01\n"]);
    mails[2].has_not(&["If it goes on"]);
}

#[test]
fn what_could_not_be_told_is_told_as_one() {
    let mut mailed = Mailed::with(r#"{"cpu_percent": {"warning": 80, "for": 0}}"#);
    mailed.is_busy(&[10]);
    mailed.accepts(false);
    for _ in 0..3 {
        mailed.is_busy(&[90, 10]);
        mailed.host.pass(7 * HOUR, 10);
        mailed.collect();
    }
    mailed.accepts(true);
    mailed.is_busy(&[10; 14]);
    let mails = mailed.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "gate-pi RECOVERED: CPU 10 %; was warning 3 times");
    mails[0].has(&[
        "It was past 80 three times between Sun\n09:51 and 00:16; this could not be told before.\n",
    ]);
}

#[test]
fn flapping_is_told_once_and_when_it_is_over() {
    let mut mailed = Mailed::with(r#"{"cpu_percent": {"warning": 80, "for": 0}}"#);
    mailed.is_busy(&[10, 90, 10, 90, 10, 90, 10, 90, 10]);
    mailed.is_busy(&[10; 25]);
    let mails = mailed.mails();
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    let flapping = mails.iter().find(|mail| mail.subject.contains("flapping")).unwrap();
    assert_eq!(flapping.subject, "gate-pi WARNING: CPU 90 %, flapping", "{subjects:?}");
    flapping.has(&[
        "CPU has crossed its level 5 times in 20 min (now 90 %, level 80). Its changes\n\
         are not mailed until it has been quiet for 2 h.\n",
        "--until-recovered",
    ]);
    flapping.has_not(&["Next reminder", "If it goes on"]);
    let over = mails.last().unwrap();
    assert!(over.subject.starts_with("gate-pi RECOVERED: CPU 10 % after"), "{subjects:?}");
    over.has(&[
        "CPU 10.0 %: fine again (ends at 75). It was flapping from",
        "and\nquiet for 2 h since.",
    ]);
}

#[test]
fn what_stays_after_flapping_is_told_as_steady() {
    let mut mailed = Mailed::with(r#"{"cpu_percent": {"warning": 80, "for": 0}}"#);
    mailed.is_busy(&[10, 90, 10, 90, 10, 90]);
    mailed.is_busy(&[91; 25]);
    mailed.last().has(&["CPU 91.0 % (level 80): steadily so for 2 h, after flapping since"]);
}

#[test]
fn an_absence_says_from_when_to_when_and_why() {
    let mut mailed = Mailed::with(r#"{"gap": {"warning": "1h"}, "cpu_temp": 70}"#);
    mailed.heats(&[50, 71]);
    let boot = fs::read_to_string(mailed.host.path("root/proc/sys/kernel/random/boot_id")).unwrap();
    let mark = mailed.host.data().join("shutdown");
    fs::write(&mark, boot).unwrap();
    let epoch = u64::try_from(mailed.host.epoch + 60).unwrap();
    let file = File::options().write(true).open(mark).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(epoch)).unwrap();
    mailed.host.epoch += i64::from(3 * HOUR);
    mailed.host.reboot();
    mailed.collect();
    let mail = mailed.last();
    assert_eq!(mail.subject, "gate-pi WARNING: no samples for 3 h 2 min (powered off)");
    assert_eq!(mail.level, "warning");
    mail.has(&[
        "gate-pi was not watched from 09:51 to 12:53 (3 h 2 min): powered off.\n\n Up        40 s, since 12:52\n",
        "\nAlso firing on gate-pi: CPU at 71.0 °C (warning).\n",
    ]);
    mail.has_not(&["Course", "WARNING", "silence", "Worst", "Lately", "Busy", "up 40 s"]);
    mailed.heats(&[60]);
    mailed.last().has(&[" Lately    powered off, no samples for 3 h 2 min, 09:51\n"]);
}

#[test]
fn several_facts_are_one_mail() {
    let mut mailed =
        Mailed::with(r#"{"cpu_temp": {"critical": 70}, "cpu_percent": {"warning": 80, "for": 0}}"#);
    mailed.heats(&[50]);
    mailed.host.heat(71);
    mailed.is_busy(&[90]);
    assert_eq!(mailed.mails().len(), 1);
    mailed.last().has(&[
        "CPU at 71.0 °C (level 70) since 09:51.\nCPU 90.0 % (level 80) since 09:51.\n\n CRITICAL  cpu_temp",
        "\n\n WARNING   cpu_percent   90.0 %, warning 80\n",
        "silence 'cpu_temp' --until-recovered\n  sudo hostwatch alerts silence 'cpu_percent' --until-recovered\n",
    ]);
}

#[test]
fn low_may_be_bad_and_a_change_too() {
    let mut mailed = Mailed::with(
        r#"{"cpu_temp": [{"below": true, "warning": 20}, {"change": "20/10m"}, {"below": true, "change": "30%/10m"}]}"#,
    );
    mailed.heats(&[40, 40, 61]);
    assert!(
        mailed
            .last()
            .text
            .starts_with("CPU at 61.0 °C, 21 °C more within 10 min (level 20) since 09:56.\n"),
        "{}",
        mailed.last().text
    );
    mailed.heats(&[61, 61, 61, 41]);
    assert!(
        mailed
            .last()
            .text
            .starts_with("CPU at 41.0 °C, fell by 32.8 % within 10 min (level 30) since 10:16.\n"),
        "{}",
        mailed.last().text
    );
    mailed.heats(&[41, 41, 41, 19]);
    mailed.last().has(&["CPU at 19.0 °C (level 20) since 10:36.\n"]);
}

#[test]
fn a_collector_that_fails_says_why() {
    let mut mailed = Mailed::with(r#"{"collector_failed": 1}"#);
    mailed.heats(&[50]);
    let meminfo = mailed.host.path("root/proc/meminfo");
    let away = mailed.host.path("meminfo");
    fs::rename(&meminfo, &away).unwrap();
    mailed.heats(&[50]);
    let mail = mailed.last();
    mail.has(&[
        "Collector memory fails since 09:51.\n\n WARNING   collector_failed{memory}\n",
        "\n Reason    memory: could not read",
        "silence 'collector_failed{memory}'",
    ]);
    mail.has_not(&["Course", "24 hours", "Worst"]);
    fs::rename(away, meminfo).unwrap();
    mailed.heats(&[50]);
    mailed.last().has(&["Collector memory works again after 5 min, from 09:51 to 09:56.\n"]);
}

#[test]
fn what_is_silenced_is_named_as_such() {
    let mut mailed = Mailed::with(r#"{"cpu_temp": 70, "cpu_percent": {"warning": 80, "for": 0}}"#);
    mailed.heats(&[71]);
    let path = mailed.host.data().join("state.json");
    let mut state: Value = json(&fs::read_to_string(&path).unwrap());
    let until = mailed.host.epoch + 86_400;
    state["silences"] =
        serde_json::json!([{"series": "cpu_temp", "since": mailed.host.epoch, "until": until}]);
    fs::write(path, state.to_string()).unwrap();
    mailed.is_busy(&[90]);
    mailed.last().has(&[
        "CPU 90.0 % (level 80) since 09:51.\n",
        "\nAlso firing on gate-pi (silenced until Mon 09:46): CPU at 71.0 °C (warning).\n",
    ]);
}

#[test]
fn a_dry_run_shows_the_mail_and_the_page_says_the_same() {
    let mut mailed = Mailed::with(r#"{"cpu_temp": 70}"#);
    mailed.heats(&[50, 60]);
    mailed.host.pass(5 * MINUTES, 10);
    mailed.host.heat(72);
    let shown = mailed.host.run(&["collect", "--dry-run"]).done();
    mailed.collect();
    let mail = mailed.last();
    assert!(shown.contains(&mail.text), "{shown}\n{}", mail.text);
    let page = mail.html.replace('\u{a0}', " ");
    for words in ["CPU at 72.0 °C (level 70) since 09:56.", "hostwatch alerts explain 'cpu_temp'"]
    {
        assert!(page.contains(words), "{page}");
    }
    // A box for each of three samples, and nothing from outside.
    assert_eq!(page.matches("line-height:0\"></div></td>").count(), 3);
    assert!(!page.contains("http") && !page.contains("<img"), "{page}");
}
