//! Work that may hang, on a dead mount or a program that cannot be started: each piece in a thread of its own, all at
//! once, and whoever waits for them stops waiting in time. All that may hang in a run has ten seconds together.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// How long a run may wait for what hangs.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    until: Instant,
}

impl Patience {
    const BUDGET: Duration = Duration::from_secs(10);
    /// What comes last has a moment too.
    const LEAST: Duration = Duration::from_secs(1);

    /// From now on.
    pub fn new() -> Self {
        Patience { until: Instant::now() + Self::BUDGET }
    }

    /// What is left of it, in whole seconds, if that is less than `limit`.
    pub(super) fn at_most(&self, limit: Duration) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        limit.min(Duration::from_secs(left.as_secs()).max(Self::LEAST))
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::new()
    }
}

/// A piece of work, and what its thread is called.
pub(super) type Job<T> = (String, Box<dyn FnOnce() -> T + Send>);

/// What came of each, in their order.
pub(super) fn all<T: Send + 'static>(jobs: Vec<Job<T>>, limit: Duration) -> Vec<Result<T, String>> {
    let (sender, receiver) = channel();
    let began = Instant::now();
    let mut outcomes = Vec::with_capacity(jobs.len());
    for (at, (name, work)) in jobs.into_iter().enumerate() {
        let sender = sender.clone();
        // Nobody may listen any more.
        let work = move || _ = sender.send((at, work()));
        let spawned = thread::Builder::new().name(name).spawn(work);
        outcomes.push(match spawned {
            Ok(_) => Err(format!("no answer within {} s", limit.as_secs_f64())),
            Err(error) => Err(format!("could not start a thread: {error}")),
        });
    }
    drop(sender);
    while let Ok((at, outcome)) = receiver.recv_timeout(limit.saturating_sub(began.elapsed())) {
        if let Some(place) = outcomes.get_mut(at) {
            *place = Ok(outcome);
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(milliseconds: u64) -> Job<u64> {
        let work = move || {
            thread::sleep(Duration::from_millis(milliseconds));
            milliseconds
        };
        ("test".to_owned(), Box::new(work))
    }

    #[test]
    fn what_comes_late_waits_as_long_as_is_left_and_a_moment_at_least() {
        let left = |seconds| Patience { until: Instant::now() + Duration::from_secs_f64(seconds) };
        let at_most =
            |seconds, limit| left(seconds).at_most(Duration::from_secs(limit)).as_secs_f64();
        assert_eq!((at_most(9.95, 2), at_most(3.35, 8), at_most(0.0, 8)), (2.0, 3.0, 1.0));
        assert_eq!(Patience::new().at_most(Duration::from_secs(8)), Duration::from_secs(8));
    }

    #[test]
    fn what_hangs_costs_no_other_its_answer() {
        let began = Instant::now();
        let outcomes = all(vec![job(60_000), job(20), job(0)], Duration::from_millis(500));
        assert_eq!(outcomes, [Err("no answer within 0.5 s".to_owned()), Ok(20), Ok(0)]);
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn nobody_waits_once_all_have_answered() {
        let began = Instant::now();
        assert_eq!(all(vec![job(1)], Duration::from_mins(1)), [Ok(1)]);
        assert_eq!(all::<u64>(Vec::new(), Duration::from_mins(1)), []);
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn work_that_fails_within_is_no_answer() {
        let failing: Job<u64> = ("test".to_owned(), Box::new(|| panic!("within")));
        assert!(all(vec![failing, job(0)], Duration::from_mins(1))[0].is_err());
    }
}
