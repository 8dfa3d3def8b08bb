//! Our names over the crypto crates: one place to look when one of them changes.
//!
//! Verification, server signatures and OAEP encryption are `aws-lc-rs`; the keys of a device without a TPM are `rsa` and
//! `p256`; certificates are put together from `x509-cert` structures.

mod agreement;
pub mod cert;
pub mod cipher;
pub mod digest;
pub mod kdf;
pub mod otp;
mod public;
mod roca;
mod signing;
mod software;

pub use agreement::agree_once;
pub use public::{EcPublic, InvalidKey, PublicKey, RsaPublic, SignatureAlgorithm, SignatureInvalid};
pub use roca::has_roca_fingerprint;
#[cfg(test)]
pub(crate) use roca::roca_key;
pub use signing::{KeyFailure, SigningKey};
pub use software::{SoftwareKey, SoftwareKeyError};
