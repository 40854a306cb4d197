//! Server-Sent Events, as they arrive (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::time::Duration;

/// An event that is longer is none of a gate's.
const LONGEST: usize = 8 << 20;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its kind; `message` where it does not say.
    pub(super) name: String,
    /// Its data.
    pub(super) data: String,
}

/// A stream of events, read piece by piece wherever it is cut.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    line: Vec<u8>,
    name: String,
    data: Option<String>,
    /// Whether the last byte was a carriage return, which a line feed may follow that ends no other line.
    returned: bool,
    begun: bool,
    /// The id of the last event that had one.
    pub(super) last_id: Option<String>,
    /// After which time the stream's server wants to be asked again.
    pub(super) retry: Option<Duration>,
}

/// The stream has an event that is too long.
#[derive(Debug)]
pub(super) struct TooLong;

impl EventReader {
    /// The events that these bytes bring to their end.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.returned, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                byte => self.line.push(*byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > LONGEST {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    /// What is begun and not ended is lost with the connection.
    pub(super) fn cut(&mut self) {
        *self = Self { last_id: self.last_id.take(), retry: self.retry, ..Self::default() };
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let mut line = &*String::from_utf8_lossy(&line);
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let name = if name.is_empty() { "message".to_owned() } else { name };
            return self.data.take().map(|data| Event { name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => data.extend(["\n", value]),
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.last_id = Some(value.to_owned()),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            // A comment, or what a newer gate may say.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_read_as_the_standard_has_them() {
        let mut reader = EventReader::default();
        let text =
            "\u{feff}retry: 2000\n\n: comment\r\n\r\nid: 7\revent: job\rdata:a\rdata:  b\r\rdata\n\nid\n\nevent: x\n\n";
        let events = reader.read(text.as_bytes()).unwrap();
        assert_eq!(events, [event("job", "a\n b"), event("message", "")]);
        assert_eq!((reader.last_id.as_deref(), reader.retry), (Some(""), Some(Duration::from_secs(2))));
    }

    #[test]
    fn an_event_without_end_is_not_kept_for_ever() {
        let mut reader = EventReader::default();
        let line = [b"data: ".as_slice(), &vec![b'x'; 1 << 20], b"\n"].concat();
        assert!((0..16).any(|_| reader.read(&line).is_err()));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_stream_is_cut(
            lines in prop::collection::vec("(id|data|event|retry|:| )?:? ?[a-z0-9é]{0,3}(\r|\n|\r\n|\n\n)", 0..20),
            cuts in prop::collection::vec(0_usize..200, 0..5),
        ) {
            let text = lines.concat().into_bytes();
            let whole = EventReader::default().read(&text).unwrap();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let mut reader = EventReader::default();
            let pieces = cuts.windows(2).flat_map(|cut| reader.read(&text[cut[0]..cut[1]]).unwrap());
            prop_assert_eq!(whole, pieces.collect::<Vec<_>>());
        }

        #[test]
        fn whatever_arrives_is_read(bytes: Vec<u8>) {
            prop_assert!(EventReader::default().read(&bytes).is_ok());
        }
    }
}
