//! Decides where the files of a bundle go in the archive, and where moved files may come from.
//!
//! Both are the facility's ([`config::Config`]). Values of the bundle become names of folders only as they are: one that
//! cannot be a name is refused, never bent into one, because two values could bend into the same name.

pub mod config;
mod destination;
mod gatekeeper;
mod map;
mod part;
mod sources;
mod template;

use sluice_sdk::{Bundle, Failure, Mistakes, Mover, Placement, Report, Rule};

use config::Config;
use destination::Destination;
use gatekeeper::Gatekeeper;
use map::Map;
use sources::Source;
use template::Template;

/// The rule.
#[derive(Debug)]
pub struct Placer {
    sources: Vec<Source>,
    template: Template,
}

sluice_sdk::mover!(Placer, schema: "config.schema.json");

impl Rule for Placer {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        let sources = config
            .sources
            .into_iter()
            .enumerate()
            .filter_map(|(index, source)| Source::new(&format!("sources[{index}]"), source, &mut mistakes))
            .collect();
        match Template::parse(&config.template) {
            Ok(template) => mistakes.or(Self { sources, template }),
            Err(template) => {
                template.into_iter().for_each(|mistake| mistakes.add("template", mistake));
                Err(mistakes)
            }
        }
    }
}

impl Mover for Placer {
    fn plan(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<Vec<Placement>, Failure> {
        let gatekeeper = Gatekeeper::new(&self.sources, bundle);
        let destination = Destination::new(&self.template, bundle, report);
        let mut map = Map::default();
        for file in bundle.files() {
            gatekeeper.check(&file, report);
            if let Some(destination) = &destination
                && let Some(path) = destination.of(&file, report)
            {
                map.place(file, path, report);
            }
        }
        Ok(map.into_placements(report))
    }
}
