//! The binary as a person or a CI job runs it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

mod attest;
mod attest_refusals;
mod bench;
mod conditions;
mod demo;
mod guest;
mod joining;
mod keys;
mod late;
mod life;
mod matrix;
mod program;
mod refusals;
mod rules;
