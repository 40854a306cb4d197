//! How entries of the tables are called in sentences.

use std::fmt::{self, Display};

use sluice_sdk::{Quoted, Scalar};

use crate::config::{Instrument, Project, User};

/// The first of the items, separated by commas, and how many more there are. None where there are none.
pub(crate) fn list(items: impl Iterator<Item = String>, most: usize) -> Option<String> {
    let mut items: Vec<String> = items.collect();
    let more = items.len().saturating_sub(most);
    items.truncate(most);
    if more > 0 {
        items.push(format!("and {more} more"));
    }
    (!items.is_empty()).then(|| items.join(", "))
}

/// An entry of a table, as it is called in a sentence: `project 1234a ("Battery anodes")`.
pub(crate) struct Named<'a> {
    kind: &'static str,
    id: &'a Scalar,
    name: Option<&'a str>,
}

impl<'a> From<&'a User> for Named<'a> {
    fn from(user: &'a User) -> Self {
        Self { kind: "submitter", id: &user.id, name: user.name.as_deref() }
    }
}

impl<'a> From<&'a Project> for Named<'a> {
    fn from(project: &'a Project) -> Self {
        Self { kind: "project", id: &project.id, name: project.title.as_deref() }
    }
}

impl<'a> From<&'a Instrument> for Named<'a> {
    fn from(instrument: &'a Instrument) -> Self {
        Self { kind: "instrument", id: &instrument.id, name: instrument.name.as_deref() }
    }
}

impl Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)?;
        self.name.map_or(Ok(()), |name| write!(f, " ({})", Quoted(name)))
    }
}
