//! Submitter, project and instrument must be known, and the project must be one that the submitter may use on that
//! instrument: Pacifica Policy's own rule, over tables in the configuration.
//!
//! A submitter may use a project as its member, or as custodian of an instrument that it uses; an administrator may use
//! every project. A project may be used on the instruments it is linked with and the others of their groups, and this
//! holds for everybody.

pub mod config;
mod names;
mod relations;

use sluice_sdk::{Bundle, Failure, Mistakes, Quoted, Report, Rule, Scalar, TransactionField, Validator};

use config::{Config, Instrument, User};
use names::{Named, list};
use relations::{Kin, Rights};

/// As many projects or people are named in a hint.
const NAMED: usize = 5;

/// The rule.
#[derive(Debug)]
pub struct PacificaRelations(Config);

sluice_sdk::validator!(PacificaRelations, schema: "config.schema.json");

impl Rule for PacificaRelations {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        Ok(Self(config))
    }

    fn check(&self, mistakes: &mut Mistakes) {
        self.0.check(mistakes);
    }
}

impl Validator for PacificaRelations {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        let tables = &self.0;
        let users = || tables.users.iter().map(|user| &user.id);
        let projects = || tables.projects.iter().map(|project| &project.id);
        let instruments = || tables.instruments.iter().map(|instrument| &instrument.id);
        let user = self.known(TransactionField::Submitter, |id| tables.user(id), users, bundle, report);
        let project = self.known(TransactionField::Project, |id| tables.project(id), projects, bundle, report);
        let instrument =
            self.known(TransactionField::Instrument, |id| tables.instrument(id), instruments, bundle, report);

        // What can be judged is judged, whatever else is missing: the uploader sees everything at once.
        let Some(project) = project else { return Ok(()) };
        let rights = user.map(|user| (user, tables.rights(user)));
        let kin = instrument.map(|instrument| (instrument, tables.kin(instrument)));
        let linked = kin.as_ref().is_none_or(|(_, kin)| kin.serve(project));
        let covered = rights.as_ref().is_none_or(|(_, rights)| rights.cover(project));
        if linked && covered {
            return Ok(());
        }
        let choice = match (&rights, &kin) {
            (Some((user, rights)), Some((instrument, kin))) => self.choice(user, rights, instrument, kin),
            _ => String::new(),
        };
        let at = bundle.locate(TransactionField::Project);
        if let (false, Some((instrument, _))) = (linked, &kin) {
            let what = if instrument.groups.is_empty() { "" } else { ", nor with another of its group" };
            let message =
                format!("The {} is not linked with {}{what}.", Named::from(project), Named::from(*instrument));
            let hint = format!("Ask {} to link the two{choice}.", self.custodians(instrument));
            report.error("project-not-on-instrument", message).at(at.clone()).hint(hint);
        }
        if let (false, Some((user, _))) = (covered, &rights) {
            let message = format!(
                "The {} may not use {}: neither a member of it, nor custodian of an instrument that it uses.",
                Named::from(*user),
                Named::from(project)
            );
            let hint = format!("Ask {} to be added to the project{choice}.", self.contact());
            report.error("project-not-permitted", message).at(at).hint(hint);
        }
        Ok(())
    }
}

impl PacificaRelations {
    /// Looks a value of the transaction up in its table, or says that it is not there.
    fn known<'a, T, I: Iterator<Item = &'a Scalar>>(
        &self,
        field: TransactionField,
        find: impl FnOnce(&str) -> Option<&'a T>,
        ids: impl FnOnce() -> I,
        bundle: &Bundle<'_>,
        report: &mut Report,
    ) -> Option<&'a T> {
        let Some(id) = bundle.transaction(field) else {
            report
                .error(format!("{field}-missing"), format!("The bundle names no {field}."))
                .hint(format!("Choose the {field} in the uploader, or add a Transactions.{field} row with a value."));
            return None;
        };
        let found = find(id);
        if found.is_none() {
            // The commonest mistakes: blanks around it, and the wrong case.
            let meant = ids().find(|known| known.as_str().eq_ignore_ascii_case(id.trim()));
            let hint = match meant {
                Some(meant) => format!("Did you mean {meant}?"),
                None => format!("Check it for a slip, or ask {} to have it registered.", self.contact()),
            };
            report
                .error(format!("{field}-unknown"), format!("The {field} {} is not known here.", Quoted(id)))
                .at(bundle.locate(field))
                .hint(hint);
        }
        found
    }

    /// What the submitter could choose instead, as the end of a sentence.
    fn choice(&self, user: &User, rights: &Rights<'_>, instrument: &Instrument, kin: &Kin<'_>) -> String {
        let usable = self.0.projects.iter().filter(|project| kin.serve(project) && rights.cover(project));
        let (user, instrument) = (Named::from(user), Named::from(instrument));
        match list(usable.map(|project| project.id.to_string()), NAMED) {
            Some(projects) => format!(", or choose a project that {user} may use on {instrument}: {projects}"),
            None => format!("; there is no project that {user} may use on {instrument}"),
        }
    }

    fn contact(&self) -> &str {
        self.0.contact.as_deref().unwrap_or("the facility")
    }

    fn custodians(&self, instrument: &Instrument) -> String {
        let people = instrument.custodians.iter().filter_map(|id| self.0.user(id.as_str()));
        match list(people.map(|user| user.name.clone().unwrap_or_else(|| format!("user {}", user.id))), NAMED) {
            Some(names) => format!("a custodian of the instrument ({names})"),
            None => self.contact().to_owned(),
        }
    }
}
