//! The tables of the site, and what can be wrong with them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::{Mistakes, Scalar};

/// Who and what the site knows, and what belongs together. Ids may be strings or numbers.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// The people.
    pub users: Vec<User>,
    /// The projects.
    pub projects: Vec<Project>,
    /// The instruments.
    pub instruments: Vec<Instrument>,
    /// Whom uploaders are told to ask, such as `the user office (users@example.org)`.
    pub contact: Option<String>,
}

/// A person.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct User {
    /// As it stands in `Transactions.submitter`.
    pub id: Scalar,
    /// For messages.
    pub name: Option<String>,
    /// May use every project, on the instruments that the project uses.
    #[serde(default)]
    pub administrator: bool,
}

/// A project.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Project {
    /// As it stands in `Transactions.project`.
    pub id: Scalar,
    /// For messages.
    pub title: Option<String>,
    /// Ids of the users who take part.
    #[serde(default)]
    pub members: Vec<Scalar>,
    /// Ids of the instruments that the project uses. With an instrument come the others of its groups.
    #[serde(default)]
    pub instruments: Vec<Scalar>,
}

/// An instrument.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Instrument {
    /// As it stands in `Transactions.instrument`.
    pub id: Scalar,
    /// For messages.
    pub name: Option<String>,
    /// Ids of the users who look after it. They may use every project that uses the instrument.
    #[serde(default)]
    pub custodians: Vec<Scalar>,
    /// Names of the groups it belongs to. A project that uses one instrument of a group may use all of it.
    #[serde(default)]
    pub groups: Vec<Scalar>,
}

impl Config {
    /// Finds ids that are there twice or make no sense, and references that lead nowhere.
    pub(crate) fn check(&self, mistakes: &mut Mistakes) {
        let users = ids("users", self.users.iter().map(|user| &user.id), mistakes);
        ids("projects", self.projects.iter().map(|project| &project.id), mistakes);
        let instruments = ids("instruments", self.instruments.iter().map(|instrument| &instrument.id), mistakes);
        for (index, project) in self.projects.iter().enumerate() {
            let at = format!("projects[{index}]");
            references(&format!("{at}.members"), &project.members, &users, "user", mistakes);
            references(&format!("{at}.instruments"), &project.instruments, &instruments, "instrument", mistakes);
        }
        for (index, instrument) in self.instruments.iter().enumerate() {
            let at = format!("instruments[{index}].custodians");
            references(&at, &instrument.custodians, &users, "user", mistakes);
        }
    }
}

fn ids<'a>(table: &str, ids: impl Iterator<Item = &'a Scalar>, mistakes: &mut Mistakes) -> BTreeSet<&'a str> {
    let mut known = BTreeSet::new();
    for (index, id) in ids.enumerate() {
        let id = id.as_str();
        let at = format_args!("{table}[{index}].id").to_string();
        if id.is_empty() || id.trim() != id {
            mistakes.add(at, format_args!("{id:?} is no id: an id is not empty and has no blanks at its ends"));
        } else if !known.insert(id) {
            mistakes.add(at, format_args!("{id:?} is in the table already"));
        }
    }
    known
}

fn references(at: &str, ids: &[Scalar], known: &BTreeSet<&str>, what: &str, mistakes: &mut Mistakes) {
    for (index, id) in ids.iter().enumerate().filter(|(_, id)| !known.contains(id.as_str())) {
        mistakes.add(format_args!("{at}[{index}]"), format_args!("there is no {what} {:?}", id.as_str()));
    }
}
