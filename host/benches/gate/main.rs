//! What the gate does in a second, and what the machine could: `make bench`.
//!
//! Starts the optimised program, gives it the work that sites give it, and writes a table of medians to `bench/results/`,
//! beside the last one. Next to a figure stands its limit, taken in the same run: a bare sync loop for commits, a plain
//! copy, a plain hash and nginx for bytes, the same rule in native code for calls. These machines are noisy: compare ratios, and medians of one run.
//!
//! `make bench ONLY=small` runs the workloads whose names begin so.

mod backlog;
mod bombs;
mod bundle;
mod client;
mod limits;
mod load;
mod machine;
mod nginx;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/gate/postgres.rs"]
mod postgres;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/gate/redis.rs"]
mod redis;
mod results;
mod rules;
mod server;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/gate/wait.rs"]
mod wait;
mod workloads;

use std::process::ExitCode;

use results::Results;

#[tokio::main]
async fn main() -> ExitCode {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut results = Results::new(machine::describe(), !only.is_empty());
    let ran = workloads::run(&only, &mut results).await;
    server::clear();
    match ran.and_then(|()| results.finish()) {
        Ok(path) => {
            println!("\nwritten to {}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
