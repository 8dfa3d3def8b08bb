//! The device wing: what a Windows device does between policy and a registered, PIN-gated key.

pub mod container;
pub mod events;
pub mod hardware;
pub mod keys;
pub mod pin;
pub mod policy;
pub mod prereq;
pub mod report;
pub(crate) mod store;
pub mod tpm;
