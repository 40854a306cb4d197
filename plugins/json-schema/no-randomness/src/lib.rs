//! What stands in the place of the crate `getrandom` 0.3 where rules are built.
//!
//! `jsonschema` asks that crate for JavaScript's randomness when it is built for `wasm32-unknown-unknown`, and a component
//! that imports a browser cannot run in the gate. All that wants to be random there are the keys of hash tables, and a
//! rule has no use for that: its input is bounded by the gate, and its verdict must come out the same when it is run
//! again. So this gives bytes that are always the same. Nothing that needs a secret may be built on it.

use std::fmt;

/// There is none: what is always the same never fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {}

impl fmt::Display for Error {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Error {}

/// Fills the bytes with a sequence that is always the same.
///
/// # Errors
///
/// Never.
pub fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    // A linear congruential generator (Knuth's MMIX); anything that is not all zeros would do.
    let mut state = 0x243f_6a88_85a3_08d3_u64;
    for byte in bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = (state >> 56) as u8;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_always_the_same_and_not_all_alike() {
        let (mut one, mut other) = ([0; 32], [1; 32]);
        let results = (fill(&mut one), fill(&mut other));
        assert_eq!(results, (Ok(()), Ok(())));
        assert_eq!(one, other);
        assert!(one.iter().any(|byte| *byte != one[0]));
    }
}
