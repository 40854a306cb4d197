//! What the first bytes of a file say that it is.

use crate::magic::{Magic, SCIENCE};
use crate::mimetype::{canonical, is_text};

/// Beginnings of two bytes or so. They are in one of some thousand files by chance, so they confirm what a row says and
/// contradict nothing.
const WEAK: [&str; 9] = [
    "application/vnd.microsoft.portable-executable",
    "application/x-x509-ca-cert",
    "application/x-executable",
    "application/x-compress",
    "application/x-mobipocket-ebook",
    "audio/mpeg",
    "audio/aac",
    "image/bmp",
    "image/vnd.microsoft.icon",
];

/// What a file seems to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Of this type.
    Known(String),
    /// Text of some kind.
    Text,
    /// Neither.
    Unknown,
}

/// The site's formats, and the built-in ones.
#[derive(Debug)]
pub(crate) struct Detector {
    formats: Vec<(String, Magic)>,
}

impl Detector {
    pub(crate) fn new(formats: Vec<(String, Magic)>) -> Self {
        Self { formats }
    }

    /// What begins like this.
    pub(crate) fn detect(&self, head: &[u8]) -> Content {
        if let Some((mimetype, _)) = self.formats.iter().find(|(_, magic)| magic.is_in(head)) {
            return Content::Known(mimetype.clone());
        }
        if let Some((mimetype, _, _)) = SCIENCE.iter().find(|(_, offset, bytes)| begins(head, *offset, bytes)) {
            return Content::Known((*mimetype).to_owned());
        }
        let text = seems_text(head);
        let inferred = infer::get(head).map(|found| canonical(found.mime_type()));
        match inferred {
            // A table whose first column is called "MZ" is no program, nor is one called "BM" an image.
            Some(found) if (!text || is_strong_in_text(&found)) && !WEAK.contains(&found.as_str()) => {
                Content::Known(found)
            }
            _ if text => Content::Text,
            _ => Content::Unknown,
        }
    }

    /// Whether a file that begins like this is of a type; None where nothing is known about how the type begins.
    pub(crate) fn is(&self, head: &[u8], mimetype: &str) -> Option<bool> {
        let own = self.formats.iter().filter(|(known, _)| known == mimetype).map(|(_, magic)| magic.is_in(head));
        let science = SCIENCE
            .iter()
            .filter(|(known, ..)| *known == mimetype)
            .map(|(_, offset, bytes)| begins(head, *offset, bytes));
        // Text has no beginning that it must have: XML may do without its declaration, a script without its shebang.
        let inferred =
            (!is_text(mimetype) && infer::is_mime_supported(mimetype)).then(|| infer::is_mime(head, mimetype));
        own.chain(science).chain(inferred).reduce(|one, other| one || other)
    }
}

fn begins(head: &[u8], offset: usize, bytes: &[u8]) -> bool {
    head.get(offset..).is_some_and(|rest| rest.starts_with(bytes))
}

/// Formats whose beginning is text and long enough to be no accident.
fn is_strong_in_text(mimetype: &str) -> bool {
    is_text(mimetype) || mimetype == "application/pdf"
}

/// Whether this may be text, of UTF-8 or of one byte per character, or UTF-16 with its mark. The bytes that are never in
/// text are those of the WHATWG's MIME Sniffing Standard ("binary data byte").
fn seems_text(head: &[u8]) -> bool {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return true;
    }
    !head.iter().any(|byte| matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(head: &[u8]) -> Content {
        Detector::new(vec![]).detect(head)
    }

    #[test]
    fn formats_of_science_and_of_the_web_are_known() {
        let mut nifti = vec![0; 348];
        nifti[344..].copy_from_slice(b"n+1\0");
        for (head, mimetype) in [
            (&b"\x89HDF\r\n\x1a\n\0"[..], "application/x-hdf5"),
            (b"CDF\x01\0\0", "application/x-netcdf"),
            (b"SIMPLE  =                    T", "application/fits"),
            (b"\x93NUMPY\x01\0", "application/x-npy"),
            (&nifti, "application/x-nifti"),
            (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
            (b"II*\0\x08\0\0\0", "image/tiff"),
            (b"\x1f\x8b\x08\0", "application/gzip"),
            (b"%PDF-1.7\n", "application/pdf"),
            (b"<?xml version=\"1.0\"?>", "text/xml"),
        ] {
            assert_eq!(detect(head), Content::Known(mimetype.into()));
        }
    }

    #[test]
    fn a_text_is_not_taken_for_something_else_for_its_first_letters() {
        for head in [&b"MZ,intensity\n1,2\n"[..], b"BM 1 2 3\n", b"0\x82\xb5m\n", b"T \xb0C\n1\n", "温度\n".as_bytes()]
        {
            assert_eq!(detect(head), Content::Text, "{head:?}");
        }
        assert_eq!(detect(b"MZ\0\x01\x02"), Content::Unknown);
        assert_eq!(detect(b"\x01\x02\x03"), Content::Unknown);
    }
}
