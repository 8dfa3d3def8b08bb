//! The arithmetic of an HMAC session (TPM 2.0 Part 1, chapters 19 and 21), without a TPM in sight.
//!
//! A session is salted: only the TPM that holds the storage root key learns the salt, so only it can answer with the right
//! HMAC. That is what makes a stolen or forged answer visible, and what hides secrets on the way to a real chip.

use zeroize::Zeroizing;

use super::marshal::Writer;
use crate::base::{ExposeSecret as _, Random, random_bytes};
use crate::crypto::cipher::{cfb_decrypt, cfb_encrypt};
use crate::crypto::digest::{equal, hmac_sha256};
use crate::crypto::kdf::{kdfa, kdfe};
use crate::crypto::{InvalidKey, PublicKey, agree_once};

/// A nonce is as long as the digest of the session.
pub(super) const NONCE: usize = 32;

/// TPMA_SESSION: continueSession.
pub(super) const CONTINUE: u8 = 0x01;
/// TPMA_SESSION: decrypt. The TPM decrypts the command's first parameter.
pub(super) const DECRYPT: u8 = 0x20;
/// TPMA_SESSION: auditExclusive. Set by the TPM in the answer to a command that an audit session went along with.
const EXCLUSIVE: u8 = 0x02;
/// TPMA_SESSION: audit. The session's digest covers the command; we use the HMAC that comes with it.
pub(super) const AUDIT: u8 = 0x80;
/// TPMA_SESSION: encrypt. The TPM encrypts the answer's first parameter.
pub(super) const ENCRYPT: u8 = 0x40;

/// Draws a salt for the TPM that holds `storage`, and encrypts it to that key (TPM 2.0 Part 1, annexes B.10.2 and C.6.1): RSA-OAEP
/// with SHA-256, or an ephemeral key and KDFe, for whose public point a `TPMS_ECC_POINT` is sent.
pub(super) fn salt(storage: &PublicKey, rng: &mut dyn Random) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), InvalidKey> {
    const LABEL: &str = "SECRET";
    match storage {
        PublicKey::Rsa(key) => {
            let salt = Zeroizing::new(random_bytes::<32>(rng).to_vec());
            let encrypted = key.encrypt_oaep_sha256(&salt, LABEL)?;
            Ok((salt, encrypted))
        }
        PublicKey::P256(key) => {
            let (ephemeral, z) = agree_once(key, rng)?;
            let salt = Zeroizing::new(kdfe(z.expose_secret(), LABEL, &ephemeral.x, &key.x, 256));
            Ok((salt, Writer::new().sized(&ephemeral.x).sized(&ephemeral.y).finish().to_vec()))
        }
    }
}

/// A session that the TPM and we share the key of.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) handle: u32,
    key: Zeroizing<Vec<u8>>,
    nonce_tpm: Vec<u8>,
}

/// One use of a session: what both directions of a command are computed from.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) nonce_caller: [u8; NONCE],
    pub(super) attributes: u8,
}

/// The answer's HMAC is not the one that the TPM would have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forged;

impl Session {
    /// The session that `TPM2_StartAuthSession` answered, salted and not bound.
    pub(super) fn new(handle: u32, salt: &[u8], nonce_caller: &[u8], nonce_tpm: &[u8]) -> Self {
        let key = Zeroizing::new(kdfa(salt, "ATH", nonce_tpm, nonce_caller, 256));
        Self { handle, key, nonce_tpm: nonce_tpm.to_vec() }
    }

    /// The key of HMAC and cipher: the session's, then the authorization value of what it authorizes.
    fn value(&self, auth: &[u8]) -> Zeroizing<Vec<u8>> {
        let auth = without_trailing_zeros(auth);
        let mut value = Zeroizing::new(Vec::with_capacity(self.key.len() + auth.len()));
        value.extend_from_slice(&self.key);
        value.extend_from_slice(auth);
        value
    }

    /// Encrypts the contents of a command's first parameter.
    pub(super) fn hide(&self, turn: &Turn, auth: &[u8], data: &mut [u8]) {
        let (key, iv) = cipher_key(&self.value(auth), &turn.nonce_caller, &self.nonce_tpm);
        cfb_encrypt(&key, &iv, data);
    }

    /// Decrypts the contents of an answer's first parameter, after [`Session::accept`].
    pub(super) fn reveal(&self, turn: &Turn, auth: &[u8], data: &mut [u8]) {
        let (key, iv) = cipher_key(&self.value(auth), &self.nonce_tpm, &turn.nonce_caller);
        cfb_decrypt(&key, &iv, data);
    }

    /// The HMAC that proves `auth` over a command.
    pub(super) fn prove(&self, turn: &Turn, auth: &[u8], cp_hash: &[u8; 32]) -> [u8; 32] {
        hmac_sha256(&self.value(auth), &[cp_hash, &turn.nonce_caller, &self.nonce_tpm, &[turn.attributes]])
    }

    /// Checks the HMAC of an answer and takes its nonce over.
    pub(super) fn accept(
        &mut self,
        turn: &Turn,
        auth: &[u8],
        rp_hash: &[u8; 32],
        nonce_tpm: &[u8],
        attributes: u8,
        hmac: &[u8],
    ) -> Result<(), Forged> {
        let expected = hmac_sha256(&self.value(auth), &[rp_hash, nonce_tpm, &turn.nonce_caller, &[attributes]]);
        let known = if turn.attributes & AUDIT != 0 { attributes & !EXCLUSIVE } else { attributes };
        if !equal(&expected, hmac) || nonce_tpm.len() != NONCE || known != turn.attributes {
            return Err(Forged);
        }
        self.nonce_tpm = nonce_tpm.to_vec();
        Ok(())
    }
}

/// A TPM drops the zero bytes at the end of an authorization value, so both sides have to.
///
/// As long as session key and value fit into one block of SHA-256 (64 bytes), HMAC pads the same zeros back; nobody should
/// have to know that.
pub(super) fn without_trailing_zeros(auth: &[u8]) -> &[u8] {
    let length = auth.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    auth.get(..length).unwrap_or_default()
}

/// Key and initialization vector of AES-128-CFB for one direction.
fn cipher_key(value: &[u8], newer: &[u8], older: &[u8]) -> (Zeroizing<[u8; 16]>, [u8; 16]) {
    let material = Zeroizing::new(kdfa(value, "CFB", newer, older, 256));
    let (mut key, mut iv) = (Zeroizing::new([0; 16]), [0; 16]);
    key.iter_mut().chain(&mut iv).zip(material.iter()).for_each(|(to, from)| *to = *from);
    (key, iv)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session::new(0x0200_0000, &[1; 32], &[2; 32], &[3; 32])
    }

    fn turn() -> Turn {
        Turn { nonce_caller: [4; 32], attributes: CONTINUE | ENCRYPT }
    }

    /// The HMAC of an answer as the TPM computes it.
    fn answered(session: &Session, auth: &[u8], nonce_tpm: &[u8], attributes: u8) -> [u8; 32] {
        hmac_sha256(&session.value(auth), &[&[9; 32], nonce_tpm, &[4; 32], &[attributes]])
    }

    #[test]
    fn trailing_zeros_do_not_count() {
        assert_eq!(without_trailing_zeros(b"pin\0\0"), b"pin");
        assert_eq!(without_trailing_zeros(b"\0pin"), b"\0pin");
        assert_eq!(without_trailing_zeros(&[0; 32]), b"");
        let (session, turn) = (session(), turn());
        assert_eq!(session.prove(&turn, b"pin\0", &[0; 32]), session.prove(&turn, b"pin", &[0; 32]));
        assert_ne!(session.prove(&turn, b"pin", &[0; 32]), session.prove(&turn, b"pim", &[0; 32]));
    }

    #[test]
    fn accepts_only_the_answer_to_its_own_turn() {
        let (mut session, turn) = (session(), turn());
        let hmac = answered(&session, b"pin", &[5; 32], turn.attributes);
        assert_eq!(session.accept(&turn, b"pim", &[9; 32], &[5; 32], turn.attributes, &hmac), Err(Forged));
        assert_eq!(session.accept(&turn, b"pin", &[8; 32], &[5; 32], turn.attributes, &hmac), Err(Forged));
        assert_eq!(session.accept(&turn, b"pin", &[9; 32], &[6; 32], turn.attributes, &hmac), Err(Forged));
        assert_eq!(session.accept(&turn, b"pin", &[9; 32], &[5; 32], turn.attributes, &hmac[..31]), Err(Forged));
        assert_eq!(session.nonce_tpm, [3; 32], "a forged answer changes nothing");
        assert_eq!(session.accept(&turn, b"pin", &[9; 32], &[5; 32], turn.attributes, &hmac), Ok(()));
        assert_eq!(session.nonce_tpm, [5; 32]);
    }

    #[test]
    fn refuses_an_answer_that_ends_the_session_or_leaves_out_the_encryption() {
        let (mut session, turn) = (session(), turn());
        for attributes in [0, CONTINUE, ENCRYPT] {
            let hmac = answered(&session, b"", &[5; 32], attributes);
            assert_eq!(session.accept(&turn, b"", &[9; 32], &[5; 32], attributes, &hmac), Err(Forged));
        }
    }

    #[test]
    fn an_audit_may_be_exclusive_and_nothing_else_may() {
        for (asked, answered_with, expected) in
            [(AUDIT, AUDIT | EXCLUSIVE, Ok(())), (AUDIT, AUDIT, Ok(())), (ENCRYPT, ENCRYPT | EXCLUSIVE, Err(Forged))]
        {
            let (mut session, turn) = (session(), Turn { nonce_caller: [4; 32], attributes: CONTINUE | asked });
            let attributes = CONTINUE | answered_with;
            let hmac = answered(&session, b"", &[5; 32], attributes);
            assert_eq!(session.accept(&turn, b"", &[9; 32], &[5; 32], attributes, &hmac), expected);
        }
    }

    #[test]
    fn both_directions_use_different_keys() {
        let (session, turn) = (session(), turn());
        let mut data = *b"an authorization value";
        session.hide(&turn, b"pin", &mut data);
        assert_ne!(&data, b"an authorization value");
        session.reveal(&turn, b"pin", &mut data);
        assert_ne!(&data, b"an authorization value");
    }
}
