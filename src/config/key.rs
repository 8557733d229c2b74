//! One key of the configuration: its path, form, default and help, declared once and read, checked, shown and
//! documented from here.

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    Boolean,
    /// A number of seconds, or a span: `300`, `"5m"`.
    Seconds,
    /// A number of bytes, or with a unit: `"300M"`.
    Bytes,
    Count,
    Text,
    Choice(&'static [&'static str]),
    /// Texts; a single one may stand alone.
    List,
    Object,
    /// One object, or several.
    Sections,
    /// Any value.
    Json,
}

impl Form {
    /// What a value must be, in words.
    pub fn words(self) -> String {
        match self {
            Form::Boolean => "true or false".to_owned(),
            Form::Seconds => "seconds, or a span such as \"5m\"".to_owned(),
            Form::Bytes => "bytes, or a size such as \"300M\"".to_owned(),
            Form::Count => "a whole number".to_owned(),
            Form::Text => "a text".to_owned(),
            Form::Choice(choices) => choices
                .iter()
                .map(|choice| format!("\"{choice}\""))
                .collect::<Vec<_>>()
                .join(" or "),
            Form::List => "a list of texts".to_owned(),
            Form::Object => "an object {…}".to_owned(),
            Form::Sections => "an object {…}, or a list of them".to_owned(),
            Form::Json => "any JSON".to_owned(),
        }
    }
}

#[derive(Debug)]
pub struct Key {
    /// From the top of the file, with dots.
    pub path: &'static str,
    pub form: Form,
    /// As JSON; empty: nothing.
    pub default: &'static str,
    pub help: &'static str,
    /// Never shown.
    pub secret: bool,
}

impl Key {
    pub const fn new(
        path: &'static str,
        form: Form,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Key { path, form, default, help, secret: false }
    }

    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}
