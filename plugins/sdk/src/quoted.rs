//! Values of the bundle, as they may stand in a message.

use std::fmt;

/// No value needs more room in a sentence.
const LONGEST: usize = 80;

/// Shows a value of the bundle in quotes, cut to a length fit for a sentence, with control characters escaped. What an
/// uploader sends can be megabytes long, or rewrite the line it stands in.
///
/// ```
/// use sluice_sdk::Quoted;
///
/// assert_eq!(Quoted("12\n3").to_string(), r#""12\n3""#);
/// assert_eq!(Quoted("日本").to_string(), r#""日本""#);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(LONGEST) {
            None => write!(f, "{:?}", self.0),
            Some((cut, _)) => write!(f, "{:?}…", &self.0[..cut]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = "é".repeat(81);
        assert_eq!(Quoted(&long).to_string(), format!("\"{}\"…", "é".repeat(80)));
        assert_eq!(Quoted(&long[2..]).to_string(), format!("\"{}\"", "é".repeat(80)));
    }

    #[test]
    fn characters_that_turn_text_around_are_escaped() {
        assert_eq!(Quoted("a\u{202e}b\u{7}").to_string(), r#""a\u{202e}b\u{7}""#);
    }
}
