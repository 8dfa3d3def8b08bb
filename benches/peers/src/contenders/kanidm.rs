//! kanidm-hsm-crypto on tss-esapi and libtss2, the library that does the same job for Linux clients of Entra ID.
//!
//! Its keys have no authorization value of their own; that of the root storage key stands for all of them. It loads and
//! flushes what it uses around every operation, so nothing needs to be loaded here.

use anyhow::{Result, anyhow};
use kanidm_hsm_crypto::provider::{Tpm as _, TpmES256 as _, TpmRS256 as _, TssTpm};
use kanidm_hsm_crypto::structures::{ES256Key, RS256Key, StorageKey};
use kanidm_hsm_crypto::{AuthValue, TpmError, glue};
use tempfile::TempDir;
use whfb::device::tpm::KeyKind;
use whfb::device::tpm::swtpm::Server;

use self::glue::traits::SignatureEncoding as _;
use super::Contender;
use crate::bed::{AUTH, MESSAGE, serve};
use crate::operation::Operation;

pub(super) const NAME: &str = "kanidm-hsm-crypto";

/// The fields end in this order: first the library, then the emulator, then its directory.
pub(super) struct Kanidm {
    tpm: TssTpm,
    storage: StorageKey,
    p256: ES256Key,
    rsa: RS256Key,
    _server: Server,
    _directory: TempDir,
}

impl Kanidm {
    /// Starts on a TPM without any key, as this library takes it.
    pub(super) fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let server = serve(directory.path())?;
        let mut tpm = TssTpm::new(&server.tcti()).map_err(refused)?;
        let auth = AuthValue::from(AUTH);
        let root = tpm.root_storage_key_create(&auth).map_err(refused)?;
        let storage = tpm.root_storage_key_load(&auth, &root).map_err(refused)?;
        let p256 = tpm.es256_create(&storage).map_err(refused)?;
        let p256 = tpm.es256_load(&storage, &p256).map_err(refused)?;
        let rsa = tpm.rs256_create(&storage).map_err(refused)?;
        let rsa = tpm.rs256_load(&storage, &rsa).map_err(refused)?;
        Ok(Self { tpm, storage, p256, rsa, _server: server, _directory: directory })
    }

    fn sign(&mut self, kind: KeyKind) -> Result<Vec<u8>, TpmError> {
        match kind {
            KeyKind::P256 => Ok(self.tpm.es256_sign(&self.p256, MESSAGE)?.to_bytes().to_vec()),
            KeyKind::Rsa2048 => Ok(self.tpm.rs256_sign(&self.rsa, MESSAGE)?.to_vec()),
        }
    }

    fn create(&mut self, kind: KeyKind) -> Result<(), TpmError> {
        match kind {
            KeyKind::P256 => self.tpm.es256_create(&self.storage).map(drop),
            KeyKind::Rsa2048 => self.tpm.rs256_create(&self.storage).map(drop),
        }
    }
}

impl Contender for Kanidm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> &'static str {
        "HMAC unsalted, encrypted, reused; keys without authorization value"
    }

    fn run(&mut self, operation: Operation) -> Result<Vec<u8>> {
        match operation {
            Operation::Sign(kind) => self.sign(kind),
            Operation::Create(kind) => self.create(kind).map(|()| Vec::new()),
        }
        .map_err(refused)
    }

    fn public(&mut self, kind: KeyKind) -> Result<Vec<u8>> {
        match kind {
            KeyKind::P256 => self.tpm.es256_public_der(&self.p256),
            KeyKind::Rsa2048 => self.tpm.rs256_public_der(&self.rsa),
        }
        .map_err(refused)
    }
}

/// The library's error, which is none of the standard library's kind.
fn refused(error: TpmError) -> anyhow::Error {
    anyhow!("{error:?}")
}
