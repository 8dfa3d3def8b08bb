//! What several benches measure.

#![allow(dead_code, reason = "each bench uses its part")]

pub(crate) mod emulator;
pub(crate) mod provisioning;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
