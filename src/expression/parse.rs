//! From text to comparisons. Whatever is typed, the answer is comparisons or one sentence that names the place. Pure.

use super::reader::{Reader, shown};
use super::term::Term;
use super::{Comparison, Limit, Operator, Typed};

/// The comparisons of an expression, all of which have to hold.
///
/// # Errors
/// What is wrong, where, and what was meant.
pub fn parse(text: &str) -> Result<Vec<Comparison>, String> {
    let mut reader = Reader { text, at: 0 };
    let mut comparisons = vec![reader.comparison()?];
    loop {
        let at = reader.skip_space();
        match reader.word() {
            "and" => comparisons.push(reader.comparison()?),
            "" if reader.rest().is_empty() => return Ok(comparisons),
            other => {
                let found = if other.is_empty() { reader.rest() } else { other };
                let words = format!(
                    "{} follows a whole comparison; comparisons are joined by \"and\" alone",
                    shown(found)
                );
                return Err(reader.wrong(at, &words));
            }
        }
    }
}

impl Reader<'_> {
    fn comparison(&mut self) -> Result<Comparison, String> {
        let start = self.skip_space();
        let left = self.term()?;
        let left_text = self.since(start).to_owned();
        let typed = self.operator()?;
        let middle = self.skip_space();
        let right = self.term()?;
        let typed =
            Typed { left: left_text, operator: typed, right: self.since(middle).to_owned() };
        let operator = typed.operator;
        match (left, right) {
            (Term::Measured(subject), Term::Number(number)) => {
                Ok(Comparison { typed, subject, operator, limit: Limit::Number(number) })
            }
            (Term::Measured(subject), Term::Measured(limit)) => {
                Ok(Comparison { typed, subject, operator, limit: Limit::Measured(limit) })
            }
            (Term::Number(number), Term::Measured(subject)) => {
                let (operator, limit) = (operator.mirrored(), Limit::Number(number));
                Ok(Comparison { typed, subject, operator, limit })
            }
            (Term::Number(_), Term::Number(_)) => Err(self
                .wrong(start, "two numbers are compared; one side must be a series or a function")),
        }
    }

    fn operator(&mut self) -> Result<Operator, String> {
        let at = self.skip_space();
        // The longer ones first.
        for operator in [Operator::AtMost, Operator::AtLeast, Operator::Less, Operator::Greater] {
            if self.take(operator.text()) {
                return Ok(operator);
            }
        }
        let words = format!("expected <, <=, > or >=, found {}", shown(self.rest()));
        Err(self.wrong(at, &words))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::expression::Measured;
    use crate::series::Series;

    /// Subject, operator and limit of each comparison.
    pub(in crate::expression) fn read(text: &str) -> Vec<(String, &'static str, String)> {
        let limit = |limit: &Limit| match limit {
            Limit::Number(number) => number.text.clone(),
            Limit::Measured(measured) => measured.name(&as_typed(measured)),
        };
        let one = |comparison: &Comparison| {
            let subject = &comparison.subject;
            let name = subject.name(&as_typed(subject));
            (name, comparison.operator.text(), limit(&comparison.limit))
        };
        parse(text).unwrap_or_else(|words| panic!("{words}")).iter().map(one).collect()
    }

    fn as_typed(measured: &Measured) -> Series {
        Series::parse(&measured.series)
    }

    pub(in crate::expression) fn is_read(text: &str, subject: &str, operator: &str, limit: &str) {
        assert_eq!(read(text), [(subject.to_owned(), operator, limit.to_owned())], "{text}");
    }

    pub(in crate::expression) fn is_wrong(text: &str, at: usize, words: &str) {
        let said = parse(text).expect_err(text);
        let place = format!("could not understand the expression at character {at}: ");
        assert!(said.starts_with(&place) && said.contains(words), "{text}: {said}");
    }

    #[test]
    fn a_series_is_compared_with_a_number() {
        is_read("cpu_percent < 90", "cpu_percent", "<", "90");
        is_read("cpu_percent<=90", "cpu_percent", "<=", "90");
        is_read("  cpu_percent\t>= \n90  ", "cpu_percent", ">=", "90");
        is_read("load1 > -1.5e3", "load1", ">", "-1.5e3");
    }

    #[test]
    fn a_number_on_the_left_is_a_limit_read_from_right_to_left() {
        is_read("90 > cpu_percent", "cpu_percent", "<", "90");
        is_read("20 GiB <= memory_used", "memory_used", ">=", "20GiB");
        let typed = parse("90 > cpu_percent").unwrap().remove(0).typed;
        assert_eq!(
            (&*typed.left, typed.operator.text(), &*typed.right),
            ("90", ">", "cpu_percent")
        );
    }

    #[test]
    fn comparisons_are_joined_by_and() {
        assert_eq!(read("a < 1 and b > 2 and c <= d").len(), 3);
        assert_eq!(read("a<1 and 2>b").len(), 2);
        is_wrong("a < 1 or b > 2", 7, "\"and\" alone");
        is_wrong("a < 1 AND b > 2", 7, "\"and\" alone");
        is_wrong("a < 1 && b > 2", 7, "\"&& b > 2\" follows");
        is_wrong("a < 1 b2 > 2", 7, "\"b2\" follows");
        is_wrong("1 < a < 3", 7, "follows a whole comparison");
    }

    #[test]
    fn series_may_be_on_both_sides() {
        is_read("memory_used<memory_total", "memory_used", "<", "memory_total");
        is_read("max(a, 1h) > min(b, 2h)", "max(a, 1h)", ">", "min(b, 2h)");
        is_wrong("5 < 3", 1, "two numbers");
        is_wrong("a < 1 and 5 < 3", 11, "two numbers");
    }

    #[test]
    fn what_is_missing_is_named_with_its_place() {
        is_wrong("", 1, "expected a series, a function or a number, found the end");
        is_wrong("   ", 4, "found the end");
        is_wrong("cpu_percent", 12, "expected <, <=, > or >=, found the end");
        is_wrong("cpu_percent <", 14, "found the end");
        is_wrong("< 90", 1, "found \"< 90\"");
        is_wrong("a < 1 and", 10, "found the end");
        is_wrong("and < 1", 1, "found \"and < 1\"");
        is_wrong("(a < 1)", 1, "expected a series");
    }

    #[test]
    fn another_operator_is_answered_with_those_there_are() {
        for text in ["a = 1", "a == 1", "a != 1", "a is 1", "a ≤ 1"] {
            is_wrong(text, 3, "expected <, <=, > or >=");
        }
        is_wrong("a << 1", 4, "expected a series");
    }

    #[test]
    fn places_are_counted_in_characters() {
        is_wrong("größe{ä} = 1", 10, "expected <");
    }

    #[test]
    fn much_that_was_found_is_shown_in_part() {
        is_wrong(&format!("a {}", "ä".repeat(500)), 3, &format!("\"{}…\"", "ä".repeat(20)));
    }

    /// Numbers that look like chance and are the same in every run (Marsaglia's xorshift).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % end as u64).unwrap()
        }
    }

    #[test]
    fn garbage_is_read_or_refused_in_one_line() {
        let parts = [
            "cpu_percent",
            "max",
            "(",
            ")",
            "{",
            "}",
            ",",
            "<",
            "<=",
            ">",
            ">=",
            "=",
            "and",
            " ",
            "10m",
            "20G",
            "-",
            ".",
            "%",
            "ä",
            "\u{feff}",
            "\0",
            "'",
            "|",
            "9999999999999999999",
            "1e999",
            "*",
            "?",
            "/data",
        ];
        let mut dice = Dice(0x2026_1122);
        for round in 0..20_000 {
            let length = dice.below(24);
            let text: String = if round % 2 == 0 {
                (0..length).map(|_| parts[dice.below(parts.len())]).collect()
            } else {
                let bytes: Vec<u8> =
                    (0..length * 4).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            };
            if let Err(words) = parse(&text) {
                assert!(words.contains(" at character "), "{text:?}: {words}");
            }
        }
    }

    #[test]
    fn a_very_long_expression_is_read() {
        let text = vec!["max(cpu_percent, 10m) < 90"; 10_000].join(" and ");
        assert_eq!(parse(&text).unwrap().len(), 10_000);
        assert!(parse(&"(".repeat(100_000)).is_err() && parse(&"a{".repeat(10_000)).is_err());
    }
}
