//! One crate: a folder with a `ro-crate-metadata.json`.
//!
//! RO-Crate Metadata Specification 1.1 and 1.2: the metadata descriptor, the root data entity, and the data entities that
//! are files and folders of the crate. The descriptions themselves are not judged; the rule `json-schema` reads another
//! document.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use sluice_sdk::{Failure, Quoted};

use crate::config::RoCrate;
use crate::files::{Files, Text};
use crate::notes::Notes;
use crate::tags;

/// The file that makes a folder a crate.
pub(crate) const MARK: &str = "ro-crate-metadata.json";

/// What belongs to the crate itself and need not be described.
const OWN: [&str; 2] = ["ro-crate-preview.html", "ro-crate-preview_files/"];

/// How the descriptor names the specification that it follows.
const PROFILE: &str = "https://w3id.org/ro/crate/";

/// What a root entity should have, so that a reader knows what the crate is.
const ROOT: [&str; 4] = ["name", "description", "datePublished", "license"];

/// Says what is wrong with the crate.
pub(crate) fn check(config: &RoCrate, files: &Files<'_>, notes: &mut Notes<'_>) -> Result<(), Failure> {
    let text = match files.text(MARK)? {
        Text::Is(text) => text,
        Text::NotAtHand => {
            notes.not_at_hand += 1;
            return Ok(());
        }
        Text::TooLong => return say(files, notes, "crate-malformed", "It is too long to be read here."),
        Text::NotUtf8 => return say(files, notes, "crate-malformed", "It is not UTF-8."),
    };
    let document: Value = match serde_json::from_str(&text) {
        Ok(document) => document,
        Err(error) => return say(files, notes, "crate-malformed", &format!("It is no JSON document: {error}.")),
    };
    let Some(graph) = document["@graph"].as_array() else {
        return say(files, notes, "crate-malformed", "It has no @graph, the list of what is described.");
    };
    let Some(root) = root(graph, files, notes)? else { return Ok(()) };
    let described = entities(graph, &root, files, notes);
    if config.all_described {
        let is_own = |name: &str| name == MARK || OWN.iter().any(|own| name.starts_with(own));
        for (name, _) in files.names_in("").filter(|(name, _)| !is_own(name) && !described.contains(*name)) {
            let message = "The file is in the crate, and ro-crate-metadata.json does not describe it.".to_owned();
            let hint = "Add a File entity for it, and name it in the hasPart of its folder.";
            notes.wrong("file-undescribed", files.path(name), message, hint);
        }
    }
    Ok(())
}

fn say(files: &Files<'_>, notes: &mut Notes<'_>, code: &str, message: &str) -> Result<(), Failure> {
    let hint = "Make the metadata again with the program that made the crate.";
    notes.wrong(code, files.path(MARK), message.to_owned(), hint);
    Ok(())
}

/// Finds the descriptor and the root entity that it is about: the root's id.
fn root(graph: &[Value], files: &Files<'_>, notes: &mut Notes<'_>) -> Result<Option<String>, Failure> {
    let is_descriptor = |entity: &&Value| entity["@id"].as_str().is_some_and(|id| id.trim_start_matches("./") == MARK);
    let Some(descriptor) = graph.iter().find(is_descriptor) else {
        say(files, notes, "descriptor-missing", "No entity has the @id \"ro-crate-metadata.json\".")?;
        return Ok(None);
    };
    let follows =
        each(&descriptor["conformsTo"]).any(|to| to["@id"].as_str().is_some_and(|id| id.starts_with(PROFILE)));
    if !follows {
        let message = format!("Its descriptor does not say by conformsTo which RO-Crate it follows ({PROFILE}…).");
        say(files, notes, "descriptor-malformed", &message)?;
    }
    let Some(id) = descriptor["about"]["@id"].as_str() else {
        say(files, notes, "descriptor-malformed", "Its descriptor does not say by about which entity is the root.")?;
        return Ok(None);
    };
    let Some(root) = graph.iter().find(|entity| entity["@id"] == id) else {
        say(files, notes, "root-missing", &format!("The root entity {} is not described.", Quoted(id)))?;
        return Ok(None);
    };
    if !is_a(root, "Dataset") {
        say(files, notes, "root-malformed", "The root entity is not of the @type Dataset.")?;
    }
    for property in ROOT.iter().filter(|property| root[**property].is_null()) {
        let message = format!("The root entity has no {property}.");
        notes.odd("root-incomplete", files.path(MARK), message, "Add it, so that others know what the crate is.");
    }
    Ok(Some(id.to_owned()))
}

/// Looks for the files and folders that are described. Gives the files that are.
fn entities(graph: &[Value], root: &str, files: &Files<'_>, notes: &mut Notes<'_>) -> BTreeSet<String> {
    let mut described = BTreeSet::new();
    for entity in graph {
        let Some(id) = entity["@id"].as_str() else { continue };
        let (is_file, is_folder) = (is_a(entity, "File"), is_a(entity, "Dataset"));
        if !(is_file || is_folder) || id == root || is_elsewhere(id) {
            continue;
        }
        let path = percent_decode_str(id).decode_utf8_lossy();
        let Some(path) = tags::normal(&path) else {
            let message = format!("It describes {}, which leads out of the crate.", Quoted(id));
            notes.wrong(
                "path-unsafe",
                files.path(MARK),
                message,
                "Describe only what is in the crate, or name it by its URL.",
            );
            continue;
        };
        // A name may have a percent sign of its own.
        let found = files.find(&path).or_else(|| files.find(&tags::normal(id)?)).map(str::to_owned);
        if let Some(found) = found {
            described.insert(found);
        } else if is_file {
            let message = format!("The crate describes {}, and it is not there.", Quoted(id));
            notes.wrong(
                "file-missing",
                files.path(&path),
                message,
                "Send the file as well, or take it out of the description.",
            );
        } else if !files.has_folder(&format!("{path}/")) {
            let message = format!("The crate describes the folder {}, and there is no file in it.", Quoted(id));
            notes.odd(
                "folder-missing",
                files.path(MARK),
                message,
                "Send its files as well, or take it out of the description.",
            );
        }
    }
    described
}

/// Whether an id means something that is not in the crate: a URL, or a thing of the description only.
fn is_elsewhere(id: &str) -> bool {
    let scheme = id.split(':').next().unwrap_or_default();
    let has_scheme = scheme.len() < id.len()
        && scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    id.starts_with('#') || id.starts_with("_:") || has_scheme
}

fn is_a(entity: &Value, kind: &str) -> bool {
    each(&entity["@type"]).any(|name| name == kind)
}

/// JSON-LD writes one value alone, and several as an array.
fn each(value: &Value) -> std::slice::Iter<'_, Value> {
    match value {
        Value::Array(values) => values.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}
