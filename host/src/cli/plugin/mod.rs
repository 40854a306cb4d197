//! `sluice plugin`: what authors of plugins need, from the first file to the figures.
//!
//! `new` writes a project, `build` makes its component, `test` runs it over the project's example bundles in the very
//! sandbox that the gate has, `inspect` and `bench` look at a component; none of these needs a gate or its
//! settings. `push` and its like speak to a running gate.

mod bench;
mod build;
mod componentize;
mod embedded;
mod inspect;
mod new;
mod project;
pub(super) mod push;
mod remote;
mod scratch;
mod test;
mod trial;

pub(super) use componentize::Wasm;

use clap::Subcommand;

use super::print::Printer;
use super::{Exit, Failure, threads};
use crate::config::Surroundings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Write a small project with one worked rule, its examples and the SDK
    New(new::New),
    /// Build a project's component
    Build(build::Build),
    /// Run a plugin over its example bundles, in the gate's own sandbox
    Test(test::Test),
    /// Say what a component is
    Inspect(inspect::Inspect),
    /// Measure a component's calls
    Bench(bench::Bench),
    /// Make a component of a core module that a compiler for wasm32-unknown-unknown has built
    Componentize(componentize::Componentize),
    #[command(flatten)]
    Remote(remote::Remote),
}

impl Command {
    pub(super) fn run(self, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
        match self {
            Self::New(command) => command.run(printer, surroundings),
            Self::Build(command) => command.run(printer, surroundings),
            Self::Test(command) => command.run(printer, surroundings),
            Self::Inspect(command) => command.run(printer, surroundings),
            Self::Bench(command) => command.run(printer, surroundings),
            Self::Componentize(command) => command.run(printer),
            Self::Remote(command) => threads(0)?.block_on(command.run(surroundings, printer)),
        }
    }
}
