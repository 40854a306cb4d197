//! The policy: the ordered list of a site's rules, in numbered revisions that are never edited.
//!
//! - [`PolicyDocument`]: what an admin writes.
//! - [`Snapshot`]: a revision whose plugins are at hand, immutable; a job is judged whole by one snapshot.
//! - [`PolicyBook`]: which snapshot is active, and how another one becomes so.
//! - [`PolicyDiff`]: what one revision says that another does not.
//! - [`Grants`]: what a rule may reach beyond the bundle; [`Tables`]: the versions of tables that it reads.
//! - [`review`]: all rules in scope over one bundle, and what comes of it.
//! - [`ShadowTally`]: what a rule in shadow would have done.
//! - [`Health`]: rules that fail again and again.
//! - [`Watch`]: for development, a folder whose plugins are run as soon as they are saved.

mod book;
mod diff;
mod document;
mod grants;
mod health;
mod review;
mod scope;
mod shadow;
mod snapshot;
mod starter;
mod tables;
mod watch;

pub use book::{Origin, PolicyBook, PolicyError};
pub use diff::{FieldChange, PluginChange, PluginName, PolicyDiff, RuleChange};
pub use document::{OnFailure, PolicyDocument, Quarantine, Quarantined, Rule};
pub use grants::Grants;
pub use health::Health;
pub use review::{Review, Verdict, review};
pub use scope::When;
pub use shadow::ShadowTally;
pub use snapshot::{ActiveRule, Snapshot, config_mistakes};
pub use tables::{PinError, PinnedTables, Tables};
pub use watch::Watch;
