//! Numbers that nobody chose, and that can be had again: `SLUICE_TEST_SEED` takes the seed that a run has printed.

/// SplitMix64.
pub(super) struct Moments(std::sync::Mutex<u64>);

impl Moments {
    pub(super) fn seeded() -> Self {
        let given = std::env::var("SLUICE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed =
            given.unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970").as_nanos() as u64);
        println!("SLUICE_TEST_SEED={seed}");
        Self(std::sync::Mutex::new(seed))
    }

    /// A number below this one.
    pub(super) fn below(&self, end: u64) -> u64 {
        let mut state = self.0.lock().expect("no panic");
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
