//! The machine's own speed: processor, memory and disk, each measured in the same way every time, so that today's
//! result can be held against the machine's own earlier ones. Every part has a limit of time.

pub mod cpu;
pub mod disk;
pub mod drift;
pub mod memory;
pub mod metrics;
pub mod order;
pub mod random;
pub mod surroundings;

/// How it is measured. Rises with every change that moves a result: only results of one method are compared.
pub const METHOD: u64 = 1;
