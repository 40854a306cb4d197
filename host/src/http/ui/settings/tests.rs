use serde_json::json;

use super::*;

fn schema() -> Value {
    json!({
        "$defs": {
            "Need": {"type": "object", "properties": {
                "pattern": {"type": ["string", "null"]},
                "weight": {"anyOf": [{"oneOf": [{"const": "info"}, {"const": "error"}]}, {"type": "null"}]},
            }},
            "Entry": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "most": {"type": ["integer", "null"]},
            }},
        },
        "type": "object",
        "required": ["title"],
        "properties": {
            "title": {"type": "string"},
            "most": {"type": ["string", "number"]},
            "strict": {"type": "boolean", "default": true},
            "project": {"anyOf": [{"$ref": "#/$defs/Need"}, {"type": "null"}]},
            "names": {"type": "array", "items": {"type": ["string", "number"]}},
            "entries": {"type": "array", "items": {"$ref": "#/$defs/Entry"}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "a/b": {"enum": ["x", 1]},
        },
    })
}

/// What a browser sends of a field that nobody has touched.
fn sent(field: &Field, into: &mut Vec<(String, String)>) {
    let path = field.path.clone();
    if field.set {
        into.push((format!("{path}@set"), "1".to_owned()));
    }
    match &field.kind {
        Kind::Text { value, .. } | Kind::Number { value, .. } => into.push((path, value.clone())),
        Kind::Lines { value, .. } => into.push((path, value.replace('\n', "\r\n"))),
        Kind::Choice { options, .. } => {
            let chosen = options.iter().find(|option| option.selected);
            into.push((path, chosen.map(|option| option.value.clone()).unwrap_or_default()));
        }
        Kind::Group { optional, present, fields } => {
            if *optional && *present {
                into.push((format!("{path}@set"), "1".to_owned()));
            }
            fields.iter().for_each(|field| sent(field, into));
        }
        Kind::Entries { entries } => {
            into.push((format!("{path}@count"), entries.len().to_string()));
            entries.iter().for_each(|field| sent(field, into));
        }
        Kind::Json { value, .. } => into.push((format!("{path}@json"), value.clone())),
    }
}

fn there_and_back(config: &Value) -> Value {
    let (schema, mut mistakes) = (schema(), Mistakes::new());
    let field = form(&schema, config, &Fields::default(), &mut mistakes);
    let mut fields = Vec::new();
    sent(&field, &mut fields);
    let read = read(&schema, &Fields(fields), &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    read
}

#[test]
fn a_form_that_is_sent_unchanged_says_what_it_was_made_of() {
    for config in [
        json!({"title": "t"}),
        json!({"title": "", "strict": false, "most": "50 GiB", "project": {}}),
        json!({"title": "t", "most": 50, "names": ["a", "54", 54], "project": {"pattern": "", "weight": "error"}}),
        json!({"title": "two\nlines", "names": [], "entries": [{"name": "n", "most": 3}, {"name": ""}], "a/b": 1}),
        json!({"title": "t", "map": {"k": "v"}, "entries": []}),
        // What no field is made for is kept as JSON.
        json!({"title": "t", "names": ["with\nline"], "project": {"unknown": [1, null]}, "strict": "perhaps"}),
        json!({"title": "t", "most": "\"quoted\"", "a/b": "z"}),
    ] {
        assert_eq!(there_and_back(&config), config);
    }
}

#[test]
fn what_is_typed_and_no_json_or_no_number_is_said_and_not_lost() {
    let (schema, mut mistakes) = (schema(), Mistakes::new());
    let typed = [("config/map@json", "{oops"), ("config/title", "t"), ("config/entries@count", "1")];
    let mut fields: Vec<_> = typed.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    fields.push(("config/entries/0/most".to_owned(), "many".to_owned()));
    let fields = Fields(fields);
    let config = read(&schema, &fields, &mut mistakes);
    assert_eq!(config["entries"], json!([{"name": "", "most": "many"}]));
    assert!(mistakes["config/map"][0].contains("no JSON"), "{mistakes:?}");
    let page = form(&schema, &config, &fields, &mut mistakes).to_string();
    assert!(page.contains("{oops") && page.contains("no JSON") && page.contains("value=\"many\""), "{page}");
    assert!(mistakes.is_empty());
}

#[test]
fn lists_of_tables_grow_and_shrink() {
    let mut config = json!({});
    grow(&mut config, "config/entries");
    grow(&mut config, "config/entries");
    assert_eq!(config, json!({"entries": [{}, {}]}));
    shrink(&mut config, "config/entries/0");
    shrink(&mut config, "config/entries/7");
    assert_eq!(config, json!({"entries": [{}]}));
    grow(&mut config, "config/deep/er");
    assert_eq!(config["deep"]["er"], json!([{}]));
}

#[test]
fn a_schema_that_turns_in_circles_ends_in_json() {
    let schema =
        json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}});
    let page = form(&schema, &json!({"a": {"a": {}}}), &Fields::default(), &mut Mistakes::new()).to_string();
    assert!(page.len() < 100_000);
    let itself = json!({"$ref": "#"});
    form(&itself, &json!({}), &Fields::default(), &mut Mistakes::new());
}
