//! Patterns that go through a value once, without looking back: `NaCl-[0-9]{7}`, `\d+(mm)?` not.
//!
//! A regular expression is run by an automaton that keeps all ways in mind at once, which takes several times as long as
//! all the rest of a row. Most patterns for values are rows of characters and classes, in which every byte can be read in
//! one way only. Those are read here; whatever else there is, is left to the regular expression.

/// A pattern of which every byte can be read in one way.
#[derive(Debug)]
pub(crate) struct Form(Vec<Item>);

#[derive(Debug)]
struct Item {
    set: Set,
    min: usize,
    max: usize,
}

/// Characters of ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set(u128);

impl Set {
    fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        Self(bytes.into_iter().fold(0, |set, byte| set | 1 << byte))
    }

    fn has(self, byte: u8) -> bool {
        self.0 >> byte & 1 == 1
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl Form {
    /// Reads a regular expression that is known to be one; none where it is not so simple.
    pub(crate) fn read(pattern: &str) -> Option<Self> {
        let mut rest = pattern.as_bytes();
        let mut items = Vec::new();
        while !rest.is_empty() {
            let set = atom(&mut rest)?;
            let (min, max) = count(&mut rest)?;
            items.push(Item { set, min, max });
        }
        // Where an item may end early, what follows it must tell: no byte of it may be one of the next ones.
        for (index, item) in items.iter().enumerate().filter(|(_, item)| item.min < item.max) {
            for next in &items[index + 1..] {
                if next.set.0 & item.set.0 != 0 {
                    return None;
                }
                if next.min > 0 {
                    break;
                }
            }
        }
        Some(Self(items))
    }

    /// Whether the whole value has the form; none where it has other characters than ASCII's.
    pub(crate) fn matches(&self, value: &[u8]) -> Option<bool> {
        if !value.is_ascii() {
            return None;
        }
        let mut rest = value;
        for item in &self.0 {
            let count = rest.iter().take(item.max).take_while(|byte| item.set.has(**byte)).count();
            if count < item.min {
                return Some(false);
            }
            rest = &rest[count..];
        }
        Some(rest.is_empty())
    }
}

/// A character or a class.
fn atom(rest: &mut &[u8]) -> Option<Set> {
    match take(rest)? {
        b'.' => Some(Set::of([b'\n']).not()),
        b'\\' => escape(rest),
        b'[' => class(rest),
        b'+' | b'*' | b'?' | b'(' | b')' | b'|' | b']' | b'{' | b'}' | b'^' | b'$' => None,
        byte => byte.is_ascii().then(|| Set::of([byte])),
    }
}

/// What stands behind a backslash.
fn escape(rest: &mut &[u8]) -> Option<Set> {
    match take(rest)? {
        b'd' => Some(Set::of(b'0'..=b'9')),
        b'w' => Some(Set::of((0..128_u8).filter(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'))),
        b's' => Some(Set::of(*b"\t\n\x0b\x0c\r ")),
        byte if b".+*?()|[]{}^$\\-/".contains(&byte) => Some(Set::of([byte])),
        _ => None,
    }
}

/// What stands behind an opening bracket.
fn class(rest: &mut &[u8]) -> Option<Set> {
    let negated = rest.first() == Some(&b'^');
    if negated {
        take(rest);
    }
    let mut set = Set::default();
    let mut is_first = true;
    loop {
        let from = match take(rest)? {
            b']' if is_first => return None,
            b']' => return Some(if negated { set.not() } else { set }),
            // Operators between classes, and classes in classes.
            b'[' | b'&' | b'~' | b'^' => return None,
            b'-' if !is_first && rest.first() != Some(&b']') => return None,
            b'\\' => {
                set = set.and(escape(rest)?);
                // A range that begins with an escape is seldom seen.
                if rest.first() == Some(&b'-') && rest.get(1) != Some(&b']') {
                    return None;
                }
                is_first = false;
                continue;
            }
            byte if byte.is_ascii() => byte,
            _ => return None,
        };
        is_first = false;
        set = match **rest {
            [b'-', to, ..] if to != b']' => {
                if !to.is_ascii_alphanumeric() || to < from {
                    return None;
                }
                *rest = &rest[2..];
                set.and(Set::of(from..=to))
            }
            _ => set.and(Set::of([from])),
        };
    }
}

/// How often: once, where nothing is said.
fn count(rest: &mut &[u8]) -> Option<(usize, usize)> {
    let counts = match rest.first() {
        Some(b'?') => (0, 1),
        Some(b'*') => (0, usize::MAX),
        Some(b'+') => (1, usize::MAX),
        Some(b'{') => {
            let end = rest.iter().position(|byte| *byte == b'}')?;
            let text = std::str::from_utf8(&rest[1..end]).ok()?;
            *rest = &rest[end..];
            match text.split_once(',') {
                None => (text.parse().ok()?, text.parse().ok()?),
                Some((min, "")) => (min.parse().ok()?, usize::MAX),
                Some((min, max)) => (min.parse().ok()?, max.parse().ok()?),
            }
        }
        _ => return Some((1, 1)),
    };
    take(rest);
    // Lazy ones, and counts of counts.
    (!matches!(rest.first(), Some(b'?' | b'*' | b'+' | b'{'))).then_some(counts)
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;

    #[test]
    fn forms_that_can_be_read_in_one_way_are_read_here() {
        for pattern in ["NaCl-[0-9]{7}", r"[A-Z]{2}\d{3}", r"\d+\.\d*", "[^,]*", "a?b", r"[\w.-]+@x", ""] {
            assert!(Form::read(pattern).is_some(), "{pattern}");
        }
        for pattern in ["a|b", "(ab)+", "a*ab", "a?a", r"\bx", "(?i)a", "é", "[é]", "[[:alpha:]]", "a+?", r"[\w.-]+\.x"]
        {
            assert!(Form::read(pattern).is_none(), "{pattern}");
        }
        assert_eq!(Form::read(".").and_then(|form| form.matches("é".as_bytes())), None);
    }

    /// Pieces of patterns, put together at random.
    fn patterns() -> impl Strategy<Value = String> {
        let pieces = [
            "a", "b", "-", "[ab]", "[^a]", "[a-c]", "[a-]", "[-b]", r"\d", r"\w", r"\.", ".", "1", "[0-9]", r"[\d-]",
            r"[\w.]", "?", "*", "+", "{2}", "{1,}", "{0,2}", "&", "[b&&a]", "[a-c--b]", "[]a]", "(a|b)", "^", "$", "|",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn a_form_says_what_the_regular_expression_says(pattern in patterns(), value in "[ab1.\\-\n&c]{0,5}") {
            if let (Ok(regex), Some(form)) = (Regex::new(&format!("^(?:{pattern})$")), Form::read(&pattern)) {
                prop_assert_eq!(form.matches(value.as_bytes()), Some(regex.is_match(&value)), "{} {:?}", pattern, value);
            }
        }
    }
}
