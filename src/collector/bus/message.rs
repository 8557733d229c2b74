//! Messages of D-Bus (its specification, "Message Protocol"), as much of them as is needed to ask systemd: calls are
//! written, answers are read. What comes in is believed in nothing; it is of the sender's byte order. Pure.

/// No answer that we ask for comes near.
pub(in crate::collector) const LARGEST: usize = 1 << 20;

const CALL: u8 = 1;
const ANSWER: u8 = 2;
const ERROR: u8 = 3;
const NO_AUTO_START: u8 = 2;
const VERSION: u8 = 1;
/// Up to the fields of the header, their length included.
const HEAD: usize = 16;

/// Codes of the fields of a header.
mod field {
    pub(super) const PATH: u8 = 1;
    pub(super) const INTERFACE: u8 = 2;
    pub(super) const MEMBER: u8 = 3;
    pub(super) const ERROR_NAME: u8 = 4;
    pub(super) const REPLY_SERIAL: u8 = 5;
    pub(super) const DESTINATION: u8 = 6;
    pub(super) const SIGNATURE: u8 = 8;
}

#[derive(Clone, Copy, Debug)]
pub(in crate::collector) struct Call<'a> {
    pub destination: &'a str,
    pub path: &'a str,
    pub interface: &'a str,
    pub member: &'a str,
    pub arguments: Arguments<'a>,
    /// Who is asked may be started in order to answer.
    pub may_start: bool,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::collector) enum Arguments<'a> {
    None,
    List(&'a [&'a str]),
    Two(&'a str, &'a str),
}

impl<'a> Call<'a> {
    /// For a property of an object.
    pub(in crate::collector) fn property(
        destination: &'a str,
        path: &'a str,
        interface: &'a str,
        name: &'a str,
    ) -> Self {
        let arguments = Arguments::Two(interface, name);
        let properties = "org.freedesktop.DBus.Properties";
        Call {
            destination,
            path,
            interface: properties,
            member: "Get",
            arguments,
            may_start: false,
        }
    }

    pub(in crate::collector) fn write(&self, serial: u32) -> Vec<u8> {
        let mut body = Writer::default();
        let signature = match self.arguments {
            Arguments::None => "",
            Arguments::List(texts) => {
                let mut list = Writer::default();
                for text in texts {
                    list.text(text);
                }
                body.number(size(list.0.len()));
                body.0.extend(list.0);
                "as"
            }
            Arguments::Two(first, second) => {
                body.text(first);
                body.text(second);
                "ss"
            }
        };
        let mut fields = Writer::default();
        fields.field(field::PATH, b'o', self.path);
        fields.field(field::MEMBER, b's', self.member);
        fields.field(field::INTERFACE, b's', self.interface);
        fields.field(field::DESTINATION, b's', self.destination);
        if !signature.is_empty() {
            fields.align(8);
            fields.0.extend([field::SIGNATURE, 1, b'g', 0]);
            fields.0.push(u8::try_from(signature.len()).unwrap_or_default());
            fields.0.extend(signature.bytes().chain([0]));
        }
        let flags = if self.may_start { 0 } else { NO_AUTO_START };
        let mut message = Writer(vec![b'l', CALL, flags, VERSION]);
        message.number(size(body.0.len()));
        message.number(serial);
        message.number(size(fields.0.len()));
        // The head is of 16 bytes, so alignment within the fields is alignment within the message.
        message.0.extend(fields.0);
        message.align(8);
        message.0.extend(body.0);
        message.0
    }
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Little-endian.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(size(text.len()));
        self.0.extend(text.bytes().chain([0]));
    }

    fn field(&mut self, code: u8, kind: u8, text: &str) {
        self.align(8);
        self.0.extend([code, 1, kind, 0]);
        self.text(text);
    }
}

/// What came in, as far as it concerns a call of ours.
#[derive(Debug, PartialEq)]
pub(in crate::collector) struct Message {
    /// The call that it answers.
    pub serial: u32,
    pub answer: Answer,
}

#[derive(Debug, PartialEq)]
pub(in crate::collector) enum Answer {
    Body(Body),
    /// The error's name.
    Error(String),
}

#[derive(Debug, PartialEq)]
pub(in crate::collector) struct Body {
    is_big: bool,
    signature: String,
    bytes: Vec<u8>,
}

/// The length of the message at the start of what was read; `None`: too little of it is there to tell.
///
/// # Errors
/// It is no message, or too large.
pub(in crate::collector) fn length(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    let Some(head) = bytes.get(..HEAD) else { return Ok(None) };
    let mut reader = Reader { bytes: head, at: 4, is_big: head.first() == Some(&b'B') };
    let is_message = matches!(head, [b'l' | b'B', _, _, VERSION, ..]);
    let (Some(body), _, Some(fields), true) =
        (reader.number(), reader.number(), reader.number(), is_message)
    else {
        return Err("the answer is no message of D-Bus");
    };
    let length = (fields as usize).checked_next_multiple_of(8);
    match length.and_then(|length| length.checked_add(HEAD)?.checked_add(body as usize)) {
        Some(length) if length <= LARGEST => Ok(Some(length)),
        _ => Err("the answer is too large"),
    }
}

/// A whole message; `None` if it answers nothing or cannot be understood.
pub(in crate::collector) fn read(message: &[u8]) -> Option<Message> {
    let is_big = message.first() == Some(&b'B');
    let mut reader = Reader { bytes: message, at: 12, is_big };
    let end = HEAD.checked_add(reader.number()? as usize)?;
    let (mut serial, mut error, mut signature) = (None, None, String::new());
    while reader.at < end {
        reader.align(8)?;
        let code = reader.byte()?;
        match (code, reader.signature()?) {
            (field::SIGNATURE, "g") => reader.signature()?.clone_into(&mut signature),
            (field::REPLY_SERIAL, "u") => serial = Some(reader.number()?),
            (field::ERROR_NAME, "s") => error = Some(reader.text()?.to_owned()),
            (_, "s" | "o") => _ = reader.text()?,
            (_, "g") => _ = reader.signature()?,
            (_, "u") => _ = reader.number()?,
            _ => return None,
        }
    }
    let answer = match (message.get(1)?, error) {
        (&ANSWER, _) => {
            let bytes = message.get(end.checked_next_multiple_of(8)?..)?.to_vec();
            Answer::Body(Body { is_big, signature, bytes })
        }
        (&ERROR, Some(name)) => Answer::Error(name),
        _ => return None,
    };
    Some(Message { serial: serial?, answer })
}

/// A unit as `ListUnitsFiltered` tells it.
#[derive(Debug, PartialEq)]
pub(in crate::collector) struct Unit {
    pub name: String,
    pub active_state: String,
    pub sub_state: String,
    pub path: String,
}

impl Body {
    /// `a(ssssssouso)`.
    pub(in crate::collector) fn units(&self) -> Option<Vec<Unit>> {
        let mut reader = self.reader("a(ssssssouso)")?;
        let length = reader.number()? as usize;
        reader.align(8)?;
        let end = reader.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        let mut units = Vec::new();
        while reader.at < end {
            reader.align(8)?;
            let name = reader.text()?.to_owned();
            // The description and the load state.
            reader.text()?;
            reader.text()?;
            let (active_state, sub_state) = (reader.text()?.to_owned(), reader.text()?.to_owned());
            reader.text()?;
            let path = reader.text()?.to_owned();
            // The job.
            reader.number()?;
            reader.text()?;
            reader.text()?;
            units.push(Unit { name, active_state, sub_state, path });
        }
        (reader.at == end).then_some(units)
    }

    /// A property that is a number.
    pub(in crate::collector) fn number(&self) -> Option<u32> {
        let mut reader = self.reader("v")?;
        (reader.signature()? == "u").then_some(())?;
        reader.number()
    }

    /// A property that is true or false.
    pub(in crate::collector) fn flag(&self) -> Option<bool> {
        let mut reader = self.reader("v")?;
        (reader.signature()? == "b").then_some(())?;
        reader.number().map(|number| number != 0)
    }

    fn reader(&self, signature: &str) -> Option<Reader<'_>> {
        let reader = Reader { bytes: &self.bytes, at: 0, is_big: self.is_big };
        (self.signature == signature).then_some(reader)
    }
}

/// Reads on from a place; every way of it ends at the end of the bytes.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    is_big: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn align(&mut self, to: usize) -> Option<()> {
        self.at = self.at.checked_next_multiple_of(to)?;
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u32> {
        self.align(4)?;
        let bytes: [u8; 4] = self.take(4)?.try_into().ok()?;
        Some(if self.is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number()? as usize;
        self.ended(length)
    }

    fn signature(&mut self) -> Option<&'a str> {
        let length = self.byte()?.into();
        self.ended(length)
    }

    /// A zero byte follows.
    fn ended(&mut self, length: usize) -> Option<&'a str> {
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        (self.byte()? == 0).then_some(text)
    }
}

/// The last part of the path of a unit's object: what is no letter and no digit is written as `_` and two digits.
pub(in crate::collector) fn path_label(unit: &str) -> String {
    let mut label = String::with_capacity(unit.len() + 8);
    for (at, byte) in unit.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && at > 0) {
            label.push(char::from(byte));
        } else {
            label.push_str(&format!("_{byte:02x}"));
        }
    }
    label
}

#[cfg(test)]
pub(in crate::collector) mod tests;
