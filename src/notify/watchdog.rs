//! Does work within a time. Looking up a name, starting a program on a dead file system and a server that drips can
//! all hold a thread for ever: the work is done in one of its own, and whoever waits for it stops waiting in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::Outcome;

/// What became of the work, which sets its flag before it hands anything over: until then it surely was not accepted.
/// `otherwise` wraps the outcome of what did not end.
pub fn within<T: Send + 'static>(
    left: Duration,
    name: &str,
    work: impl FnOnce(&AtomicBool) -> T + Send + 'static,
    otherwise: fn(Outcome) -> T,
) -> T {
    let handing_over = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = channel();
    let flag = Arc::clone(&handing_over);
    let spawned = thread::Builder::new().name("tell".to_owned()).spawn(move || {
        // Nobody waits any more: the outcome is decided already.
        _ = sender.send(work(&flag));
    });
    if let Err(error) = spawned {
        let error = format!("{name}: could not start a thread: {error}");
        return otherwise(Outcome::NotAccepted { error, permanent: false });
    }
    match receiver.recv_timeout(left) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => otherwise(unfinished(&handing_over, no_end(name, left))),
        Err(RecvTimeoutError::Disconnected) => {
            otherwise(unfinished(&handing_over, format!("{name}: it failed within")))
        }
    }
}

/// The words for what took too long.
pub fn no_end(name: &str, limit: Duration) -> String {
    format!("{name}: no end within {:.0} s", limit.as_secs_f64())
}

/// The outcome of what ended without an answer.
pub fn unfinished(handing_over: &AtomicBool, error: String) -> Outcome {
    if handing_over.load(Ordering::SeqCst) {
        Outcome::Uncertain { error }
    } else {
        Outcome::NotAccepted { error, permanent: false }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::identity;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    fn hang() -> Outcome {
        thread::sleep(Duration::from_mins(1));
        Outcome::Accepted
    }

    #[test]
    fn what_ends_in_time_says_what_became_of_it() {
        let done = Outcome::Accepted;
        assert_eq!(within(Duration::from_mins(1), "x", move |_| done, identity), Outcome::Accepted);
    }

    #[test]
    fn what_hangs_is_not_accepted_before_it_hands_over_and_uncertain_after() {
        let error = "x: no end within 0 s".to_owned();
        assert_eq!(
            within(SHORT, "x", |_| hang(), identity),
            Outcome::NotAccepted { error: error.clone(), permanent: false }
        );
        let handed_over = |flag: &AtomicBool| {
            flag.store(true, Ordering::SeqCst);
            hang()
        };
        assert_eq!(within(SHORT, "x", handed_over, identity), Outcome::Uncertain { error });
    }
}
