//! What a metric is held to without a configuration: declared beside the metric, judged like a rule that was written.

/// Levels in the metric's own unit, and times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Low is bad.
    pub below: bool,
    pub warning: Option<f64>,
    /// Where a warning ends; `None`: the usual margin inside.
    pub clear: Option<f64>,
    pub critical: Option<f64>,
    /// Seconds past the level before it counts.
    pub hold: f64,
    /// Not the value is held to the levels but how much it rose within so many seconds.
    pub within: Option<f64>,
    /// Seconds between reminders; `None`: as usual for the level.
    pub repeat: Option<f64>,
    /// Labels (globs) that it does not speak of.
    pub except: &'static [&'static str],
    /// Labels (globs) that it speaks of, each by a rule of its own; none: all.
    pub only: &'static [&'static str],
}

impl Judged {
    const NONE: Judged = Judged {
        below: false,
        warning: None,
        clear: None,
        critical: None,
        hold: 0.0,
        within: None,
        repeat: None,
        except: &[],
        only: &[],
    };

    pub const fn warning(level: f64) -> Self {
        Judged { warning: Some(level), ..Self::NONE }
    }

    pub const fn critical(level: f64) -> Self {
        Judged { critical: Some(level), ..Self::NONE }
    }

    /// A critical level beside the warning.
    #[must_use]
    pub const fn and_critical(mut self, level: f64) -> Self {
        self.critical = Some(level);
        self
    }

    #[must_use]
    pub const fn until(mut self, clear: f64) -> Self {
        self.clear = Some(clear);
        self
    }

    #[must_use]
    pub const fn lasting(mut self, seconds: f64) -> Self {
        self.hold = seconds;
        self
    }

    #[must_use]
    pub const fn within(mut self, seconds: f64) -> Self {
        self.within = Some(seconds);
        self
    }

    #[must_use]
    pub const fn reminded_every(mut self, seconds: f64) -> Self {
        self.repeat = Some(seconds);
        self
    }

    #[must_use]
    pub const fn except(mut self, labels: &'static [&'static str]) -> Self {
        self.except = labels;
        self
    }

    #[must_use]
    pub const fn only(mut self, labels: &'static [&'static str]) -> Self {
        self.only = labels;
        self
    }
}
