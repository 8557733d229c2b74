//! What this program itself costs: the run before this one, from its beginning to its end, told and written included.
//! Where no runtime directory keeps it for the next run, nothing is known of it.

use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{Collector, Host, Reading, read_text};
use crate::metric::{Metric, Unit};

static ELAPSED: Metric = Metric::gauge(
    "collect_ms",
    Unit::Milliseconds,
    "How long the run of collect before this one took.",
)
.phrased("collect takes {value}");
static CPU: Metric = Metric::gauge(
    "collect_cpu_ms",
    Unit::Milliseconds,
    "CPU time that the run of collect before this one took.",
)
.phrased("collect takes {value} of CPU time");
static WRITTEN: Metric = Metric::gauge(
    "collect_written",
    Unit::Bytes,
    "Bytes that the run of collect before this one wrote to disks, in whole pages.",
)
.phrased("collect writes {value}");
static WRITTEN_DAY: Metric = Metric::gauge(
    "collect_written_day",
    Unit::Bytes,
    "Bytes that collect wrote to disks since midnight.",
)
.phrased("collect wrote {value} today")
.carried();

pub static COLLECTOR: Collector =
    Collector::new("own", &[&ELAPSED, &CPU, &WRITTEN, &WRITTEN_DAY], collect);

/// What one run costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    pub milliseconds: f64,
    pub cpu_milliseconds: f64,
    /// Bytes.
    pub written: u64,
}

impl Cost {
    /// Of this process so far, which began `elapsed` ago (its CPU clock, and `/proc/self/io`: proc(5)).
    pub fn of_this_process(root: &Path, elapsed: Duration) -> Option<Self> {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let io = read_text(&root.join("proc/self/io"))?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "))?;
        Some(Cost {
            milliseconds: elapsed.as_secs_f64() * 1e3,
            cpu_milliseconds: cpu.tv_sec as f64 * 1e3 + cpu.tv_nsec as f64 / 1e6,
            written: written.parse().ok()?,
        })
    }

    pub fn format(&self) -> String {
        format!("{:.3} {:.3} {}\n", self.milliseconds, self.cpu_milliseconds, self.written)
    }

    /// What `format` wrote, whole.
    pub fn parse(text: &str) -> Option<Self> {
        // What stands behind the end is of a longer one before.
        let mut words = text.split_once('\n')?.0.split(' ');
        Some(Cost {
            milliseconds: words.next()?.parse().ok()?,
            cpu_milliseconds: words.next()?.parse().ok()?,
            written: words.next()?.parse().ok()?,
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a collector")]
fn collect(host: &Host<'_>, reading: &mut Reading) -> anyhow::Result<()> {
    let Some(cost) = host.cost else { return Ok(()) };
    reading.values.set(&ELAPSED, cost.milliseconds);
    reading.values.set(&CPU, cost.cpu_milliseconds);
    reading.values.set(&WRITTEN, cost.written);
    let today = host.last.filter(|_| host.last_is_of_today());
    let so_far = today.and_then(|last| last.values.single(WRITTEN_DAY.name)?.count()).unwrap_or(0);
    reading.values.set(&WRITTEN_DAY, so_far.saturating_add(cost.written));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture;
    use super::*;
    use crate::sample::read::{Wanted, line};

    const COST: Cost = Cost { milliseconds: 12.5, cpu_milliseconds: 2.25, written: 8_192 };

    #[test]
    fn a_cost_is_kept_for_the_next_run_and_half_of_one_is_none() {
        assert_eq!(Cost::parse(&COST.format()), Some(COST));
        assert_eq!(Cost::parse(&(COST.format() + "7 8192\n")), Some(COST));
        assert_eq!((Cost::parse("12.500 2"), Cost::parse("")), (None, None));
    }

    #[test]
    fn the_day_is_the_sum_of_its_runs() {
        let text = r#"{"timestamp":"1970-01-01T10:00:00Z","collect_written_day":1000}"#;
        let last = line(text.as_bytes(), &Wanted::everything()).unwrap();
        let of = |last| {
            let host = Host { last, cost: Some(COST), ..fixture(Path::new("/nonexistent")) };
            let mut reading = Reading::default();
            collect(&host, &mut reading).unwrap();
            reading.values.get("collect_written_day", None)
        };
        assert_eq!((of(Some(&last)), of(None)), (Some(9_192.0), Some(8_192.0)));
    }

    #[test]
    fn the_kernel_knows_what_this_process_costs() {
        let cost = Cost::of_this_process(Path::new("/"), Duration::from_millis(5)).unwrap();
        assert!(cost.cpu_milliseconds > 0.0 && (cost.milliseconds - 5.0).abs() < 0.1);
    }
}
