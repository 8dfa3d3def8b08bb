//! One emulator per test, in a directory of its own.

#![allow(clippy::expect_used, reason = "a test without its TPM has to fail")]

use std::path::Path;

use tempfile::TempDir;
use whfb::base::{OsRng, Secret32};
use whfb::crypto::PublicKey;
use whfb::device::tpm::manufacture::{Owned, manufacture};
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{Direct, KeyKind, Ownership, Pins, TpmError};

/// A manufactured TPM. Fields drop in order: keys are flushed and the emulator ends before its directory goes.
pub(crate) struct Lab {
    pub(crate) tpm: Direct,
    pub(crate) pins: Pins,
    pub(crate) lockout_auth: Secret32,
    pub(crate) directory: TempDir,
}

/// Starts the emulator on the state in `directory`.
pub(crate) fn start(directory: &Path) -> Swtpm {
    Swtpm::start(directory, Path::new(PROGRAM)).expect("swtpm starts")
}

/// Stands in for a certificate: NV does not look inside.
pub(crate) fn token_certificate(kind: KeyKind, _key: &PublicKey) -> Result<Option<Vec<u8>>, TpmError> {
    let length: u16 = match kind {
        KeyKind::Rsa2048 => 1100,
        KeyKind::P256 => 300,
    };
    let mut der = vec![0x30, 0x82];
    der.extend(length.to_be_bytes());
    der.resize(4 + usize::from(length), 0x5A);
    Ok(Some(der))
}

/// Manufactures the TPM in a new directory and opens it as ours.
pub(crate) fn lab() -> Lab {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut swtpm = start(directory.path());
    let Owned { pins, lockout_auth, .. } =
        manufacture(&mut swtpm, &mut OsRng, &token_certificate).expect("the TPM is manufactured");
    let tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&pins), Box::new(OsRng)).expect("the TPM opens");
    Lab { tpm, pins, lockout_auth, directory }
}

/// An authorization value made of one byte.
pub(crate) fn secret(byte: u8) -> Secret32 {
    Secret32::new(Box::new([byte; 32]))
}
