//! Names that Windows keeps for itself.
//!
//! Source: "Naming Files, Paths, and Namespaces", Microsoft Learn.

/// Characters that no name on Windows may have, besides control characters. `/` parts paths, here as there.
const CHARACTERS: &str = "<>:\"|?*\\";

/// Devices, whatever follows after a dot.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// Devices that have a number: a digit but 0, or one of the superscripts that Windows takes for one.
const NUMBERED: [&str; 2] = ["COM", "LPT"];

/// Why Windows could not store this part of a path, as the end of a sentence.
pub(crate) fn reason(part: &str) -> Option<String> {
    let stem = part.split('.').next().unwrap_or_default().trim_end();
    if is_device(stem) {
        return Some(format!("{stem:?} is the name of a device there"));
    }
    if part.ends_with([' ', '.']) {
        return Some("names there cannot end with a blank or a dot".to_owned());
    }
    let character = part.chars().find(|character| character.is_ascii_control() || CHARACTERS.contains(*character))?;
    Some(format!("names there cannot have the character {character:?}"))
}

fn is_device(stem: &str) -> bool {
    if DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        return true;
    }
    let mut characters = stem.chars();
    let number = characters.next_back();
    let device = characters.as_str();
    NUMBERED.iter().any(|numbered| device.eq_ignore_ascii_case(numbered))
        && number.is_some_and(|number| matches!(number, '1'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_reserved_in_any_case_and_with_any_extension() {
        for part in ["CON", "con", "nul.txt", "Com1", "LPT\u{b2}.tar.gz", "aux .dat"] {
            assert!(reason(part).is_some_and(|why| why.contains("device")), "{part}");
        }
        for part in ["CONSOLE", "COM", "COM0", "COM10", "icon", "x.con", "lpt"] {
            assert_eq!(reason(part), None, "{part}");
        }
    }

    #[test]
    fn ends_and_characters_are_refused() {
        for part in ["a ", "a.", "a:b", "a\\b", "what?", "a\u{1}"] {
            assert!(reason(part).is_some(), "{part}");
        }
        for part in [".hidden", "a b", "日本", "a,b;c=1"] {
            assert_eq!(reason(part), None, "{part}");
        }
    }
}
