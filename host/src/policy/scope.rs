//! Which bundles a rule is for.

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::model::{JobKind, Quoted, TransactionField, shortened};
use crate::plugin::Bundle;

/// Bytes of a pattern. Names of projects, instruments and people are shorter.
const LONGEST: usize = 256;
/// Braces within braces.
const NESTING: usize = 4;
/// Patterns of one list. They become one automaton.
const MOST: usize = 1_000;

/// The bundles that a rule is for, as globs. An empty list leaves that side open; all sides must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Kinds of job.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<JobKind>,
    /// Projects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// Instruments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instruments: Vec<String>,
    /// Submitters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub submitters: Vec<String>,
    /// Acting users.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
}

impl When {
    fn lists(&self) -> [(&'static str, &[String]); 4] {
        [
            ("projects", &self.projects),
            ("instruments", &self.instruments),
            ("submitters", &self.submitters),
            ("users", &self.users),
        ]
    }

    /// The globs that are none, in words. Without any, a [`Scope`] can be made of them.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        for (name, list) in self.lists() {
            if list.len() > MOST {
                mistakes.push(format!("when.{name} has {} patterns; give at most {MOST}", list.len()));
                continue;
            }
            let found = mistakes.len();
            mistakes.extend(list.iter().filter_map(|glob| {
                let objection = objection(glob)?;
                Some(format!("when.{name}: {} {objection}", Quoted(glob)))
            }));
            // Each is a glob by itself, and the automaton of all may still be too large.
            if found == mistakes.len()
                && let Err(error) = set(list)
            {
                mistakes.push(format!("when.{name}: the patterns cannot be used together: {error}"));
            }
        }
        mistakes
    }
}

/// What is wrong with a pattern, as the end of a sentence about it.
fn objection(glob: &str) -> Option<String> {
    if glob.len() > LONGEST {
        return Some(format!("has {} bytes; a pattern has at most {LONGEST}", glob.len()));
    }
    let depths = glob.bytes().scan(0_usize, |depth, byte| {
        match byte {
            b'{' => *depth += 1,
            b'}' => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(*depth)
    });
    if depths.max().unwrap_or_default() > NESTING {
        return Some(format!("has braces within braces more than {NESTING} times; give several patterns instead"));
    }
    Glob::new(glob).err().map(|error| format!("is no glob: {}", error.kind()))
}

/// The automaton of a list. What has an objection is never compiled: that alone can take all of the stack.
fn set(globs: &[String]) -> Result<Option<GlobSet>, String> {
    if globs.is_empty() {
        return Ok(None);
    }
    let said = |error: globset::Error| shortened(error.kind());
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        if let Some(objection) = objection(glob) {
            return Err(format!("{} {objection}", Quoted(glob)));
        }
        builder.add(Glob::new(glob).map_err(said)?);
    }
    builder.build().map(Some).map_err(said)
}

/// The same, ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    kinds: Vec<JobKind>,
    projects: Option<GlobSet>,
    instruments: Option<GlobSet>,
    submitters: Option<GlobSet>,
    users: Option<GlobSet>,
}

impl Scope {
    pub(super) fn new(when: &When) -> Result<Self, String> {
        Ok(Self {
            kinds: when.kinds.clone(),
            projects: set(&when.projects)?,
            instruments: set(&when.instruments)?,
            submitters: set(&when.submitters)?,
            users: set(&when.users)?,
        })
    }

    /// Whether the rule is for this bundle. A bundle without a project is out of the scope of a rule for projects.
    pub(super) fn includes(&self, bundle: &Bundle) -> bool {
        let fits = |globs: &Option<GlobSet>, value: Option<&str>| match globs {
            None => true,
            Some(globs) => value.is_some_and(|value| globs.is_match(value)),
        };
        let document = &bundle.document;
        (self.kinds.is_empty() || self.kinds.contains(&bundle.kind))
            && fits(&self.projects, document.value(TransactionField::Project))
            && fits(&self.instruments, document.value(TransactionField::Instrument))
            && fits(&self.submitters, document.value(TransactionField::Submitter))
            && fits(&self.users, Some(&bundle.user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(projects: Vec<String>) -> When {
        When { projects, ..When::default() }
    }

    #[test]
    fn a_pattern_that_would_become_no_automaton_is_named_when_the_policy_is_checked() {
        let nested = |levels: usize| format!("{}x{}", "{".repeat(levels), "}".repeat(levels));
        for (glob, words) in [
            ("x".repeat(LONGEST + 1), "has 257 bytes; a pattern has at most 256"),
            (nested(NESTING + 1), "has braces within braces more than 4 times"),
            (nested(100), "has braces within braces more than 4 times"),
            ("{".repeat(100_000), "has 100000 bytes"),
            ("[x".to_owned(), "is no glob"),
        ] {
            let when = when(vec!["1234a".to_owned(), glob]);
            let mistakes = when.mistakes();
            assert!(mistakes.len() == 1 && mistakes[0].contains(words), "{words} in {mistakes:?}");
            assert!(mistakes[0].starts_with("when.projects: ") && mistakes[0].len() < 500, "{mistakes:?}");
            assert!(Scope::new(&when).is_err());
        }
        assert!(when(vec!["x".to_owned(); MOST + 1]).mistakes()[0].contains("has 1001 patterns"));
        for glob in ["x".repeat(LONGEST), nested(NESTING), "{12*,[a-z]?,\\{}".to_owned()] {
            let when = when(vec![glob]);
            assert_eq!(when.mistakes(), Vec::<String>::new());
            assert!(Scope::new(&when).is_ok());
        }
    }

    #[test]
    fn whatever_has_no_mistakes_becomes_a_scope() {
        // The most that may be given: characters of many bytes and sets of them make the largest automata.
        for piece in ["?", "{a*b,{c?,[!\u{e000}-\u{fffd}]}*}"] {
            let glob = piece.repeat(LONGEST / piece.len());
            let globs = (0..MOST).map(|at| format!("{}{}", &glob[..glob.len() - piece.len()], at % 10)).collect();
            let when = when(globs);
            assert_eq!(when.mistakes().is_empty(), Scope::new(&when).is_ok(), "{piece}");
        }
    }
}
