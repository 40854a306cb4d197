//! Tag files and manifests of a bag, as text.
//!
//! RFC 8493: `Label: value` lines, of which those that begin with a blank go on (2.2.2), and `checksum path` lines (2.1.3).

use std::borrow::Cow;

/// The tags of a file, in order, or the line that is none.
pub(crate) fn tags(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = tags.last_mut()
        {
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let (label, value) = line.split_once(':').ok_or_else(|| line.trim().to_owned())?;
        tags.push((label.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(tags)
}

/// The first value of a label.
pub(crate) fn value<'t>(tags: &'t [(String, String)], label: &str) -> Option<&'t str> {
    tags.iter().find(|(known, _)| known == label).map(|(_, value)| value.as_str())
}

/// A line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line<'t> {
    Entry { checksum: &'t str, path: &'t str },
    Malformed(&'t str),
}

/// The lines of a manifest. Blank lines and remarks are passed over; a `*` before the path, which `md5sum` writes for
/// binary files, is no part of it.
pub(crate) fn manifest(text: &str) -> impl Iterator<Item = Line<'_>> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| match line.split_once([' ', '\t']) {
        Some((checksum, path)) => Line::Entry { checksum, path: path.trim_start().trim_start_matches('*') },
        None => Line::Malformed(line),
    })
}

/// The path without needless parts; None where it leads out of the bag, or begins where a shell puts a home folder.
pub(crate) fn normal(path: &str) -> Option<String> {
    if path.starts_with(['/', '~', '\\']) {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The path with its line ends and percent signs, which a manifest must encode (RFC 8493, 2.1.3).
pub(crate) fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).unwrap_or_default().to_ascii_uppercase();
        let (character, length) = match code.as_str() {
            "0A" => ('\n', 3),
            "0D" => ('\r', 3),
            "25" => ('%', 3),
            _ => ('%', 1),
        };
        decoded.push(character);
        rest = &rest[at + length..];
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_go_on_in_lines_that_begin_with_a_blank() {
        let text = "\u{feff}BagIt-Version: 1.0\r\n\r\nContact: a\r\n  b: c\nContact: d";
        let tags = tags(text).unwrap();
        assert_eq!(value(&tags, "BagIt-Version"), Some("1.0"));
        assert_eq!(value(&tags, "Contact"), Some("a b: c"));
        assert_eq!(super::tags("a: b\nno tag\n"), Err("no tag".into()));
    }

    #[test]
    fn lines_of_a_manifest_are_read_as_md5sum_writes_them() {
        let lines: Vec<Line<'_>> = manifest("# remark\n\nab  data/a b\nCD *data/c\nef\tdata/d\nnothing\n").collect();
        let entry = |checksum, path| Line::Entry { checksum, path };
        let expected =
            [entry("ab", "data/a b"), entry("CD", "data/c"), entry("ef", "data/d"), Line::Malformed("nothing")];
        assert_eq!(lines, expected);
    }

    #[test]
    fn paths_that_lead_out_of_the_bag_are_none() {
        for path in ["/a", "~/a", "~x", "..", "a/../../b", "", ".", "a/.."] {
            assert_eq!(normal(path), None, "{path}");
        }
        assert_eq!(normal("./data//a/../b").as_deref(), Some("data/b"));
    }

    #[test]
    fn only_what_must_be_encoded_is_decoded() {
        assert_eq!(decoded("a%0Ab%0dc%25d%20%"), "a\nb\rc%d%20%");
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in "\\PC{0,40}|[a-f0-9 %*:/.\n\r\t~]{0,40}") {
            let _ = tags(&text);
            for line in manifest(&text) {
                if let Line::Entry { path, .. } = line {
                    normal(&decoded(path));
                }
            }
        }

        #[test]
        fn an_encoded_path_is_decoded_to_itself(path in "[a%\n\r025AD]{0,12}") {
            let encoded = path.replace('%', "%25").replace('\n', "%0A").replace('\r', "%0D");
            prop_assert_eq!(decoded(&encoded), path);
        }
    }
}
