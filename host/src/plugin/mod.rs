//! The plugin host: a site's rules as WebAssembly components, each call in a sandbox of its own.
//!
//! What this room promises:
//! - A guest reaches the bundle lent to it, its configuration, the log and what its rule is granted. WASI is linked with nothing behind it; its
//!   clocks stand at the moment the job was received and its randomness is seeded by the job.
//! - Every call gets a fresh instance. Nothing survives it.
//! - Every call is bounded: time, memory in total, tables, handles, log, bytes read, findings and their length. Each
//!   breach comes back as a [`Failure`](crate::model::Failure) with a name of its own.
//! - A guest runs on threads of this room and never on those that serve HTTP; one that may wait for servers, on threads of
//!   its kind. Rules that take long do not hold up those that do not.
//!
//! No other room knows wasmtime.

mod bindings;
mod budget;
mod bundle;
mod cache;
mod call;
mod capability;
mod compiler;
mod component;
mod engine;
mod granted;
mod limits;
mod lookup;
mod pace;
mod registry;
mod store;
mod threads;
mod turns;
mod wasi;

pub use bundle::{Bundle, Contents, NoContents};
pub use call::{CallResult, Placement, Plan};
pub use compiler::{Asked, COMPILE_COMMAND, Compiler, compile_apart};
pub use component::{LARGEST_COMPONENT, LoadError, Plugin, PluginInfo, PluginKind};
pub use engine::{Sandbox, SandboxError};
pub use granted::{Granted, GrantedLookup};
pub use limits::Limits;
pub use lookup::{Answer, Answered, JobLookups, LookupError, LookupGrant, Prefix, RecordedAnswers};
pub use pace::Pace;
pub use registry::{AddError, Added, Registry};
