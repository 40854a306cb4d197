//! A validator that does whatever harm its configuration asks for: `{"do": "loop"}`. Each deed proves one limit of the
//! gate, or one way in which a call can end.
//!
//! Growing a table is not among them: stable Rust has no way to say it.

mod deeds;
mod echo;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_sdk::{Bundle, Failure, Mistakes, Report, Rule, Validator};

/// What to do.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct Config {
    /// The deed.
    #[serde(rename = "do")]
    pub deed: Deed,
    /// How many findings, or how many MiB of text, where the deed is about an amount: a gate that gives a guest little
    /// memory would otherwise stop it before the limit that is to be proved.
    pub amount: Option<usize>,
    /// Anything; `echo` gives it back.
    pub note: Option<String>,
}

/// A deed.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Say nothing.
    Clean,
    /// One finding of severity warning.
    Warn,
    /// One finding of severity error.
    Reject,
    /// Everything the bundle interface gives, as findings of severity info.
    Echo,
    /// How often this was done before in the same instance, as a finding of severity info.
    Remember,

    /// Never end, and never call the gate.
    Loop,
    /// Never end, and call the gate all the time.
    LoopInHostCalls,
    /// Overflow the stack.
    Recurse,
    /// Allocate and touch memory until it is refused.
    Memory,
    /// Open the first file again and again, and never close it.
    Handles,
    /// Read the first file again and again.
    ReadFlood,
    /// Log without end.
    LogFlood,
    /// Log one line of 64 MiB, or of `amount`.
    LogSize,
    /// Return a million findings, or `amount`.
    Findings,
    /// Return one finding whose message has 64 MiB, or `amount`.
    FindingSize,

    /// Reject a bundle whose project has no row in the table named by `note`; with one, give the row as a finding of
    /// severity info, and how many rows all pages together have.
    Table,
    /// Look up every URL of `note`, one after the other and all of them `amount` times; each answer, or why there is none,
    /// is a finding of severity info.
    LookUp,

    /// Panic, with a message that must reach the log.
    Panic,
    /// Trap without a word.
    Trap,
    /// Fail as `bad-config`.
    FailureBadConfig,
    /// Fail as `unavailable`.
    FailureUnavailable,
    /// Fail as `other`.
    FailureOther,

    /// Never end when the configuration is checked; say nothing of a bundle.
    CheckLoop,
    /// Panic when the configuration is checked; say nothing of a bundle.
    CheckPanic,
    /// Refuse the configuration; say nothing of a bundle.
    CheckRefuse,
}

/// The rule.
#[derive(Debug)]
pub struct Hostile(Config);

sluice_sdk::validator!(Hostile);

impl Rule for Hostile {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        Ok(Self(config))
    }

    fn check(&self, mistakes: &mut Mistakes) {
        match self.0.deed {
            Deed::CheckLoop => deeds::run_for_ever(),
            Deed::CheckPanic => panic!("panicked over the configuration, as asked"),
            Deed::CheckRefuse => mistakes.add("do", "refused, as asked"),
            _ => {}
        }
    }
}

impl Validator for Hostile {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        report.fold_after(usize::MAX);
        match self.0.deed {
            Deed::Clean | Deed::CheckLoop | Deed::CheckPanic | Deed::CheckRefuse => {}
            Deed::Warn => {
                report.warning("warned", "Warned, as asked.");
            }
            Deed::Reject => {
                report.error("rejected", "Rejected, as asked.").hint("Ask for something else.");
            }
            Deed::Echo => echo::everything(&self.0, bundle, report)?,
            Deed::Remember => {
                report.info("remembered", deeds::times_before().to_string());
            }

            Deed::Loop => deeds::run_for_ever(),
            Deed::LoopInHostCalls => deeds::call_for_ever(bundle),
            Deed::Recurse => {
                report.info("recursed", deeds::recurse(0).to_string());
            }
            Deed::Memory => deeds::allocate_for_ever(),
            Deed::Handles => deeds::open_for_ever(bundle)?,
            Deed::ReadFlood => deeds::read_for_ever(bundle)?,
            Deed::LogFlood => deeds::log_for_ever(),
            Deed::LogSize => sluice_sdk::log::info(&deeds::long_text(self.0.amount)),
            Deed::Findings => {
                for number in 0..self.0.amount.unwrap_or(1_000_000) {
                    report.info("one-of-many", number.to_string());
                }
            }
            Deed::FindingSize => {
                report.info("long", deeds::long_text(self.0.amount));
            }

            Deed::Table => deeds::look_up(self.0.note.as_deref().unwrap_or_default(), bundle, report),
            Deed::LookUp => {
                deeds::ask(self.0.note.as_deref().unwrap_or_default(), self.0.amount.unwrap_or(1), report);
            }

            Deed::Panic => panic!("panicked, as asked"),
            Deed::Trap => std::process::abort(),
            Deed::FailureBadConfig => return Err(Failure::BadConfig("failed, as asked".to_owned())),
            Deed::FailureUnavailable => return Err(Failure::Unavailable("failed, as asked".to_owned())),
            Deed::FailureOther => return Err(Failure::Other("failed, as asked".to_owned())),
        }
        Ok(())
    }
}
