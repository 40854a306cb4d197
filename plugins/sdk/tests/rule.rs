//! What a rule's author gets without writing it.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::testing::{self, BundleBuilder};
use sluice_sdk::{Bundle, Decision, Failure, Mistakes, Mover, Placement, Report, Rule, Validator};

#[derive(Deserialize, JsonSchema)]
struct Config {
    /// Counted in files.
    most: u32,
}

struct Most(u32);

impl Rule for Most {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        if config.most == 0 {
            mistakes.add("most", "must be at least 1");
        }
        mistakes.or(Self(config.most))
    }

    fn check(&self, mistakes: &mut Mistakes) {
        if self.0 > 1000 {
            mistakes.add("most", "is more than anyone can mean");
        }
    }
}

impl Validator for Most {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        if bundle.file_count() > self.0 {
            report.error("too-many-files", "too many");
        }
        Ok(())
    }
}

impl Mover for Most {
    fn plan(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<Vec<Placement>, Failure> {
        report.info("seen", "said, and of no weight");
        self.validate(bundle, report)?;
        Ok(bundle.files().map(|file| Placement { file: file.index, path: file.path }).collect())
    }
}

sluice_sdk::mover!(Most);

const TWO_FILES: &str = r#"[{"destinationTable": "Files", "name": "x"}, {"destinationTable": "Files", "name": "y"}]"#;

#[test]
fn a_plugin_is_named_by_its_manifest_and_describes_its_configuration() {
    let info = testing::describe::<Most>();
    assert_eq!((info.name, info.version), ("sluice-sdk", env!("CARGO_PKG_VERSION")));
    assert!(info.config_schema.contains("Counted in files."));
}

#[test]
fn a_configuration_is_checked_for_its_shape_then_its_sense_then_its_plausibility() {
    let check = testing::check_config::<Most>;
    assert_eq!(check(r#"{"most": 1000}"#), Ok(()));
    assert_eq!(check(r#"{"most": 1, "least": 2}"#), Err(vec!["least: there is no such key".into()]));
    assert_eq!(check(r#"{"most": 0}"#), Err(vec!["most: must be at least 1".into()]));
    assert_eq!(check(r#"{"most": 1001}"#), Err(vec!["most: is more than anyone can mean".into()]));
}

#[test]
fn a_call_with_an_unusable_configuration_is_a_failure_and_no_verdict() {
    let bundle = BundleBuilder::new("[]").build();
    let failure = testing::validate::<Most>("{}", &bundle).unwrap_err();
    assert_eq!(failure, Failure::BadConfig("missing field `most`".into()));
    assert!(testing::validate::<Most>(r#"{"most": 1001}"#, &bundle).is_ok());
}

#[test]
fn a_mover_that_reports_an_error_refuses_and_else_places() {
    let bundle = BundleBuilder::new(TWO_FILES).build();
    let Ok(Decision::Refuse(findings)) = testing::plan::<Most>(r#"{"most": 1}"#, &bundle) else { panic!("refused") };
    assert_eq!(findings.len(), 2);
    let Ok(Decision::Place(places)) = testing::plan::<Most>(r#"{"most": 2}"#, &bundle) else { panic!("placed") };
    assert_eq!(places[1], Placement { file: 1, path: "y".into() });
}
