//! What strangers send, as it may stand in a message: it can be megabytes long, or rewrite the line that it stands in.

use std::fmt;

/// No value needs more characters in a sentence.
const LONGEST: usize = 200;
/// No sentence needs more.
const LONGEST_MESSAGE: usize = 1_000;

/// Shows a value in quotes, cut to a length fit for a sentence, with control characters escaped.
///
/// ```
/// use sluice::model::Quoted;
///
/// assert_eq!(Quoted("12\n3").to_string(), r#""12\n3""#);
/// assert_eq!(Quoted("測定").to_string(), r#""測定""#);
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

/// A message of somebody else's making, a parser's for one, which may quote all that it was given.
pub fn shortened(message: impl fmt::Display) -> String {
    let mut text = message.to_string();
    if let Some((cut, _)) = text.char_indices().nth(LONGEST_MESSAGE) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_between_characters() {
        let long = "é".repeat(LONGEST + 1);
        assert_eq!(Quoted(&long).to_string(), format!("\"{}\"…", "é".repeat(LONGEST)));
        assert_eq!(Quoted(&long[2..]).to_string(), format!("\"{}\"", "é".repeat(LONGEST)));
        let long = "é".repeat(LONGEST_MESSAGE + 1);
        assert_eq!(shortened(&long), format!("{}…", "é".repeat(LONGEST_MESSAGE)));
        assert_eq!(shortened(&long[2..]), long[2..]);
    }

    #[test]
    fn characters_that_turn_text_around_are_escaped() {
        assert_eq!(Quoted("a\u{202e}b\u{7}").to_string(), r#""a\u{202e}b\u{7}""#);
    }
}
