//! Sizes as people write them, and as they read them.

/// The units, with what they stand for. Decimal ones as disks are sold, binary ones as systems count.
const UNITS: [(&str, u64); 11] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

/// Reads a size such as `1500`, `1.5 GB` or `20GiB`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "{text:?} is no size: write bytes as a number, or a text such as \"500 MB\" or \"20 GiB\" (kB MB GB TB, KiB MiB GiB TiB PiB)"
        )
    };
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let (number, unit) = (text[..end].replace('_', ""), text[end..].trim());
    let &(_, unit) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((&number, "0"));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let too_large = || format!("{text:?} is more than any file system holds");
    let bytes = whole.checked_mul(unit).ok_or_else(too_large)?;
    // A part of a unit needs no more digits than this, and with them the product fits.
    if part.is_empty() || part.len() > 6 || !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let scale = 10_u128.pow(part.len() as u32);
    let part: u128 = part.parse().map_err(|_| wrong())?;
    let part = part * u128::from(unit) / scale;
    u64::try_from(part).ok().and_then(|part| bytes.checked_add(part)).ok_or_else(too_large)
}

/// A size in words: `1.4 GiB (1,503,238,553 bytes)`.
pub(crate) fn show(bytes: u64) -> String {
    let unit = UNITS.iter().rev().find(|(name, unit)| name.contains('i') && bytes >= *unit);
    let Some((name, unit)) = unit else {
        return format!("{} {}", grouped(bytes), if bytes == 1 { "byte" } else { "bytes" });
    };
    // Cut, not rounded: a size just over a limit must not look like the limit with a larger number than it has.
    let tenths = u128::from(bytes) * 10 / u128::from(*unit);
    let tenth = if tenths % 10 == 0 { String::new() } else { format!(".{}", tenths % 10) };
    format!("{}{tenth} {name} ({} bytes)", tenths / 10, grouped(bytes))
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1500", 1500),
            ("1_500", 1500),
            ("1.5 GB", 1_500_000_000),
            ("20GiB", 20 << 30),
            ("0.5 kib", 512),
            ("16383 PiB", 16383 << 50),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "1 GBit", "-1", "1.", ".5 GB", "1.2.3 MB", "1e9", "16384 PiB", "1.1234567 MB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_both_ways() {
        assert_eq!(show(1), "1 byte");
        assert_eq!(show(1023), "1,023 bytes");
        assert_eq!(show(1 << 20), "1 MiB (1,048,576 bytes)");
        assert_eq!(show(1_503_238_553), "1.3 GiB (1,503,238,553 bytes)");
        assert_eq!(show(u64::MAX), "16383.9 PiB (18,446,744,073,709,551,615 bytes)");
    }
}
