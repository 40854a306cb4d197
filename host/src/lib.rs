//! Sluice: an ingest gate for scientific data.
//!
//! Uploaders send bundles over HTTP. Each bundle passes the rules of its site, WebAssembly components that the
//! facility's own people write, before anything of it reaches the archive. The core knows nothing of any site.
//!
//! # The path of a bundle
//!
//! `POST /upload` → [`http`] takes the body → [`ingest::Intake`] makes the job's row and feeds the [`spool`], which takes
//! the tar apart while it arrives → commit → [`queue`] wakes a worker, or has one begin at once → [`ingest::Pipeline`]
//! walks the claimed job through its tasks: open the tar, load the metadata, have the [`policy`] judge it (each rule a
//! call into [`plugin`]), put the files into the archive and the metadata into its store, both behind [`seams`].
//!
//! # The rooms, from the top down; each knows only those below it
//!
//! | room | owns |
//! |---|---|
//! | [`cli`] | the command line, and all that is printed |
//! | [`client`] | a running gate, as the command line speaks to it |
//! | [`app`] | the rooms wired together, started, and stopped in order |
//! | [`http`] | the calls: Pacifica's and the API; the console |
//! | [`queue`] | wake-ups; the only room that knows apalis |
//! | [`ingest`] | the way of a bundle: intake, pipeline, sweeper |
//! | [`outbox`] | whoever is told of the ends of jobs: deliveries, signed and tried again |
//! | [`policy`] | rules, revisions, review |
//! | [`plugin`] | the sandbox; the only room that knows wasmtime |
//! | [`seams`] | archive, metadata store, ids: what a site can exchange |
//! | [`spool`] | bundles on disk until the archive has them |
//! | [`access`] | tokens and sessions: who may do what |
//! | [`db`] | jobs, leases, places, metadata, revisions; the only SQL |
//! | [`handles`] | how many files the process may open |
//! | [`measures`] | what is counted, for Prometheus |
//! | [`traces`] | spans for an OpenTelemetry collector |
//! | [`config`] | settings from flags, environment and file |
//! | [`disk`] | flushes to the disk, shared by those who wait for them |
//! | [`model`] | the words: jobs, tasks, documents, digests, reports |
//! | [`failpoint`] | where tests have the program die or fail; empty in a release |

pub mod access;
pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod db;
pub mod disk;
pub mod failpoint;
pub mod handles;
pub mod http;
pub mod ingest;
pub mod measures;
pub mod model;
pub mod outbox;
pub mod plugin;
pub mod policy;
pub mod queue;
pub mod seams;
pub mod spool;
pub mod traces;
