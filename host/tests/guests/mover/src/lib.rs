//! A mover that plans whatever harm its configuration asks for: `{"do": "escape"}`. Each deed proves one law of the gate
//! that no plan can break.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_sdk::{Bundle, Failure, FileInfo, Mistakes, Mover, Placement, Report, Rule};

/// What to do.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// The deed.
    #[serde(rename = "do")]
    pub deed: Deed,
}

/// A deed.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// A good plan: each file at `JOB_ID/PATH`.
    Place,
    /// Refuse, with a finding.
    Refuse,

    /// A path that climbs out of the archive.
    Escape,
    /// An absolute path.
    Absolute,
    /// A path with a NUL character.
    Nul,
    /// A path with a part `.`.
    Dot,
    /// A path with an empty part.
    DoubleSlash,
    /// A path of five thousand parts.
    ManyParts,
    /// A path with a part of 300 bytes.
    LongPart,
    /// An empty path.
    Empty,

    /// All files at one path.
    Clash,
    /// Each file but the first in a folder that has the first file's name, and lies where it lies.
    FileAsFolder,
    /// The last file has no place.
    Missing,
    /// The first file has two places.
    Twice,
    /// A place for a file that the bundle does not have.
    UnknownFile,
    /// A million places.
    TooMany,

    /// Never end.
    Loop,
    /// Panic, with a message that must reach the log.
    Panic,
    /// Fail as `other`.
    Failure,
}

/// The rule.
#[derive(Debug)]
pub struct HostileMover(Deed);

sluice_sdk::mover!(HostileMover);

impl Rule for HostileMover {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        Ok(Self(config.deed))
    }
}

impl Mover for HostileMover {
    fn plan(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<Vec<Placement>, Failure> {
        let job = bundle.job_id();
        let good = |file: &FileInfo| format!("{job}/{}", file.path);
        let all = |path: &dyn Fn(&FileInfo) -> String| -> Vec<Placement> {
            bundle.files().map(|file| Placement { file: file.index, path: path(&file) }).collect()
        };
        Ok(match self.0 {
            Deed::Place => all(&good),
            Deed::Refuse => {
                report.error("refused", "Refused, as asked.").hint("Ask for something else.");
                Vec::new()
            }

            Deed::Escape => all(&|file| format!("../../{}", file.path)),
            Deed::Absolute => all(&|file| format!("/etc/{}", file.path)),
            Deed::Nul => all(&|file| format!("{job}/{}\0.dat", file.path)),
            Deed::Dot => all(&|file| format!("{job}/./{}", file.path)),
            Deed::DoubleSlash => all(&|file| format!("{job}//{}", file.path)),
            Deed::ManyParts => all(&|file| format!("{job}/{}{}", "a/".repeat(5_000), file.path)),
            Deed::LongPart => all(&|file| format!("{job}/{}/{}", "a".repeat(300), file.path)),
            Deed::Empty => all(&|_| String::new()),

            Deed::Clash => all(&|_| format!("{job}/one")),
            Deed::FileAsFolder => all(&|file| format!("{job}/one{}", "/more".repeat(file.index as usize))),
            Deed::Missing => {
                let mut places = all(&good);
                places.pop();
                places
            }
            Deed::Twice => {
                let mut places = all(&good);
                places.extend(places.first().map(|first| Placement { file: first.file, path: format!("{job}/again") }));
                places
            }
            Deed::UnknownFile => {
                let mut places = all(&good);
                places.push(Placement { file: bundle.file_count(), path: format!("{job}/unknown") });
                places
            }
            Deed::TooMany => (0..1_000_000).map(|file| Placement { file, path: format!("{job}/{file}") }).collect(),

            Deed::Loop => loop {
                std::hint::spin_loop();
            },
            Deed::Panic => panic!("panicked, as asked"),
            Deed::Failure => return Err(Failure::Other("failed, as asked".to_owned())),
        })
    }
}
