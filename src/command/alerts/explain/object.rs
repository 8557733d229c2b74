//! The explanation for scripts: the same facts as raw values.

use serde_json::{Map, Value, json};

use super::super::list;
use super::hearing::{Back, Hearing, Owed};
use super::ruling::{Ruling, later};
use super::{Explained, Scene};
use crate::alert::flap::CALM;
use crate::alert::mute::Mute;
use crate::alert::rule::{Levels, Measure, Threshold};
use crate::alert::state::Standing;
use crate::collector;
use crate::event::rfc3339;
use crate::render::json as shape;

/// An object without what there is nothing to say about.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn put(mut self, key: &str, value: Value) -> Self {
        let is_nothing = value.is_null() || value == Value::Bool(false);
        if !is_nothing && value.as_array().is_none_or(|list| !list.is_empty()) {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    fn time(self, key: &str, epoch: Option<i64>) -> Self {
        self.put(key, json!(epoch.map(rfc3339)))
    }

    fn number(self, key: &str, number: Option<f64>) -> Self {
        self.put(key, number.map_or(Value::Null, |number| shape::number(number, None)))
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

pub(super) fn answer(scene: &Scene, explained: &[Explained<'_>], host: &str) -> Value {
    let series: Vec<Value> = explained.iter().map(|one| series(scene, one)).collect();
    let mut answer = shape::answer();
    answer.insert("host".to_owned(), json!(host));
    answer.insert("series".to_owned(), json!(series));
    Value::Object(answer)
}

fn series(scene: &Scene, one: &Explained<'_>) -> Value {
    let unit = collector::find(&one.series.metric).map(|metric| metric.unit);
    let mut object = Object::default().put("series", json!(one.series.to_string()));
    object.0.extend(shape::series_head(&one.series, unit));
    let rules: Vec<Value> = one.rulings.iter().map(ruling).collect();
    object
        .number("value", one.value)
        .time("sampled", Some(scene.sample.epoch()))
        .put("rules", json!(rules))
        .put("left_out_by", json!(one.left_out_by))
        .put("silent_rules", json!(one.silent))
        .put("faults", json!(one.faults))
        .put("nearest_rules", json!(one.nearest))
        .put("mutes", one.mutes.iter().map(mute).collect())
        .put("events", json!(one.events))
        .done()
}

fn ruling(ruling: &Ruling<'_>) -> Value {
    let object = Object::default()
        .put("rule", json!(ruling.key))
        .put("origin", json!(ruling.origin))
        .put("verdict", json!(ruling.verdict.name()))
        .number("reading", ruling.reading.value);
    let object = match ruling.levels {
        Some(levels) => with_levels(object, levels),
        None => object,
    };
    let object = match ruling.standing {
        Some(standing) => with_standing(object, standing),
        None => object,
    };
    let waits = ruling.waits.iter().map(|wait| {
        Object::default()
            .put("level", json!(wait.level))
            .put("why", json!(wait.why.name()))
            .time("since", Some(wait.since))
            .time("until", Some(wait.until))
            .done()
    });
    let unsettled = ruling.unsettled.iter().map(|past| {
        Object::default()
            .time("end", Some(past.end.epoch))
            .time("told_at", Some(later(past.end.epoch, CALM)))
            .done()
    });
    object
        .put("waits", waits.collect())
        .put("unsettled", unsettled.collect())
        .time("calm_at", ruling.calm_at())
        .time("gone_at", ruling.gone_at().map(|(_, at)| at))
        .put("unjudged", json!(ruling.is_unjudged))
        .put("levels_changed", json!(ruling.has_other_levels()))
        .put("channels", ruling.hearings.iter().map(hearing).collect())
        .done()
}

fn with_levels(object: Object, levels: &Levels) -> Object {
    let threshold = |threshold: &Threshold| {
        Object::default()
            .number("level", Some(threshold.level))
            .number("clear", Some(threshold.clear))
            .number("for", Some(threshold.hold))
            .number("clear_for", Some(threshold.clear_hold))
            .number("repeat", Some(threshold.repeat).filter(|seconds| seconds.is_finite()))
            .done()
    };
    let change = match levels.measure {
        Measure::Value => Value::Null,
        Measure::Change { seconds, relative } => Object::default()
            .number("seconds", Some(seconds))
            .put("relative", json!(relative))
            .done(),
    };
    let times = levels.times.map(|times| json!({"count": times.count, "of": times.of}));
    object
        .put("below", json!(levels.below))
        .put("change", change)
        .put("times", json!(times))
        .put("warning", levels.warning.as_ref().map_or(Value::Null, threshold))
        .put("critical", levels.critical.as_ref().map_or(Value::Null, threshold))
}

fn with_standing(object: Object, standing: &Standing) -> Object {
    let epoch = |moment: Option<&crate::time::Moment>| moment.map(|moment| moment.epoch);
    let flapping = standing.flapping.as_ref();
    let worst = flapping.map_or(standing.worst, |flapping| flapping.worst);
    let worst_at = flapping.map_or(&standing.worst_at, |flapping| &flapping.worst_at);
    object
        .put("level", json!(standing.level))
        .time("since", epoch(standing.start()))
        .put("worst_level", json!(Some(standing.worst_level()).filter(|_| standing.is_open())))
        .number("worst", worst)
        .time("worst_at", epoch(worst_at.as_ref()))
        .time("missing_since", epoch(standing.missing.as_ref()))
        .put(
            "changes",
            standing
                .changes
                .iter()
                .map(|turn| json!({"at": rfc3339(turn.at.epoch), "to": turn.to}))
                .collect(),
        )
        .put("muted_since_raised", json!(standing.muted))
}

fn hearing(hearing: &Hearing<'_>) -> Value {
    let told = hearing.told.map(|told| {
        Object::default()
            .put("level", json!(told.level))
            .time("at", Some(told.at.epoch))
            .time("first", Some(told.first))
            .put("flapping", json!(told.flapping))
            .done()
    });
    let delivery = hearing.delivery.as_ref().map(|(delivery, next)| {
        Object::default()
            .put("failures", json!(delivery.failures))
            .put("error", json!(delivery.error))
            .put("permanent", json!(delivery.permanent))
            .time("last_try", Some(delivery.last_try.epoch))
            .time("next_try", *next)
            .done()
    });
    Object::default()
        .put("channel", json!(hearing.channel.name))
        .put("from", json!(hearing.channel.from))
        .put("told", json!(told))
        .put("owed", hearing.owed.iter().map(owed).collect())
        .time("reminder", hearing.reminder)
        .put("delivery", json!(delivery))
        .done()
}

fn owed(owed: &Owed) -> Value {
    let until = match &owed.back {
        Back::Pause(at) => Some(*at),
        _ => None,
    };
    Object::default()
        .put("reason", json!(owed.fact.reason))
        .put("level", json!(owed.fact.level))
        .put("held", json!(owed.back.name()))
        .time("until", until)
        .done()
}

fn mute(mute: &Mute) -> Value {
    match mute {
        Mute::Silenced(silence) => {
            let mut object = Object::default().put("kind", json!("silence"));
            if let Value::Object(silence) = list::object(silence) {
                object.0.extend(silence);
            }
            object.done()
        }
        Mute::QuietHours(until) => {
            Object::default().put("kind", json!("quiet_hours")).time("until", Some(*until)).done()
        }
        Mute::Inhibited(cause) => Object::default()
            .put("kind", json!("follows"))
            .put("from", json!(cause.to_string()))
            .done(),
    }
}
