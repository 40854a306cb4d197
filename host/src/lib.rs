//! Sluice: an ingest gate for scientific data.

pub mod app;
pub mod config;
pub mod db;
pub mod http;
pub mod ingest;
pub mod model;
pub mod plugin;
pub mod policy;
pub mod queue;
pub mod seams;
pub mod spool;
