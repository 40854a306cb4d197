//! A form with files (RFC 7578), held whole: the largest that is taken here is a component, and a component is held whole
//! wherever it comes from. Each part is found by its boundary; nothing else of MIME is needed or understood.

use std::ops::Range;

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    /// Where its contents lie in the body.
    pub(super) contents: Range<usize>,
}

/// The boundary of `multipart/form-data; boundary=…`.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut pairs = parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    let value = value.trim().trim_matches('"');
    (1..=70).contains(&value.len()).then_some(value)
}

/// The parts of a body, in order; none where it is no such body, or one that was cut off.
pub(super) fn parts(body: &[u8], boundary: &str) -> Option<Vec<Part>> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first delimiter has no line before it.
    let mut at = body.starts_with(&delimiter[2..]).then_some(delimiter.len() - 2)?;
    let mut parts = Vec::new();
    loop {
        if body[at..].starts_with(b"--") {
            return Some(parts);
        }
        at += find(&body[at..], b"\r\n")? + 2;
        // A part without any header has its empty line at once, and no name.
        let head = find(&body[at..], b"\r\n\r\n")?;
        let name = name(&body[at..at + head])?;
        let start = at + head + 4;
        let end = start + find(&body[start..], &delimiter)?;
        parts.push(Part { name, contents: start..end });
        at = end + delimiter.len();
    }
}

/// The name of `Content-Disposition: form-data; name="…"`. Browsers escape a quote in it as `%22`.
fn name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.split("\r\n").find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (_, rest) = line.split_once(" name=\"")?;
    Some(rest.split('"').next()?.to_owned())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    // Components have megabytes: the first byte is looked for, and only then the rest.
    let mut at = 0;
    loop {
        at += text[at..].iter().position(|byte| *byte == wanted[0])?;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_boundary_is_found_as_browsers_write_it() {
        assert_eq!(boundary("multipart/form-data; boundary=----WebKitFormBoundaryx"), Some("----WebKitFormBoundaryx"));
        assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), Some("a b"));
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);
    }

    fn written(fields: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, contents) in fields {
            let head = format!("--BOUND\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(contents);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--BOUND--\r\n");
        body
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            fields in prop::collection::vec(("[a-z_]{1,8}", prop::collection::vec(any::<u8>(), 0..60)), 1..5),
        ) {
            let body = written(&fields);
            let read: Vec<_> = parts(&body, "BOUND").unwrap().into_iter()
                .map(|part| (part.name, body[part.contents].to_vec())).collect();
            prop_assert_eq!(read, fields);
        }

        #[test]
        fn a_body_that_was_cut_off_is_none(cut in 1_usize..60) {
            let body = written(&[("file".to_owned(), b"\0asm\r\n--BOUN \r\n".to_vec())]);
            let end = body.len() - "--\r\n".len();
            prop_assert_eq!(parts(&body[..end.saturating_sub(cut)], "BOUND"), None);
        }

        #[test]
        fn nothing_that_strangers_send_ends_it(body in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..100) {
            parts(&body, "BOUND");
            let mut near = written(&[("file".to_owned(), body)]);
            let at = at.min(near.len());
            near.remove(at.saturating_sub(1));
            parts(&near, "BOUND");
        }
    }
}
