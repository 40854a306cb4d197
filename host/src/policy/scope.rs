//! Which bundles a rule is for.

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::model::{JobKind, TransactionField};
use crate::plugin::Bundle;

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

    /// The globs that are none, in words.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let globs = self.lists().into_iter().flat_map(|(name, list)| list.iter().map(move |glob| (name, glob)));
        globs
            .filter_map(|(name, glob)| {
                Glob::new(glob).err().map(|error| format!("when.{name}: {glob:?} is no glob: {}", error.kind()))
            })
            .collect()
    }
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
    pub(super) fn new(when: &When) -> Result<Self, globset::Error> {
        let set = |globs: &[String]| {
            if globs.is_empty() {
                return Ok(None);
            }
            let mut builder = GlobSetBuilder::new();
            for glob in globs {
                builder.add(Glob::new(glob)?);
            }
            builder.build().map(Some)
        };
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
