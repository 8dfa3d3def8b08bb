//! The crate `rsa`: RSA in pure Rust, blinded against timing.

use anyhow::{Result, bail};
use rand::rngs::OsRng;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::sha2::Sha256;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use whfb::device::tpm::KeyKind;

use super::{Contender, SOFTWARE};
use crate::bed::digest;
use crate::operation::Operation;

const BITS: usize = 2048;

pub(super) struct Rsa {
    key: RsaPrivateKey,
    digest: [u8; 32],
}

impl Rsa {
    pub(super) fn new() -> Result<Self> {
        Ok(Self { key: RsaPrivateKey::new(&mut OsRng, BITS)?, digest: digest() })
    }
}

impl Contender for Rsa {
    fn name(&self) -> &'static str {
        "rsa"
    }

    fn session(&self) -> &'static str {
        SOFTWARE
    }

    fn takes_part(&self, operation: Operation) -> bool {
        operation.kind() == KeyKind::Rsa2048
    }

    fn run(&mut self, operation: Operation) -> Result<Vec<u8>> {
        match operation {
            Operation::Sign(KeyKind::Rsa2048) => {
                Ok(self.key.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha256>(), &self.digest)?)
            }
            Operation::Create(KeyKind::Rsa2048) => {
                RsaPrivateKey::new(&mut OsRng, BITS)?;
                Ok(Vec::new())
            }
            _ => bail!("rsa does RSA alone"),
        }
    }

    fn public(&mut self, _kind: KeyKind) -> Result<Vec<u8>> {
        Ok(self.key.to_public_key().to_public_key_der()?.into_vec())
    }
}
