//! Who may use which project on which instrument.
//!
//! A call asks about one submitter, one project and one instrument, so the tables are searched as they are: an index
//! would cost more to build than it saves.

use std::collections::BTreeSet;

use crate::config::{Config, Instrument, Project, User};

impl Config {
    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id.as_str() == id)
    }

    pub(crate) fn project(&self, id: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.id.as_str() == id)
    }

    pub(crate) fn instrument(&self, id: &str) -> Option<&Instrument> {
        self.instruments.iter().find(|instrument| instrument.id.as_str() == id)
    }

    /// What a user may use.
    pub(crate) fn rights<'a>(&'a self, user: &'a User) -> Rights<'a> {
        let looks_after = self
            .instruments
            .iter()
            .filter(|instrument| instrument.custodians.contains(&user.id))
            .map(|instrument| instrument.id.as_str())
            .collect();
        Rights { user, looks_after }
    }

    /// An instrument, and those that share a group with it.
    pub(crate) fn kin<'a>(&'a self, instrument: &'a Instrument) -> Kin<'a> {
        let others = self
            .instruments
            .iter()
            .filter(|other| other.groups.iter().any(|group| instrument.groups.contains(group)))
            .map(|other| other.id.as_str());
        Kin(others.chain([instrument.id.as_str()]).collect())
    }
}

/// What a user may use.
pub(crate) struct Rights<'a> {
    user: &'a User,
    /// The instruments that the user is custodian of.
    looks_after: BTreeSet<&'a str>,
}

impl Rights<'_> {
    /// Whether the user may use the project, be it on the right instrument or not.
    pub(crate) fn cover(&self, project: &Project) -> bool {
        self.user.administrator
            || project.members.contains(&self.user.id)
            || project.instruments.iter().any(|instrument| self.looks_after.contains(instrument.as_str()))
    }
}

/// An instrument, and those that share a group with it.
pub(crate) struct Kin<'a>(BTreeSet<&'a str>);

impl Kin<'_> {
    /// Whether the project uses one of them.
    pub(crate) fn serve(&self, project: &Project) -> bool {
        project.instruments.iter().any(|instrument| self.0.contains(instrument.as_str()))
    }
}
