//! Goes through the text of an expression, and says where something is wrong. Pure.

/// What is wrong at a character of the expression.
pub fn wrong(at: usize, words: &str) -> String {
    format!("could not understand the expression at character {at}: {words}")
}

/// What was found, not too much of it.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 20;
    let text = text.trim();
    match text.char_indices().nth(MOST) {
        _ if text.is_empty() => "the end".to_owned(),
        Some((end, _)) => format!("\"{}…\"", text.get(..end).unwrap_or_default()),
        None => format!("\"{text}\""),
    }
}

/// Goes through the text from left to right, and never back over a term.
pub(super) struct Reader<'a> {
    pub text: &'a str,
    /// Bytes that are read.
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn wrong(&self, at: usize, words: &str) -> String {
        wrong(self.character(at), words)
    }

    /// The number of the character at a byte, from 1.
    pub(super) fn character(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or_default().chars().count() + 1
    }

    /// Where the next thing begins.
    pub(super) fn skip_space(&mut self) -> usize {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.at
    }

    /// The text from a byte up to here, without the space around it.
    pub(super) fn since(&self, at: usize) -> &'a str {
        self.text.get(at..self.at).unwrap_or_default().trim()
    }

    /// Up to a space or a mark with a meaning; perhaps nothing.
    pub(super) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || "<>=!&|(){},".contains(c);
        let word = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
        self.at += word.len();
        word
    }

    pub(super) fn take(&mut self, mark: &str) -> bool {
        let is_next = self.rest().starts_with(mark);
        if is_next {
            self.at += mark.len();
        }
        is_next
    }
}
