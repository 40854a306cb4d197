//! Sluice: an ingest gate for scientific data.

pub mod model;
