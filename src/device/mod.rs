//! The device wing: what a Windows device does between policy and a registered, PIN-gated key.

pub mod tpm;
