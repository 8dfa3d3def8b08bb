//! The crate `p256`: P-256 in pure Rust.

use anyhow::{Result, bail};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use rand::rngs::OsRng;
use whfb::device::tpm::KeyKind;

use super::{Contender, SOFTWARE};
use crate::bed::digest;
use crate::operation::Operation;

pub(super) struct P256 {
    key: SigningKey,
    digest: [u8; 32],
}

impl P256 {
    pub(super) fn new() -> Self {
        Self { key: SigningKey::random(&mut OsRng), digest: digest() }
    }
}

impl Contender for P256 {
    fn name(&self) -> &'static str {
        "p256"
    }

    fn session(&self) -> &'static str {
        SOFTWARE
    }

    fn takes_part(&self, operation: Operation) -> bool {
        operation.kind() == KeyKind::P256
    }

    fn run(&mut self, operation: Operation) -> Result<Vec<u8>> {
        match operation {
            Operation::Sign(KeyKind::P256) => {
                let signature: Signature = self.key.sign_prehash(&self.digest)?;
                Ok(signature.to_vec())
            }
            // A key without its public half is not made.
            Operation::Create(KeyKind::P256) => {
                let made = SigningKey::random(&mut OsRng);
                Ok(made.verifying_key().to_encoded_point(false).as_bytes().to_vec())
            }
            _ => bail!("p256 does P-256 alone"),
        }
    }

    fn public(&mut self, _kind: KeyKind) -> Result<Vec<u8>> {
        Ok(self.key.verifying_key().to_public_key_der()?.into_vec())
    }
}
