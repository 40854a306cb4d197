//! How many files and bytes a bundle may have, by project, instrument and submitter.
//!
//! Quotas are tried in order, and the first that is about the bundle counts ([`config::Config`]): exceptions stand above,
//! what holds for everybody below. Sizes are those of the bundle's `Files` rows; the gate refuses a file whose row names
//! another size than it has, so nothing is won by a lie.

pub mod config;
mod quota;
mod size;

use sluice_sdk::{Bundle, Failure, Mistakes, Report, Rule, Validator};

use config::Config;
use quota::Quota;

/// The rule.
#[derive(Debug)]
pub struct Quotas(Vec<Quota>);

sluice_sdk::validator!(Quotas, schema: "config.schema.json");

impl Rule for Quotas {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        if config.quotas.is_empty() {
            mistakes.add("quotas", "names no quota");
        }
        let quotas = config
            .quotas
            .into_iter()
            .enumerate()
            .map(|(index, quota)| Quota::new(&format!("quotas[{index}]"), quota, &mut mistakes))
            .collect();
        mistakes.or(Self(quotas))
    }

    /// A quota after one for everybody is never reached: somebody meant another order.
    fn check(&self, mistakes: &mut Mistakes) {
        let everybody = self.0.iter().position(Quota::is_for_everybody);
        if let Some(index) = everybody
            && index + 1 < self.0.len()
        {
            mistakes.add(
                format_args!("quotas[{}]", index + 1),
                format_args!("is never reached, for quotas[{index}] is about every bundle; exceptions go above it"),
            );
        }
    }
}

impl Validator for Quotas {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        if let Some(quota) = self.0.iter().find(|quota| quota.is_about(bundle)) {
            quota.check(bundle, report);
        }
        Ok(())
    }
}
