//! Secret bytes: redacted in `Debug`, wiped on drop.

use secrecy::{SecretBox, SecretSlice};

/// A 32-byte secret: a session key, a protector's secret, an authorization value.
pub type Secret32 = SecretBox<[u8; 32]>;

/// Takes ownership of `bytes` as a secret of any length.
pub fn secret_slice(bytes: Vec<u8>) -> SecretSlice<u8> {
    SecretSlice::from(bytes)
}
