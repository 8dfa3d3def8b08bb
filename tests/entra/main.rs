//! The mock Entra through its router, with software keys: the whole way once, then every refusal, each of which must leave
//! the directory as it was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has to fail")]

mod attestation;
mod attested_again;
mod bodies;
mod browser;
mod client;
mod device_code;
mod endorsement;
mod genuine;
mod graph;
mod hostile;
mod injection;
mod injection_paths;
mod join_attestation;
mod joining;
mod known_ek;
mod leaving;
mod listener;
mod malformed_http;
mod peer_certificates;
mod profiles;
mod refusal_table;
mod registering;
mod session;
mod signing_in;
mod software_tpm;
mod statements;
mod story;
mod strange_keys;
#[path = "../support/mod.rs"]
mod support;
mod theft;
mod tokens;
mod tpm_policy;
