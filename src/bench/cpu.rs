//! The processor's speed: how often a second the primes up to 10 000 can be counted by trial division, on one core and
//! on all of them. It is what sysbench does, so that the two can be compared.

use std::hint::black_box;
use std::io;
use std::thread::{Builder, scope};
use std::time::{Duration, Instant};

use super::order::median;

/// One event counts the primes up to here.
pub const LAST: u64 = 10_000;

/// How long to measure: the median of a few short rounds, so that one disturbance does not count.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub rounds: usize,
    pub round: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Plan { rounds: 5, round: Duration::from_millis(350) }
    }
}

/// How many primes there are up to `last`, found by dividing each number by all up to its root.
pub fn primes(last: u64) -> u64 {
    let mut found = 0;
    let mut root = 1;
    for candidate in 2..=last {
        while (root + 1) * (root + 1) <= candidate {
            root += 1;
        }
        if (2..=root).all(|divisor| candidate % divisor != 0) {
            found += 1;
        }
    }
    found
}

/// Events a second of so many threads together: the median of the rounds.
///
/// # Errors
/// A thread cannot be started.
pub fn rate(threads: usize, plan: Plan) -> io::Result<Option<f64>> {
    let rounds: io::Result<Vec<f64>> =
        (0..plan.rounds).map(|_| round(threads, plan.round)).collect();
    Ok(median(&rounds?))
}

fn round(threads: usize, length: Duration) -> io::Result<f64> {
    if threads <= 1 {
        return Ok(events(length));
    }
    scope(|scope| {
        let started: io::Result<Vec<_>> = (0..threads)
            .map(|_| Builder::new().spawn_scoped(scope, move || events(length)))
            .collect();
        // A thread that counts does not panic.
        Ok(started?.into_iter().filter_map(|thread| thread.join().ok()).sum())
    })
}

/// Events a second of this thread. At least one is counted to its end.
fn events(length: Duration) -> f64 {
    let started = Instant::now();
    let mut count = 0_u32;
    loop {
        black_box(primes(black_box(LAST)));
        count += 1;
        let elapsed = started.elapsed();
        if elapsed >= length {
            return f64::from(count) / elapsed.as_secs_f64();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_the_primes() {
        assert_eq!(primes(LAST), 1_229);
        assert_eq!((primes(100), primes(3), primes(2)), (25, 2, 1));
        assert_eq!((primes(1), primes(0)), (0, 0));
    }

    #[test]
    fn squares_of_primes_are_no_primes() {
        assert_eq!((primes(9), primes(25), primes(49)), (4, 9, 15));
    }

    #[test]
    fn one_core_and_several_have_a_rate() {
        let plan = Plan { rounds: 3, round: Duration::from_millis(1) };
        for threads in [0, 1, 2] {
            assert!(rate(threads, plan).unwrap().unwrap() > 0.0, "{threads}");
        }
    }

    #[test]
    fn no_rounds_have_no_rate() {
        let plan = Plan { rounds: 0, round: Duration::from_millis(1) };
        assert_eq!(rate(1, plan).unwrap(), None);
    }

    #[test]
    fn a_round_ends_soon_after_its_time() {
        let started = Instant::now();
        events(Duration::from_millis(20));
        assert!(started.elapsed() >= Duration::from_millis(20));
    }
}
