//! The PIN protector: three secrets that only the PIN gives back.
//!
//! On a TPM it is sealed data whose authorization is HMAC-SHA256(salt, PIN): the PIN needs no stretching, as the TPM
//! counts. Without a TPM nothing counts, so the key is stretched: PBKDF2-HMAC-SHA256, rounds stored beside it.

use std::num::NonZeroU32;

use super::{Counter, Secrets, UnlockFault};
use crate::base::{ExposeSecret as _, Secret32, SecretString, random_bytes};
use crate::crypto::{cipher, digest, kdf};
use crate::device::hardware::Provider;
use crate::device::keys::{KeyError, KeyStore};
use crate::device::tpm::{Gate, SealedBlob, TpmError};
use crate::wire::base64_bytes;

/// Rounds of a new software protector (OWASP's figure for PBKDF2-HMAC-SHA256).
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
/// A stored number of rounds beyond this is damage: it would only keep the device busy.
const MOST_ROUNDS: NonZeroU32 = NonZeroU32::new(10_000_000).unwrap();
const PURPOSE: &str = "whfb PIN protector";
const SALT: usize = 16;

/// The protector as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PinProtector {
    /// Sealed by the TPM under a counted authorization.
    Tpm {
        #[serde(with = "base64_bytes")]
        salt: Vec<u8>,
        sealed: SealedBlob,
    },
    /// AES-256-GCM under a stretched PIN.
    Software {
        #[serde(with = "base64_bytes")]
        salt: Vec<u8>,
        rounds: NonZeroU32,
        #[serde(with = "base64_bytes")]
        sealed: Vec<u8>,
    },
}

impl PinProtector {
    pub(crate) fn create(
        keys: &mut KeyStore<'_>,
        provider: Provider,
        pin: &SecretString,
        secrets: &Secrets,
    ) -> Result<Self, KeyError> {
        let salt = random_bytes::<SALT>(keys.rng).to_vec();
        let bytes = secrets.to_bytes();
        match provider {
            Provider::Hardware => {
                let auth = counted_authorization(&salt, pin);
                let sealed = keys.tpm()?.seal(&bytes, Gate::Counted(&auth))?;
                Ok(Self::Tpm { salt, sealed })
            }
            Provider::Software => {
                let key = kdf::pbkdf2(pin.expose_secret().as_bytes(), &salt, ROUNDS);
                let sealed = cipher::seal(&key, PURPOSE, bytes.expose_secret(), keys.rng);
                Ok(Self::Software { salt, rounds: ROUNDS, sealed })
            }
        }
    }

    pub(crate) fn open(&self, keys: &mut KeyStore<'_>, pin: &SecretString) -> Result<Secrets, UnlockFault> {
        match self {
            Self::Tpm { salt, sealed } => open_in_tpm(keys, &counted_authorization(salt, pin), sealed),
            Self::Software { salt, rounds, sealed } => {
                if *rounds > MOST_ROUNDS {
                    return Err(KeyError::Sealed.into());
                }
                let key = kdf::pbkdf2(pin.expose_secret().as_bytes(), salt, *rounds);
                let bytes = cipher::open(&key, PURPOSE, sealed).map_err(|_| UnlockFault::WrongPin(None))?;
                Ok(Secrets::from_bytes(&bytes)?)
            }
        }
    }
}

fn counted_authorization(salt: &[u8], pin: &SecretString) -> Secret32 {
    Secret32::new(Box::new(digest::hmac_sha256(salt, &[pin.expose_secret().as_bytes()])))
}

fn open_in_tpm(keys: &mut KeyStore<'_>, auth: &Secret32, sealed: &SealedBlob) -> Result<Secrets, UnlockFault> {
    let tpm = keys.tpm()?;
    match tpm.unseal(sealed, Gate::Counted(auth)) {
        Ok(bytes) => Ok(Secrets::from_bytes(&bytes)?),
        Err(error @ (TpmError::WrongCounted | TpmError::LockedOut)) => {
            // The counter is what the person wants to know; a TPM that does not tell it has still refused the PIN.
            let counter = tpm.facts().ok().map(|facts| Counter { count: facts.lockout.count, max: facts.lockout.max });
            match error {
                TpmError::WrongCounted => Err(UnlockFault::WrongPin(counter)),
                _ => Err(UnlockFault::LockedOut(counter)),
            }
        }
        Err(other) => Err(KeyError::Tpm(other).into()),
    }
}
