//! The ground floor: ids, time, randomness, secret bytes, file locks and the codes that both wings speak.
//!
//! Nothing here knows a TPM, a network or a file format.

mod clock;
pub mod codes;
mod lock;
mod secret;

pub use clock::{Clock, ManualClock, SystemClock, filetime, from_filetime};
pub use codes::{Aadsts, Hresult};
pub use jiff::{SignedDuration, Timestamp};
pub use lock::FileLock;
pub use rand::rngs::OsRng;
pub use rand::{CryptoRng, RngCore};
pub use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};
pub use secret::{Secret32, secret_slice};
pub use uuid::Uuid;

/// A source of randomness that every key, nonce and identifier of the crate is drawn from.
///
/// It is an argument everywhere, so that a test can seed it; the binary passes [`OsRng`].
pub trait Random: RngCore + CryptoRng + Send {}

impl<T: RngCore + CryptoRng + Send> Random for T {}

/// Draws a version 4 GUID (RFC 9562 section 5.4).
pub fn random_guid(rng: &mut dyn Random) -> Uuid {
    let mut bytes = [0u8; 16];
    rng.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Draws `N` random bytes.
pub fn random_bytes<const N: usize>(rng: &mut dyn Random) -> [u8; N] {
    let mut bytes = [0u8; N];
    rng.fill_bytes(&mut bytes);
    bytes
}
