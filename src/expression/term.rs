//! The sides of a comparison: series, calls of functions, numbers with units. Pure.

use super::reader::{Reader, shown};
use super::{Function, Measured, Number, Over};
use crate::series::{Pattern, did_you_mean};
use crate::time::span;

/// Nothing was sampled before.
const LONGEST: u64 = 100 * 366 * 86_400;
const EXAMPLE: &str = "max(cpu_percent, 10m) < 90";

pub(super) enum Term {
    Number(Number),
    Measured(Measured),
}

impl<'a> Reader<'a> {
    pub(super) fn term(&mut self) -> Result<Term, String> {
        let start = self.skip_space();
        let word = self.word();
        if word.is_empty() || word == "and" {
            let found = self.text.get(start..).unwrap_or_default();
            let words = format!(
                "expected a series, a function or a number, found {}; an example: {EXAMPLE}",
                shown(found)
            );
            return Err(self.wrong(start, &words));
        }
        if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
            return Ok(Term::Number(self.number(start, word)));
        }
        let after_word = self.at;
        self.skip_space();
        if self.take("(") {
            return self.call(start, word).map(Term::Measured);
        }
        self.at = after_word;
        let series = self.series(start)?;
        let at = self.character(start);
        Ok(Term::Measured(measured(series, None, (String::new(), String::new()), at)))
    }

    /// A number may stand apart from its unit: `20 GiB`.
    fn number(&mut self, start: usize, word: &'a str) -> Number {
        let (after_number, at) = (self.at, self.character(start));
        if word.parse::<f64>().is_ok() {
            self.skip_space();
            let unit = self.word();
            if is_like_a_unit(unit) {
                return Number { text: format!("{word}{unit}"), at };
            }
        }
        self.at = after_number;
        Number { text: word.to_owned(), at }
    }

    /// The rest of a series whose name is read. A label ends at the first brace that something may follow.
    fn series(&mut self, start: usize) -> Result<&'a str, String> {
        let label = self.at;
        if self.take("{") {
            let ends = |rest: &str| {
                rest.chars().next().is_none_or(|c| c.is_whitespace() || "<>=!&|,)".contains(c))
            };
            let mut braces = self.rest().match_indices('}').map(|(at, _)| self.at + at + 1);
            let end = braces.find(|end| self.text.get(*end..).is_some_and(ends));
            self.at = end.ok_or_else(|| self.wrong(label, "the label has no closing brace"))?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// A call whose name and opening parenthesis are read.
    fn call(&mut self, start: usize, name: &str) -> Result<Measured, String> {
        let Some(function) = Function::ALL.into_iter().find(|known| known.name() == name) else {
            let words = format!("no function \"{name}\"{}", offer(name));
            return Err(self.wrong(start, &words));
        };
        let needs = |found: &str| {
            format!(
                "{name} needs a series and a span, as in {name}(cpu_percent, 10m); found {}",
                shown(found)
            )
        };
        let inner = self.skip_space();
        if self.word().is_empty() {
            return Err(self.wrong(inner, &needs(self.rest())));
        }
        let series = self.series(inner)?;
        let before = self.text.get(start..inner).unwrap_or_default().to_owned();
        let after = self.at;
        let comma = self.skip_space();
        if !self.take(",") {
            return Err(self.wrong(comma, &needs(self.rest())));
        }
        let at = self.skip_space();
        let typed = self.word();
        let seconds = span::parse(typed).map_err(|words| self.wrong(at, &words))?;
        let fitting = i64::try_from(seconds).ok().filter(|_| (1..=LONGEST).contains(&seconds));
        let seconds = fitting.ok_or_else(|| {
            self.wrong(at, &format!("\"{typed}\" is not between one second and a hundred years"))
        })?;
        let end = self.skip_space();
        if !self.take(")") {
            let words =
                format!("expected the closing parenthesis of {name}, found {}", shown(self.rest()));
            return Err(self.wrong(end, &words));
        }
        let around = (before, self.since(after).to_owned());
        Ok(measured(series, Some(Over { function, seconds }), around, self.character(inner)))
    }
}

fn measured(series: &str, over: Option<Over>, around: (String, String), at: usize) -> Measured {
    Measured { series: series.to_owned(), pattern: Pattern::parse(series), over, around, at }
}

fn offer(name: &str) -> String {
    let names = Function::ALL.map(Function::name);
    let nearest = did_you_mean(name, names);
    if nearest.is_empty() { format!("; there are {}", names.join(", ")) } else { nearest }
}

/// Whether a word after a number belongs to it; whether it fits what is measured is seen later.
fn is_like_a_unit(word: &str) -> bool {
    let joins = ["and", "or"].iter().any(|join| word.eq_ignore_ascii_case(join));
    let is_short = (1..=5).contains(&word.chars().count());
    is_short && !joins && word.chars().all(|c| c.is_alphabetic() || "%°/".contains(c))
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::super::parse::tests::{is_read, is_wrong, read};
    use super::*;
    use crate::series::Series;

    #[test]
    fn a_number_may_have_a_unit_beside_it_or_apart() {
        for (typed, meant) in [
            ("20G", "20G"),
            ("85 %", "85%"),
            ("20 GiB", "20GiB"),
            ("70 °C", "70°C"),
            ("5 MiB/s", "5MiB/s"),
            ("1h30m", "1h30m"),
        ] {
            is_read(&format!("x < {typed}"), "x", "<", meant);
            assert_eq!(read(&format!("x < {typed} and y > 1")).len(), 2, "{typed}");
        }
    }

    #[test]
    fn a_function_is_of_a_series_over_a_span() {
        is_read("max(cpu_percent, 10m) < 90", "max(cpu_percent, 10m)", "<", "90");
        is_read("p95 ( load1,1h30m )>4", "p95 ( load1,1h30m )", ">", "4");
        let over = parse("mean(load1, 1h30m) < 4").unwrap().remove(0).subject.over;
        assert_eq!(over, Some(Over { function: Function::Mean, seconds: 5_400 }));
    }

    #[test]
    fn a_function_names_each_of_its_series() {
        let subject = parse("max(filesystem_*, 10m) < 90").unwrap().remove(0).subject;
        let series = Series::parse("filesystem_percent{/data}");
        assert_eq!(subject.name(&series), "max(filesystem_percent{/data}, 10m)");
    }

    #[test]
    fn a_label_may_hold_nearly_everything() {
        for series in [
            "filesystem_percent{/data}",
            "filesystem_percent{/srv/a b, c (d) < e}",
            "temperature{a{b}c}",
            "temperature{and}",
            "temperature{it's \"so\"}",
            "filesystem_*{/media/*}",
            "filesystem_percent{/srv/ä}",
            "t{}",
        ] {
            is_read(&format!("{series} < 90"), series, "<", "90");
            is_read(&format!("{series}<90"), series, "<", "90");
            is_read(&format!("90 > {series}"), series, "<", "90");
            let call = format!("max({series}, 10m)");
            is_read(&format!("{call} < 90"), &call, "<", "90");
            assert_eq!(read(&format!("a < {series} and {series} < 9")).len(), 2);
        }
    }

    #[test]
    fn a_label_ends() {
        is_wrong("filesystem_percent{/data < 90", 19, "no closing brace");
        is_wrong("a{b}c < 90", 2, "no closing brace");
    }

    #[test]
    fn names_of_other_programs_are_names() {
        is_read("gpu.temp-1:x/y < 5", "gpu.temp-1:x/y", "<", "5");
        is_read("größe < 5", "größe", "<", "5");
        is_read("max < 5", "max", "<", "5");
    }

    #[test]
    fn an_unknown_function_is_answered_with_those_there_are() {
        is_wrong("maxx(cpu_percent, 10m) < 90", 1, "no function \"maxx\"; did you mean \"max\"?");
        is_wrong("free(/data) > 20G", 1, "there are min, max, mean, p95, last");
        is_wrong("a < 1 and Max(b, 1h) < 1", 11, "no function \"Max\"");
    }

    #[test]
    fn a_function_needs_a_series_and_a_span() {
        is_wrong("max(cpu_percent) < 90", 16, "max(cpu_percent, 10m)");
        is_wrong("max() < 90", 5, "needs a series and a span");
        is_wrong("max( , 10m) < 90", 6, "needs a series and a span");
        is_wrong("max(cpu_percent, ) < 90", 18, "is not a span of time");
        is_wrong("max(cpu_percent, 10x) < 90", 18, "\"10x\" is not a span of time (90s,");
        is_wrong("max(cpu_percent, 10m < 90", 22, "closing parenthesis of max, found \"< 90\"");
        is_wrong("max(cpu_percent, 10m, 5m) < 9", 21, "closing parenthesis");
    }

    #[test]
    fn a_span_is_neither_nothing_nor_endless() {
        for span in ["0s", "999999999w", "18446744073709551615s"] {
            is_wrong(&format!("max(a, {span}) < 90"), 8, "between one second and a hundred years");
        }
    }
}
