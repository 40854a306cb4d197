//! What may be a path in the archive, and what may be one part of it: the name of a file or a folder.

/// File systems take no longer names.
pub(crate) const LONGEST: usize = 255;
/// How that is said.
pub(crate) const TOO_LONG: &str = "is longer than 255 bytes";
/// Linux takes 4,096 bytes, with the archive's own folder before them.
pub(crate) const LONGEST_PATH: usize = 3_000;
/// Where an archive in a folder keeps what is not yet whole.
const ARCHIVES_OWN: &str = ".incoming";

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
        Some(TOO_LONG)
    } else {
        None
    }
}

/// Says why a name cannot be the first part of a path, as the end of a sentence about it.
pub(crate) fn objection_at_top(part: &str) -> Option<&'static str> {
    (part == ARCHIVES_OWN).then_some("is the archive's own folder")
}

/// Says why a text cannot be a whole path, as the end of a sentence about the path or a part of it.
pub(crate) fn objection_to_path(path: &str) -> Option<String> {
    let first = path.split('/').next().unwrap_or_default();
    if let Some(objection) = path.split('/').find_map(objection).or_else(|| objection_at_top(first)) {
        return Some(format!("a part of this {objection}"));
    }
    (path.len() > LONGEST_PATH).then(|| format!("this is longer than {LONGEST_PATH} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_of_parts_and_leaves_the_archives_own_folder_alone() {
        let long = "x/".repeat(LONGEST_PATH / 2) + "x";
        for path in ["", "/a", "a/", "a//b", "a/../b", ".incoming", ".incoming/x", &long] {
            assert!(objection_to_path(path).is_some(), "{path}");
        }
        for path in ["a", "a/.incoming/b", ".incoming2/x", &long[2..]] {
            assert_eq!(objection_to_path(path), None, "{path}");
        }
    }

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
