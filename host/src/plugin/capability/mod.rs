//! What guests can ask for, one capability a file.

pub(super) mod bundles;
mod host;
mod lookup;
mod packed;
mod tables;
