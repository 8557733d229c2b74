//! The memory's bandwidth as one core sees it: copying an array, and the triad `a = b + s × c` of the STREAM benchmark,
//! over far more than the caches hold. Counted as STREAM does: every byte read and every byte written.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// All arrays together are at least so large.
const LEAST: u64 = 64 << 20;
/// So many times the largest cache.
const CACHES: u64 = 4;
/// At most this part of the available memory.
const SHARE: u64 = 4;
/// Less is a measurement of the caches and of the clock.
const TOO_LITTLE: u64 = 8 << 20;
const NUMBER: u64 = 8;

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Of all arrays together.
    pub bytes: u64,
    /// The best of so many counts: what disturbs only ever slows it down.
    pub rounds: usize,
    /// For each of the two; a round that has begun is ended.
    pub limit: Duration,
}

impl Plan {
    /// For a machine with so large a cache and so much available memory, where that is known. `None`: there is too
    /// little memory.
    pub fn of(cache: Option<u64>, available: Option<u64>) -> Option<Self> {
        let wanted = wanted(cache);
        let bytes = available.map_or(wanted, |available| wanted.min(available / SHARE));
        let limit = Duration::from_secs(2);
        (bytes >= TOO_LITTLE).then_some(Plan { bytes, rounds: 5, limit })
    }

    /// Whether the arrays are smaller than they should be beside the cache.
    pub fn is_small(&self, cache: Option<u64>) -> bool {
        self.bytes < wanted(cache)
    }
}

fn wanted(cache: Option<u64>) -> u64 {
    LEAST.max(cache.unwrap_or(0).saturating_mul(CACHES))
}

/// Bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bandwidth {
    pub copy: Option<f64>,
    pub triad: Option<f64>,
}

/// Nothing if the memory cannot be had.
pub fn bandwidth(plan: &Plan) -> Bandwidth {
    let length = usize::try_from(plan.bytes / 3 / NUMBER).unwrap_or(0);
    let arrays = (array(length, 0.0), array(length, 2.0), array(length, 0.5));
    let (Some(mut a), Some(b), Some(c)) = arrays else { return Bandwidth::default() };
    let moved = |arrays: u32| length as f64 * NUMBER as f64 * f64::from(arrays);
    let copy = best(plan, || a.copy_from_slice(black_box(&b)));
    black_box(&a);
    let triad = best(plan, || triad(black_box(&mut a), black_box(&b), black_box(&c)));
    black_box(&a);
    Bandwidth {
        copy: copy.map(|seconds| moved(2) / seconds),
        triad: triad.map(|seconds| moved(3) / seconds),
    }
}

/// Written to, so that every page is there.
fn array(length: usize, value: f64) -> Option<Vec<f64>> {
    let mut array = Vec::new();
    array.try_reserve_exact(length).ok()?;
    // Zeroes would be one shared page.
    array.resize(length, value + 1.0);
    Some(array)
}

fn triad(a: &mut [f64], b: &[f64], c: &[f64]) {
    for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
        *a = b + 3.0 * c;
    }
}

/// The seconds of the fastest round. At least one is run.
fn best(plan: &Plan, mut work: impl FnMut()) -> Option<f64> {
    let started = Instant::now();
    let mut best: Option<f64> = None;
    for _ in 0..plan.rounds.max(1) {
        let begun = Instant::now();
        work();
        let seconds = begun.elapsed().as_secs_f64();
        best = Some(best.map_or(seconds, |best| best.min(seconds)));
        if started.elapsed() >= plan.limit {
            break;
        }
    }
    best.filter(|seconds| *seconds > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn bytes(cache: u64, available: u64) -> Option<u64> {
        Plan::of(Some(cache * MIB), Some(available * MIB)).map(|plan| plan.bytes / MIB)
    }

    #[test]
    fn the_arrays_are_far_larger_than_the_cache() {
        assert_eq!(bytes(1, 8_000), Some(64));
        assert_eq!(bytes(16, 8_000), Some(64));
        assert_eq!(bytes(36, 8_000), Some(144));
    }

    #[test]
    fn they_take_at_most_a_quarter_of_the_available_memory() {
        assert_eq!(bytes(36, 400), Some(100));
        assert_eq!(bytes(1, 128), Some(32));
    }

    #[test]
    fn where_there_is_hardly_any_memory_nothing_is_measured() {
        assert_eq!((bytes(1, 31), bytes(1, 32)), (None, Some(8)));
    }

    #[test]
    fn what_is_not_known_does_not_hinder() {
        assert_eq!(Plan::of(None, None).unwrap().bytes, LEAST);
        assert_eq!(Plan::of(Some(u64::MAX), Some(400 * MIB)).unwrap().bytes, 100 * MIB);
    }

    #[test]
    fn arrays_that_had_to_be_small_are_known_to_be() {
        let small = |cache, available| {
            Plan::of(Some(cache), Some(available)).unwrap().is_small(Some(cache))
        };
        assert!(small(36 * MIB, 400 * MIB));
        assert!(!small(36 * MIB, 8_000 * MIB));
    }

    #[test]
    fn a_small_buffer_has_a_bandwidth() {
        let plan = Plan { bytes: 3 * MIB, rounds: 2, limit: Duration::from_secs(1) };
        let found = bandwidth(&plan);
        assert!(found.copy.unwrap() > 0.0 && found.triad.unwrap() > 0.0);
    }

    #[test]
    fn memory_that_cannot_be_had_is_not_measured() {
        let plan = Plan { bytes: 1 << 62, rounds: 1, limit: Duration::ZERO };
        assert_eq!(bandwidth(&plan), Bandwidth::default());
    }

    #[test]
    fn the_triad_adds_and_multiplies() {
        let mut a = [0.0; 2];
        triad(&mut a, &[1.0, 2.0], &[10.0, 20.0]);
        assert!((a[0] - 31.0).abs() < 1e-9 && (a[1] - 62.0).abs() < 1e-9);
    }

    #[test]
    fn a_part_that_reaches_its_limit_has_one_round_at_least() {
        let mut rounds = 0;
        let plan = Plan { bytes: 0, rounds: 5, limit: Duration::ZERO };
        let seconds = best(&plan, || {
            rounds += 1;
            std::thread::sleep(Duration::from_millis(1));
        });
        assert!(rounds == 1 && seconds.unwrap() >= 0.001);
    }
}
