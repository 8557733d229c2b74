//! What a dead mount may hold up for ever: a call on one may never return, and a process that waits in it can often not
//! be killed, nor ended with one thread of it. So processes of their own ask, this program once more: they are waited for
//! for a few seconds, then left alone, and while one lives its question is not asked again.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{self, Path};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::custom::textfile;
use super::earlier::Stuck;
use super::patience::{self, Job};
use super::{Host, Reading, file, space};
use crate::series::label_text;

/// What one process is to find out.
#[derive(Clone, Debug)]
pub struct Question {
    /// What it is about, in a word: one question at a time is asked about it.
    pub about: String,
    /// Who answers: one of those below.
    pub word: &'static str,
    pub path: OsString,
}

/// What came of asking.
#[derive(Debug)]
pub enum Answer {
    Said(io::Result<String>),
    /// None in time; the process that waits for it, and when that began in clock ticks after boot.
    Silence {
        pid: u32,
        start: u64,
    },
}

/// Finds out what there is to say of a path.
type Say = fn(&Path) -> String;

/// The first argument of a process that asks, and who answers to the second. For no one to type.
const ANSWERS: &[(&str, Say)] =
    &[(space::WORD, space::answer), (file::WORD, file::answer), (textfile::WORD, textfile::answer)];

/// What this program prints if it was started to ask.
pub fn answer(arguments: &[OsString]) -> Option<String> {
    let [_, word, path] = arguments else { return None };
    let (_, answer) = ANSWERS.iter().find(|(known, _)| word == known)?;
    Some(answer(Path::new(path)))
}

/// What came of each question, in their order; `None`: nobody knows, now or since an earlier run.
pub(super) fn ask(
    host: &Host<'_>,
    questions: &[Question],
    limit: Duration,
    stuck: &mut Vec<Stuck>,
) -> Vec<Option<io::Result<String>>> {
    let waits = |question: &Question| {
        host.stuck.iter().find(|stuck| stuck.about == question.about && lives(stuck)).cloned()
    };
    let waiting: Vec<Option<Stuck>> = questions.iter().map(waits).collect();
    let new = questions.iter().zip(&waiting).filter(|(_, waiting)| waiting.is_none());
    let new: Vec<Question> = new.map(|(question, _)| question.clone()).collect();
    let answers = if new.is_empty() { Vec::new() } else { (host.apart)(&new, limit) };
    let mut answers = answers.into_iter();
    let mut heard = Vec::with_capacity(questions.len());
    for (question, waiting) in questions.iter().zip(waiting) {
        let answer = if waiting.is_some() { None } else { answers.next() };
        let silent = match &answer {
            Some(Answer::Silence { pid, start }) => {
                Some(Stuck { pid: *pid, start: *start, about: question.about.clone() })
            }
            _ => waiting,
        };
        stuck.extend(silent);
        heard.push(match answer {
            Some(Answer::Said(said)) => Some(said),
            _ => None,
        });
    }
    heard
}

/// What `find` finds out of each path: here, or where something is mounted that may not answer, in other processes, which
/// `word` starts. Nobody is waited for longer than `limit`.
pub(super) fn find_each<T: DeserializeOwned + Send + 'static>(
    host: &Host<'_>,
    reading: &mut Reading,
    word: &'static str,
    paths: &[&str],
    find: fn(&Path, &str) -> Result<T, String>,
    limit: Duration,
) -> Vec<Result<T, String>> {
    let within = host.patience.at_most(limit);
    if !reading.served {
        let job = |path: &&str| -> Job<Result<T, String>> {
            let (root, path) = (host.root.to_owned(), (*path).to_owned());
            (word.to_owned(), Box::new(move || find(&root, &path)))
        };
        // A disk may hang too.
        let found = patience::all(paths.iter().map(job).collect(), within);
        return found.into_iter().map(Result::flatten).collect();
    }
    let question = |path: &&str| Question {
        about: format!("{word}:{}", label_text(path.as_bytes())),
        word,
        path: host.path(path.trim_start_matches('/')).into_os_string(),
    };
    let questions: Vec<Question> = paths.iter().map(question).collect();
    let answers = ask(host, &questions, within, &mut reading.earlier.stuck);
    answers.into_iter().map(|answer| read(answer, limit)).collect()
}

/// The words in which a process tells what it found, or why it could not.
pub(super) fn words<T: Serialize>(found: &Result<T, String>) -> String {
    serde_json::to_string(found).unwrap_or_default()
}

/// What they mean. The same words for as long as nobody answers.
fn read<T: DeserializeOwned>(
    answer: Option<io::Result<String>>,
    limit: Duration,
) -> Result<T, String> {
    match answer {
        Some(Ok(text)) => serde_json::from_str(&text)
            .unwrap_or_else(|_| Err("the process that looked ended".to_owned())),
        Some(Err(error)) => Err(error.to_string()),
        None => Err(format!("no answer within {} s", limit.as_secs())),
    }
}

/// Asks all of them at once.
pub fn ask_all(questions: &[Question], limit: Duration) -> Vec<Answer> {
    let mut children: Vec<io::Result<Child>> = questions.iter().map(start).collect();
    let hear = |child: &mut io::Result<Child>| -> Job<io::Result<String>> {
        let stdout = child.as_mut().ok().and_then(|child| child.stdout.take());
        let mut text = String::new();
        let read = move || match stdout {
            Some(mut stdout) => stdout.read_to_string(&mut text).map(|_| text),
            None => Ok(text),
        };
        ("ask".to_owned(), Box::new(read))
    };
    let heard = patience::all(children.iter_mut().map(hear).collect(), limit);
    children.into_iter().zip(heard).map(|(child, heard)| outcome(child, heard)).collect()
}

fn start(question: &Question) -> io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    // Patterns are looked for from the root on.
    command.arg(question.word).arg(path::absolute(&question.path)?);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // What ends this run with a signal to its group is not to be waited for.
    command.process_group(0).spawn()
}

fn outcome(child: io::Result<Child>, heard: Result<io::Result<String>, String>) -> Answer {
    match (child, heard) {
        (Err(error), _) => {
            let text = format!("could not start a process to ask: {error}");
            Answer::Said(Err(io::Error::other(text)))
        }
        (Ok(child), Err(_)) => {
            let pid = child.id();
            Answer::Silence { pid, start: started(pid).unwrap_or_default() }
        }
        // Its output ended, so it does.
        (Ok(mut child), Ok(said)) => Answer::Said(child.wait().and(said)),
    }
}

/// Whether it still waits.
pub fn lives(stuck: &Stuck) -> bool {
    started(stuck.pid).is_some_and(|start| start == stuck.start)
}

/// When a process began, in clock ticks after boot; `None` if it ended, even if nobody has asked how.
pub(super) fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    (!matches!(state, "Z" | "X")).then(|| fields.nth(18)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Instant;

    use super::super::tests::fixture;
    use super::*;

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let pid = std::process::id();
        let start = started(pid).unwrap();
        let stuck = |start| Stuck { pid, start, about: "/nas".to_owned() };
        assert!(lives(&stuck(start)) && !lives(&stuck(start + 1)));
    }

    #[test]
    fn one_that_ended_waits_no_more_even_if_nobody_asked_how() {
        let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
        // Its end of the pipe is closed when it is over.
        child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while started(child.id()).is_some() && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
        assert_eq!(started(child.id()), None);
        child.wait().unwrap();
    }

    #[test]
    fn only_who_was_started_to_ask_answers() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(answer(&words(&["hostwatch", "statvfs", "/"])).is_some());
        assert!(answer(&words(&["hostwatch", "collect"])).is_none());
        assert!(answer(&words(&["hostwatch", "collect", "statvfs", "/"])).is_none());
    }

    #[test]
    fn who_waits_is_remembered_and_the_answers_of_the_others_are_theirs() {
        let pid = std::process::id();
        let here = [Stuck { pid, start: started(pid).unwrap(), about: "b".to_owned() }];
        let apart = |questions: &[Question], _| {
            let answer = |question: &Question| match question.about.as_str() {
                "c" => Answer::Silence { pid: 7, start: 8 },
                about => Answer::Said(Ok(format!("of {about}"))),
            };
            questions.iter().map(answer).collect()
        };
        let host = Host { apart, stuck: &here, ..fixture(Path::new("/")) };
        let question = |about: &str| Question {
            about: about.to_owned(),
            word: space::WORD,
            path: OsString::new(),
        };
        let (mut stuck, questions) = (Vec::new(), ["a", "b", "c", "d"].map(question));
        let heard = ask(&host, &questions, Duration::ZERO, &mut stuck);
        let heard: Vec<_> = heard.into_iter().map(|one| one.map(Result::unwrap)).collect();
        assert_eq!(heard, [Some("of a".to_owned()), None, None, Some("of d".to_owned())]);
        let new = Stuck { pid: 7, start: 8, about: "c".to_owned() };
        assert_eq!(stuck, [here[0].clone(), new]);
    }
}
