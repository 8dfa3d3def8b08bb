//! The TPM backend against the emulator: one TPM per test, and no test leaves anything in it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod attestation;
#[cfg(feature = "esapi")]
mod esapi;
mod guest;
mod identity;
mod keys;
mod library;
mod many;
#[cfg(feature = "esapi")]
mod relay;
mod sealing;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod time;
mod trust;
