//! Templates of destinations, such as `{project}/{received:%Y}/{name}`.
//!
//! A template is read once, with all its mistakes. For a bundle, everything that is the same for all its files is filled
//! in first; what is then left is filled in per file.

use std::fmt::{self, Write as _};

use chrono::DateTime;
use chrono::format::{Item, StrftimeItems};
use sluice_sdk::TransactionField;

use crate::part;

const FIELDS: &str = "job_id, user, submitter, project, instrument, subdir, name, path, file_id, received:FORMAT, \
                      key:NAME";

/// Bytes of a template. Fields have longer names than many a value.
const LONGEST: usize = 4_096;
/// Mistakes that are listed; the first ones tell what is wrong.
const LISTED: usize = 20;
/// Characters of a field that are shown in a mistake about it.
const SHOWN: usize = 80;

/// A template, as the parts of the path it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Field(Field),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    JobId,
    User,
    Transaction(TransactionField),
    /// When the job was received, in this strftime format.
    Received(String),
    /// The value of a key of the transaction.
    Key(String),
    Subdir,
    Name,
    Path,
    FileId,
}

/// The field as the template has it, without its braces.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JobId => f.write_str("job_id"),
            Self::User => f.write_str("user"),
            Self::Transaction(field) => f.write_str(field.name()),
            Self::Received(format) => write!(f, "received:{format}"),
            Self::Key(key) => write!(f, "key:{key}"),
            Self::Subdir => f.write_str("subdir"),
            Self::Name => f.write_str("name"),
            Self::Path => f.write_str("path"),
            Self::FileId => f.write_str("file_id"),
        }
    }
}

impl Field {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(field) = TransactionField::ALL.into_iter().find(|field| field.name() == text) {
            return Ok(Self::Transaction(field));
        }
        match text {
            "job_id" => return Ok(Self::JobId),
            "user" => return Ok(Self::User),
            "subdir" => return Ok(Self::Subdir),
            "name" => return Ok(Self::Name),
            "path" => return Ok(Self::Path),
            "file_id" => return Ok(Self::FileId),
            "received" => return Err("{received} needs a format, such as {received:%Y/%m}".to_owned()),
            "key" => return Err("{key} needs the name of a key, such as {key:Temp C}".to_owned()),
            _ => {}
        }
        match text.split_once(':') {
            Some(("received", format)) => check_format(format).map(|()| Self::Received(format.to_owned())),
            Some(("key", "")) => Err("{key:} needs the name of a key, such as {key:Temp C}".to_owned()),
            Some(("key", key)) => Ok(Self::Key(key.to_owned())),
            _ => Err(format!("there is no field {{{}}}; the fields are {FIELDS}", shown(text))),
        }
    }
}

/// A format is tried once, on a time that the format's parts cannot depend on.
fn check_format(format: &str) -> Result<(), String> {
    let unknown = StrftimeItems::new(format).any(|item| matches!(item, Item::Error));
    // What strftime can only read, `%#z` for one, is known and cannot be written.
    let sample = if unknown { None } else { received(format, 0) };
    let Some(sample) = sample else {
        return Err(format!("{{received:{}}} has a format that strftime does not know", shown(format)));
    };
    match sample.split('/').find_map(part::objection) {
        Some(objection) => Err(format!("{{received:{}}} makes a part of a path that {objection}", shown(format))),
        None => Ok(()),
    }
}

fn shown(text: &str) -> &str {
    text.char_indices().nth(SHOWN).map_or(text, |(cut, _)| &text[..cut])
}

/// A time in seconds since 1970, in UTC. None where it is out of the calendar's range, or nothing is written so.
pub(crate) fn received(format: &str, seconds: u64) -> Option<String> {
    let time = DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?;
    let mut text = String::new();
    write!(text, "{}", time.format(format)).ok()?;
    Some(text)
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Every mistake, with its position.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<String>> {
        if text.len() > LONGEST {
            return Err(vec![format!("it has {} bytes; a template has at most {LONGEST}", text.len())]);
        }
        let mut reader = Reader::default();
        let mut chars = text.chars().zip(1..).peekable();
        while let Some((c, position)) = chars.next() {
            match c {
                '{' | '}' if chars.next_if(|(next, _)| *next == c).is_some() => reader.text.push(c),
                '{' => {
                    let mut field = String::new();
                    while let Some((c, _)) = chars.next_if(|(next, _)| !matches!(next, '{' | '}')) {
                        field.push(c);
                    }
                    if chars.next_if(|(next, _)| *next == '}').is_none() {
                        reader.mistake(position, "this brace is not closed");
                    } else {
                        match Field::parse(&field) {
                            Ok(field) => reader.field(field),
                            Err(what) => reader.mistake(position, what),
                        }
                    }
                }
                '}' => reader.mistake(position, "this brace closes nothing; a brace itself is written }}"),
                '/' => reader.end_part(position),
                c if c.is_control() => reader.mistake(position, "a control character cannot be part of a path"),
                c => reader.text.push(c),
            }
        }
        reader.end_part(text.chars().count() + 1);
        let more = reader.mistakes.len().saturating_sub(LISTED);
        if more > 0 {
            reader.mistakes.truncate(LISTED);
            reader.mistakes.push(format!("and {more} more"));
        }
        if reader.mistakes.is_empty() && reader.fixed > part::LONGEST_PATH {
            let most = part::LONGEST_PATH;
            reader
                .mistakes
                .push(format!("without its fields it has {} bytes; a path has at most {most}", reader.fixed));
        }
        if reader.mistakes.is_empty() { Ok(Self { parts: reader.parts }) } else { Err(reader.mistakes) }
    }
}

#[derive(Default)]
struct Reader {
    parts: Vec<Vec<Piece>>,
    part: Vec<Piece>,
    text: String,
    /// Whether something of the part could not be read, so that nothing can be said of the part.
    part_is_broken: bool,
    /// Bytes that every path has.
    fixed: usize,
    mistakes: Vec<String>,
}

impl Reader {
    fn mistake(&mut self, position: usize, what: impl fmt::Display) {
        self.part_is_broken = true;
        self.mistakes.push(format!("character {position}: {what}"));
    }

    fn field(&mut self, field: Field) {
        self.end_text();
        self.part.push(Piece::Field(field));
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.part.push(Piece::Text(std::mem::take(&mut self.text)));
        }
    }

    fn end_part(&mut self, position: usize) {
        self.end_text();
        let part = std::mem::take(&mut self.part);
        let objection = match part.as_slice() {
            [] => part::objection(""),
            [Piece::Text(text)] => {
                part::objection(text).or_else(|| self.parts.is_empty().then(|| part::objection_at_top(text)).flatten())
            }
            pieces => (fixed_run(pieces) > part::LONGEST).then_some(part::TOO_LONG),
        };
        self.fixed += part.iter().map(Piece::fixed).sum::<usize>();
        if let (Some(objection), false) = (objection, self.part_is_broken) {
            self.mistake(position, format_args!("the part of the path that ends here {objection}"));
        }
        self.part_is_broken = false;
        self.parts.push(part);
    }
}

impl Piece {
    /// Bytes that it has whatever the bundle is.
    fn fixed(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Field(_) => 0,
        }
    }
}

/// The most bytes that any name has which a part makes, whatever the bundle is.
fn fixed_run(pieces: &[Piece]) -> usize {
    // These fields may have slashes, and what follows them belongs to another name.
    let ends_a_name = |piece: &Piece| matches!(piece, Piece::Field(Field::Subdir | Field::Path | Field::Received(_)));
    pieces.split(ends_a_name).map(|name| name.iter().map(Piece::fixed).sum()).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEFAULT_TEMPLATE;

    #[test]
    fn the_default_template_is_read() {
        let template = Template::parse(DEFAULT_TEMPLATE).unwrap();
        assert_eq!(template.parts.len(), 6);
        assert_eq!(template.parts[2], [Piece::Field(Field::Received("%Y/%m".into()))]);
    }

    #[test]
    fn text_and_fields_mix_and_braces_are_doubled() {
        let template = Template::parse("a-{key:Temp C}-{{x}}/{name}").unwrap();
        assert_eq!(
            template.parts,
            [
                vec![Piece::Text("a-".into()), Piece::Field(Field::Key("Temp C".into())), Piece::Text("-{x}".into())],
                vec![Piece::Field(Field::Name)],
            ]
        );
    }

    #[test]
    fn every_mistake_is_named_with_its_position() {
        let mistakes = Template::parse("日/{projekt}/{received}/../{name}}/{key:").unwrap_err();
        assert_eq!(
            mistakes,
            [
                format!("character 3: there is no field {{projekt}}; the fields are {FIELDS}"),
                "character 13: {received} needs a format, such as {received:%Y/%m}".to_owned(),
                "character 26: the part of the path that ends here stands for a folder above or for the folder itself"
                    .to_owned(),
                "character 33: this brace closes nothing; a brace itself is written }}".to_owned(),
                "character 35: this brace is not closed".to_owned(),
            ]
        );
        for bad in ["", "/{name}", "a//{name}", "{name}/", ".", "{received:%Q}", "{received:}", "{received:%n}", "a\0"]
        {
            assert_eq!(Template::parse(bad).unwrap_err().len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn a_template_of_which_every_place_would_be_refused_is_refused_itself() {
        let (name, long) = ("x".repeat(255), "x".repeat(256));
        for (template, words) in [
            (long.clone(), "character 257: the part of the path that ends here is longer than 255 bytes"),
            (format!("{long}{{name}}"), "is longer than 255 bytes"),
            (format!("{}{{name}}{}", &long[..128], &long[..128]), "is longer than 255 bytes"),
            (".incoming/{name}".to_owned(), "character 10: the part of the path that ends here is the archive's own"),
            (".incoming".to_owned(), "the archive's own folder"),
            (format!("{}/{{name}}", [&*name; 12].join("/")), "without its fields it has 3060 bytes"),
            ("{name}".repeat(1_000), "it has 6000 bytes; a template has at most 4096"),
        ] {
            let mistakes = Template::parse(&template).unwrap_err();
            assert!(mistakes.len() == 1 && mistakes[0].contains(words), "{words} in {mistakes:?}");
        }
        for template in [
            format!("{name}/{{name}}"),
            format!("{0}{{subdir}}{0}/{{received:%Y/%m}}{0}", &name[..200]),
            "a/.incoming/{name}".to_owned(),
            ".incoming{name}".to_owned(),
        ] {
            assert!(Template::parse(&template).is_ok(), "{template}");
        }
    }

    #[test]
    fn mistakes_are_short_and_not_without_end() {
        for template in
            ["{x}".repeat(1_365), format!("{{{}}}", "x".repeat(4_000)), format!("{{received:{}%Q}}", "x".repeat(4_000))]
        {
            let mistakes = Template::parse(&template).unwrap_err();
            assert!(mistakes.len() <= 21 && mistakes.iter().all(|mistake| mistake.len() < 400), "{mistakes:?}");
        }
    }

    #[test]
    fn a_format_that_can_only_be_read_is_refused() {
        let mistakes = Template::parse("{received:%#z}/{name}").unwrap_err();
        assert_eq!(mistakes, ["character 1: {received:%#z} has a format that strftime does not know"]);
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(received("%Y/%m/%dT%H", 1_772_366_400).as_deref(), Some("2026/03/01T12"));
        assert_eq!(received("%Y", u64::MAX), None);
    }
}
