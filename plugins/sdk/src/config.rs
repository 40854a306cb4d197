//! Configuration: from JSON to a rule, and what can be wrong with it.

use std::fmt::{self, Display, Write};

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

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
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let mut reader = serde_json::Deserializer::from_str(json);
    let parsed = T::deserialize(serde_ignored::Deserializer::new(
        serde_path_to_error::Deserializer::new(&mut reader, &mut track),
        &mut |path: serde_ignored::Path<'_>| unknown.push(Key(&path).to_string()),
    ));
    let parsed = parsed.and_then(|config| reader.end().map(|()| config));
    for key in unknown {
        mistakes.add(key, "there is no such key");
    }
    match parsed {
        Ok(config) => mistakes.or(config),
        Err(error) => {
            let path = track.path().to_string();
            mistakes.add(if path == "." { "" } else { &path }, without_place(&error));
            Err(mistakes)
        }
    }
}

/// An error without serde's line and column: the facility wrote TOML, and never sees the JSON they count in. A text
/// that is no JSON keeps them, for there is no better place to name.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if !error.is_data() {
        return format!("not a JSON document: {text}");
    }
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

/// A path of `serde_ignored`, spelled as `serde_path_to_error` spells it.
struct Key<'a>(&'a serde_ignored::Path<'a>);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use serde_ignored::Path;

        match self.0 {
            Path::Root => Ok(()),
            Path::Seq { parent, index } => write!(f, "{}[{index}]", Key(parent)),
            Path::Map { parent, key } => {
                let parent = Key(parent).to_string();
                f.write_str(&parent)?;
                if !parent.is_empty() {
                    f.write_char('.')?;
                }
                f.write_str(key)
            }
            Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
                Key(parent).fmt(f)
            }
        }
    }
}

/// The JSON Schema (draft 2020-12) of a configuration. Objects are closed, as [`parse`] has it.
pub(crate) fn schema<T: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(close));
    settings.into_generator().into_root_schema_for::<T>().as_value().to_string()
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
        assert_eq!(mistakes("[]"), ["the configuration must be a table of keys, not a list"]);
        assert!(mistakes("{").join("").contains("not a JSON document"));
        assert!(mistakes("{} {}").join("").contains("trailing"));
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
        let schema: serde_json::Value = serde_json::from_str(&schema::<Config>()).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["$defs"]["Limits"]["additionalProperties"], false);
        assert!(schema["properties"]["named"]["additionalProperties"].is_object());
    }
}
