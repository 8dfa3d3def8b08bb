//! The device wing: what a Windows device does between policy and a registered, PIN-gated key.

pub mod events;
pub mod hardware;
pub mod pin;
pub mod policy;
pub mod prereq;
pub mod report;
pub mod tpm;
