//! What comes next and what can be done: the next reminder, and the commands that silence and explain. Pure.

use super::letter::{Letter, Other};
use super::story::Story;
use crate::alert::Level;
use crate::alert::due::{Reason, repeat};
use crate::alert::mute::Mute;
use crate::render::wording::{Clock, phrase_among};
use crate::sample::Sample;

/// More series than so many are silenced as one.
const MOST_COMMANDS: usize = 3;

/// `Next reminder Mon 02:25; sooner only if it turns critical. A mail follows when it ends.`
pub(super) fn next_reminder(stories: &[Story<'_>], clock: &Clock<'_>) -> Option<String> {
    let firing: Vec<&Story<'_>> = stories.iter().filter(|story| is_lasting(story)).collect();
    let seconds = |story: &&Story<'_>| {
        let seconds = repeat(story.fact.levels.as_ref()?, story.fact.level);
        (seconds.is_finite() && seconds > 0.0).then_some(seconds)
    };
    let soonest = firing.iter().filter_map(seconds).min_by(f64::total_cmp)?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let at = clock.now.utc.timestamp().saturating_add(soonest as i64);
    let may_worsen = |story: &&&Story<'_>| {
        let levels = story.fact.levels.as_ref();
        story.fact.level < Level::Critical && levels.is_some_and(|levels| levels.critical.is_some())
    };
    let one = if firing.len() > 1 { "one" } else { "it" };
    let sooner = if firing.iter().any(|story| may_worsen(&story)) {
        format!("; sooner only if {one} turns critical")
    } else {
        String::new()
    };
    Some(format!("Next reminder {}{sooner}. A mail follows when {one} ends.", clock.time(at)))
}

/// Whether its end is told as soon as it comes.
fn is_lasting(story: &Story<'_>) -> bool {
    !story.fact.is_over() && story.fact.reason != Reason::Flapping
}

/// The commands that silence what fires until it has ended.
pub(super) fn silence(stories: &[Story<'_>]) -> Vec<String> {
    let series = firing(stories);
    let command =
        |series: &str| format!("sudo hostwatch alerts silence {series} --until-recovered");
    if series.len() > MOST_COMMANDS {
        return vec![command("'*'")];
    }
    series.iter().map(|series| command(&quoted(series))).collect()
}

/// The commands that say why.
pub(super) fn explain(stories: &[Story<'_>]) -> Vec<String> {
    let series = firing(stories);
    let series = series.iter().take(MOST_COMMANDS);
    series.map(|series| format!("hostwatch alerts explain {}", quoted(series))).collect()
}

fn firing(stories: &[Story<'_>]) -> Vec<String> {
    let firing = stories.iter().filter(|story| !story.fact.is_over());
    let mut series: Vec<String> = firing.map(|story| story.fact.series.to_string()).collect();
    series.dedup();
    series
}

/// As one word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What else fires, and what of it nobody is told now.
pub(super) fn others(letter: &Letter<'_>, stories: &[Story<'_>], clock: &Clock<'_>) -> Vec<String> {
    let host = letter.host;
    if letter.others.is_empty() {
        let over = stories.iter().all(|story| story.fact.is_over());
        let absent = stories.iter().all(Story::is_absence);
        let text = match (over, absent) {
            (false, _) => return Vec::new(),
            (true, true) => format!("Nothing is firing on {host}."),
            (true, false) => format!("Nothing else is firing on {host}."),
        };
        return vec![text];
    }
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for other in &letter.others {
        let muted = other.mute.as_ref().map(|mute| format!(" ({})", muted(mute, clock)));
        let muted = muted.unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| *known == muted) {
            Some((_, names)) => names.push(named(other, letter.sample)),
            None => groups.push((muted, vec![named(other, letter.sample)])),
        }
    }
    groups.sort_by_key(|(muted, _)| !muted.is_empty());
    let line = |(muted, names): &(String, Vec<String>)| {
        format!("Also firing on {host}{muted}: {}.", names.join(", "))
    };
    groups.iter().map(line).collect()
}

/// `CPU 91.0 % (warning)`.
fn named(other: &Other, sample: &Sample) -> String {
    let what = match other.value {
        Some(_) => phrase_among(&other.series, other.value, false, &sample.values),
        None => other.series.to_string(),
    };
    format!("{what} ({})", other.level.name())
}

fn muted(mute: &Mute, clock: &Clock<'_>) -> String {
    match mute {
        Mute::Silenced(silence) if silence.until_recovered => {
            "silenced until it recovers".to_owned()
        }
        Mute::Silenced(silence) => format!("silenced until {}", clock.time(silence.until)),
        Mute::QuietHours(until) => format!("quiet hours until {}", clock.time(*until)),
        Mute::Inhibited(cause) => format!("follows from {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Draft, about, fact, telling};
    use super::super::letter::Background;
    use super::*;
    use crate::alert::fact::Fact;
    use crate::alert::state::Silence;
    use crate::series::Series;

    fn of<T>(facts: &[Fact], work: impl FnOnce(&[Story<'_>], &Clock<'_>) -> T) -> T {
        let background = Background::default();
        telling(&facts[0], &background, |first, clock| {
            let stories: Vec<Story<'_>> =
                facts.iter().map(|fact| Story { fact, ..*first }).collect();
            work(&stories, clock)
        })
    }

    fn raised(labels: &[&str]) -> Vec<Fact> {
        let series = labels.iter().map(|label| format!("filesystem_percent{{{label}}}"));
        series.map(|series| about(&series, 86.0, Reason::Raised)).collect()
    }

    #[test]
    fn each_series_is_silenced_by_a_command_of_its_own_up_to_three() {
        assert_eq!(
            of(&raised(&["/data"]), |stories, _| silence(stories)),
            ["sudo hostwatch alerts silence 'filesystem_percent{/data}' --until-recovered"]
        );
        assert_eq!(of(&raised(&["/a", "/b", "/c"]), |stories, _| silence(stories)).len(), 3);
        assert_eq!(
            of(&raised(&["/a", "/b", "/c", "/d"]), |stories, _| silence(stories)),
            ["sudo hostwatch alerts silence '*' --until-recovered"]
        );
    }

    #[test]
    fn a_label_with_a_quote_stays_one_word() {
        assert_eq!(
            of(&raised(&["/it's $HOME"]), |stories, _| explain(stories)),
            [r"hostwatch alerts explain 'filesystem_percent{/it'\''s $HOME}'"]
        );
    }

    #[test]
    fn what_is_over_is_neither_silenced_nor_reminded_of() {
        let over = [fact(Reason::Recovered)];
        assert!(of(&over, |stories, _| silence(stories)).is_empty());
        assert_eq!(of(&over, next_reminder), None);
        assert_eq!(of(&[fact(Reason::Flapping)], next_reminder), None);
    }

    #[test]
    fn the_next_reminder_is_the_soonest() {
        let said = |facts: &[Fact]| of(facts, next_reminder).unwrap();
        let mut critical = fact(Reason::Escalated);
        critical.level = Level::Critical;
        let levels = critical.levels.as_mut().unwrap();
        levels.critical.as_mut().unwrap().repeat = 14_400.0;
        assert_eq!(
            said(&[fact(Reason::Raised)]),
            "Next reminder Mon 02:25; sooner only if it turns critical. A mail follows when it ends."
        );
        assert_eq!(
            said(std::slice::from_ref(&critical)),
            "Next reminder 06:25. A mail follows when it ends."
        );
        assert_eq!(
            said(&[fact(Reason::Raised), critical]),
            "Next reminder 06:25; sooner only if one turns critical. A mail follows when one ends."
        );
    }

    fn other(series: &str, value: Option<f64>, mute: Option<Mute>) -> Other {
        Other { series: Series::parse(series), level: Level::Warning, value, mute }
    }

    fn also(reason: Reason, others: Vec<Other>) -> Vec<String> {
        let draft = Draft { others, ..Draft::of(&[fact(reason)], &[]) };
        draft
            .with(|letter| of(&draft.facts, |stories, clock| super::others(letter, stories, clock)))
    }

    #[test]
    fn what_else_fires_is_told_with_why_nobody_hears_of_it() {
        let silence = |until_recovered| Silence {
            series: "*".into(),
            since: 0,
            until: 1_795_400_700,
            until_recovered,
            reason: String::new(),
        };
        let muted = [
            Mute::Silenced(silence(false)),
            Mute::Silenced(silence(true)),
            Mute::QuietHours(1_795_330_800),
            Mute::Inhibited(Series::parse("missing{/srv}")),
        ];
        let mut others: Vec<Other> =
            muted.map(|mute| other("cpu_temp", Some(71.0), Some(mute))).to_vec();
        others.push(other("swap_percent", Some(90.0), None));
        others.push(other("load1", None, None));
        assert_eq!(
            also(Reason::Raised, others),
            [
                "Also firing on gate-pi: swap 90.0 % used (warning), load1 (warning).",
                "Also firing on gate-pi (silenced until Mon 02:25): CPU at 71.0 °C (warning).",
                "Also firing on gate-pi (silenced until it recovers): CPU at 71.0 °C (warning).",
                "Also firing on gate-pi (quiet hours until 07:00): CPU at 71.0 °C (warning).",
                "Also firing on gate-pi (follows from missing{/srv}): CPU at 71.0 °C (warning).",
            ]
        );
    }

    #[test]
    fn that_nothing_else_fires_is_worth_a_word_once_it_is_over() {
        assert!(also(Reason::Raised, Vec::new()).is_empty());
        assert_eq!(also(Reason::Recovered, Vec::new()), ["Nothing else is firing on gate-pi."]);
    }
}
