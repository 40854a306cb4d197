//! What the first bytes of a file say that it is, held against what the uploader says.
//!
//! One kilobyte of each file is read. A file is believed wherever its content may be what its row names: formats are
//! built of one another (a `.docx` is a zip archive, NetCDF-4 is HDF5), and nobody knows them all. What is refused is
//! content that is certainly something else.

pub mod config;
mod detect;
mod magic;
mod mimetype;

use std::io::Read;

use sluice_sdk::{Bundle, Failure, FileInfo, Glob, Mistakes, Quoted, Report, Rule, Severity, Validator};

use config::{Config, Consequence};
use detect::{Content, Detector};
use magic::{HEAD, Magic};
use mimetype::{ANY, are_related, canonical, is_container, is_never_text, is_text};

/// The rule.
#[derive(Debug)]
pub struct ContentType {
    skip: Vec<Glob>,
    mismatch: Consequence,
    unknown: Consequence,
    unspecified: Consequence,
    required: Vec<Required>,
    detector: Detector,
    same: Vec<Vec<String>>,
    hint: Option<String>,
}

#[derive(Debug)]
struct Required {
    files: Option<Glob>,
    /// As the facility wrote them, and ready.
    types: Vec<(String, Glob)>,
    severity: Severity,
    hint: Option<String>,
}

sluice_sdk::validator!(ContentType, schema: "config.schema.json");

impl Rule for ContentType {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        let skip = config.skip.iter().enumerate();
        let skip =
            skip.filter_map(|(index, glob)| mistakes.ok(format_args!("skip[{index}]"), Glob::new(glob))).collect();
        let required = config.required.into_iter().enumerate();
        let required = required
            .map(|(index, required)| Required::new(&format!("required[{index}]"), required, &mut mistakes))
            .collect();
        let mut formats = Vec::new();
        for (index, format) in config.formats.into_iter().enumerate() {
            let at = format!("formats[{index}]");
            mistakes.ok(format_args!("{at}.mimetype"), check_type(&format.mimetype));
            if let Some(magic) = mistakes.ok(format_args!("{at}.magic"), Magic::parse(&format.magic, format.offset)) {
                formats.push((canonical(&format.mimetype), magic));
            }
        }
        for (index, group) in config.same.iter().enumerate() {
            for (nth, mimetype) in group.iter().enumerate() {
                mistakes.ok(format_args!("same[{index}][{nth}]"), check_type(mimetype));
            }
        }
        mistakes.or(Self {
            skip,
            mismatch: config.mismatch.unwrap_or(Consequence::Error),
            unknown: config.unknown.unwrap_or(Consequence::Accept),
            unspecified: config.unspecified.unwrap_or(Consequence::Accept),
            required,
            detector: Detector::new(formats),
            same: config.same.iter().map(|group| group.iter().map(|name| canonical(name)).collect()).collect(),
            hint: config.hint,
        })
    }
}

impl Required {
    fn new(key: &str, config: config::Required, mistakes: &mut Mistakes) -> Self {
        if config.types.is_empty() {
            mistakes.add(format_args!("{key}.types"), "names no type");
        }
        let types = config.types.into_iter().enumerate().filter_map(|(index, name)| {
            let at = format!("{key}.types[{index}]");
            mistakes.ok(&at, check_type(&name));
            let glob = mistakes.ok(&at, Glob::new(&canonical(&name)))?;
            Some((name, glob))
        });
        let types = types.collect();
        Self {
            types,
            files: config.files.and_then(|glob| mistakes.ok(format_args!("{key}.files"), Glob::new(&glob))),
            severity: config.severity.unwrap_or(Severity::Error),
            hint: config.hint,
        }
    }
}

fn check_type(name: &str) -> Result<(), String> {
    let parts = name.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
    if parts { Ok(()) } else { Err(format!("{name:?} is no type; types are written as \"image/png\"")) }
}

impl Validator for ContentType {
    fn validate(&self, bundle: &Bundle<'_>, report: &mut Report) -> Result<(), Failure> {
        let mut not_at_hand = 0_u64;
        for file in bundle.files().filter(|file| !self.skip.iter().any(|glob| glob.matches(&file.path))) {
            let Some(contents) = bundle.open(&file.path) else {
                not_at_hand += 1;
                continue;
            };
            let mut head = Vec::with_capacity(HEAD);
            contents.take(HEAD as u64).read_to_end(&mut head)?;
            // There is nothing in an empty file that could be anything; the rule `quota` can refuse it.
            if !head.is_empty() {
                self.check(&file, &head, report);
            }
        }
        if not_at_hand > 0 {
            report
                .info(
                    "content-not-at-hand",
                    format!(
                        "The contents of {not_at_hand} listed files are not at hand here; their types were not checked."
                    ),
                )
                .hint("In a dry run this is so for all files. In an upload, look whether all listed files were sent.");
        }
        Ok(())
    }
}

impl ContentType {
    fn check(&self, file: &FileInfo, head: &[u8], report: &mut Report) {
        let claim = canonical(&file.mimetype);
        let content = self.detector.detect(head);
        let judged = self.judge(&claim, &content, head);
        let shown = Quoted(&file.mimetype);
        match judged {
            Judged::Agrees => {}
            Judged::Differs => {
                let message = format!("The file is listed as {shown}, but {}.", is_instead(&content, &claim));
                let hint =
                    "Correct the type in the file's row, or look whether the file is damaged or has the wrong name.";
                self.say(self.mismatch, "type-mismatch", message, hint, file, report);
            }
            Judged::Unknown => {
                let message =
                    format!("Nothing is known here of what {shown} looks like, nor of what the file begins with.");
                let hint = "Send the data in a format that is known, or ask the facility to add this one to the rule.";
                self.say(self.unknown, "content-unknown", message, hint, file, report);
            }
            Judged::Unspecified => {
                let Content::Known(found) = &content else { return };
                let message = format!("The file is listed without a type of its own, and is {found}.");
                self.say(
                    self.unspecified,
                    "type-unspecified",
                    message,
                    "Name this type in the file's row.",
                    file,
                    report,
                );
            }
        }
        let about = |required: &&Required| required.files.as_ref().is_none_or(|glob| glob.matches(&file.path));
        for required in self.required.iter().filter(about) {
            self.check_required(required, file, &claim, &content, judged, report);
        }
    }

    fn check_required(
        &self,
        required: &Required,
        file: &FileInfo,
        claim: &str,
        content: &Content,
        judged: Judged,
        report: &mut Report,
    ) {
        // What the row says counts as long as nothing in the content is against it.
        let claimed = (judged == Judged::Agrees).then_some(claim);
        let found = match content {
            Content::Known(found) => Some(found.as_str()),
            Content::Text => Some("text/plain"),
            Content::Unknown => None,
        };
        let fits = |mimetype: &str| required.types.iter().any(|(_, glob)| glob.matches(mimetype));
        if claimed.into_iter().chain(found).any(|mimetype| fits(mimetype) || self.twins(mimetype).any(&fits)) {
            return;
        }
        let is = match (found, claimed) {
            (Some(found), _) => format!("is {found}"),
            (None, Some(claim)) => format!("is listed as {}", Quoted(claim)),
            (None, None) => "is of no known type".to_owned(),
        };
        let types: Vec<&str> = required.types.iter().map(|(name, _)| name.as_str()).collect();
        report
            .add(required.severity, "type-not-allowed", format!("The file {is}; taken here is {}.", types.join(" or ")))
            .at_file(file.path.as_str())
            .hint(
                required.hint.clone().unwrap_or_else(|| "Convert the file, or put it into another folder.".to_owned()),
            );
    }

    fn judge(&self, claim: &str, content: &Content, head: &[u8]) -> Judged {
        let known = self.detector.is(head, claim);
        if claim == ANY {
            let is_known = matches!(content, Content::Known(_));
            return if is_known { Judged::Unspecified } else { Judged::Agrees };
        }
        if known == Some(true) || self.twins(claim).any(|twin| self.detector.is(head, twin) == Some(true)) {
            return Judged::Agrees;
        }
        let agrees = match content {
            Content::Known(found) => {
                found == claim
                    || self.twins(claim).any(|twin| twin == found)
                    || are_related(found, claim)
                    || (known.is_none() && is_container(found) && !is_text(claim))
                    || (is_text(found) && is_text(claim))
            }
            Content::Text => known.is_none() && !is_never_text(claim),
            Content::Unknown if known.is_none() && !is_text(claim) => return Judged::Unknown,
            Content::Unknown => false,
        };
        if agrees { Judged::Agrees } else { Judged::Differs }
    }

    /// The types that mean the same here.
    fn twins<'a>(&'a self, mimetype: &'a str) -> impl Iterator<Item = &'a str> {
        let groups = self.same.iter().filter(move |group| group.iter().any(|name| name == mimetype));
        groups.flatten().map(String::as_str).filter(move |name| *name != mimetype)
    }

    /// The facility's own hint is worth more than ours.
    fn say(
        &self,
        consequence: Consequence,
        code: &str,
        message: String,
        hint: &str,
        file: &FileInfo,
        report: &mut Report,
    ) {
        if let Some(severity) = consequence.severity() {
            report
                .add(severity, code, message)
                .at_file(file.path.as_str())
                .hint(self.hint.clone().unwrap_or_else(|| hint.to_owned()));
        }
    }
}

/// What came of holding a row's type against the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Agrees,
    Differs,
    Unknown,
    /// The row says nothing, and the content does.
    Unspecified,
}

fn is_instead(content: &Content, claim: &str) -> String {
    match content {
        Content::Known(found) => format!("its content is {found}"),
        Content::Text => "its content is text".to_owned(),
        Content::Unknown if is_text(claim) => "its content is not text".to_owned(),
        Content::Unknown => "it does not begin as such a file does".to_owned(),
    }
}
