//! The command line: one file per noun, one that prints, one that says how a command ends.

mod archive;
mod db;
mod doctor;
mod event;
mod exit;
mod gate;
mod import;
mod ingest_cmd;
mod job;
mod logging;
mod plugin;
mod policy;
mod print;
mod replayed;
mod report;
mod serve;
mod table;
mod token;
mod uploader;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::{self, Flags, Mistakes, Settings, Surroundings};
use crate::db::{Db, SchemaState};
use crate::http;
use crate::outbox;
use crate::plugin::{Asked, compile_apart};
use exit::Failure;
use print::Printer;

pub use exit::Exit;
pub use ingest_cmd::ingest_cmd;

/// An ingest gate for scientific data.
///
/// Uploaders send bundles over HTTP; each passes the rules of the site before anything reaches the archive.
#[derive(Parser)]
#[command(name = "sluice", version, max_term_width = 120, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

const EXIT_CODES: &str = "\
Settings come from flags, then the environment, then sluice.toml, then defaults.
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 not found, 4 refused (by the rules, too), 5 something does \
not answer.";

#[derive(Subcommand)]
enum Command {
    /// Receive bundles and work them off
    Serve(serve::Serve),
    /// Work bundles off that other processes receive
    Worker,
    /// Look at jobs and change them
    #[command(subcommand)]
    Job(job::Command),
    /// Events of ended jobs: what was delivered, what waits, what was given up
    #[command(subcommand)]
    Event(event::Command),
    /// The database's schema
    #[command(subcommand)]
    Db(db::Command),
    /// The accepted files
    #[command(subcommand)]
    Archive(archive::Command),
    #[command(flatten)]
    Uploader(uploader::Command),
    /// What another ingest service has recorded
    #[command(subcommand)]
    Import(import::Command),
    /// Plugins: write, build, test and measure them; and those of a running gate
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// The rules of a running gate
    Policy(policy::Policy),
    /// The tables that rules of a running gate may be granted
    Table(table::Table),
    /// Who may do what
    #[command(subcommand)]
    Token(token::Command),
    /// Compile one component; the gate starts this itself
    #[command(hide = true)]
    CompileComponent {
        /// Time on the processor
        #[arg(long)]
        seconds: u64,
        /// Bytes of memory
        #[arg(long)]
        memory: u64,
    },
    /// Say what is configured, what answers, and what to do about the rest
    Doctor,
    /// Print the description of the HTTP calls, OpenAPI 3.1 in JSON
    Openapi,
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the program with these arguments, the first of which is its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, surroundings: &Surroundings) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, with a code of 0. Where they cannot be printed, nobody reads them.
            drop(error.print());
            return if error.exit_code() == 0 { Exit::Done } else { Exit::Usage }.into();
        }
    };
    let printer = Printer::new(cli.json, surroundings);
    match dispatch(cli, &printer, surroundings) {
        Ok(exit) => exit.into(),
        Err(Failure { exit, message }) => {
            if !message.is_empty() {
                print::complain(&format!("sluice: {message}"));
            }
            exit.into()
        }
    }
}

fn dispatch(cli: Cli, printer: &Printer, surroundings: &Surroundings) -> Result<Exit, Failure> {
    // These need no settings, and must work where those are wrong.
    match cli.command {
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "sluice", &mut std::io::stdout());
            return Ok(Exit::Done);
        }
        Command::Openapi => {
            printer.raw(http::document_text().trim_end())?;
            return Ok(Exit::Done);
        }
        Command::CompileComponent { seconds, memory } => {
            compile_apart(Asked { seconds, memory }, std::io::stdin().lock(), std::io::stdout().lock())?;
            return Ok(Exit::Done);
        }
        Command::Plugin(command) => return command.run(printer, surroundings),
        Command::Policy(policy) => {
            return threads(0)?.block_on(policy.run(&cli.flags.plugins, surroundings, printer));
        }
        Command::Table(table) => return threads(0)?.block_on(table.run(surroundings, printer)),
        Command::Uploader(command) => return command.run(printer, surroundings),
        _ => {}
    }
    let loaded = config::load(&cli.flags, surroundings).map_err(|mistakes| report_mistakes(&mistakes))?;
    let role = match cli.command {
        Command::Serve(_) => Some("serve"),
        Command::Worker => Some("worker"),
        _ => None,
    };
    let _traces = logging::start(&loaded, role)?;
    // Each upload keeps a blocking thread for as long as it lasts; the rest of the work needs some besides.
    threads(loaded.settings.http.max_uploads)?.block_on(async {
        match cli.command {
            Command::Serve(serve) => serve.run(loaded).await,
            Command::Worker => serve::worker(loaded).await,
            Command::Job(command) => command.run(&loaded.settings, printer, surroundings).await,
            Command::Token(command) => command.run(&loaded.settings, printer).await,
            Command::Event(command) => command.run(&loaded.settings, printer).await,
            Command::Db(command) => command.run(&loaded.settings, printer).await,
            Command::Archive(command) => command.run(&loaded.settings, printer).await,
            Command::Import(command) => command.run(&loaded.settings, surroundings, printer).await,
            Command::Doctor => doctor::run(&loaded, printer).await,
            Command::Plugin(_)
            | Command::Policy(_)
            | Command::Table(_)
            | Command::Uploader(_)
            | Command::CompileComponent { .. }
            | Command::Openapi
            | Command::Completions { .. } => Ok(Exit::Done),
        }
    })
}

/// The program's threads, with room for so many that block for long, and for some besides.
fn threads(blocking: usize) -> Result<tokio::runtime::Runtime, Failure> {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let threads = threads.enable_all().max_blocking_threads(blocking + 256).build();
    threads.map_err(|error| Failure::new(Exit::Failed, format!("no threads can be started: {error}")))
}

fn report_mistakes(mistakes: &Mistakes) -> Failure {
    let lines: Vec<_> = mistakes.0.iter().map(|mistake| format!("  {mistake}")).collect();
    Failure::new(Exit::Usage, format!("the configuration is wrong; nothing was started\n{}", lines.join("\n")))
}

/// The database of a site that is set up: one whose schema is this program's.
async fn open_database(settings: &Settings) -> Result<Db, Failure> {
    let db = Db::open(&settings.database, false).await?;
    match db.check().await? {
        SchemaState::Equal => Ok(db.recording(outbox::recorded(settings.events.as_ref()))),
        SchemaState::Behind(missing) => Err(Failure::new(
            Exit::Refused,
            format!(
                "the schema of {} lacks {}; run `sluice db sync`, or start `sluice serve`",
                settings.database,
                missing.join(", ")
            ),
        )),
        SchemaState::Ahead(newer) => Err(Failure::new(
            Exit::Refused,
            format!("a newer sluice has changed {} by {}; run that one", settings.database, newer.join(", ")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_are_taken_before_and_after_the_subcommand() {
        for arguments in [
            ["sluice", "--data", "x", "--json", "job", "list", "--move-root", "y"],
            ["sluice", "job", "--move-root", "y", "list", "--json", "--data", "x"],
        ] {
            let cli = Cli::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(cli.flags.data, Some("x".into()));
            assert_eq!(cli.flags.move_root, ["y"]);
            assert!(cli.json);
        }
    }

    #[test]
    fn pacificas_way_to_set_a_job_is_understood() {
        let arguments = "job set --job-id 1234 --state FAILED --task-percent 0.0 --exception text --task";
        let arguments = std::iter::once("sluice").chain(arguments.split(' ')).chain(["ingest files"]);
        assert!(Cli::try_parse_from(arguments).is_ok());
        assert!(Cli::try_parse_from(["sluice", "job", "set", "1234"]).is_err());
        assert!(Cli::try_parse_from(["sluice", "job", "set", "--state", "FAILED"]).is_err());
        assert!(Cli::try_parse_from(["sluice", "job", "set", "1", "--task-percent", "101"]).is_err());
    }
}
