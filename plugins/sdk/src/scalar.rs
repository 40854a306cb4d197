//! Values that a configuration may spell as a string or as a number.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::decimal::decimal;

/// So many digits of a decimal outlive its reading as a float, whatever they are (`DBL_DIG` of C).
const MOST_DIGITS: usize = 15;

/// A string or a number, as text. Uploaders differ in which of them they send, so the gate gives both as text; a
/// configuration may use either too, and `10` and `"10"` mean the same submitter. A number with a fraction or an
/// exponent has at most 15 digits: of more, the last may come to be another one where it is read, so it is refused, and a
/// string is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar(String);

impl Scalar {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;

        impl Visitor<'_> for AsText {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar, E> {
                let text = decimal(number);
                let digits = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0');
                let significant = digits.enumerate().filter(|(_, digit)| *digit != b'0').last();
                if significant.is_some_and(|(place, _)| place >= MOST_DIGITS) {
                    return Err(E::custom(format_args!(
                        "{text} has more than {MOST_DIGITS} digits, too many for a number; write it as a string"
                    )));
                }
                Ok(Scalar(text))
            }
        }

        deserializer.deserialize_any(AsText)
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_numbers_are_text_and_nothing_else_is() {
        let scalars: Vec<Scalar> = serde_json::from_str(r#"["1234a", 10, -3, 1.5]"#).unwrap();
        let texts: Vec<&str> = scalars.iter().map(Scalar::as_str).collect();
        assert_eq!(texts, ["1234a", "10", "-3", "1.5"]);
        for other in ["null", "true", "[1]", "{}"] {
            assert!(serde_json::from_str::<Scalar>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_number_of_more_digits_than_are_safe_is_refused() {
        let scalars: Vec<Scalar> = serde_json::from_str("[0.00123456789012345, -1e20, 18446744073709551615]").unwrap();
        let texts: Vec<&str> = scalars.iter().map(Scalar::as_str).collect();
        assert_eq!(texts, ["0.00123456789012345", "-100000000000000000000", "18446744073709551615"]);
        let refused = serde_json::from_str::<Scalar>("0.1234567890123456").unwrap_err().to_string();
        assert!(refused.contains("0.1234567890123456 has more than 15 digits"), "{refused}");
    }
}
