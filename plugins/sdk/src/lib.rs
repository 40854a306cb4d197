#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! A rule is a type that is made from its configuration ([`Rule`]), and either judges bundles ([`Validator`]) or decides
//! where their files go ([`Mover`]); [`validator!`] or [`mover!`] makes a plugin of it. It reads a [`Bundle`], and says what
//! it has to say in a [`Report`]. Natively, the module `testing` has bundles made from a metadata document.

#![allow(clippy::test_attr_in_doctest, reason = "the README shows an author how a rule is tested")]

#[cfg(target_family = "wasm")]
mod allocator;
mod bundle;
mod call;
mod config;
mod decimal;
mod failure;
mod file;
mod finding;
mod glob;
mod identity;
mod json;
mod metadata;
mod quoted;
mod report;
mod rule;
mod scalar;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod component;
#[cfg(target_family = "wasm")]
mod gate;
#[cfg(target_family = "wasm")]
mod packed;

pub mod log;
pub mod lookup;
pub mod tables;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use bundle::{Bundle, Files, JobKind, KeyValue, TransactionField};
pub use call::{Decision, Info};
pub use config::Mistakes;
pub use failure::Failure;
pub use file::{File, FileInfo};
pub use finding::{Finding, Location, Severity};
pub use glob::Glob;
pub use identity::Identity;
pub use quoted::Quoted;
pub use report::{Note, Report};
pub use rule::{Mover, Placement, Rule, Validator};
pub use scalar::Scalar;

// The derive of the configuration must be of the release that the SDK was built with.
pub use schemars;
