//! Key derivation: the TPM's, Entra's, and the one that stretches a PIN where no TPM counts.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::Digest as _;

use super::digest::{hmac_sha256, sha256_of};
use crate::base::Secret32;

/// KDFa with SHA-256 (TPM 2.0 Part 1, section 11.4.10.2): `bits` is a multiple of 8.
pub fn kdfa(key: &[u8], label: &str, context_u: &[u8], context_v: &[u8], bits: u32) -> Vec<u8> {
    let wanted = bits.div_ceil(8) as usize;
    let mut out = Vec::with_capacity(wanted.next_multiple_of(32));
    let mut counter = 0u32;
    while out.len() < wanted {
        counter += 1;
        out.extend_from_slice(&hmac_sha256(
            key,
            &[&counter.to_be_bytes(), label.as_bytes(), &[0], context_u, context_v, &bits.to_be_bytes()],
        ));
    }
    out.truncate(wanted);
    out
}

/// KDFe with SHA-256 (TPM 2.0 Part 1, section 11.4.10.3): up to 256 bits from an ECDH secret.
pub fn kdfe(z: &[u8], label: &str, party_u: &[u8], party_v: &[u8], bits: u32) -> Vec<u8> {
    let mut hash = sha2::Sha256::new();
    for part in [&1u32.to_be_bytes()[..], z, label.as_bytes(), &[0], party_u, party_v] {
        hash.update(part);
    }
    let mut out = hash.finalize().to_vec();
    out.truncate(bits.div_ceil(8) as usize);
    out
}

/// Which context a key derived from a session key is bound to (protocol.md 4.6; MS-OAPXBC 3.1.5.1.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKdf<'a> {
    /// Version 1: the `ctx` of the header alone.
    V1,
    /// Version 2: SHA-256 over `ctx` and the payload bytes as they are transmitted.
    V2 {
        /// The JWS payload, decoded.
        payload: &'a [u8],
    },
}

/// Derives a key from a PRT's session key: SP 800-108 counter mode, one block of HMAC-SHA256, label
/// `AzureAD-SecureConversation`.
pub fn session_derived_key(session_key: &Secret32, ctx: &[u8], kdf: SessionKdf<'_>) -> Secret32 {
    let hashed;
    let context = match kdf {
        SessionKdf::V1 => ctx,
        SessionKdf::V2 { payload } => {
            hashed = sha256_of(&[ctx, payload]);
            &hashed[..]
        }
    };
    let derived = hmac_sha256(
        session_key.expose_secret(),
        &[&1u32.to_be_bytes(), b"AzureAD-SecureConversation", &[0], context, &256u32.to_be_bytes()],
    );
    SecretBox::new(Box::new(derived))
}

/// PBKDF2-HMAC-SHA256.
pub fn pbkdf2(secret: &[u8], salt: &[u8], rounds: NonZeroU32) -> Secret32 {
    let mut key = SecretBox::new(Box::new([0u8; 32]));
    let out: &mut [u8; 32] = secrecy::ExposeSecretMut::expose_secret_mut(&mut key);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, secret, out);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session_key() -> Secret32 {
        SecretBox::new(Box::new(std::array::from_fn(|index| index as u8)))
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn session_keys_of_the_reference_vector() {
        let ctx: Vec<u8> = (0xa0..=0xb7).collect();
        let v1 = session_derived_key(&session_key(), &ctx, SessionKdf::V1);
        assert_eq!(hex(v1.expose_secret()), "6a8e5c7d74295100279d19bcf58f4e1b1be1d828ac9d60e7bc5ff30552aecac1");
        let v2 = session_derived_key(&session_key(), &ctx, SessionKdf::V2 { payload: br#"{"a":1}"# });
        assert_eq!(hex(v2.expose_secret()), "5910955a8892db5067183ea53dadb85c5463d13005f8f513da1e0aa3895885cf");
    }

    #[test]
    fn kdfa_gives_as_many_bits_as_asked() {
        let long = kdfa(b"key", "CFB", b"u", b"v", 384);
        assert_eq!(long.len(), 48);
        assert_ne!(long[..32], kdfa(b"key", "CFB", b"u", b"v", 256)[..], "the length is part of the input");
    }

    #[test]
    fn pbkdf2_of_a_known_vector() {
        // RFC 7914 section 11, first 32 of 64 bytes.
        let key = pbkdf2(b"passwd", b"salt", NonZeroU32::MIN);
        assert_eq!(hex(key.expose_secret()), "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    }
}
