//! What may be one part of a path: the name of a file or a folder.

/// File systems take no longer names.
const LONGEST: usize = 255;

/// Says why a text cannot be one part of a path, as the end of a sentence about it.
pub(crate) fn objection(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        Some("is empty")
    } else if part == "." || part == ".." {
        Some("stands for a folder above or for the folder itself")
    } else if part.contains('/') {
        Some("has a slash")
    } else if part.chars().any(char::is_control) {
        Some("has a control character")
    } else if part.len() > LONGEST {
        Some("is longer than 255 bytes")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_parts() {
        for part in ["a", "a b", "日本.dat", "..a", "...", "a\\b", &"x".repeat(255)] {
            assert_eq!(objection(part), None, "{part}");
        }
        for part in ["", ".", "..", "a/b", "/", "a\0", "a\n", "\u{7f}", "\u{85}", &"é".repeat(128)] {
            assert!(objection(part).is_some(), "{part:?}");
        }
    }
}
