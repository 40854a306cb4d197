//! `IngestCMD`, as an installed Pacifica Ingest has it: the same flags, over this gate's own database and spool.
//!
//! Settings come from where `sluice` takes them, Pacifica's variables among them. Exit codes: 0 it is done, 255 `dbchk`
//! finds a schema that is not safe (upstream's -1), and those of `sluice` for all else.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::print::Printer;
use super::{Failure, job, logging, print, report_mistakes};
use crate::app::{self, Again};
use crate::config::{self, Flags, Loaded, Settings, Surroundings};
use crate::db::{Db, DbError, SchemaState};
use crate::model::{JobId, JobKind, State, Timestamp};
use crate::plugin::COMPILE_COMMAND;

/// What upstream's -1 is to whoever called.
const UNSAFE: u8 = 255;

/// Who calls, in the order in which Python's `getpass.getuser` looks.
const USER_VARIABLES: [&str; 4] = ["LOGNAME", "USER", "LNAME", "USERNAME"];

/// Admin command line tool.
#[derive(Parser)]
#[command(name = "IngestCMD", version, max_term_width = 120)]
struct Cli {
    /// Read settings from this sluice.toml; upstream's config.ini is not read, its variables are
    #[arg(short, long, value_name = "CONFIG")]
    config: Option<OsString>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Change what is recorded of a job; FAILED ends it
    Job(job::Set),
    /// Update or create the database
    Dbsync,
    /// Check the database against this program's version
    Dbchk {
        /// Upstream's stricter check; every migration counts here, so that both are the same
        #[arg(long)]
        equal: bool,
    },
    /// Run a bundle, or the document of a move, that lies on this machine, under a job's id
    Retry(Retry),
}

#[derive(Args)]
struct Retry {
    /// The file is the JSON document of a move, and not a tar
    #[arg(long = "move")]
    relocate: bool,
    /// The tar or JSON file
    #[arg(long, value_name = "FILE")]
    path: PathBuf,
    /// The id of the job, which has failed or is not known
    #[arg(long = "job_id", visible_alias = "job-id", value_name = "N")]
    job_id: JobId,
    /// Who acts [default: who calls]
    #[arg(long, value_name = "USER")]
    username: Option<String>,
}

/// Runs `IngestCMD` with these arguments, the first of which is its name.
pub fn ingest_cmd(arguments: impl IntoIterator<Item = OsString>, surroundings: &Surroundings) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // What compiles a component is this very program, be it called so or so.
    if arguments.get(1).is_some_and(|first| first == COMPILE_COMMAND) {
        return super::run(arguments, surroundings);
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            return u8::try_from(error.exit_code()).unwrap_or(1).into();
        }
    };
    run(cli, surroundings).unwrap_or_else(|Failure { exit, message }| {
        if !message.is_empty() {
            print::complain(&format!("IngestCMD: {message}"));
        }
        exit.into()
    })
}

fn run(cli: Cli, surroundings: &Surroundings) -> Result<ExitCode, Failure> {
    let flags = Flags { config: cli.config, ..Flags::default() };
    let loaded = config::load(&flags, surroundings).map_err(|mistakes| report_mistakes(&mistakes))?;
    let _traces = logging::start(&loaded, None)?;
    let printer = Printer::new(false, surroundings);
    let runtime = tokio::runtime::Runtime::new().map_err(anyhow::Error::from)?;
    runtime.block_on(async {
        match cli.command {
            Command::Job(set) => {
                let db = super::open_database(&loaded.settings).await?;
                let done = set.run(&db, &printer).await;
                db.close().await;
                done.map(ExitCode::from)
            }
            Command::Dbsync => {
                let db = Db::open(&loaded.settings.database, true).await?;
                db.sync(Timestamp::now()).await?;
                db.close().await;
                Ok(ExitCode::SUCCESS)
            }
            Command::Dbchk { equal: _ } => check(&loaded.settings).await,
            Command::Retry(retry) => retry.run(loaded, surroundings, &printer).await,
        }
    })
}

/// Safe is a schema that this program works with as it is: each migration is one that it knows and needs.
async fn check(settings: &Settings) -> Result<ExitCode, Failure> {
    let state = async {
        let db = Db::open(&settings.database, false).await?;
        let state = db.check().await;
        db.close().await;
        state
    };
    let why = match state.await {
        Ok(SchemaState::Equal) => return Ok(ExitCode::SUCCESS),
        Ok(SchemaState::Behind(missing)) => format!("the schema lacks {}; run IngestCMD dbsync", missing.join(", ")),
        Ok(SchemaState::Ahead(newer)) => format!("a newer program has added {}; run that one", newer.join(", ")),
        Err(DbError::NoDatabase(path)) => format!("there is no database at {}; run IngestCMD dbsync", path.display()),
        Err(DbError::Schema(why)) => why,
        Err(error) => return Err(error.into()),
    };
    print::complain(&format!("IngestCMD: {why}"));
    Ok(ExitCode::from(UNSAFE))
}

impl Retry {
    async fn run(self, loaded: Loaded, surroundings: &Surroundings, printer: &Printer) -> Result<ExitCode, Failure> {
        let caller = || {
            let named = USER_VARIABLES.iter().find_map(|name| surroundings.variable(name)?.to_str());
            named.unwrap_or(&loaded.settings.http.default_user).to_owned()
        };
        let user = self.username.clone().unwrap_or_else(caller);
        let kind = if self.relocate { JobKind::Move } else { JobKind::Upload };
        let path = surroundings.folder.join(&self.path);
        if let Err(error) = std::fs::File::open(&path) {
            return Err(Failure::file(path.display(), &error));
        }
        let again = Again { id: self.job_id, kind, user, path };
        let job = app::run_again(&loaded.settings, again).await?;
        let Some(job) = job else {
            let what = format!("job {} has not failed, so there is nothing to try again", self.job_id);
            return Err(Failure::new(super::Exit::Refused, what));
        };
        if job.state == State::Ok {
            printer.text(&format!("job {} is OK, in {} at {:.0} %", job.id, job.task, job.percent))?;
            return Ok(ExitCode::SUCCESS);
        }
        let what = format!("job {} is FAILED in {}: {}", job.id, job.task, job.exception);
        Err(Failure::new(super::Exit::Failed, what))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_lines_of_upstream_are_understood() {
        Cli::command().debug_assert();
        for line in [
            "IngestCMD job --job-id 1234 --state FAILED --task ingest_files --task-percent 0.0 --exception text",
            "IngestCMD dbsync",
            "IngestCMD -c x.toml dbchk --equal",
            "IngestCMD retry --move --path /srv/x.json --job_id 7 --username jane",
            "IngestCMD retry --path x.tar --job_id 7",
        ] {
            let arguments = line.split(' ').map(|argument| argument.replace("ingest_files", "ingest files"));
            assert!(Cli::try_parse_from(arguments).is_ok(), "{line}");
        }
        assert!(Cli::try_parse_from(["IngestCMD", "retry", "--path", "x"]).is_err());
    }
}
