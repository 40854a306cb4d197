//! Calls, with an example that can be tried.

use serde_json::Value;

use super::shape::{Kind, kind};
use super::{Words, text, words};

/// One call of the document.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) tag: String,
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    pub(super) about: Words,
    pub(super) parameters: Vec<Parameter>,
    pub(super) bodies: Vec<Body>,
    pub(super) body_about: Words,
    pub(super) answers: Vec<Answer>,
    pub(super) curl: String,
}

#[derive(Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) about: Words,
}

/// One way to send or answer something.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) media: String,
    pub(super) kind: Kind,
    /// Empty where there is none.
    pub(super) example: String,
}

#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: String,
    pub(super) about: Words,
    pub(super) bodies: Vec<Body>,
    pub(super) headers: Vec<String>,
}

pub(super) fn calls(document: &Value) -> Vec<Call> {
    let paths = document["paths"].as_object();
    let calls = paths.into_iter().flatten().flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, call)| read(path, method, call))
    });
    calls.collect()
}

fn read(path: &str, method: &str, call: &Value) -> Call {
    let parameters: Vec<_> = list(&call["parameters"]).iter().map(parameter).collect();
    let answers = call["responses"].as_object().into_iter().flatten();
    let body = &call["requestBody"];
    Call {
        tag: text(&call["tags"][0]),
        id: text(&call["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&call["summary"]),
        about: words(&call["description"]),
        parameters,
        bodies: bodies(&body["content"]),
        body_about: words(&body["description"]),
        answers: answers.map(|(status, answer)| read_answer(status, answer)).collect(),
        curl: curl(path, method, call),
    }
}

fn parameter(parameter: &Value) -> Parameter {
    Parameter {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        kind: kind(&parameter["schema"]),
        required: parameter["required"] == true,
        about: words(&parameter["description"]),
    }
}

fn read_answer(status: &str, answer: &Value) -> Answer {
    Answer {
        status: status.to_owned(),
        about: words(&answer["description"]),
        bodies: bodies(&answer["content"]),
        headers: answer["headers"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
    }
}

fn bodies(content: &Value) -> Vec<Body> {
    let body = |(media, body): (&String, &Value)| Body {
        media: media.clone(),
        kind: kind(&body["schema"]),
        example: match &body["example"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            example => serde_json::to_string_pretty(example).unwrap_or_default(),
        },
    };
    content.as_object().into_iter().flatten().map(body).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The call as a line for a shell. What stands in capitals is to be filled in.
fn curl(path: &str, method: &str, call: &Value) -> String {
    let mut words = vec!["curl".to_owned()];
    match method {
        "get" => {}
        "head" => words.push("--head".to_owned()),
        method => words.extend(["-X".to_owned(), method.to_uppercase()]),
    }
    // A call that is open to everybody allows nothing as well.
    if list(&call["security"]).first().is_some_and(|needed| needed["token"].is_array()) {
        words.push("-H 'Authorization: Bearer TOKEN'".to_owned());
    }
    let mut path = path.to_owned();
    for parameter in list(&call["parameters"]) {
        let name = text(&parameter["name"]);
        let value = match &parameter["example"] {
            Value::Null => name.to_uppercase().replace('-', "_"),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match (parameter["in"].as_str(), parameter["required"] == true) {
            (Some("path"), _) => path = path.replace(&format!("{{{name}}}"), &value),
            (Some("header"), true) => words.push(format!("-H '{name}: {value}'")),
            (Some("query"), true) => {
                let sign = if path.contains('?') { '&' } else { '?' };
                path.push_str(&format!("{sign}{name}={value}"));
            }
            _ => {}
        }
    }
    if let Some((media, body)) = call["requestBody"]["content"].as_object().and_then(|content| content.iter().next()) {
        words.push(format!("-H 'Content-Type: {media}'"));
        words.push(match &body["example"] {
            Value::Null | Value::String(_) => "--data-binary @FILE".to_owned(),
            example => format!("-d '{example}'"),
        });
    }
    words.push(format!("\"$SLUICE_URL{path}\""));
    words.join(" ")
}
