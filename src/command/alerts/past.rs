//! The samples of a range judged anew, for commands that ask what other rules would have told.

use anyhow::Result;
use chrono::Duration;

use crate::alert::replay::{Replay, Setting};
use crate::alert::rule::Rule;
use crate::alert::window::Lookback;
use crate::alert::{Level, plugin};
use crate::collector;
use crate::config::Config;
use crate::notify::way;
use crate::sample::Sample;
use crate::sample::read::Wanted;
use crate::store::Store;
use crate::store::range::{Damage, Range};

/// What fires at the beginning of the range was raised before: so many seconds are judged and not told of.
const WARM_UP: f64 = 86_400.0;
/// Samples that come less often than this need a longer one.
const SLOW: f64 = 3_600.0;

/// What became of each set of rules, and of what samples.
pub(super) struct Past<'a> {
    pub replay: Replay<'a>,
    /// As the last line names it.
    pub host: String,
    /// In the range.
    pub samples: usize,
    /// When the first of them was taken.
    pub first: Option<i64>,
    pub damage: Vec<Damage>,
}

/// Judges the samples of a range by several sets of rules at once, one day in memory at a time.
pub(super) fn judge<'a>(
    store: &Store,
    range: Range,
    config: &'a Config,
    sets: Vec<Vec<Rule>>,
) -> Result<Past<'a>> {
    let wanted = wanted(config, &sets);
    let lookback =
        sets.iter().map(|rules| Lookback::of(rules, SLOW).seconds).fold(WARM_UP, f64::max);
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let warm_up = Duration::try_seconds(lookback.ceil() as i64);
    let since = warm_up.and_then(|warm_up| range.since.checked_sub_signed(warm_up));
    let wider = Range { since: since.unwrap_or(range.since), ..range };
    let mut samples = store.samples(wider, &wanted)?;
    let replay = Replay::new(setting(config), sets);
    let mut past =
        Past { replay, host: String::new(), samples: 0, first: None, damage: Vec::new() };
    for sample in samples.by_ref() {
        past.see(sample, range);
    }
    past.damage = samples.damage;
    Ok(past)
}

impl Past<'_> {
    fn see(&mut self, sample: Sample, range: Range) {
        let epoch = sample.epoch();
        if range.holds(epoch) {
            self.samples += 1;
            self.first.get_or_insert(epoch);
        }
        if self.host != sample.host && !sample.host.is_empty() {
            self.host.clone_from(&sample.host);
        }
        self.replay.see(sample);
    }
}

fn setting(config: &Config) -> Setting<'_> {
    // Of those who are told, the one who hears the most.
    let from = way::channels(config).iter().map(|channel| channel.from).min();
    Setting {
        log_interval: config.log_interval,
        startup_grace: config.startup_grace,
        expect: &config.expect,
        quiet_hours: config.quiet_hours.as_ref(),
        from: from.unwrap_or(Level::Warning),
        find: collector::find,
    }
}

/// What the rules speak of, and what mutes it. What must be there may be in any number.
fn wanted(config: &Config, sets: &[Vec<Rule>]) -> Wanted {
    let named = sets.iter().flatten().map(|rule| rule.pattern.metric.as_str());
    let mutes = collector::metrics().filter(|metric| metric.inhibits).map(|metric| metric.name);
    let needs: Vec<String> = sets.iter().flat_map(|rules| plugin::needs(rules)).collect();
    let named = named.chain(needs.iter().map(String::as_str));
    let wanted = if config.expect.is_empty() {
        Wanted::matching(named.chain(mutes))
    } else {
        Wanted::everything()
    };
    let declared = collector::metrics().map(|metric| metric.name);
    wanted.with_declared(declared).with_formerly(collector::formerly())
}
