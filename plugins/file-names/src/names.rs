//! One entry of the configuration, ready to be held against paths.

use regex_lite::Regex;
use sluice_sdk::{FileInfo, Glob, Location, Mistakes, Quoted, Report, Severity};

use crate::{config, reserved};

/// A path that is longer than any system opens is named by its row: the gate takes no text of any length.
const NAMED_BY_PATH: usize = 4096;

/// An entry whose patterns are compiled.
#[derive(Debug)]
pub(crate) struct Names {
    files: Option<Glob>,
    allowed: Option<Vec<Pattern>>,
    forbidden: Vec<Pattern>,
    name_pattern: Option<Form>,
    path_pattern: Option<Form>,
    forbidden_characters: String,
    portable: bool,
    windows: bool,
    lengths: Lengths,
    severity: Severity,
    hint: Option<String>,
}

#[derive(Debug)]
struct Lengths {
    part_characters: usize,
    part_bytes: usize,
    path_characters: usize,
    path_bytes: usize,
    folders: usize,
}

/// A glob, held against the name where it has no `/`, and else against the whole path.
#[derive(Debug)]
struct Pattern {
    text: String,
    glob: Glob,
}

impl Pattern {
    fn all(key: &str, texts: Vec<String>, mistakes: &mut Mistakes) -> Vec<Self> {
        texts
            .into_iter()
            .enumerate()
            .filter_map(|(index, text)| {
                let glob = mistakes.ok(format_args!("{key}[{index}]"), Glob::new(&text))?;
                Some(Self { text, glob })
            })
            .collect()
    }

    fn matches(&self, path: &str, name: &str) -> bool {
        self.glob.matches(if self.text.contains('/') { path } else { name })
    }
}

/// A regular expression for the whole of a text.
#[derive(Debug)]
struct Form {
    text: String,
    whole: Regex,
}

impl Form {
    /// The pattern is compiled as it was written first, so that what is said of a bad one is about the facility's text.
    fn new(text: String) -> Result<Self, String> {
        let whole = Regex::new(&text)
            .and_then(|_| Regex::new(&format!("^(?:{text})$")))
            .map_err(|error| format!("{text:?} is no regular expression: {error}"))?;
        Ok(Self { text, whole })
    }
}

impl Names {
    /// Compiles an entry. Mistakes are named below `key`.
    pub(crate) fn new(key: &str, config: config::Names, mistakes: &mut Mistakes) -> Self {
        if config.allowed.as_ref().is_some_and(Vec::is_empty) {
            mistakes.add(format_args!("{key}.allowed"), "an empty list allows no name; leave it out to allow any");
        }
        if config.forbidden_characters.contains('/') {
            mistakes.add(
                format_args!("{key}.forbidden_characters"),
                "'/' parts folders and is in no name; to forbid folders, set max_folders = 0",
            );
        }
        for (name, length) in [
            ("max_part_characters", config.max_part_characters),
            ("max_part_bytes", config.max_part_bytes),
            ("max_path_characters", config.max_path_characters),
            ("max_path_bytes", config.max_path_bytes),
        ] {
            if length == Some(0) {
                mistakes.add(format_args!("{key}.{name}"), "must be at least 1, for no name is shorter");
            }
        }
        let mut form = |name: &str, text: Option<String>| {
            text.and_then(|text| mistakes.ok(format_args!("{key}.{name}"), Form::new(text)))
        };
        let name_pattern = form("name_pattern", config.name_pattern);
        let path_pattern = form("path_pattern", config.path_pattern);
        Self {
            files: config.files.and_then(|glob| mistakes.ok(format_args!("{key}.files"), Glob::new(&glob))),
            allowed: config.allowed.map(|texts| Pattern::all(&format!("{key}.allowed"), texts, mistakes)),
            forbidden: Pattern::all(&format!("{key}.forbidden"), config.forbidden, mistakes),
            name_pattern,
            path_pattern,
            forbidden_characters: config.forbidden_characters,
            portable: config.portable,
            windows: config.windows,
            lengths: Lengths {
                part_characters: config.max_part_characters.unwrap_or(usize::MAX),
                part_bytes: config.max_part_bytes.unwrap_or(usize::MAX),
                path_characters: config.max_path_characters.unwrap_or(usize::MAX),
                path_bytes: config.max_path_bytes.unwrap_or(usize::MAX),
                folders: config.max_folders.unwrap_or(usize::MAX),
            },
            severity: config.severity.unwrap_or(Severity::Error),
            hint: config.hint,
        }
    }

    /// Whether the entry says anything about this path.
    pub(crate) fn is_about(&self, path: &str) -> bool {
        self.files.as_ref().is_none_or(|glob| glob.matches(path))
    }

    /// Says everything that is wrong with a file's path.
    pub(crate) fn check(&self, file: &FileInfo, report: &mut Report) {
        let (path, name) = (file.path.as_str(), file.split().1);
        self.check_patterns(file, path, name, report);
        self.check_lengths(file, path, report);
        for part in path.split('/') {
            self.check_part(file, part, report);
        }
    }

    fn check_patterns(&self, file: &FileInfo, path: &str, name: &str, report: &mut Report) {
        if let Some(allowed) = &self.allowed
            && !allowed.iter().any(|pattern| pattern.matches(path, name))
        {
            let patterns: Vec<&str> = allowed.iter().take(12).map(|pattern| pattern.text.as_str()).collect();
            let more = if allowed.len() > patterns.len() { ", …" } else { "" };
            let message = format!("{} is none of the names allowed here: {}{more}.", Quoted(path), patterns.join(", "));
            self.say(file, "name-not-allowed", message, "Rename the file, or leave it out.", report);
        }
        if let Some(pattern) = self.forbidden.iter().find(|pattern| pattern.matches(path, name)) {
            let message = format!("{} is not taken here: {} is forbidden.", Quoted(path), pattern.text);
            self.say(file, "name-forbidden", message, "Leave the file out, or rename it if it is data.", report);
        }
        for (what, text, form) in [("name", name, &self.name_pattern), ("path", path, &self.path_pattern)] {
            if let Some(form) = form
                && !form.whole.is_match(text)
            {
                let message = format!("The {what} {} does not have the form {:?}.", Quoted(text), form.text);
                self.say(file, "name-malformed", message, "Rename the file.", report);
            }
        }
    }

    fn check_lengths(&self, file: &FileInfo, path: &str, report: &mut Report) {
        let message = over(path, self.lengths.path_bytes, self.lengths.path_characters);
        if let Some(length) = message {
            let message = format!("The path {} is too long: {length}.", Quoted(path));
            self.say(file, "path-too-long", message, "Use shorter names or fewer folders.", report);
        }
        let folders = path.matches('/').count();
        if folders > self.lengths.folders {
            let most = self.lengths.folders;
            let message = format!("{} lies {folders} folders deep; at most {most} are allowed.", Quoted(path));
            self.say(file, "too-many-folders", message, "Use fewer folders, one inside the other.", report);
        }
    }

    fn check_part(&self, file: &FileInfo, part: &str, report: &mut Report) {
        let shown = Quoted(part);
        if let Some(length) = over(part, self.lengths.part_bytes, self.lengths.part_characters) {
            self.say(
                file,
                "part-too-long",
                format!("The name {shown} is too long: {length}."),
                "Use a shorter name.",
                report,
            );
        }
        if let Some(character) = part.chars().find(|character| self.forbidden_characters.contains(*character)) {
            let message = format!("The name {shown} has the character {character:?}, which is not allowed.");
            self.say(file, "character-forbidden", message, "Rename it without this character.", report);
        }
        if self.portable {
            let odd = part.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-".contains(*c)));
            if let Some(character) = odd {
                let message =
                    format!("The name {shown} has the character {character:?}, which not every system can store.");
                let hint = "Use the letters A to Z and a to z, digits, '.', '_' and '-' only.";
                self.say(file, "name-not-portable", message, hint, report);
            } else if part.starts_with('-') {
                let message = format!("The name {shown} begins with '-', and programs take it for an option.");
                self.say(file, "name-not-portable", message, "Begin it with a letter or a digit.", report);
            }
        }
        if self.windows
            && let Some(why) = reserved::reason(part)
        {
            let message = format!("The name {shown} cannot be stored on Windows: {why}.");
            self.say(file, "name-reserved", message, "Rename it.", report);
        }
    }

    /// The facility's own hint is worth more than ours.
    fn say(&self, file: &FileInfo, code: &str, message: String, hint: &str, report: &mut Report) {
        report
            .add(self.severity, code, message)
            .at(location(file))
            .hint(self.hint.clone().unwrap_or_else(|| hint.to_owned()));
    }
}

/// Where a finding about a file's path belongs.
pub(crate) fn location(file: &FileInfo) -> Location {
    if file.path.len() > NAMED_BY_PATH {
        return Location::Metadata(format!("/{}", file.row));
    }
    Location::File(file.path.clone())
}

/// By how much a text is too long, if it is.
fn over(text: &str, most_bytes: usize, most_characters: usize) -> Option<String> {
    if text.len() > most_bytes {
        return Some(format!("it has {} bytes, at most {most_bytes} are allowed", text.len()));
    }
    // A text has no more characters than bytes: counting them is rarely needed.
    if text.len() <= most_characters {
        return None;
    }
    let characters = text.chars().count();
    (characters > most_characters)
        .then(|| format!("it has {characters} characters, at most {most_characters} are allowed"))
}
