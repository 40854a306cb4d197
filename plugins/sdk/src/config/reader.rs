//! From a tree of JSON to a type, with the place of every mistake.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::{self, Display};

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::Error;
use super::key::Key;
use crate::json::Json;

/// Where a value stands, such as `list[0].most`.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value that is to become a type.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) value: &'a Json<'a>,
    pub(super) place: Place<'a>,
    /// Keys that the type does not have.
    pub(super) unknown: &'a RefCell<Vec<String>>,
}

impl Reader<'_> {
    fn placed<T>(&self, read: Result<T, Error>) -> Result<T, Error> {
        read.map_err(|error| self.place(error))
    }

    /// What is inside knows its own place; what is not placed yet is about this value. The one copy for all types.
    fn place(&self, mut error: Error) -> Error {
        error.place.get_or_insert_with(|| self.place.to_string());
        error
    }

    fn unfit(&self, expected: &dyn Expected) -> Error {
        Error { place: Some(self.place.to_string()), ..de::Error::invalid_type(self.unexpected(), expected) }
    }

    fn list<'de, V: Visitor<'de>>(&self, items: &[Json<'_>], visitor: V) -> Result<V::Value, Error> {
        let mut left = Items { of: *self, items, next: 0 };
        let value = visitor.visit_seq(&mut left)?;
        if left.next < items.len() {
            return Err(de::Error::invalid_length(items.len(), &"fewer items"));
        }
        Ok(value)
    }

    fn unexpected(&self) -> Unexpected<'_> {
        match self.value {
            Json::Null => Unexpected::Unit,
            Json::Bool(truth) => Unexpected::Bool(*truth),
            Json::Unsigned(number) => Unexpected::Unsigned(*number),
            Json::Signed(number) => Unexpected::Signed(*number),
            Json::Float(number) => Unexpected::Float(*number),
            Json::Text(text) => Unexpected::Str(text),
            Json::List(_) => Unexpected::Seq,
            Json::Table(_) => Unexpected::Map,
        }
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.value {
                Json::Unsigned(number) => self.placed(visitor.visit_u64(*number)),
                Json::Signed(number) => self.placed(visitor.visit_i64(*number)),
                Json::Float(number) => self.placed(visitor.visit_f64(*number)),
                _ => Err(self.unfit(&visitor)),
            }
        }
    )*};
}

/// A type that says what it wants is offered nothing else, which keeps its code short.
impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let read = match self.value {
            Json::Null => visitor.visit_unit(),
            Json::Bool(truth) => visitor.visit_bool(*truth),
            Json::Unsigned(number) => visitor.visit_u64(*number),
            Json::Signed(number) => visitor.visit_i64(*number),
            Json::Float(number) => visitor.visit_f64(*number),
            Json::Text(text) => visitor.visit_str(text),
            Json::List(items) => self.list(items, visitor),
            Json::Table(entries) => visitor.visit_map(Entries { of: self, entries, next: 0 }),
        };
        self.placed(read)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Json::Null => self.placed(visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.placed(visitor.visit_newtype_struct(self))
    }

    /// A variant is a text, or a table of one key with what belongs to the variant.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let read = match self.value {
            Json::Text(name) => visitor.visit_enum(Variant { name, of: self, content: None }),
            Json::Table(entries) => match entries.as_slice() {
                [(name, content)] => visitor.visit_enum(Variant { name, of: self, content: Some(content) }),
                _ => Err(de::Error::invalid_value(Unexpected::Map, &"a table with one key")),
            },
            _ => Err(self.unfit(&"a string or a table with one key")),
        };
        self.placed(read)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.unknown.borrow_mut().push(self.place.to_string());
        visitor.visit_unit()
    }

    /// Only a table: serde would take a list for the fields in their order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Json::Table(entries) => self.placed(visitor.visit_map(Entries { of: self, entries, next: 0 })),
            _ => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Json::List(items) => self.placed(self.list(items, visitor)),
            _ => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Json::Text(text) => self.placed(visitor.visit_str(text)),
            _ => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Json::Bool(truth) => self.placed(visitor.visit_bool(*truth)),
            _ => Err(self.unfit(&visitor)),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    forward_to_deserialize_any! {
        char str bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Items<'a> {
    of: Reader<'a>,
    items: &'a [Json<'a>],
    next: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.items.get(self.next) else { return Ok(None) };
        let place = Place::Item(&self.of.place, self.next);
        self.next += 1;
        seed.deserialize(Reader { value, place, unknown: self.of.unknown }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

struct Entries<'a> {
    of: Reader<'a>,
    entries: &'a [(Cow<'a, str>, Json<'a>)],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, _)) = self.entries.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let (key, value) = &self.entries[self.next - 1];
        let place = Place::Key(&self.of.place, key);
        seed.deserialize(Reader { value, place, unknown: self.of.unknown })
    }
}

struct Variant<'a> {
    name: &'a str,
    of: Reader<'a>,
    content: Option<&'a Json<'a>>,
}

impl Variant<'_> {
    /// A variant by name alone has nothing.
    fn content(&self) -> Reader<'_> {
        let place = self.content.map_or(self.of.place, |_| Place::Key(&self.of.place, self.name));
        Reader { value: self.content.unwrap_or(&Json::Null), place, unknown: self.of.unknown }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        Ok((seed.deserialize(Key(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        de::Deserialize::deserialize(self.content())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.content())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.content().deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.content().deserialize_any(visitor)
    }
}
