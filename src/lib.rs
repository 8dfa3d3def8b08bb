//! Emulates the Windows Hello for Business key-creation core.

pub mod attest;
pub mod base;
pub mod crypto;
pub mod device;
#[cfg(feature = "entra")]
pub mod entra;
#[cfg(feature = "entra")]
pub mod link;
pub mod wire;
