//! What single values are: numbers, dates and the like, read from bytes without a copy.

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The digits at the start, and what follows.
fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// Without its sign.
fn unsigned(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'+' | b'-', rest @ ..] => rest,
        _ => bytes,
    }
}

/// Whether this is a whole number.
pub(crate) fn is_integer(bytes: &[u8]) -> bool {
    let (whole, rest) = digits(unsigned(bytes));
    !whole.is_empty() && rest.is_empty()
}

/// Whether this is a number: digits with at most one decimal mark, and an exponent perhaps.
pub(crate) fn is_number(bytes: &[u8], mark: u8) -> bool {
    let (whole, rest) = digits(unsigned(bytes));
    let (part, rest) = match rest {
        [first, rest @ ..] if *first == mark => digits(rest),
        _ => (&rest[..0], rest),
    };
    if whole.is_empty() && part.is_empty() {
        return false;
    }
    match rest {
        [] => true,
        [b'e' | b'E', exponent @ ..] => is_integer(exponent),
        _ => false,
    }
}

/// Whether this says that there is no number, or none that is finite.
pub(crate) fn is_nan(bytes: &[u8]) -> bool {
    let word = unsigned(bytes);
    ["nan", "inf", "infinity"].iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// The number; None where this is none.
pub(crate) fn number(bytes: &[u8], mark: u8) -> Option<f64> {
    exact(bytes, mark).or_else(|| {
        if !is_number(bytes, mark) {
            return None;
        }
        // Digits, signs, a mark and an exponent: ASCII.
        let text = std::str::from_utf8(bytes).ok()?;
        if mark == b'.' { text.parse().ok() } else { text.replace(char::from(mark), ".").parse().ok() }
    })
}

/// The number, where digits and places are so few that two exact doubles give it in one rounding (Clinger, "How to read
/// floating point numbers accurately", 1990). That is most numbers in tables.
fn exact(bytes: &[u8], mark: u8) -> Option<f64> {
    let digits = unsigned(bytes);
    if digits.len() > 16 {
        return None;
    }
    let (mut mantissa, mut count, mut mark_at) = (0_u64, 0, None);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa * 10 + u64::from(digit);
            count += 1;
        } else if *byte == mark && mark_at.is_none() {
            mark_at = Some(count);
        } else {
            return None;
        }
    }
    // Sixteen digits may be more than a double has.
    if count == 0 || mantissa > 1 << 53 {
        return None;
    }
    let value = mantissa as f64 / POWERS[count - mark_at.unwrap_or(count)];
    Some(if bytes.first() == Some(&b'-') { -value } else { value })
}

/// Whether this is `true` or `false`, or `1` or `0`.
pub(crate) fn is_boolean(bytes: &[u8]) -> bool {
    matches!(bytes, b"0" | b"1") || bytes.eq_ignore_ascii_case(b"true") || bytes.eq_ignore_ascii_case(b"false")
}

/// Whether this is a date of ISO 8601, in its extended form, that the calendar has.
pub(crate) fn is_date(bytes: &[u8]) -> bool {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = bytes else { return false };
    let (Some(century), Some(year), Some(month), Some(day)) = (two(y1, y2), two(y3, y4), two(m1, m2), two(d1, d2))
    else {
        return false;
    };
    let is_leap = if year == 0 { century.is_multiple_of(4) } else { year.is_multiple_of(4) };
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

/// Whether this is a date and a time of ISO 8601: `2026-03-01T12:30`, with seconds, a part of them and a zone perhaps. A
/// blank may stand for the `T`, as RFC 3339 has it.
pub(crate) fn is_datetime(bytes: &[u8]) -> bool {
    let Some((date, [b'T' | b't' | b' ', time @ ..])) = bytes.split_at_checked(10) else { return false };
    let &[h1, h2, b':', m1, m2, ref rest @ ..] = time else { return false };
    if !is_date(date) || !is_below(h1, h2, 24) || !is_below(m1, m2, 60) {
        return false;
    }
    let rest = match rest {
        // 60 is a leap second.
        &[b':', s1, s2, ref rest @ ..] if is_below(s1, s2, 61) => match rest {
            [b'.' | b',', rest @ ..] => match digits(rest) {
                ([], _) => return false,
                (_, rest) => rest,
            },
            rest => rest,
        },
        rest => rest,
    };
    is_zone(rest)
}

fn is_zone(bytes: &[u8]) -> bool {
    match *bytes {
        [] | [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2] => is_below(h1, h2, 24),
        [b'+' | b'-', h1, h2, m1, m2] | [b'+' | b'-', h1, h2, b':', m1, m2] => {
            is_below(h1, h2, 24) && is_below(m1, m2, 60)
        }
        _ => false,
    }
}

fn is_below(tens: u8, ones: u8, limit: u8) -> bool {
    two(tens, ones).is_some_and(|number| number < limit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_told_from_what_only_looks_like_one() {
        for text in ["0", "-1", "+1", "1.5", ".5", "1.", "1e9", "-1.5E-3", "007"] {
            assert!(is_number(text.as_bytes(), b'.'), "{text}");
        }
        for text in ["", "-", ".", "e1", "1e", "1.2.3", "1,5", "0x1", "1 ", "nan", "--1", "1e1.5", "١"] {
            assert!(!is_number(text.as_bytes(), b'.'), "{text}");
        }
        assert!(is_number(b"1,5", b',') && !is_number(b"1.5", b','));
        assert_eq!(number(b"-1,5e1", b','), Some(-15.0));
        assert!(is_nan(b"NaN") && is_nan(b"-inf") && !is_nan(b"na"));
        assert!(is_integer(b"-12") && !is_integer(b"1.0") && !is_integer(b"+"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for text in ["2026-02-28", "2024-02-29", "2000-02-29", "0001-01-01", "2026-12-31"] {
            assert!(is_date(text.as_bytes()), "{text}");
        }
        for text in
            ["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "2026-04-31", "2026-1-1", "26-01-01", "2026-01-00"]
        {
            assert!(!is_date(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn times_may_have_parts_of_seconds_and_a_zone() {
        for time in ["T12:30", " 12:30:59", "T23:59:60Z", "t00:00:00.123+01:00", "T12:30-0530", "T12:30:00,5+02"] {
            assert!(is_datetime(format!("2026-03-01{time}").as_bytes()), "{time}");
        }
        for time in
            ["", "T", "T24:00", "T12", "T12:60", "T12:30:61", "T12:30:00.", "T12:30+1", "T12:30ZZ", "x12:30", "T12:30:"]
        {
            assert!(!is_datetime(format!("2026-03-01{time}").as_bytes()), "{time}");
        }
        assert!(!is_datetime("2026-03-0é12:30".as_bytes()));
    }

    proptest! {
        #[test]
        fn numbers_have_the_value_that_rust_gives_them(text in "[+-]?[0-9]{1,20}(\\.[0-9]{0,8})?(e-?[0-9]{1,3})?") {
            prop_assert!(is_number(text.as_bytes(), b'.'));
            prop_assert_eq!(number(text.as_bytes(), b'.'), text.parse().ok());
        }

        #[test]
        fn any_bytes_can_be_asked_about(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"0189.-+e:T".to_vec())], 0..24)) {
            is_datetime(&bytes);
            is_date(&bytes);
            prop_assert_eq!(number(&bytes, b'.').is_some(), is_number(&bytes, b'.'));
        }
    }
}
