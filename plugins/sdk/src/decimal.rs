//! Floats as text, the same that Rust writes for them.

/// A limb of a long number is less than this.
const LIMB: u64 = 1_000_000_000;

/// Digits of a limb.
const LIMB_DIGITS: usize = 9;

/// The shortest decimal that is read as this number again, and of those the nearest: what `Display` writes.
///
/// Rust's own way is made for speed, and takes 18 KB in every guest. Here the number and the points half way to its
/// neighbours are written out in full, and digits are kept until they can mean no other number.
pub(crate) fn decimal(number: f64) -> String {
    let mut text = if number.is_sign_negative() { "-".to_owned() } else { String::new() };
    let (fraction, biased) = (number.to_bits() & ((1 << 52) - 1), (number.to_bits() >> 52 & 0x7ff) as i32);
    let (mantissa, exponent) = match biased {
        0x7ff if fraction > 0 => return "NaN".to_owned(),
        0x7ff => return text + "inf",
        0 => (fraction, -1074),
        _ => (fraction | 1 << 52, biased - 1075),
    };
    // In quarters of the last place: the neighbour below a power of two is only half as far as the one above.
    let below = if fraction == 0 && biased > 1 { 1 } else { 2 };
    let exponent = exponent - 2;
    let [low, exact, high] =
        [mantissa * 4 - below.min(mantissa), mantissa * 4, mantissa * 4 + 2].map(|count| write_out(count, exponent));
    let places = exponent.min(0).unsigned_abs() as usize;
    // All of one width, with a digit before the point, and one more for what may be carried.
    let width = high.len().max(places) + 1;
    let [low, exact, high] = [low, exact, high].map(|digits| format!("{digits:0>width$}").into_bytes());
    // A point half way is read as the neighbour whose mantissa is even.
    let half_way = mantissa % 2 == 0;
    let is_read_back = |digits: &Vec<u8>| {
        (low < *digits || half_way && low == *digits) && (*digits < high || half_way && *digits == high)
    };
    let first = exact.iter().take_while(|digit| **digit == b'0').count();
    let shortest = (first..width).find_map(|kept| shortened(&exact, kept).into_iter().find(is_read_back));

    let digits = shortest.unwrap_or(exact);
    let (whole, decimals) = digits.split_at(width - places);
    let whole_from = whole.iter().take_while(|digit| **digit == b'0').count().min(whole.len() - 1);
    let decimals_to = decimals.len() - decimals.iter().rev().take_while(|digit| **digit == b'0').count();
    text.extend(whole[whole_from..].iter().copied().map(char::from));
    if decimals_to > 0 {
        text.push('.');
        text.extend(decimals[..decimals_to].iter().copied().map(char::from));
    }
    text
}

/// The digits of `count * 2^exponent`; those of a negative exponent have as many behind the point, for
/// `2^-n = 5^n / 10^n`.
fn write_out(count: u64, exponent: i32) -> String {
    let base: u64 = if exponent < 0 { 5 } else { 2 };
    let mut limbs = vec![count % LIMB, count / LIMB];
    let mut left = exponent.unsigned_abs();
    while left > 0 {
        // The highest power of five that is less than a limb, so that a carry is one too.
        let step = left.min(12);
        let factor = base.pow(step);
        let mut carry = 0;
        for limb in &mut limbs {
            let product = *limb * factor + carry;
            (*limb, carry) = (product % LIMB, product / LIMB);
        }
        if carry > 0 {
            limbs.push(carry);
        }
        left -= step;
    }
    limbs.iter().rev().map(|limb| format!("{limb:0LIMB_DIGITS$}")).collect()
}

/// The first digits, rounded down and up, the nearer first.
fn shortened(digits: &[u8], kept: usize) -> [Vec<u8>; 2] {
    let mut down = digits.to_vec();
    down[kept..].fill(b'0');
    let mut up = down.clone();
    for digit in up[..kept].iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            break;
        }
        *digit = b'0';
    }
    if digits[kept] < b'5' { [down, up] } else { [up, down] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_as_displayed(number: f64) {
        assert_eq!(decimal(number), number.to_string(), "{number:e}");
    }

    #[test]
    fn floats_are_written_as_rust_writes_them() {
        for number in [0.0, 0.1, 1.5, 0.1 + 0.2, 1e21, 6.626e-34, 9_007_199_254_740_993.0, 99.99999999999999] {
            is_as_displayed(number);
            is_as_displayed(-number);
        }
        for number in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e23] {
            is_as_displayed(number);
        }
    }

    #[test]
    fn powers_and_their_neighbours_are_written_as_rust_writes_them() {
        let powers_of_two = (0..0x7ff_u64).map(|exponent| f64::from_bits(exponent << 52));
        let powers_of_ten = (-323..=308).map(|exponent| format!("1e{exponent}").parse::<f64>().unwrap());
        for power in powers_of_two.chain(powers_of_ten) {
            is_as_displayed(power);
            is_as_displayed(power.next_up());
            is_as_displayed(power.next_down());
        }
    }

    #[test]
    fn numbers_of_every_size_are_written_as_rust_writes_them() {
        // A linear congruential generator (Knuth's MMIX): the same numbers in every run.
        let mut bits = 1_u64;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            is_as_displayed(f64::from_bits(bits));
            // Of the sizes that people write, with few digits and with many.
            let exponent = 0x3f0 + bits % 64;
            is_as_displayed(f64::from_bits(exponent << 52 | bits >> 12));
            is_as_displayed((bits >> 40) as f64 / 1e5);
        }
    }
}
