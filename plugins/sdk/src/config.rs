//! Configuration: from JSON to a rule, and what can be wrong with it.

mod error;
mod key;
mod reader;

use std::cell::RefCell;
use std::fmt::Display;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::json::Json;
use reader::{Place, Reader};

/// What is wrong with a configuration: each mistake with the key it is about, such as `sources[0].root`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

impl Mistakes {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a mistake. An empty key stands for the whole configuration.
    pub fn add(&mut self, key: impl Display, what: impl Display) {
        self.push(&key, &what);
    }

    /// The one copy for all types.
    fn push(&mut self, key: &dyn Display, what: &dyn Display) {
        let key = key.to_string();
        self.0.push(if key.is_empty() { what.to_string() } else { format!("{key}: {what}") });
    }

    /// Takes what is there, or adds the mistake.
    pub fn ok<T>(&mut self, key: impl Display, result: Result<T, impl Display>) -> Option<T> {
        result.map_err(|what| self.add(key, what)).ok()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` where there are no mistakes.
    ///
    /// # Errors
    ///
    /// The mistakes.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// One line per mistake.
    pub fn into_lines(self) -> Vec<String> {
        self.0
    }
}

/// Reads a configuration. Keys that `T` does not have are all refused, not only the first.
pub(crate) fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Mistakes> {
    let mut mistakes = Mistakes::new();
    // serde would take an array for the fields of a struct in their order.
    if json.trim_start().starts_with('[') {
        mistakes.add("", "the configuration must be a table of keys, not a list");
        return Err(mistakes);
    }
    // A text that is no JSON keeps line and column, for there is no better place to name. Otherwise they are of no use:
    // the facility wrote TOML, and never sees the JSON that they count in.
    let value = serde_json::from_str::<Json<'_>>(json).map_err(|error| {
        let mut mistakes = Mistakes::new();
        mistakes.add("", format_args!("not a JSON document: {error}"));
        mistakes
    })?;
    let unknown = RefCell::default();
    let parsed = T::deserialize(Reader { value: &value, place: Place::Root, unknown: &unknown });
    for key in unknown.take() {
        mistakes.add(key, "there is no such key");
    }
    match parsed {
        Ok(config) => mistakes.or(config),
        Err(error) => {
            mistakes.add(error.place.unwrap_or_default(), error.what);
            Err(mistakes)
        }
    }
}

/// The JSON Schema (draft 2020-12) of a configuration. Objects are closed, as [`parse`] has it.
pub(crate) fn schema<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(close));
    settings.into_generator().into_root_schema_for::<T>()
}

fn close(schema: &mut Schema) {
    let is_struct = schema.get("type").is_some_and(|kind| kind == "object")
        && schema.get("additionalProperties").is_none()
        && schema.get("unevaluatedProperties").is_none();
    if is_struct {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    struct Config {
        #[serde(default)]
        limits: Option<Limits>,
        #[serde(default)]
        list: Vec<Limits>,
        #[serde(default)]
        named: BTreeMap<String, Limits>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    struct Limits {
        most: u32,
    }

    fn mistakes(json: &str) -> Vec<String> {
        parse::<Config>(json).unwrap_err().into_lines()
    }

    #[test]
    fn unknown_keys_are_all_named_by_their_path() {
        assert_eq!(
            mistakes(r#"{"x": 1, "limits": {"most": 1, "y": 2}, "list": [{"most": 1, "z": {}}]}"#),
            ["x: there is no such key", "limits.y: there is no such key", "list[0].z: there is no such key"]
        );
    }

    #[test]
    fn a_wrong_value_is_named_by_its_path_and_not_by_its_line() {
        assert_eq!(
            mistakes(r#"{"list": [{"most": "many"}]}"#),
            ["list[0].most: invalid type: string \"many\", expected u32"]
        );
        assert_eq!(
            mistakes(r#"{"named": {"a": {"most": 1.5}}}"#),
            ["named.a.most: invalid type: floating point `1.5`, expected u32"]
        );
        assert_eq!(
            mistakes(r#"{"list": [{"most": -1}]}"#),
            ["list[0].most: invalid value: integer `-1`, expected u32"]
        );
        assert_eq!(mistakes(r#"{"list": null}"#), ["list: invalid type: null, expected a sequence"]);
        assert_eq!(mistakes(r#"{"list": [{}]}"#), ["list[0]: missing field `most`"]);
        assert_eq!(mistakes(r#"{"limits": [3]}"#), ["limits: invalid type: sequence, expected struct Limits"]);
        assert_eq!(mistakes("[]"), ["the configuration must be a table of keys, not a list"]);
        assert!(mistakes("{").join("").contains("not a JSON document"));
        assert!(mistakes("{} {}").join("").contains("trailing"));
    }

    #[test]
    fn kinds_and_keys_of_every_form_are_read() {
        #[derive(Debug, Deserialize, PartialEq)]
        #[serde(rename_all = "kebab-case")]
        enum Kind {
            Plain,
            Limited(u8),
            Named { name: String },
        }
        type Config = BTreeMap<u16, Vec<Kind>>;

        let read = |json| parse::<Config>(json).map_err(Mistakes::into_lines);
        let named = Kind::Named { name: "x".into() };
        assert_eq!(
            read(r#"{"7": ["plain", {"limited": 3}, {"named": {"name": "x"}}]}"#),
            Ok(BTreeMap::from([(7, vec![Kind::Plain, Kind::Limited(3), named])]))
        );
        let refused = |json| read(json).unwrap_err().join("\n");
        assert_eq!(
            refused(r#"{"7": ["plan"]}"#),
            "7[0]: unknown variant `plan`, expected one of `plain`, `limited`, `named`"
        );
        assert_eq!(refused(r#"{"7": [{"limited": 300}]}"#), "7[0].limited: invalid value: integer `300`, expected u8");
        assert_eq!(refused(r#"{"7": [{"named": {"name": "x", "nick": 1}}]}"#), "7[0].named.nick: there is no such key");
        assert_eq!(refused(r#"{"x": []}"#), "invalid type: string \"x\", expected u16");
    }

    #[test]
    fn a_good_configuration_is_read() {
        let config: Config = parse(r#"{"limits": {"most": 3}, "named": {"any key": {"most": 4}}}"#).unwrap();
        assert_eq!(config.limits.map(|limits| limits.most), Some(3));
        assert_eq!(config.named["any key"].most, 4);
        assert!(config.list.is_empty());
    }

    #[test]
    fn the_schema_closes_structs_and_leaves_maps_open() {
        let schema = schema::<Config>().to_value();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["$defs"]["Limits"]["additionalProperties"], false);
        assert!(schema["properties"]["named"]["additionalProperties"].is_object());
    }
}
