//! Numbers without a pattern, the same ones in every run: what is measured must not depend on luck. Pure.

/// Splitmix64 (Steele, Lea and Flood, 2014).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..end`; 0 if that is empty.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next_number().checked_rem(end).unwrap_or(0)
    }

    /// Bytes that no file system and no drive can make smaller.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for eight in bytes.chunks_mut(8) {
            for (to, from) in eight.iter_mut().zip(self.next_number().to_ne_bytes()) {
                *to = from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_were_published() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next_number(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_number(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn every_run_draws_the_same() {
        let draw = || {
            let mut random = Random::new(7);
            (0..100).map(|_| random.below(16_384)).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
        assert!(draw().iter().all(|number| *number < 16_384));
        assert!(draw().iter().collect::<std::collections::BTreeSet<_>>().len() > 90);
    }

    #[test]
    fn of_nothing_the_first_is_drawn() {
        assert_eq!(Random::new(7).below(0), 0);
    }

    #[test]
    fn bytes_are_filled_to_the_last_and_do_not_repeat() {
        let mut bytes = [0; 1_021];
        Random::new(7).fill(&mut bytes);
        let distinct: std::collections::BTreeSet<&u8> = bytes.iter().collect();
        assert!(distinct.len() > 200 && bytes[1_013..].iter().any(|byte| *byte != 0));
    }
}
