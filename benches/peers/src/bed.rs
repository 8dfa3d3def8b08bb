//! A TPM that was made for one contender, and the keys that it signs with.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;
use whfb::base::{OsRng, Secret32};
use whfb::crypto::digest::sha256;
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::swtpm::{PROGRAM, Server, Swtpm};
use whfb::device::tpm::{Direct, KeyBlob, KeyKind, Ownership, Pins, Tpm as _, TpmError, Usage};

/// What every contender signs. Some hash it themselves, the others get [`digest`].
pub(crate) const MESSAGE: &[u8] = b"the same thirty-two bytes for all";

/// The authorization value of every key that takes one.
pub(crate) const AUTH: [u8; 32] = [7; 32];

/// Where the storage root key is kept.
pub(crate) const STORAGE_ROOT_KEY: u32 = 0x8100_0001;

pub(crate) fn digest() -> [u8; 32] {
    sha256(MESSAGE)
}

pub(crate) fn auth() -> Secret32 {
    Secret32::new(Box::new(AUTH))
}

/// The state of a manufactured TPM with two keys below its storage root key. It runs while somebody holds what
/// [`Bed::direct`], [`Bed::pair`] or [`Bed::server`] answered, which has to be dropped first: declare the bed last.
#[derive(Debug)]
pub(crate) struct Bed {
    pins: Pins,
    p256: KeyBlob,
    rsa: KeyBlob,
    directory: TempDir,
}

impl Bed {
    pub(crate) fn make() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut swtpm = Swtpm::start(directory.path(), Path::new(PROGRAM))?;
        let pins = manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_, _, _| Ok(None))?.pins;
        let mut tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&pins), Box::new(OsRng))?;
        let p256 = tpm.create(KeyKind::P256, Usage::General, Some(&auth()))?;
        let rsa = tpm.create(KeyKind::Rsa2048, Usage::General, Some(&auth()))?;
        Ok(Self { pins, p256, rsa, directory })
    }

    /// The key that is signed with, which is also the model of those that are made.
    pub(crate) fn key(&self, kind: KeyKind) -> &KeyBlob {
        match kind {
            KeyKind::P256 => &self.p256,
            KeyKind::Rsa2048 => &self.rsa,
        }
    }

    /// The same key as SubjectPublicKeyInfo.
    pub(crate) fn public(&self, kind: KeyKind) -> Result<Vec<u8>> {
        Ok(self.key(kind).public_key()?.to_spki())
    }

    /// Where files about this TPM may lie.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The emulator at the end of a socketpair.
    pub(crate) fn pair(&self) -> Result<Swtpm> {
        Ok(Swtpm::start(self.directory(), Path::new(PROGRAM))?)
    }

    /// The same behind whfb's own backend.
    pub(crate) fn direct(&self) -> Result<Direct> {
        Ok(Direct::open(Box::new(self.pair()?), Ownership::Ours, Some(&self.pins), Box::new(OsRng))?)
    }

    /// The emulator behind a TCP port, which is the only way that tss-esapi 7.7.0 knows.
    pub(crate) fn server(&self) -> Result<Server> {
        serve(self.directory())
    }
}

/// Starts the emulator behind a TCP port.
pub(crate) fn serve(directory: &Path) -> Result<Server> {
    Ok(Server::tcp(directory, Path::new(PROGRAM))?)
}
