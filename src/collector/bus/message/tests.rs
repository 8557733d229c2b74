//! Calls byte for byte; answers whole, cut, bent and hostile.

use super::*;

/// An answer as systemd would write it.
pub(in crate::collector) fn answer(serial: u32, signature: &str, body: &[u8]) -> Vec<u8> {
    let mut fields = Writer::default();
    fields.0.extend([field::REPLY_SERIAL, 1, b'u', 0]);
    fields.number(serial);
    fields.align(8);
    fields.0.extend([field::SIGNATURE, 1, b'g', 0, u8::try_from(signature.len()).unwrap()]);
    fields.0.extend(signature.bytes().chain([0]));
    whole(ANSWER, &fields, body)
}

pub(in crate::collector) fn error(serial: u32, name: &str) -> Vec<u8> {
    let mut fields = Writer::default();
    fields.0.extend([field::REPLY_SERIAL, 1, b'u', 0]);
    fields.number(serial);
    fields.field(field::ERROR_NAME, b's', name);
    whole(ERROR, &fields, &[])
}

fn whole(kind: u8, fields: &Writer, body: &[u8]) -> Vec<u8> {
    let mut message = Writer(vec![b'l', kind, 1, VERSION]);
    message.number(size(body.len()));
    message.number(77);
    message.number(size(fields.0.len()));
    message.0.extend(&fields.0);
    message.align(8);
    message.0.extend(body);
    message.0
}

/// The body of a list of units, by name, active state and sub state.
pub(in crate::collector) fn listed(units: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut list = Writer::default();
    for (name, active, sub) in units {
        list.align(8);
        for text in [name, "What it does", "loaded", active, sub, "", &path(name)] {
            list.text(text);
        }
        list.number(0);
        list.text("");
        list.text("/");
    }
    let mut body = Writer::default();
    body.number(size(list.0.len()));
    body.align(8);
    body.0.extend(list.0);
    body.0
}

pub(in crate::collector) fn path(unit: &str) -> String {
    format!("/org/freedesktop/systemd1/unit/{}", path_label(unit))
}

pub(in crate::collector) fn number(value: u32) -> Vec<u8> {
    [&[1, b'u', 0, 0][..], &value.to_le_bytes()].concat()
}

fn body(message: &[u8]) -> Body {
    match read(message).unwrap().answer {
        Answer::Body(body) => body,
        Answer::Error(name) => panic!("{name}"),
    }
}

#[test]
fn a_call_is_written_byte_for_byte() {
    let bus = "org.freedesktop.DBus";
    let hello = Call {
        destination: bus,
        path: "/org/freedesktop/DBus",
        interface: bus,
        member: "Hello",
        arguments: Arguments::None,
        may_start: false,
    };
    let expected = b"l\x01\x02\x01\0\0\0\0\x01\0\0\0m\0\0\0\
        \x01\x01o\0\x15\0\0\0/org/freedesktop/DBus\0\0\0\
        \x03\x01s\0\x05\0\0\0Hello\0\0\0\
        \x02\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0\
        \x06\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0";
    assert_eq!(hello.write(1), expected);
}

#[test]
fn who_may_be_started_to_answer_is_said() {
    let property = Call::property("d", "/", "i", "P");
    let flags = |call: Call<'_>| call.write(1).get(2).copied();
    assert_eq!(flags(property), Some(NO_AUTO_START));
    assert_eq!(flags(Call { may_start: true, ..property }), Some(0));
}

#[test]
fn arguments_are_written_byte_for_byte() {
    let call = |arguments| Call {
        destination: "d",
        path: "/",
        interface: "i",
        member: "m",
        arguments,
        may_start: false,
    };
    let head = |length: u8, signature: &[u8], end: usize| {
        let start =
            [b'l', 1, 2, 1, length, 0, 0, 0, 9, 0, 0, 0, u8::try_from(end).unwrap(), 0, 0, 0];
        let fields = b"\x01\x01o\0\x01\0\0\0/\0\0\0\0\0\0\0\x03\x01s\0\x01\0\0\0m\0\0\0\0\0\0\0\
            \x02\x01s\0\x01\0\0\0i\0\0\0\0\0\0\0\x06\x01s\0\x01\0\0\0d\0\0\0\0\0\0\0\x08\x01g\0";
        let signature = [&[u8::try_from(signature.len()).unwrap()][..], signature, b"\0"].concat();
        [&start[..], fields, &signature].concat()
    };
    assert_eq!(
        call(Arguments::List(&["ab", "c"])).write(9),
        [head(18, b"as", 72), b"\x0e\0\0\0\x02\0\0\0ab\0\0\x01\0\0\0c\0".to_vec()].concat()
    );
    assert_eq!(
        call(Arguments::Two("a", "bcd")).write(9),
        [head(16, b"ss", 72), b"\x01\0\0\0a\0\0\0\x03\0\0\0bcd\0".to_vec()].concat()
    );
}

#[test]
fn units_are_read() {
    let units = [("a.service", "failed", "failed"), ("b@1.service", "activating", "auto-restart")];
    let message = answer(7, "a(ssssssouso)", &listed(&units));
    assert_eq!(length(&message), Ok(Some(message.len())));
    assert_eq!(read(&message).unwrap().serial, 7);
    let read = body(&message).units().unwrap();
    let seen: Vec<_> = read
        .iter()
        .map(|unit| (unit.name.as_str(), unit.active_state.as_str(), unit.sub_state.as_str()))
        .collect();
    assert_eq!(seen, units);
    assert_eq!(read[1].path, "/org/freedesktop/systemd1/unit/b_401_2eservice");
    assert_eq!(body(&answer(7, "a(ssssssouso)", &listed(&[]))).units(), Some(Vec::new()));
}

#[test]
fn a_number_and_an_error_are_read() {
    assert_eq!(body(&answer(3, "v", &number(12))).number(), Some(12));
    let name = "org.freedesktop.DBus.Error.NameHasNoOwner";
    let expected = Message { serial: 4, answer: Answer::Error(name.to_owned()) };
    assert_eq!(read(&error(4, name)), Some(expected));
}

#[test]
fn an_answer_may_be_of_the_other_byte_order() {
    let message = b"B\x02\x01\x01\0\0\0\x08\0\0\0\x4d\0\0\0\x0f\x05\x01u\0\0\0\0\x03\x08\x01g\0\x01v\0\0\x01u\0\0\0\0\x01\0";
    assert_eq!(length(message), Ok(Some(message.len())));
    assert_eq!(read(message).unwrap().serial, 3);
    assert_eq!(body(message).number(), Some(256));
}

#[test]
fn an_answer_of_another_shape_is_none() {
    assert_eq!(body(&answer(3, "s", &number(12))).number(), None);
    assert_eq!(body(&answer(3, "v", b"\x01s\0\0\x01\0\0\0a\0")).number(), None);
    assert_eq!(body(&answer(3, "as", &listed(&[]))).units(), None);
}

#[test]
fn every_beginning_of_an_answer_is_harmless() {
    let list = listed(&[("a.service", "failed", "failed")]);
    let message = answer(7, "a(ssssssouso)", &list);
    for end in 0..message.len() {
        let cut = &message[..end];
        assert!(matches!(length(cut), Ok(None | Some(_))), "{end}");
        let body = read(cut).map(|message| message.answer);
        let Some(Answer::Body(body)) = body else { continue };
        assert_eq!(body.units(), None, "{end}");
    }
}

#[test]
fn no_byte_of_an_answer_can_do_harm() {
    let message = answer(7, "a(ssssssouso)", &listed(&[("a.service", "failed", "failed")]));
    for at in 0..message.len() {
        for byte in [0, 1, 7, 0x7f, 0xff] {
            let mut odd = message.clone();
            odd[at] = byte;
            _ = length(&odd);
            if let Some(Message { answer: Answer::Body(body), .. }) = read(&odd) {
                _ = (body.units(), body.number());
            }
        }
    }
}

#[test]
fn what_is_too_large_or_no_message_is_refused_before_it_is_read() {
    let head = |body: [u8; 4], fields: [u8; 4]| {
        length(&[&b"l\x02\x01\x01"[..], &body, &[1, 0, 0, 0], &fields].concat())
    };
    let (none, most) = ([0; 4], [0xff; 4]);
    assert_eq!(head(none, none), Ok(Some(16)));
    assert_eq!(head(most, none), Err("the answer is too large"));
    assert_eq!(head(none, most), Err("the answer is too large"));
    assert_eq!(head(most, most), Err("the answer is too large"));
    assert!(length(b"HTTP/1.1 400 Bad Request").is_err());
    assert_eq!(length(b"l\x02\x01"), Ok(None));
}

#[test]
fn a_path_is_written_as_systemd_does() {
    assert_eq!(path_label("dbus.service"), "dbus_2eservice");
    assert_eq!(path_label("1a-b@é"), "_31a_2db_40_c3_a9");
}
