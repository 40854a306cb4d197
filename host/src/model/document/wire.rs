//! Rows as they are sent, in JSON.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::model::shortened;

/// Bytes of a key that are shown in the place of a mistake.
const LONGEST_KEY: usize = 100;

/// Reads the table that a row is for, and walks through all else in the row, as strictly as through what is read: half a
/// character and a number beyond all numbers are grammar to JSON, but whoever reads the row after us stumbles over them.
pub(super) struct TableOf<'p> {
    /// Where in the row the mistake is, as a pointer, where there is one.
    pub(super) place: &'p mut String,
}

/// A text that is borrowed where it can be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

const TABLE: &str = "destinationTable";

impl<'de> DeserializeSeed<'de> for TableOf<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TableOf<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut row: A) -> Result<Self::Value, A::Error> {
        let mut table = None;
        while let Some(Text(key)) = row.next_key()? {
            let read = if key != TABLE {
                row.next_value::<Sound>().map(drop)
            } else if table.is_none() {
                row.next_value().map(|Text(text)| table = Some(text))
            } else {
                Err(de::Error::duplicate_field(TABLE))
            };
            read.inspect_err(|_| *self.place = pointer(&key))?;
        }
        table.ok_or_else(|| {
            *self.place = pointer(TABLE);
            de::Error::missing_field(TABLE)
        })
    }
}

/// A key as a JSON pointer (RFC 6901), on one line and not longer than a place is to be.
fn pointer(key: &str) -> String {
    let key = key[..key.floor_char_boundary(LONGEST_KEY)].replace('~', "~0").replace('/', "~1");
    format!("/{}", key.escape_debug())
}

/// Any value, decoded and forgotten.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;

        impl<'de> Visitor<'de> for Walk {
            type Value = Sound;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_str<E>(self, _: &str) -> Result<Sound, E> {
                Ok(Sound)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sound, A::Error> {
                while seq.next_element::<Sound>()?.is_some() {}
                Ok(Sound)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sound, A::Error> {
                while map.next_entry::<Sound, Sound>()?.is_some() {}
                Ok(Sound)
            }
        }

        deserializer.deserialize_any(Walk)
    }
}

#[derive(Deserialize)]
pub(super) struct ValueWire {
    pub(super) value: Option<Scalar>,
}

#[derive(Deserialize)]
pub(super) struct KeyValueWire {
    pub(super) key: Option<Scalar>,
    pub(super) value: Option<Scalar>,
    pub(super) file_id: Option<Scalar>,
}

#[derive(Deserialize)]
pub(super) struct FileWire {
    #[serde(rename = "_id")]
    pub(super) id: Option<Scalar>,
    pub(super) name: Option<Scalar>,
    pub(super) subdir: Option<Scalar>,
    pub(super) size: Option<Scalar>,
    pub(super) mimetype: Option<Scalar>,
    pub(super) hashtype: Option<Scalar>,
    pub(super) hashsum: Option<Scalar>,
    pub(super) ctime: Option<Scalar>,
    pub(super) mtime: Option<Scalar>,
    pub(super) source: Option<Scalar>,
}

/// A string, a number or a truth value, as text. Uploaders differ in which of them they send.
pub(super) struct Scalar(pub(super) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;

        impl Visitor<'_> for AsText {
            type Value = Scalar;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or a number")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
                Ok(Scalar(text))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Scalar, E> {
                Ok(Scalar(truth.to_string()))
            }
        }

        deserializer.deserialize_any(AsText)
    }
}

/// A row's error without serde's line and column, which count inside the row and so mislead.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what);
    match what {
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "half a character, such as \\ud83d without \\ude00 after it, is no text; write the whole character"
                .to_owned()
        }
        "number out of range" => "number out of range: no more than 1.7e308 can be read; send it as text".to_owned(),
        what => shortened(what),
    }
}
