//! The policy: the ordered list of a site's rules, in numbered revisions that are never edited.
//!
//! - [`PolicyDocument`]: what an admin writes.
//! - [`Snapshot`]: a revision whose plugins are at hand, immutable; a job is judged whole by one snapshot.
//! - [`PolicyBook`]: which snapshot is active, and how another one becomes so.
//! - [`review`]: all rules in scope over one bundle, and what comes of it.

mod book;
mod document;
mod review;
mod scope;
mod snapshot;
mod starter;

pub use book::{PolicyBook, PolicyError};
pub use document::{OnFailure, PolicyDocument, Rule};
pub use review::{Review, Verdict, review};
pub use scope::When;
pub use snapshot::{ActiveRule, Snapshot, config_mistakes};
