//! The calls of the contract, in the words of the SDK. The component and the tests go the same way.

use crate::{Bundle, Failure, Finding, Identity, Mistakes, Mover, Placement, Report, Rule, Validator, config};

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The plugin's name.
    pub name: &'static str,
    /// Its semantic version.
    pub version: &'static str,
    /// One line about it.
    pub summary: &'static str,
    /// The JSON Schema of its configuration.
    pub config_schema: String,
}

/// What a mover has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A place for the files.
    Place(Vec<Placement>),
    /// There is none, and why.
    Refuse(Vec<Finding>),
}

/// What the plugin says of itself.
pub(crate) fn describe<R: Rule + Identity>() -> Info {
    let config_schema = match R::CONFIG_SCHEMA {
        Some(kept) => kept.to_owned(),
        None => config::schema::<R::Config>().as_value().to_string(),
    };
    Info { name: R::NAME, version: R::VERSION, summary: R::SUMMARY, config_schema }
}

/// Looks at a configuration before it takes effect. Every line is one mistake, with its key.
pub(crate) fn check_config<R: Rule>(json: &str) -> Result<(), Vec<String>> {
    let rule = config::parse(json).and_then(R::new).map_err(Mistakes::into_lines)?;
    let mut mistakes = Mistakes::new();
    rule.check(&mut mistakes);
    mistakes.or(()).map_err(Mistakes::into_lines)
}

/// Judges a bundle.
pub(crate) fn validate<V: Validator>(config_json: &str, bundle: &Bundle<'_>) -> Result<Vec<Finding>, Failure> {
    let rule = config::parse(config_json).and_then(V::new)?;
    let mut report = Report::new();
    rule.validate(bundle, &mut report)?;
    Ok(report.into_findings())
}

/// Decides where the files of a bundle go.
pub(crate) fn plan<M: Mover>(config_json: &str, bundle: &Bundle<'_>) -> Result<Decision, Failure> {
    let rule = config::parse(config_json).and_then(M::new)?;
    let mut report = Report::new();
    let places = rule.plan(bundle, &mut report)?;
    Ok(if report.rejects() { Decision::Refuse(report.into_findings()) } else { Decision::Place(places) })
}
