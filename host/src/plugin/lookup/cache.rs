//! Answers that are given again without asking.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Answer;

/// What all answers together may have, each counted with its URL.
const MOST_BYTES: usize = 64 << 20;
const MOST_ANSWERS: usize = 10_000;
/// What an entry takes besides its texts, at a guess.
const ENTRY_BYTES: usize = 512;

/// The grant and the URL. Two rules of one grant may be given each other's answers: they could have asked themselves.
pub(super) type Key = Arc<(String, String)>;

/// Answers by key, of which the oldest give way.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<Key, Entry>,
    /// The keys by the number of their entry, oldest first.
    order: BTreeMap<u64, Key>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    answer: Answer,
    until: Instant,
    number: u64,
    bytes: usize,
}

impl Cache {
    /// The answer, where there is one that is not too old.
    pub(super) fn get(&self, key: &Key, now: Instant) -> Option<Answer> {
        self.entries.get(key).filter(|entry| now < entry.until).map(|entry| entry.answer.clone())
    }

    /// Keeps an answer for so long, at most.
    pub(super) fn put(&mut self, key: Key, answer: Answer, kept: Duration, now: Instant) {
        let kind = answer.content_type.as_deref().unwrap_or_default();
        let bytes = ENTRY_BYTES + key.0.len() + key.1.len() + kind.len() + answer.body.len();
        self.remove(&key);
        while self.entries.len() >= MOST_ANSWERS || self.bytes + bytes > MOST_BYTES {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
        self.next += 1;
        self.order.insert(self.next, key.clone());
        self.bytes += bytes;
        self.entries.insert(key, Entry { answer, until: now + kept, number: self.next, bytes });
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.number);
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn key(url: &str) -> Key {
        Arc::new(("grant".to_owned(), url.to_owned()))
    }

    fn answer(bytes: usize) -> Answer {
        Answer { status: 200, content_type: None, body: Bytes::from(vec![0; bytes]) }
    }

    #[test]
    fn an_answer_is_given_until_it_is_too_old() {
        let (mut cache, now, minute) = (Cache::default(), Instant::now(), Duration::from_secs(60));
        cache.put(key("a"), answer(1), minute, now);
        assert_eq!(cache.get(&key("a"), now + minute / 2), Some(answer(1)));
        assert_eq!(cache.get(&key("a"), now + minute), None);
        assert_eq!(cache.get(&Arc::new(("other".to_owned(), "a".to_owned())), now), None);
        cache.put(key("a"), answer(2), minute, now + minute);
        assert_eq!(cache.get(&key("a"), now + minute), Some(answer(2)));
    }

    #[test]
    fn the_oldest_give_way() {
        let (mut cache, now, minute) = (Cache::default(), Instant::now(), Duration::from_secs(60));
        for number in 0..20 {
            cache.put(key(&number.to_string()), answer(4 << 20), minute, now);
        }
        assert!(cache.bytes <= MOST_BYTES && cache.entries.len() == cache.order.len(), "{}", cache.bytes);
        assert!(cache.get(&key("0"), now).is_none() && cache.get(&key("19"), now).is_some());
        for number in 0..MOST_ANSWERS + 10 {
            cache.put(key(&number.to_string()), answer(0), minute, now);
        }
        assert_eq!((cache.entries.len(), cache.order.len()), (MOST_ANSWERS, MOST_ANSWERS));
    }
}
