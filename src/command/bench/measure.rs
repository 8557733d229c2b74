//! The parts one after the other, the processor's first: it cools down while the disk is measured, before the sample is
//! taken. A part that fails is said, and costs the others nothing.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Instant;

use super::super::Context;
use crate::bench::disk::{self, Written};
use crate::bench::metrics::{
    CPU_ALL, CPU_SINGLE, DISK_WRITE, FSYNC, MEMORY_COPY, MEMORY_TRIAD, READ, READ_RATE,
    set_quantiles,
};
use crate::bench::order::quantile;
use crate::bench::surroundings::Surroundings;
use crate::bench::{cpu, memory};
use crate::metric::{Metric, Unit};
use crate::sample::Values;

const PARTS: usize = 6;

#[derive(Default)]
pub(super) struct Measured {
    pub values: Values,
    pub notes: Vec<String>,
}

pub(super) fn disk_plan() -> disk::Plan {
    disk::Plan::default()
}

/// Measures everything, the disk in `file`.
pub(super) fn everything(
    file: &File,
    plan: &disk::Plan,
    before: &Surroundings,
    context: &mut Context<'_>,
) -> Measured {
    let mut measured = Measured::default();
    let mut progress = Progress { context, number: 0, started: Instant::now() };
    processor(&mut measured, &mut progress);
    memory(before, &mut measured, &mut progress);
    if let Err(error) = disk(file, plan, &mut measured, &mut progress) {
        measured.failed("disk", &error, &mut progress);
    }
    progress.clear();
    measured
}

fn processor(measured: &mut Measured, progress: &mut Progress<'_, '_>) {
    let all = available_parallelism().map_or(1, NonZero::get);
    let parts = [("CPU, one core", &CPU_SINGLE, 1), ("CPU, all cores", &CPU_ALL, all)];
    for (title, metric, threads) in parts {
        progress.begin(title);
        match cpu::rate(threads, cpu::Plan::default()) {
            Ok(rate) => {
                measured.set(metric, rate);
                progress.end(title, &measured.shown(metric));
            }
            Err(error) => measured.failed(title, &error, progress),
        }
    }
}

fn memory(before: &Surroundings, measured: &mut Measured, progress: &mut Progress<'_, '_>) {
    progress.begin("memory");
    let Some(plan) = memory::Plan::of(before.cache, before.available) else {
        measured.notes.push("the memory was not measured: too little is available".to_owned());
        return;
    };
    if plan.is_small(before.cache) {
        let size = Unit::Bytes.human(plan.bytes as f64);
        measured.notes.push(format!("little memory was available: measured with {size}"));
    }
    let bandwidth = memory::bandwidth(&plan);
    measured.set(&MEMORY_COPY, bandwidth.copy);
    measured.set(&MEMORY_TRIAD, bandwidth.triad);
    let words =
        format!("copy {}, triad {}", measured.shown(&MEMORY_COPY), measured.shown(&MEMORY_TRIAD));
    progress.end("memory", &words);
}

fn disk(
    file: &File,
    plan: &disk::Plan,
    measured: &mut Measured,
    progress: &mut Progress<'_, '_>,
) -> io::Result<()> {
    measured.notes.extend(disk::remark(file).map(str::to_owned));
    progress.begin("disk, write");
    let written = disk::write(file, plan)?;
    measured.set(&DISK_WRITE, Some(written.rate));
    measured.notes.extend(write_notes(&written, plan));
    progress.end("disk, write", &measured.shown(&DISK_WRITE));

    progress.begin("disk, fsync");
    let took = disk::sync(file, &written, plan)?;
    set_quantiles(&mut measured.values, &FSYNC, &took);
    measured.notes.extend(fewer("fsyncs", took.len(), plan.syncs));
    progress.end("disk, fsync", &latencies(&took));

    progress.begin("disk, random reads");
    let took = disk::read(file, &written, plan)?;
    set_quantiles(&mut measured.values, &READ, &took);
    measured.set(&READ_RATE, disk::per_second(&took));
    measured.notes.extend(fewer("random reads", took.len(), plan.reads));
    progress.end("disk, random reads", &latencies(&took));
    Ok(())
}

impl Measured {
    fn set(&mut self, metric: &'static Metric, value: Option<f64>) {
        if let Some(value) = value {
            self.values.set(metric, value);
        }
    }

    fn shown(&self, metric: &Metric) -> String {
        let value = self.values.get(metric.name, None);
        value.map_or_else(|| "-".to_owned(), |value| metric.unit.human(value))
    }

    fn failed(&mut self, what: &str, error: &io::Error, progress: &mut Progress<'_, '_>) {
        let words = format!("could not measure: {what}: {error}");
        progress.clear();
        progress.context.complain(&words);
        self.notes.push(crate::render::wording::one_line(&words));
    }
}

fn write_notes(written: &Written, plan: &disk::Plan) -> Vec<String> {
    let mib = |bytes: u64| bytes >> 20;
    let through_cache = (!written.is_direct)
        .then(|| "the disk was measured through the page cache: no direct access here".to_owned());
    let partly = (written.bytes < plan.size).then(|| {
        format!("{} of {} MiB were written in the time for it", mib(written.bytes), mib(plan.size))
    });
    [through_cache, partly].into_iter().flatten().collect()
}

fn fewer(what: &str, done: usize, wanted: usize) -> Option<String> {
    (done < wanted).then(|| format!("{done} of {wanted} {what} were done in the time for them"))
}

fn latencies(took: &[f64]) -> String {
    let shown = |per_cent| {
        quantile(took, per_cent)
            .map_or_else(|| "-".to_owned(), |value| Unit::Milliseconds.human(value))
    };
    format!("median {}, 99th percentile {}", shown(50), shown(99))
}

/// One line on a terminal, written over again and again; elsewhere nothing, or with `--verbose` a line a part.
struct Progress<'a, 'b> {
    context: &'a mut Context<'b>,
    number: usize,
    started: Instant,
}

impl Progress<'_, '_> {
    fn is_shown(&self) -> bool {
        self.context.stderr_is_terminal && !self.context.global.quiet
    }

    fn begin(&mut self, what: &str) {
        self.number += 1;
        self.started = Instant::now();
        if self.is_shown() {
            // Who cannot see it misses nothing.
            _ = write!(self.context.err, "\r\x1b[Kmeasuring {} of {PARTS}: {what}", self.number);
            _ = self.context.err.flush();
        }
    }

    fn end(&mut self, what: &str, words: &str) {
        if self.context.global.verbose > 0 {
            self.clear();
            let seconds = self.started.elapsed().as_secs_f64();
            self.context.note(&format!("{what}: {words} (in {seconds:.1} s)"));
        }
    }

    fn clear(&mut self) {
        if self.is_shown() {
            _ = write!(self.context.err, "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: disk::Plan = disk::Plan {
        size: 64 << 20,
        write_limit: std::time::Duration::ZERO,
        syncs: 200,
        sync_limit: std::time::Duration::ZERO,
        reads: 1_000,
        read_limit: std::time::Duration::ZERO,
    };

    #[test]
    fn a_write_of_all_past_the_cache_needs_no_note() {
        let written = Written { bytes: 64 << 20, rate: 1.0, is_direct: true };
        assert_eq!(write_notes(&written, &PLAN), [""; 0]);
    }

    #[test]
    fn a_write_that_was_cut_short_or_cached_is_noted() {
        let written = Written { bytes: 12 << 20, rate: 1.0, is_direct: false };
        let notes = write_notes(&written, &PLAN);
        assert!(notes[0].contains("page cache") && notes[1].starts_with("12 of 64 MiB"));
    }

    #[test]
    fn fewer_accesses_than_wanted_are_noted() {
        assert_eq!(fewer("fsyncs", 200, 200), None);
        let words = "35 of 200 fsyncs were done in the time for them";
        assert_eq!(fewer("fsyncs", 35, 200).as_deref(), Some(words));
    }

    #[test]
    fn latencies_are_told_by_their_quantiles() {
        assert_eq!(latencies(&[0.25, 0.3, 28.0]), "median 0.30 ms, 99th percentile 28.0 ms");
        assert_eq!(latencies(&[]), "median -, 99th percentile -");
    }
}
