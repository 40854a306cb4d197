//! What an author writes: a rule, and what it does.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Bundle, Failure, Mistakes, Report};

/// A rule, made from its configuration.
pub trait Rule: Sized {
    /// What the facility may configure. A key that the type does not have is refused, at every depth; for this to see
    /// all keys, do without `#[serde(flatten)]`.
    type Config: DeserializeOwned + JsonSchema;

    /// Makes the rule ready to run: compiles patterns, builds tables. Runs before every call, and when a policy that
    /// has the rule is about to take effect.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the configuration, not only the first mistake.
    fn new(config: Self::Config) -> Result<Self, Mistakes>;

    /// Looks for mistakes that need not be looked for in every call. Runs only when a policy that has the rule is about
    /// to take effect, after [`Rule::new`] has succeeded.
    fn check(&self, mistakes: &mut Mistakes) {
        let _ = mistakes;
    }
}

/// A rule that judges bundles.
pub trait Validator: Rule {
    /// Says everything there is to say about the bundle. A finding of severity error rejects it.
    ///
    /// # Errors
    ///
    /// The rule could not judge. What this means for the bundle is decided by the facility, in the rule's `on_failure`.
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure>;
}

/// A rule that decides where the files of a bundle go in the archive.
pub trait Mover: Rule {
    /// Names a place for every file of the bundle, or says in the report why there is none: with a finding of severity
    /// error in it, the bundle is refused and the places are of no interest. Other findings are not passed on.
    ///
    /// # Errors
    ///
    /// The rule could not decide.
    fn plan(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<Vec<Placement>, Failure>;
}

/// Where one file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The file's [index](crate::FileInfo::index).
    pub file: u32,
    /// A relative path in the archive, parts joined by `/`.
    pub path: String,
}
