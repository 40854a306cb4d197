//! What one call may reach beyond the bundle.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lookup::{JobLookups, LookupGrant, RecordedAnswers};
use super::pace::Pace;
use crate::model::Table;

/// What a rule is granted, ready to be used by one call. By default, nothing.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// The tables, by their names.
    pub tables: BTreeMap<String, Arc<Table>>,
    /// What it may look up; only validators have a way to ask.
    pub lookup: Option<GrantedLookup>,
    /// What is known of the rule's calls before, by which it is decided where this one waits for its turn.
    pub pace: Pace,
}

/// Where the answers to lookups come from.
#[derive(Clone, Debug)]
pub enum GrantedLookup {
    /// From servers.
    Asked {
        /// What may be asked.
        grant: Arc<LookupGrant>,
        /// What the job has asked already.
        job: JobLookups,
    },
    /// From a file.
    Recorded(Arc<RecordedAnswers>),
}

impl Granted {
    /// The grant of lookups for which servers are asked.
    pub(super) fn asks(&self) -> Option<&LookupGrant> {
        match &self.lookup {
            Some(GrantedLookup::Asked { grant, .. }) => Some(grant),
            _ => None,
        }
    }
}
