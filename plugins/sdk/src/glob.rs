//! Patterns for names and paths.

use std::str::Chars;

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
pub struct Glob(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    AnyChar,
    /// `*`
    Part,
    /// `**` and the `/` behind it
    Folders,
    /// A set, as ranges of which both ends belong to it, and whether a character must be in it.
    Set(Vec<(char, char)>, bool),
}

/// Whether the rest of a text matches the rest of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Match,
    /// A star before may stand for more.
    NotHere,
    /// The text is at its end: no star before can help.
    Never,
}

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
        let chars: Vec<char> = pattern.chars().collect();
        read(&chars).map(Self).map_err(|(what, place)| {
            format!("the pattern {pattern:?} cannot be read: {what} (near character {})", place + 1)
        })
    }

    /// Whether the pattern stands for the whole of `text`.
    pub fn matches(&self, text: &str) -> bool {
        matches(&self.0, text.chars()) == Outcome::Match
    }
}

fn read(chars: &[char]) -> Result<Vec<Token>, (&'static str, usize)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&char) = chars.get(at) {
        let start = at;
        at += 1;
        match char {
            '?' => tokens.push(Token::AnyChar),
            '*' => {
                at += chars[at..].iter().take_while(|char| **char == '*').count();
                match at - start {
                    1 => tokens.push(Token::Part),
                    2 => {
                        at = folders(chars, start)?;
                        // Several in a row mean what one means.
                        if tokens.last() != Some(&Token::Folders) {
                            tokens.push(Token::Folders);
                        }
                    }
                    _ => return Err(("wildcards are either regular `*` or recursive `**`", start + 2)),
                }
            }
            '[' => {
                let wanted = chars.get(at) != Some(&'!');
                let first = if wanted { at } else { at + 1 };
                // A bracket that comes first is one of the set.
                let rest = chars.get(first + 1..).unwrap_or_default();
                let Some(length) = rest.iter().position(|char| *char == ']') else {
                    return Err(("invalid range pattern", start));
                };
                let end = first + 1 + length;
                tokens.push(Token::Set(ranges(&chars[first..end]), wanted));
                at = end + 1;
            }
            char => tokens.push(Token::Char(char)),
        }
    }
    Ok(tokens)
}

/// Where the pattern goes on behind the `**` at `start`.
fn folders(chars: &[char], start: usize) -> Result<usize, (&'static str, usize)> {
    let alone = "recursive wildcards must form a single path component";
    if start > 0 && chars[start - 1] != '/' {
        return Err((alone, start - 1));
    }
    match chars.get(start + 2) {
        None => Ok(start + 2),
        Some('/') => Ok(start + 3),
        Some(_) => Err((alone, start + 2)),
    }
}

fn ranges(mut set: &[char]) -> Vec<(char, char)> {
    let mut ranges = Vec::new();
    loop {
        set = match set {
            [from, '-', to, rest @ ..] => {
                ranges.push((*from, *to));
                rest
            }
            [one, rest @ ..] => {
                ranges.push((*one, *one));
                rest
            }
            [] => return ranges,
        };
    }
}

fn matches(tokens: &[Token], mut text: Chars<'_>) -> Outcome {
    for (index, token) in tokens.iter().enumerate() {
        if let Token::Part | Token::Folders = token {
            let rest = &tokens[index + 1..];
            let mut outcome = matches(rest, text.clone());
            while outcome == Outcome::NotHere
                && let Some(char) = text.next()
            {
                outcome = match (token, char) {
                    (Token::Part, '/') => return Outcome::NotHere,
                    // Folders end where a part of the path does.
                    (Token::Folders, char) if char != '/' => continue,
                    _ => matches(rest, text.clone()),
                };
            }
            if outcome != Outcome::NotHere {
                return outcome;
            }
            // The text is used up, and what is behind the star did not match its end.
            continue;
        }
        let Some(char) = text.next() else { return Outcome::Never };
        let fits = match token {
            Token::Char(wanted) => char == *wanted,
            Token::Set(ranges, wanted) => {
                char != '/' && ranges.iter().any(|(from, to)| (*from..=*to).contains(&char)) == *wanted
            }
            _ => char != '/',
        };
        if !fits {
            return Outcome::NotHere;
        }
    }
    if text.as_str().is_empty() { Outcome::Match } else { Outcome::NotHere }
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
    fn two_stars_are_any_folders_and_what_is_below_them() {
        let matches = |pattern, text| Glob::new(pattern).unwrap().matches(text);
        assert!(matches("**", "a") && matches("**", "a/b") && matches("a/**", "a/b/c") && matches("**/c", "c"));
        assert!(matches("**/b/**/d", "a/b/c/d") && matches("**/**/d", "d") && matches("a/**/b", "a/b"));
        assert!(!matches("a/**", "b/a") && !matches("**/c", "a/bc") && !matches("a/**/b", "a/xb"));
    }

    #[test]
    fn a_set_is_of_characters_and_ranges() {
        let matches = |pattern, text| Glob::new(pattern).unwrap().matches(text);
        assert!(matches("[a-c1]?", "bx") && matches("[!a-c]", "d") && matches("[]]", "]") && matches("[a-]", "-"));
        assert!(!matches("[a-c]", "d") && !matches("[!a]", "a") && !matches("a[!b]c", "a/c") && !matches("a?c", "a/c"));
    }

    #[test]
    fn a_bad_pattern_is_refused_with_its_place() {
        assert!(Glob::new("raw/a**").unwrap_err().ends_with("(near character 5)"));
        assert!(Glob::new("日本[a").unwrap_err().ends_with("(near character 3)"));
        assert!(Glob::new("*.{tif,dat}").unwrap_err().contains("several patterns"));
    }
}
