//! Patterns for names and paths.

/// A shell pattern: `*` and `?` stand for anything but `/`, `**` for any folders, `[abc]` and `[!abc]` for one character
/// of a set. Upper and lower case differ.
///
/// ```
/// use sluice_sdk::Glob;
///
/// let glob = Glob::new("raw/**/*.dat")?;
/// assert!(glob.matches("raw/2026/a/1.dat") && glob.matches("raw/1.dat"));
/// assert!(!glob.matches("raw/1.txt"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug)]
pub struct Glob(glob::Pattern);

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if pattern.contains(['{', '}']) {
            return Err(format!("the pattern {pattern:?} has a brace; alternatives are written as several patterns"));
        }
        glob::Pattern::new(pattern).map(Self).map_err(|error| {
            format!("the pattern {pattern:?} cannot be read: {} (near character {})", error.msg, error.pos + 1)
        })
    }

    /// Whether the pattern stands for the whole of `text`.
    pub fn matches(&self, text: &str) -> bool {
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        self.0.matches_with(text, options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_does_not_reach_into_folders() {
        let glob = Glob::new("raw/*.dat").unwrap();
        assert!(glob.matches("raw/a.dat"));
        assert!(glob.matches("raw/.dat"));
        assert!(!glob.matches("raw/a/b.dat"));
        assert!(!glob.matches("RAW/a.dat"));
    }

    #[test]
    fn a_bad_pattern_is_refused_with_its_place() {
        assert!(Glob::new("raw/a**").unwrap_err().ends_with("(near character 5)"));
        assert!(Glob::new("日本[a").unwrap_err().ends_with("(near character 3)"));
        assert!(Glob::new("*.{tif,dat}").unwrap_err().contains("several patterns"));
    }
}
