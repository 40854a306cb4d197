//! Files go below their project and their instrument.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::{Bundle, Failure, Mistakes, Mover, Placement, Report, Rule};

/// What the facility writes into its policy.
#[derive(Deserialize, JsonSchema)]
pub struct Config {
    /// The folder of the archive that all files go into.
    folder: String,
}

/// The rule: made from its configuration before every call.
pub struct ByProject(Config);

impl Rule for ByProject {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        if config.folder.is_empty() {
            mistakes.add("folder", "must not be empty");
        }
        mistakes.or(Self(config))
    }
}

impl Mover for ByProject {
    fn plan(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<Vec<Placement>, Failure> {
        let (Some(project), Some(instrument)) = (bundle.project(), bundle.instrument()) else {
            report
                .error("no-place", "Without a project and an instrument there is no place for the files.")
                .hint("Choose both in the uploader.");
            return Ok(Vec::new());
        };
        // The job's id keeps two bundles with files of the same name apart.
        let folder = format!("{}/{project}/{instrument}/{}", self.0.folder, bundle.job_id());
        Ok(bundle.files().map(|file| Placement { file: file.index, path: format!("{folder}/{}", file.path) }).collect())
    }
}

sluice_sdk::mover!(ByProject);

#[test]
fn files_without_a_project_have_no_place() {
    use sluice_sdk::Decision;
    use sluice_sdk::testing::{BundleBuilder, plan};

    let bundle = BundleBuilder::new("[]").build();
    assert!(matches!(plan::<ByProject>(r#"{"folder": "raw"}"#, &bundle), Ok(Decision::Refuse(_))));
}
