//! whfb's own backend on the end of a socketpair.

use anyhow::{Result, anyhow};
use whfb::base::Secret32;
use whfb::device::tpm::{Direct, KeyHandle, KeyKind, RawSignature, Tpm as _, Usage};

use super::Contender;
use crate::bed::{Bed, auth, digest};
use crate::operation::Operation;

pub(crate) const NAME: &str = "direct";

pub(super) struct DirectSession {
    tpm: Direct,
    key: Option<KeyHandle>,
    auth: Secret32,
    digest: [u8; 32],
    bed: Bed,
}

impl DirectSession {
    pub(super) fn start() -> Result<Self> {
        let bed = Bed::make()?;
        Ok(Self { tpm: bed.direct()?, key: None, auth: auth(), digest: digest(), bed })
    }
}

impl Contender for DirectSession {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> &'static str {
        "salted, encrypted, reused"
    }

    fn prepare(&mut self, operation: Operation) -> Result<()> {
        if operation.signs() {
            self.key = Some(self.tpm.load(self.bed.key(operation.kind()))?);
        }
        Ok(())
    }

    fn run(&mut self, operation: Operation) -> Result<Vec<u8>> {
        match operation {
            Operation::Sign(_) => {
                let key = self.key.as_ref().ok_or_else(|| anyhow!("no key is loaded"))?;
                Ok(bytes(self.tpm.sign(key, Some(&self.auth), &self.digest)?))
            }
            Operation::Create(kind) => {
                self.tpm.create(kind, Usage::General, Some(&self.auth))?;
                Ok(Vec::new())
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.key.take().map_or(Ok(()), |key| Ok(self.tpm.unload(key)?))
    }

    fn public(&mut self, kind: KeyKind) -> Result<Vec<u8>> {
        self.bed.public(kind)
    }
}

fn bytes(signature: RawSignature) -> Vec<u8> {
    match signature {
        RawSignature::Rsa(bytes) => bytes,
        RawSignature::P256(bytes) => bytes.to_vec(),
    }
}
