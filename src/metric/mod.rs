//! What a metric is: name, unit, kind, wording. Each is declared once, as a `static` beside the code that
//! reads it; files, rates, thresholds, tables, exports and the manual take everything else from here.

pub mod digits;
mod judged;
mod unit;

pub use judged::Judged;
pub use unit::Unit;

/// What the names begin with that the configuration declares.
pub const CUSTOM: &str = "custom_";

/// A named number with a unit.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says something else of it")]
pub struct Metric {
    /// Key in files, configuration and commands. A changed meaning is a new name.
    pub name: &'static str,
    pub unit: Unit,
    pub kind: Kind,
    /// What the label names ("mount", "interface"); `None`: one number a host.
    pub label: Option<&'static str>,
    /// One sentence for `metrics` and the manual.
    pub help: &'static str,
    /// How a message speaks of it: `{label}` and `{value}` are filled in.
    pub phrase: &'static str,
    /// The same once it is over, for what is a state rather than a number; empty: the phrase.
    pub phrase_over: &'static str,
    /// For such a state: another number with the same label, and how a message speaks of it while that one is above 0.
    pub phrase_beside: Option<(&'static Metric, &'static str)>,
    /// For a share of a capacity: what is left and what there is, as metrics with the same labels, or with `of_label`.
    pub capacity: Option<(&'static Metric, &'static Metric)>,
    /// Shown by `status` and `history` unless told otherwise.
    pub overview: bool,
    /// While it is set, what else has its label is not told: it follows from this.
    pub inhibits: bool,
    /// Measured now and then: a line without it says nothing of it.
    pub seldom: bool,
    /// The label it would have among those of its like: the root file system's numbers have none.
    pub of_label: Option<&'static str>,
    /// What it is held to unless the configuration says otherwise.
    pub judged: &'static [Judged],
    /// Goes on from the line before, whatever boot that is of.
    pub carried: bool,
    /// A counter that is 0 when the host starts.
    pub from_boot: bool,
    /// Needed for what is derived from it and for nothing else: left to the next run, not stored.
    pub apart: bool,
    /// Names it had; readers map them, writers never use them.
    pub formerly: &'static [&'static str],
}

#[derive(Debug)]
pub enum Kind {
    Gauge,
    /// Grows until the next boot; what is derived from its growth between two lines.
    Counter(&'static [Derived]),
    /// Cumulative time by mode; shares of the time between two lines are derived.
    Ticks(&'static [Share]),
    /// Derived from two lines, never read.
    Rate,
}

/// A number that follows from how much a counter grew between two lines.
#[derive(Debug)]
pub enum Derived {
    /// Growth a second.
    Rate(&'static Metric),
    /// For a time in so many parts of a second: its share of the time between the lines, in per cent, at most 100.
    Busy(&'static Metric, u32),
    /// Growth a second of its parts, which its collector sums up once their rates are known.
    Summed(&'static Metric),
    /// Growth for each one by which another counter grew, times a scale; absent if that one stood still.
    Each(&'static Metric, &'static Metric, f64),
}

impl Derived {
    pub fn metric(&self) -> &'static Metric {
        match self {
            Derived::Rate(metric)
            | Derived::Busy(metric, _)
            | Derived::Summed(metric)
            | Derived::Each(metric, ..) => metric,
        }
    }
}

/// A percentage of all ticks between two lines.
#[derive(Debug)]
pub struct Share {
    pub metric: &'static Metric,
    /// The labels that count towards it.
    pub of: &'static [&'static str],
}

impl Metric {
    const fn new(name: &'static str, unit: Unit, kind: Kind, help: &'static str) -> Self {
        let phrase = "{name} {value}";
        Metric {
            name,
            unit,
            kind,
            label: None,
            help,
            phrase,
            phrase_over: "",
            phrase_beside: None,
            capacity: None,
            overview: false,
            inhibits: false,
            seldom: false,
            of_label: None,
            judged: &[],
            carried: false,
            from_boot: false,
            apart: false,
            formerly: &[],
        }
    }

    pub const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self::new(name, unit, Kind::Gauge, help)
    }

    pub const fn rate(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self::new(name, unit, Kind::Rate, help)
    }

    pub const fn counter(
        name: &'static str,
        unit: Unit,
        derived: &'static [Derived],
        help: &'static str,
    ) -> Self {
        Self::new(name, unit, Kind::Counter(derived), help)
    }

    pub const fn ticks(name: &'static str, shares: &'static [Share], help: &'static str) -> Self {
        Self::new(name, Unit::Count, Kind::Ticks(shares), help)
    }

    #[must_use]
    pub const fn labelled(mut self, label: &'static str) -> Self {
        self.label = Some(label);
        self
    }

    #[must_use]
    pub const fn phrased(mut self, phrase: &'static str) -> Self {
        self.phrase = phrase;
        self
    }

    /// For a state that is on or off: how a message speaks of it while it lasts, and once it is over.
    #[must_use]
    pub const fn phrased_as_state(mut self, lasting: &'static str, over: &'static str) -> Self {
        self.phrase = lasting;
        self.phrase_over = over;
        self
    }

    /// While `beside` is above 0, which is the value in these words.
    #[must_use]
    pub const fn phrased_beside(mut self, beside: &'static Metric, lasting: &'static str) -> Self {
        self.phrase_beside = Some((beside, lasting));
        self
    }

    #[must_use]
    pub const fn of_capacity(mut self, available: &'static Metric, total: &'static Metric) -> Self {
        self.capacity = Some((available, total));
        self
    }

    #[must_use]
    pub const fn in_overview(mut self) -> Self {
        self.overview = true;
        self
    }

    #[must_use]
    pub const fn inhibits(mut self) -> Self {
        self.inhibits = true;
        self
    }

    #[must_use]
    pub const fn seldom(mut self) -> Self {
        self.seldom = true;
        self
    }

    #[must_use]
    pub const fn of_label(mut self, label: &'static str) -> Self {
        self.of_label = Some(label);
        self
    }

    /// Each is a rule of its own: a second one for a level between, or another measure.
    #[must_use]
    pub const fn judged(mut self, judged: &'static [Judged]) -> Self {
        self.judged = judged;
        self
    }

    #[must_use]
    pub const fn carried(mut self) -> Self {
        self.carried = true;
        self
    }

    #[must_use]
    pub const fn from_boot(mut self) -> Self {
        self.from_boot = true;
        self
    }

    #[must_use]
    pub const fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// Rounds for JSON and performance data. What others measured may be of any size, and keeps its digits.
    pub fn round(&self, value: f64) -> f64 {
        if self.name.starts_with(CUSTOM) { digits::exact(value) } else { self.unit.round(value) }
    }

    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Gauge => "gauge",
            Kind::Counter(_) | Kind::Ticks(_) => "counter",
            Kind::Rate => "rate",
        }
    }

    /// Whether it is on or off rather than a number.
    pub fn is_state(&self) -> bool {
        !self.phrase_over.is_empty()
    }

    /// Whether it comes from two lines, and so needs a long enough interval to be judged.
    pub fn is_rate(&self) -> bool {
        matches!(self.kind, Kind::Rate)
    }

    /// Whether a later line needs it.
    pub fn is_continued(&self) -> bool {
        self.carried || self.is_cumulative()
    }

    /// Whether a rate or a share follows from it.
    pub fn has_derived(&self) -> bool {
        match self.kind {
            Kind::Counter(derived) => !derived.is_empty(),
            Kind::Ticks(_) => true,
            Kind::Gauge | Kind::Rate => false,
        }
    }

    pub fn is_cumulative(&self) -> bool {
        matches!(self.kind, Kind::Counter(_) | Kind::Ticks(_))
    }
}
