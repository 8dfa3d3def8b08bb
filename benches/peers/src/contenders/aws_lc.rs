//! AWS-LC by `aws-lc-rs`: the fastest software at hand.

use anyhow::Result;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use whfb::device::tpm::KeyKind;

use super::{Contender, SOFTWARE};
use crate::bed::MESSAGE;
use crate::operation::Operation;

pub(super) struct AwsLc {
    p256: EcdsaKeyPair,
    rsa: RsaKeyPair,
    rng: SystemRandom,
}

impl AwsLc {
    pub(super) fn new() -> Result<Self> {
        Ok(Self { p256: make_p256()?, rsa: RsaKeyPair::generate(KeySize::Rsa2048)?, rng: SystemRandom::new() })
    }

    fn sign(&self, kind: KeyKind) -> Result<Vec<u8>> {
        match kind {
            KeyKind::P256 => Ok(self.p256.sign(&self.rng, MESSAGE)?.as_ref().to_vec()),
            KeyKind::Rsa2048 => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &self.rng, MESSAGE, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

fn make_p256() -> Result<EcdsaKeyPair> {
    Ok(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?)
}

impl Contender for AwsLc {
    fn name(&self) -> &'static str {
        "aws-lc-rs"
    }

    fn session(&self) -> &'static str {
        SOFTWARE
    }

    fn run(&mut self, operation: Operation) -> Result<Vec<u8>> {
        match operation {
            Operation::Sign(kind) => self.sign(kind),
            Operation::Create(KeyKind::P256) => make_p256().map(|_| Vec::new()),
            Operation::Create(KeyKind::Rsa2048) => {
                RsaKeyPair::generate(KeySize::Rsa2048)?;
                Ok(Vec::new())
            }
        }
    }

    fn public(&mut self, kind: KeyKind) -> Result<Vec<u8>> {
        let der: PublicKeyX509Der<'_> = match kind {
            KeyKind::P256 => self.p256.public_key().as_der()?,
            KeyKind::Rsa2048 => self.rsa.public_key().as_der()?,
        };
        Ok(der.as_ref().to_vec())
    }
}
