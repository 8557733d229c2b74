//! Texts and JSON with placeholders such as `{host}`, filled from a JSON object of facts. A value goes inside a JSON
//! text or stands alone as what it is, so nothing has to be escaped. Pure.

use serde_json::{Map, Value};

use crate::series::did_you_mean;

/// What stands at the top of the facts.
pub const FACTS: &[&str] =
    &["subject", "text", "host", "level", "series", "value", "kind", "time", "epoch", "id"];
/// What stands in each of the facts' alerts.
pub const ALERT_FACTS: &[&str] = &[
    "kind",
    "series",
    "metric",
    "label",
    "level",
    "value",
    "threshold",
    "start",
    "end",
    "seconds",
    "worst",
    "summary",
];
/// The key that has an object repeated, and the list it goes through.
const FOR_EACH: &str = "{for_each}";
const ALERTS: &str = "alerts";

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Literal(String),
    Fact(String),
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct Text(Vec<Piece>);

/// Where placeholders are looked up.
#[derive(Clone, Copy)]
struct Scope<'a> {
    facts: &'a Value,
    alert: Option<&'a Value>,
}

impl<'a> Scope<'a> {
    /// What an alert lacks is not taken from another alert, which the top of the facts is about.
    fn get(self, name: &str) -> Option<&'a Value> {
        let within = self.alert.filter(|_| ALERT_FACTS.contains(&name)).unwrap_or(self.facts);
        within.get(name).filter(|value| !value.is_null())
    }
}

impl Text {
    /// # Errors
    /// What is in braces is no placeholder, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse(text, false)
    }

    pub fn fill(&self, facts: &Value) -> String {
        self.written(Scope { facts, alert: None })
    }

    fn written(&self, scope: Scope<'_>) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Fact(name) => match scope.get(name) {
                None => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            },
        };
        self.0.iter().map(piece).collect()
    }

    fn value(&self, scope: Scope<'_>) -> Value {
        match self.0.as_slice() {
            [Piece::Fact(name)] => scope.get(name).cloned().unwrap_or_default(),
            _ => Value::String(self.written(scope)),
        }
    }
}

fn parse(text: &str, in_alert: bool) -> Result<Text, String> {
    let (mut pieces, mut literal) = (Vec::new(), String::new());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        literal.push_str(before);
        rest = if let Some(rest) = from.strip_prefix("{{") {
            literal.push('{');
            rest
        } else if let Some(rest) = from.strip_prefix("}}").or_else(|| from.strip_prefix('}')) {
            literal.push('}');
            rest
        } else {
            let (name, rest) = from
                .strip_prefix('{')
                .and_then(|from| from.split_once('}'))
                .ok_or("a \"{\" without its \"}\"; a brace itself is written {{")?;
            check(name, in_alert)?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Fact(name.to_owned()));
            rest
        };
    }
    literal.push_str(rest);
    if !literal.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(Text(pieces))
}

fn check(name: &str, in_alert: bool) -> Result<(), String> {
    let of_alert = if in_alert { ALERT_FACTS } else { &[] };
    if FACTS.contains(&name) || of_alert.contains(&name) {
        return Ok(());
    }
    if ALERT_FACTS.contains(&name) {
        return Err(format!(
            "\"{{{name}}}\" is known only inside an object with \"{FOR_EACH}\": \"{ALERTS}\""
        ));
    }
    let meant = did_you_mean(name, FACTS.iter().chain(of_alert).copied());
    Err(format!("\"{{{name}}}\" is no placeholder{meant}; a brace itself is written {{{{"))
}

/// What is sent: a text as it is, or JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Text(Text),
    Json(Node),
}

/// JSON with placeholders in its texts.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Plain(Value),
    Text(Text),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    /// The only element of its list, once for each alert.
    ForEach(Vec<(String, Node)>),
}

impl Body {
    /// # Errors
    /// A placeholder that does not exist, in words.
    pub fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(Body::Text(Text::parse(text)?)),
            other => Ok(Body::Json(node(other, false)?)),
        }
    }

    pub fn fill(&self, facts: &Value) -> String {
        match self {
            Body::Text(text) => text.fill(facts),
            Body::Json(node) => filled(node, Scope { facts, alert: None }).to_string(),
        }
    }
}

fn node(value: &Value, in_alert: bool) -> Result<Node, String> {
    Ok(match value {
        Value::String(text) => Node::Text(parse(text, in_alert)?),
        Value::Array(list) => match list.as_slice() {
            [Value::Object(only)] if only.contains_key(FOR_EACH) => repeated(only)?,
            _ => Node::List(
                list.iter().map(|inner| node(inner, in_alert)).collect::<Result<_, _>>()?,
            ),
        },
        Value::Object(object) if object.contains_key(FOR_EACH) => {
            return Err(format!(
                "an object with \"{FOR_EACH}\" must be the only element of a list"
            ));
        }
        Value::Object(object) => Node::Object(members(object, in_alert)?),
        plain => Node::Plain(plain.clone()),
    })
}

fn members(object: &Map<String, Value>, in_alert: bool) -> Result<Vec<(String, Node)>, String> {
    object.iter().map(|(key, inner)| Ok((key.clone(), node(inner, in_alert)?))).collect()
}

fn repeated(object: &Map<String, Value>) -> Result<Node, String> {
    let mut rest = object.clone();
    if rest.shift_remove(FOR_EACH).as_ref().and_then(Value::as_str) != Some(ALERTS) {
        return Err(format!("\"{FOR_EACH}\" must be \"{ALERTS}\""));
    }
    Ok(Node::ForEach(members(&rest, true)?))
}

fn filled(node: &Node, scope: Scope<'_>) -> Value {
    match node {
        Node::Plain(value) => value.clone(),
        Node::Text(text) => text.value(scope),
        Node::List(list) => list.iter().map(|inner| filled(inner, scope)).collect(),
        Node::Object(members) => object(members, scope),
        Node::ForEach(members) => {
            let alerts = scope.facts.get(ALERTS).and_then(Value::as_array);
            let each = |alert| object(members, Scope { alert: Some(alert), ..scope });
            alerts.into_iter().flatten().map(each).collect()
        }
    }
}

fn object(members: &[(String, Node)], scope: Scope<'_>) -> Value {
    Value::Object(members.iter().map(|(key, inner)| (key.clone(), filled(inner, scope))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(body: &Value, facts: &Value) -> String {
        Body::parse(body).unwrap().fill(facts)
    }

    fn fault(body: &Value) -> String {
        Body::parse(body).unwrap_err()
    }

    #[test]
    fn a_text_is_filled_in_and_stays_inside_its_quotes() {
        let facts = json!({"host": "a\"b\n\\", "value": 86.0});
        assert_eq!(
            fill(&json!({"text": "{host}: {value} %"}), &facts),
            r#"{"text":"a\"b\n\\: 86.0 %"}"#
        );
    }

    #[test]
    fn a_placeholder_alone_keeps_its_kind_and_a_missing_one_is_null() {
        let facts = json!({"value": 86.5, "epoch": 7});
        assert_eq!(
            fill(&json!(["{value}", "{epoch}", "{series}", "a{series}", true, 3]), &facts),
            r#"[86.5,7,null,"a",true,3]"#
        );
    }

    #[test]
    fn what_a_fact_says_is_never_read_as_a_placeholder() {
        assert_eq!(fill(&json!("{text}"), &json!({"text": "{host}", "host": "x"})), "{host}");
    }

    #[test]
    fn a_text_as_a_whole_is_no_json() {
        assert_eq!(
            fill(&json!("{subject}\n{value}"), &json!({"subject": "ä\"", "value": 3})),
            "ä\"\n3"
        );
        assert_eq!(fill(&json!(""), &json!({})), "");
    }

    #[test]
    fn doubled_braces_are_braces_and_a_closing_one_needs_none() {
        let facts = json!({"host": "pi"});
        assert_eq!(fill(&json!("{{host}} {{{host}}} a } b"), &facts), "{host} {pi} a } b");
    }

    #[test]
    fn an_object_is_repeated_for_each_alert() {
        let body = json!([{"{for_each}": "alerts", "labels": {"name": "{metric}", "on": "{host}"}, "end": "{end}"}]);
        let facts = json!({"host": "pi", "alerts": [{"metric": "a", "end": "x"}, {"metric": "b"}]});
        assert_eq!(
            fill(&body, &facts),
            r#"[{"labels":{"name":"a","on":"pi"},"end":"x"},{"labels":{"name":"b","on":"pi"},"end":null}]"#
        );
        assert_eq!(fill(&body, &json!({"host": "pi"})), "[]");
    }

    #[test]
    fn what_an_alert_lacks_is_not_taken_from_another() {
        let body = json!([{"{for_each}": "alerts", "value": "{value}"}]);
        assert_eq!(
            fill(&body, &json!({"value": 1, "alerts": [{"value": 1}, {}]})),
            r#"[{"value":1},{"value":null}]"#
        );
    }

    #[test]
    fn an_unknown_placeholder_is_a_fault_that_tells_what_was_meant() {
        assert!(
            fault(&json!({"a": ["{hots}"]}))
                .starts_with("\"{hots}\" is no placeholder; did you mean \"host\"?")
        );
        assert!(fault(&json!("{summary}")).contains("only inside an object with \"{for_each}\""));
        assert!(fault(&json!("a { b")).contains("without its"));
        assert!(fault(&json!([{"{for_each}": "alerts", "a": "{sumary}"}])).contains("\"summary\""));
    }

    #[test]
    fn repeating_is_for_the_only_element_of_a_list() {
        assert!(fault(&json!({"{for_each}": "alerts"})).contains("only element"));
        assert!(fault(&json!([1, {"{for_each}": "alerts"}])).contains("only element"));
        assert!(fault(&json!([{"{for_each}": "mails"}])).contains("must be \"alerts\""));
    }
}
