//! JSON, read once into a tree that is the same for every type of configuration.
//!
//! `serde_json` reads straight into a type, at the price of its own copy of the reader for every type. A guest is
//! loaded more often than it reads, so here only the walk over the tree is made anew for each type.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value. Tables keep the order of their keys, and keys that come twice.
#[derive(Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Table(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    /// A text; none where it is something else.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsItIs;

        impl<'de> Visitor<'de> for AsItIs {
            type Value = Json<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Json<'de>, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Json<'de>, E> {
                Ok(Json::Bool(truth))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
                Ok(Json::Unsigned(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
                Ok(Json::Signed(number))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Json<'de>, E> {
                Ok(Json::Float(number))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
                Ok(Json::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
                Ok(Json::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
                let mut table = Vec::new();
                while let Some(key) = entries.next_key::<Json<'de>>()? {
                    let value = entries.next_value()?;
                    // JSON has no other keys than texts.
                    if let Json::Text(key) = key {
                        table.push((key, value));
                    }
                }
                Ok(Json::Table(table))
            }
        }

        deserializer.deserialize_any(AsItIs)
    }
}
