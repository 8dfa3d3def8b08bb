//! One emulator per test, in a directory of its own.

#![allow(clippy::expect_used, reason = "a test without its TPM has to fail")]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use whfb::base::{OsRng, Secret32};
use whfb::crypto::PublicKey;
use whfb::device::tpm::manufacture::{Owned, manufacture};
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::transport::Transport;
use whfb::device::tpm::{Direct, KeyKind, Ownership, Pins, TpmError};

/// A manufactured TPM. Fields drop in order: keys are flushed and the emulator ends before its directory goes.
pub(crate) struct Lab {
    pub(crate) tpm: Watched,
    pub(crate) pins: Pins,
    pub(crate) lockout_auth: Secret32,
    pub(crate) directory: TempDir,
}

impl Lab {
    /// Ends the TPM in order and starts it again, as a reboot does.
    pub(crate) fn reboot(&mut self) {
        self.tpm.0 = None;
        self.tpm.0 = Some(open(Box::new(start(self.directory.path())), &self.pins));
    }
}

/// A TPM that fails its test if something is left in it.
pub(crate) struct Watched(Option<Direct>);

impl Deref for Watched {
    type Target = Direct;

    fn deref(&self) -> &Direct {
        self.0.as_ref().expect("the TPM is there between reboots")
    }
}

impl DerefMut for Watched {
    fn deref_mut(&mut self) -> &mut Direct {
        self.0.as_mut().expect("the TPM is there between reboots")
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        match self.leftovers() {
            Ok(handles) => assert!(handles.is_empty(), "left in the TPM: {handles:x?}"),
            Err(error) => assert!(matches!(error, TpmError::Gone(_)), "{error}"),
        }
    }
}

pub(crate) fn tempdir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Starts the emulator on the state in `directory`.
pub(crate) fn start(directory: &Path) -> Swtpm {
    Swtpm::start(directory, Path::new(PROGRAM)).expect("swtpm starts")
}

/// Opens a TPM of ours.
pub(crate) fn open(transport: Box<dyn Transport>, pins: &Pins) -> Direct {
    Direct::open(transport, Ownership::Ours, Some(pins), Box::new(OsRng)).expect("the TPM opens")
}

/// Stands in for a certificate: NV does not look inside.
pub(crate) fn token_certificate(
    kind: KeyKind,
    _key: &PublicKey,
    _facts: &whfb::device::tpm::Facts,
) -> Result<Option<Vec<u8>>, TpmError> {
    let length: u16 = match kind {
        KeyKind::Rsa2048 => 1100,
        KeyKind::P256 => 300,
    };
    let mut der = vec![0x30, 0x82];
    der.extend(length.to_be_bytes());
    der.resize(4 + usize::from(length), 0x5A);
    Ok(Some(der))
}

/// Starts a new emulator and manufactures its TPM.
pub(crate) fn manufactured(directory: &Path) -> (Swtpm, Owned) {
    let mut swtpm = start(directory);
    let owned = manufacture(&mut swtpm, &mut OsRng, &token_certificate).expect("the TPM is manufactured");
    (swtpm, owned)
}

/// A manufactured TPM in a new directory, opened as ours.
pub(crate) fn lab() -> Lab {
    let directory = tempdir();
    let (swtpm, Owned { pins, lockout_auth, .. }) = manufactured(directory.path());
    Lab { tpm: Watched(Some(open(Box::new(swtpm), &pins))), pins, lockout_auth, directory }
}

/// An authorization value made of one byte.
pub(crate) fn secret(byte: u8) -> Secret32 {
    Secret32::new(Box::new([byte; 32]))
}

/// Code of a command, which is what a recorder keeps besides the bytes.
pub(crate) fn code(command: &[u8]) -> u32 {
    u32::from_be_bytes(command[6..10].try_into().expect("four bytes"))
}

/// Sits between us and a TPM: keeps every command and can change an answer on its way.
pub(crate) struct Eavesdropper<T> {
    pub(crate) inner: T,
    pub(crate) commands: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Gets the command's code and the answer.
    pub(crate) tamper: fn(u32, &mut Vec<u8>),
}

impl<T: Transport> Eavesdropper<T> {
    pub(crate) fn new(inner: T, tamper: fn(u32, &mut Vec<u8>)) -> (Self, Arc<Mutex<Vec<Vec<u8>>>>) {
        let commands = Arc::new(Mutex::new(Vec::new()));
        (Self { inner, commands: commands.clone(), tamper }, commands)
    }
}

impl<T: Transport> Transport for Eavesdropper<T> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.commands.lock().expect("one thread").push(command.to_vec());
        let mut answer = self.inner.transmit(command)?;
        (self.tamper)(code(command), &mut answer);
        Ok(answer)
    }
}

/// Says by name that a test is skipped because a program is missing; fails it where nothing may be skipped.
pub(crate) fn missing<T>(what: &str, program: &str) -> Option<T> {
    use std::io::Write as _;
    assert!(std::env::var_os("WHFB_FORBID_SKIP").is_none(), "{what}: {program} is missing, and nothing may be skipped");
    // Not by a macro, which libtest would keep to itself.
    writeln!(std::io::stderr(), "skipped: {what}: {program} is missing").expect("standard error");
    None
}
