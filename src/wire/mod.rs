//! Bytes and JSON in both directions. Decides nothing.

pub mod base64_bytes;
pub mod tpm;
