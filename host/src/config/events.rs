//! Who is told of the ends of jobs, in which words, and with which secret.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ServiceUrl;
use super::parse::{Wrong, shown};

/// What stands before the secret in Standard Webhooks. It may be left out.
const PREFIX: &str = "whsec_";
/// A secret of fewer bytes can be guessed.
const SHORTEST: usize = 16;
const SECRET_FORM: &str = "give at least 16 random bytes in base64, as this makes them: \
                           printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"";

/// A receiver, and how it is told. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct EventSettings {
    /// Where events are posted.
    pub url: ServiceUrl,
    /// In which words.
    pub format: EventFormat,
    /// What events say that they come from; none for what is usual in their format.
    pub source: Option<String>,
    /// A file with secrets, one a line.
    pub secret_file: Option<PathBuf>,
    /// Secrets that were given themselves.
    pub secrets: Vec<Secret>,
    /// How long one call may take.
    pub timeout: Duration,
    /// How old an event is when it is given up.
    pub max_age: Duration,
}

/// How an event is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventFormat {
    /// CloudEvents 1.0, all of it in one JSON document.
    #[default]
    CloudEvents,
    /// CloudEvents 1.0, its attributes as headers.
    CloudEventsBinary,
    /// CloudEvents 0.1, as Pacifica's metadata service tells of accepted metadata.
    Pacifica,
}

impl EventFormat {
    const ALL: [Self; 3] = [Self::CloudEvents, Self::CloudEventsBinary, Self::Pacifica];

    /// The name in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CloudEvents => "cloudevents",
            Self::CloudEventsBinary => "cloudevents-binary",
            Self::Pacifica => "pacifica",
        }
    }
}

/// A key that events are signed with. No way of showing it shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The key.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).ok()?;
        (bytes.len() >= SHORTEST).then_some(Self(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The secrets of a file, one a line; empty lines and those that begin with `#` are passed over. The error says what is
/// wrong and what to do, and nothing of what the file holds.
pub fn read_secrets(file: &Path) -> Result<Vec<Secret>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!("events.secret_file {} cannot be read: {error}; let the user of sluice read it", file.display())
    })?;
    let mut secrets = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        secrets.push(Secret::parse(line).ok_or_else(|| {
            let file = file.display();
            format!("events.secret_file {file} line {} is no secret; {SECRET_FORM}", index + 1)
        })?);
    }
    match secrets.is_empty() {
        true => Err(format!("events.secret_file {} holds no secret; {SECRET_FORM}", file.display())),
        false => Ok(secrets),
    }
}

/// One secret.
pub(super) fn secret(text: &OsStr) -> Result<Secret, Wrong> {
    // What is wrong with a secret is not quoted.
    text.to_str().and_then(Secret::parse).ok_or_else(|| Wrong::new("this is no secret", SECRET_FORM))
}

/// The name of a format.
pub(super) fn format(text: &OsStr) -> Result<EventFormat, Wrong> {
    EventFormat::ALL.into_iter().find(|format| text == format.name()).ok_or_else(|| {
        let known = EventFormat::ALL.map(EventFormat::name).join(", ");
        Wrong::new(format!("{} is no format of events", shown(text)), format!("give one of {known}"))
    })
}

/// A URI, which also goes into a header.
pub(super) fn source(text: &OsStr) -> Result<String, Wrong> {
    let fits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    match text.to_str().filter(fits) {
        Some(text) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err(Wrong::new(
            format!("{} is no source of events", shown(text)),
            "give the address that receivers know this gate by, such as https://ingest.example.org",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_base64_with_or_without_its_prefix_and_never_shown() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(secret(OsStr::new(text)).unwrap().bytes().len(), 24);
        assert_eq!(Secret::parse(text), Secret::parse(&text[PREFIX.len()..]));
        assert!(!format!("{:?}", Secret::parse(text)).contains("MfKQ"));
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "s3cret of a kind that is no base64"] {
            assert!(!secret(OsStr::new(text)).unwrap_err().wrong.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn a_file_of_secrets_has_one_a_line_and_a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets");
        std::fs::write(&file, "# new\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")
            .unwrap();
        assert_eq!(read_secrets(&file).unwrap().len(), 2);
        std::fs::write(&file, "# none\n").unwrap();
        assert!(read_secrets(&file).unwrap_err().contains("holds no secret"));
        std::fs::write(&file, "\ns3cret\n").unwrap();
        let wrong = read_secrets(&file).unwrap_err();
        assert!(wrong.contains("line 2") && !wrong.contains("s3cret"), "{wrong}");
    }

    #[test]
    fn a_source_goes_into_a_header() {
        assert_eq!(source(OsStr::new("https://gate.example/")).unwrap(), "https://gate.example");
        assert!(source(OsStr::new("a b")).is_err() && source(OsStr::new("")).is_err());
    }
}
