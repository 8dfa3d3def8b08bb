//! Nonces that describe themselves: issuing writes nothing, consuming writes a hash once.
//!
//! A nonce is the second of its making (8 bytes), 16 random bytes and an HMAC-SHA256 over both, the tenant and the purpose.

use crate::base::{ExposeSecret as _, Random, Timestamp, Uuid, random_bytes};
use crate::crypto::digest::{equal, hmac_sha256, sha256};
use crate::wire::encoding::{base64url, from_base64url, hex};

use super::directory::DirectoryError;
use super::{Entra, tenant::TenantKeys};

/// Which service a nonce is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The token service: requests, assertions, PRT credentials.
    Token,
    /// The registration service: attestation statements.
    Registration,
}

/// What is wrong with a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NonceFault {
    /// Not issued here, or for the other service.
    Foreign,
    /// Issued too long ago.
    Expired,
    /// Used before.
    Replayed,
}

const BODY: usize = 24;

/// Makes a nonce.
pub(crate) fn issue(keys: &TenantKeys, tenant: Uuid, purpose: Purpose, now: Timestamp, rng: &mut dyn Random) -> String {
    let mut body = now.as_second().to_be_bytes().to_vec();
    body.extend(random_bytes::<16>(rng));
    body.extend(tag(keys, tenant, purpose, &body));
    base64url(&body)
}

fn tag(keys: &TenantKeys, tenant: Uuid, purpose: Purpose, body: &[u8]) -> [u8; 32] {
    let purpose: &[u8] = match purpose {
        Purpose::Token => b"token",
        Purpose::Registration => b"registration",
    };
    hmac_sha256(keys.nonce.expose_secret(), &[purpose, tenant.as_bytes(), body])
}

/// The second at which a nonce was made, if it was made here for that purpose.
fn made_at(keys: &TenantKeys, tenant: Uuid, purpose: Purpose, nonce: &str) -> Result<i64, NonceFault> {
    let bytes = from_base64url(nonce.trim_end_matches('=')).map_err(|_| NonceFault::Foreign)?;
    let (body, found) = bytes.split_at_checked(BODY).ok_or(NonceFault::Foreign)?;
    if !equal(&tag(keys, tenant, purpose, body), found) {
        return Err(NonceFault::Foreign);
    }
    let seconds = body.first_chunk::<8>().ok_or(NonceFault::Foreign)?;
    Ok(i64::from_be_bytes(*seconds))
}

impl Entra {
    /// Makes a nonce for one of the services.
    pub(crate) fn issue_nonce(&self, purpose: Purpose) -> String {
        issue(self.keys(), self.tenant().id, purpose, self.now(), &mut crate::base::OsRng)
    }

    /// Whether a nonce was issued here and is still young, without using it up.
    pub(crate) fn recognize_nonce(&self, purpose: Purpose, nonce: &str) -> Result<(), NonceFault> {
        self.expiry_of(purpose, nonce, self.now().as_second()).map(drop)
    }

    /// When a nonce expires, if it has not.
    fn expiry_of(&self, purpose: Purpose, nonce: &str, now: i64) -> Result<i64, NonceFault> {
        let made = made_at(self.keys(), self.tenant().id, purpose, nonce)?;
        let expires = made.saturating_add(self.rules().nonce_lifetime.as_secs());
        if now > expires { Err(NonceFault::Expired) } else { Ok(expires) }
    }

    /// Uses a nonce up. Exactly one of any number of callers gets `Ok(Ok(()))`.
    pub(crate) async fn consume_nonce(
        &self,
        purpose: Purpose,
        nonce: &str,
    ) -> Result<Result<(), NonceFault>, DirectoryError> {
        // One instant for both questions: a row forgotten between them would let a nonce in twice.
        let now = self.now().as_second();
        let expires = match self.expiry_of(purpose, nonce, now) {
            Ok(expires) => expires,
            Err(fault) => return Ok(Err(fault)),
        };
        // The unpadded text is hashed, so that padding makes no second nonce of a used one.
        let hash = hex(&sha256(nonce.trim_end_matches('=').as_bytes()));
        let first = self.directory().consume(&hash, expires, now).await?;
        Ok(if first { Ok(()) } else { Err(NonceFault::Replayed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::OsRng;

    #[test]
    fn a_nonce_is_good_for_its_tenant_and_purpose_alone() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let keys = TenantKeys::shared();
        let (tenant, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let nonce = issue(keys, tenant, Purpose::Token, now, &mut OsRng);
        assert_eq!(made_at(keys, tenant, Purpose::Token, &nonce), Ok(now.as_second()));
        assert_eq!(made_at(keys, other, Purpose::Token, &nonce), Err(NonceFault::Foreign));
        assert_eq!(made_at(keys, tenant, Purpose::Registration, &nonce), Err(NonceFault::Foreign));
        for length in 0..nonce.len() {
            assert!(made_at(keys, tenant, Purpose::Token, &nonce[..length]).is_err(), "{length}");
        }
    }
}
