//! `collect` on a host of each kind: the whole line is as recorded, with rates that can be checked by hand.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper fails as its test does"
)]

mod common;

use std::fs;
use std::path::Path;

use common::{Host, json, keys};
use serde_json::{Value, json};

const SECONDS: u64 = 300;
/// Clock ticks of one core in that time.
const TICKS: u64 = 100 * SECONDS;
/// What a line may take on the machine to please.
const LONGEST: usize = 3_000;

/// What happens on every host between its two lines.
fn advance(host: &mut Host, busy: u32) {
    host.epoch += 300;
    host.uptime += 300.0;
    host.write("proc/uptime", &format!("{:.2} 0.00\n", host.uptime));
    processors(host);
    // One megabyte a second in, a quarter out, and of both ways one error in 100 s and one drop in 10 s.
    rows(host, "proc/net/dev", |row| {
        if row.number(1) > 0 && !row.is_named("lo:") {
            row.add(&[(1, 1_000_000 * SECONDS), (9, 250_000 * SECONDS), (3, 3), (12, 30)]);
        }
    });
    // 10 reads a second of 100 KiB, 20 writes of 50 KiB, 2 ms each, busy for a tenth of the time.
    rows(host, "proc/diskstats", |row| {
        if row.number(3) > 0 {
            row.add(&[(3, 10 * SECONDS), (5, 2_000 * SECONDS), (6, 20 * SECONDS)]);
            row.add(&[(7, 20 * SECONDS), (9, 2_000 * SECONDS), (10, 40 * SECONDS)]);
            row.add(&[(12, 100 * SECONDS)]);
        }
    });
    // A page a second from swap, two to it, one read by a fault.
    rows(host, "proc/vmstat", |row| match row.name() {
        "pswpin" | "pgmajfault" => row.add(&[(1, SECONDS)]),
        "pswpout" => row.add(&[(1, 2 * SECONDS)]),
        _ => {}
    });
    // One per cent of 100 segments a second are sent again; three connections were not accepted in time.
    column(host, "proc/net/snmp", "OutSegs", 100 * SECONDS);
    column(host, "proc/net/snmp", "RetransSegs", SECONDS);
    column(host, "proc/net/netstat", "ListenOverflows", 3);
    // Some task waits for a hundredth of the time, all for half of that.
    for resource in ["cpu", "memory", "io"] {
        rows(host, &format!("proc/pressure/{resource}"), |row| match (row.name(), resource) {
            ("full", "cpu") => {}
            ("full", _) => row.total(5_000 * SECONDS),
            _ => row.total(10_000 * SECONDS),
        });
    }
    // A quarter of a core.
    rows(host, &format!("proc/{busy}/stat"), |row| row.add(&[(13, TICKS / 4)]));
}

/// The first core is busy for half of the time and waits for disks for a tenth; every other is busy for a tenth.
/// Where a hypervisor takes some, it takes a hundredth.
fn processors(host: &Host) {
    let text = read(host, "proc/stat");
    let cores = text.lines().filter(|line| line.starts_with("cpu") && &line[3..4] != " ").count();
    let others = cores as u64 - 1;
    rows(host, "proc/stat", |row| {
        let stolen = if row.is_named("cpu") && row.number(8) > 0 { TICKS / 100 } else { 0 };
        let first = [(1, TICKS * 3 / 10), (3, TICKS * 3 / 20), (5, TICKS / 10), (7, TICKS / 20)];
        match row.name() {
            "ctxt" => row.add(&[(1, 1_000 * SECONDS)]),
            "processes" => row.add(&[(1, 2 * SECONDS)]),
            "cpu" => {
                row.add(&first);
                row.add(&[(1, others * TICKS / 10), (8, cores as u64 * stolen)]);
                row.add(&[(4, TICKS * 2 / 5 + others * TICKS * 9 / 10 - cores as u64 * stolen)]);
            }
            "cpu0" => {
                row.add(&first);
                row.add(&[(4, TICKS * 2 / 5 - stolen), (8, stolen)]);
            }
            name if name.starts_with("cpu") => {
                row.add(&[(1, TICKS / 10), (4, TICKS * 9 / 10 - stolen), (8, stolen)]);
            }
            _ => {}
        }
    });
}

/// One line of a file of procfs, in words.
struct Row(Vec<String>);

impl Row {
    fn name(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    fn is_named(&self, begin: &str) -> bool {
        self.name().starts_with(begin)
    }

    fn number(&self, at: usize) -> u64 {
        self.0.get(at).and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    fn add(&mut self, grown: &[(usize, u64)]) {
        for (at, more) in grown {
            let number = self.number(*at) + more;
            *self.0.get_mut(*at).unwrap() = number.to_string();
        }
    }

    /// Of a line of pressure stall information.
    fn total(&mut self, more: u64) {
        let last = self.0.last_mut().unwrap();
        let total: u64 = last.strip_prefix("total=").unwrap().parse().unwrap();
        *last = format!("total={}", total + more);
    }
}

fn read(host: &Host, path: &str) -> String {
    fs::read_to_string(host.path("root").join(path)).unwrap()
}

/// Changes the lines of a file that this host has.
fn rows(host: &Host, path: &str, change: impl Fn(&mut Row)) {
    if !host.path("root").join(path).exists() {
        return;
    }
    let row = |line: &str| {
        let mut row = Row(line.split_whitespace().map(str::to_owned).collect());
        change(&mut row);
        row.0.join(" ") + "\n"
    };
    host.write(path, &read(host, path).lines().map(row).collect::<String>());
}

/// Adds to the number below a name.
fn column(host: &Host, path: &str, name: &str, more: u64) {
    if !host.path("root").join(path).exists() {
        return;
    }
    let text = read(host, path);
    let at = text.lines().find_map(|line| line.split_whitespace().position(|word| word == name));
    let protocol = text.lines().find(|line| line.split_whitespace().any(|word| word == name));
    let protocol = protocol.unwrap().split_whitespace().next().unwrap();
    rows(host, path, |row| {
        let is_number = row.0.get(1).is_some_and(|word| word.parse::<u64>().is_ok());
        if row.name() == protocol && is_number {
            row.add(&[(at.unwrap(), more)]);
        }
    });
}

/// What only the machine under the test knows becomes the word LIVE, and what depends on it goes.
fn without_live_values(mut line: Value) -> Value {
    let fields = line.as_object_mut().unwrap();
    // Not every file system of a test machine has a fixed number of them.
    fields.shift_remove("filesystem_inodes_percent");
    for (key, value) in fields.iter_mut() {
        let of_mounts =
            ["percent", "used", "available", "total"].map(|end| format!("filesystem_{end}"));
        if key.starts_with("disk_") {
            *value = json!("LIVE");
        } else if of_mounts.contains(key) {
            value.as_object_mut().unwrap().values_mut().for_each(|value| *value = json!("LIVE"));
        }
    }
    for process in fields.get_mut("top").and_then(Value::as_array_mut).into_iter().flatten() {
        process["user"] = json!("LIVE");
    }
    if !has_small_pages() {
        for key in OF_PAGES {
            fields.shift_remove(key);
        }
    }
    line
}

/// The trees count memory in pages of 4 KiB.
const OF_PAGES: [&str; 5] = ["top", "swap_in", "swap_in_rate", "swap_out", "swap_out_rate"];

fn has_small_pages() -> bool {
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    smaps.contains("KernelPageSize:        4 kB")
}

/// Two lines of a host, the second of which is compared; `busy` is the process that takes a quarter of a core.
fn is_as_recorded(tree: &str, busy: u32) -> (Value, usize) {
    let mut host = Host::new(tree);
    host.collect();
    advance(&mut host, busy);
    let stored = host.run(&["collect", "--json"]).done();
    let line = without_live_values(json(&stored));
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/hosts/{tree}.json"));
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("{line:#}\n")).unwrap();
    }
    let recorded = without_live_values(json(&fs::read_to_string(&path).unwrap()));
    assert_eq!(line, recorded, "UPDATE=1 cargo test records {line:#}");
    assert_eq!(keys(&line), keys(&recorded), "the order of the keys");
    assert!(line.get("collector_failed").is_none() && line.get("errors").is_none(), "{line:#}");
    (line, stored.trim_end().len())
}

/// The numbers that `advance` makes on a host with so many cores.
fn moves_as_told(line: &Value, cores: u32) {
    let cpu = f64::from(50 + 10 * (cores - 1)) / f64::from(cores);
    let stolen = if line["cpu_ticks"]["steal"] == json!(0) { 0.0 } else { 1.0 };
    let told = line["cpu_percent"].as_f64().unwrap();
    assert!((told - cpu - stolen).abs() < 0.06, "{told} of {cpu} + {stolen}");
    let busiest = line["cpu_busiest_percent"].as_f64().unwrap();
    assert!((busiest - 50.0 - stolen).abs() < 0.01, "{busiest}");
    for (name, rate) in [
        ("interval", 300),
        ("cpu_cores", cores),
        ("context_switches_rate", 1_000),
        ("forks_rate", 2),
        ("major_faults_rate", 1),
    ] {
        assert_eq!(line[name], json!(rate), "{name}");
    }
}

#[test]
fn a_raspberry_pi_4() {
    let (line, length) = is_as_recorded("raspberry-pi-4", 812);
    moves_as_told(&line, 4);
    assert_eq!(line["cpu_temp"], line["temperature"]["cpu_thermal"]);
    assert!(length < LONGEST, "{length} bytes");
}

#[test]
fn a_raspberry_pi_5() {
    let (line, length) = is_as_recorded("raspberry-pi-5", 20_441);
    moves_as_told(&line, 4);
    assert_eq!(line["cpu_temp"], line["temperature"]["cpu_thermal"]);
    assert!(length < LONGEST, "{length} bytes");
}

#[test]
fn a_server() {
    let (line, _) = is_as_recorded("x86-server", 1_402);
    moves_as_told(&line, 8);
}

#[test]
fn a_virtual_machine() {
    let (line, _) = is_as_recorded("virtual-machine", 744);
    moves_as_told(&line, 2);
}

#[test]
fn a_container() {
    let (line, _) = is_as_recorded("container", 31);
    moves_as_told(&line, 8);
}

#[test]
fn the_least_that_a_kernel_gives() {
    let (line, _) = is_as_recorded("bare", 1);
    moves_as_told(&line, 1);
    let sources =
        ["pressure_some", "temperature", "device_read_rate", "tcp_established", "swap_total"];
    assert!(sources.iter().all(|name| line.get(name).is_none()), "{line:#}");
}
