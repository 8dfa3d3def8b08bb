//! The device wing: what a Windows device does between policy and a registered, PIN-gated key.

pub mod assertion;
pub mod attest;
mod authorize;
pub mod container;
pub mod events;
mod exchange;
pub mod flow;
pub mod hardware;
pub mod home;
pub mod join;
pub mod keys;
pub mod matrix;
pub mod pin;
pub mod policy;
pub mod prereq;
pub mod provision;
pub mod prt;
pub mod refresh;
mod register;
pub mod report;
pub mod signin;
pub mod state;
pub mod status;
pub mod stop;
mod store;
pub mod switches;
pub mod tpm;

pub use store::StoreError;

#[cfg(test)]
mod tests;
