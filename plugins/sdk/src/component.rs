//! A rule as the component that the gate calls.

use std::marker::PhantomData;

use crate::bindings::plugin::exports::sluice::plugin::plugin;
use crate::bindings::plugin::sluice::plugin::{bundles, host, types};
use crate::bindings::{mover, validator};
use crate::call::{self, Decision};
use crate::gate::Lent;
use crate::{Bundle, Identity, Mover, Rule, Validator, log};

/// Exports a rule. Instances are never made.
#[derive(Debug)]
pub struct Component<R>(PhantomData<R>);

impl<R: Rule + Identity> plugin::Guest for Component<R> {
    fn describe() -> plugin::Info {
        log::panics();
        let info = call::describe::<R>();
        plugin::Info {
            name: info.name.to_owned(),
            version: info.version.to_owned(),
            summary: info.summary.to_owned(),
            config_schema: info.config_schema,
        }
    }

    fn check_config(json: String) -> Result<(), Vec<String>> {
        log::panics();
        call::check_config::<R>(&json)
    }
}

impl<V: Validator> validator::exports::sluice::plugin::validator::Guest for Component<V> {
    fn validate(bundle: &bundles::Bundle) -> Result<Vec<types::Finding>, types::Failure> {
        log::panics();
        let findings = call::validate::<V>(&host::config(), &Bundle::new(&Lent::new(bundle)))?;
        Ok(findings.into_iter().map(Into::into).collect())
    }
}

impl<M: Mover> mover::exports::sluice::plugin::mover::Guest for Component<M> {
    fn plan(bundle: &bundles::Bundle) -> Result<types::Decision, types::Failure> {
        log::panics();
        Ok(match call::plan::<M>(&host::config(), &Bundle::new(&Lent::new(bundle)))? {
            Decision::Place(places) => types::Decision::Place(places.into_iter().map(Into::into).collect()),
            Decision::Refuse(findings) => types::Decision::Refuse(findings.into_iter().map(Into::into).collect()),
        })
    }
}
