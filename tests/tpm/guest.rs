//! A TPM that somebody else started is a guest house: afterwards it is as it was.

use std::sync::{Arc, Mutex};

use whfb::base::{OsRng, secret_slice};
use whfb::device::tpm::manufacture::{Owned, take_ownership_with};
use whfb::device::tpm::swtpm::Swtpm;
use whfb::device::tpm::transport::Transport;
use whfb::device::tpm::{CertifyAuthority, Direct, Gate, KeyKind, Ownership, Tpm as _, TpmError, Usage};

use crate::support::{Eavesdropper, code, manufactured, open, secret, start, tempdir};

/// A TPM that outlives its user, as a chip does.
#[derive(Clone)]
struct Shared(Arc<Mutex<Eavesdropper<Swtpm>>>);

impl Transport for Shared {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.0.lock().unwrap().transmit(command)
    }
}

/// TPM2_EvictControl, _HierarchyControl, _NV_UndefineSpace, _Clear, _ClearControl, _HierarchyChangeAuth, _NV_DefineSpace,
/// _SetPrimaryPolicy, _NV_Write, _DictionaryAttackLockReset, _DictionaryAttackParameters, _Startup, _Shutdown.
const FORBIDDEN: [u32; 13] =
    [0x120, 0x121, 0x122, 0x126, 0x127, 0x129, 0x12A, 0x12E, 0x137, 0x139, 0x13A, 0x144, 0x145];

/// Uses everything that a guest may use.
fn stay(tpm: &mut Direct) {
    let key = tpm.create(KeyKind::P256, Usage::General, Some(&secret(1))).unwrap();
    let aik = tpm.create(KeyKind::P256, Usage::Attestation, None).unwrap();
    let (key, aik) = (tpm.load(&key).unwrap(), tpm.load(&aik).unwrap());
    tpm.sign(&key, Some(&secret(1)), &[0; 32]).unwrap();
    tpm.certify(&key, &aik, CertifyAuthority::Policy, b"").unwrap();
    tpm.unload(aik).unwrap();
    tpm.unload(key).unwrap();
    let sealed = tpm.seal(&secret_slice(vec![1; 32]), Gate::Counted(&secret(1))).unwrap();
    tpm.unseal(&sealed, Gate::Counted(&secret(1))).unwrap();
    tpm.endorsement(KeyKind::Rsa2048).unwrap();
    assert!(matches!(tpm.reset_lockout(&secret(1)), Err(TpmError::Guest(_))));
}

#[test]
fn a_guest_leaves_the_tpm_as_it_was() {
    let directory = tempdir();
    let (mut swtpm, Owned { pins, facts: before, .. }) = manufactured(directory.path());
    swtpm.transmit(&[0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x7C]).unwrap();
    let (transport, commands) = Eavesdropper::new(swtpm, |_, _| {});
    let shared = Shared(Arc::new(Mutex::new(transport)));
    let mut guest = Direct::open(Box::new(shared.clone()), Ownership::Guest, Some(&pins), Box::new(OsRng)).unwrap();
    stay(&mut guest);
    // It leaves in a hurry: with a key still loaded.
    let key = guest.create(KeyKind::P256, Usage::General, None).unwrap();
    guest.load(&key).unwrap();
    drop(guest);
    let sent: Vec<u32> = commands.lock().unwrap().iter().map(|command| code(command)).collect();
    assert!(sent.iter().all(|code| !FORBIDDEN.contains(code)), "{sent:x?}");

    let mut after = open(Box::new(shared), &pins);
    assert_eq!(after.leftovers().unwrap(), [0u32; 0]);
    let after = after.facts().unwrap();
    assert_eq!((after.persistent, after.lockout), (before.persistent, before.lockout));
}

#[test]
fn a_guest_that_asks_something_after_its_shutdown_leaves_no_session() {
    let directory = tempdir();
    let (swtpm, Owned { pins, .. }) = manufactured(directory.path());
    let shared = Shared(Arc::new(Mutex::new(Eavesdropper::new(swtpm, |_, _| {}).0)));
    let mut guest = Direct::open(Box::new(shared.clone()), Ownership::Guest, Some(&pins), Box::new(OsRng)).unwrap();
    guest.shutdown().unwrap();
    guest.facts().unwrap();
    drop(guest);
    let facts = Direct::look(&mut shared.clone()).unwrap();
    assert_eq!((facts.loaded, facts.sessions), (vec![], vec![]));
}

#[test]
fn a_guest_makes_do_with_a_tpm_that_has_no_persistent_keys() {
    let directory = tempdir();
    let shared = Shared(Arc::new(Mutex::new(Eavesdropper::new(start(directory.path()), |_, _| {}).0)));
    let mut guest = Direct::open(Box::new(shared.clone()), Ownership::Guest, None, Box::new(OsRng)).unwrap();
    let pins = guest.pins().unwrap();
    stay(&mut guest);
    drop(guest);
    let mut again = Direct::open(Box::new(shared), Ownership::Guest, Some(&pins), Box::new(OsRng)).unwrap();
    let facts = again.facts().unwrap();
    assert_eq!(facts.persistent, [0u32; 0]);
    assert_eq!(facts.loaded.len(), 1, "only the storage root key in memory");
    assert_eq!(again.leftovers().unwrap(), [0u32; 0]);
}

#[test]
fn a_guest_uses_a_storage_root_key_of_the_other_kind() {
    let directory = tempdir();
    let mut swtpm = start(directory.path());
    let pins = take_ownership_with(&mut swtpm, &mut OsRng, KeyKind::P256).unwrap().pins;
    let mut guest = Direct::open(Box::new(swtpm), Ownership::Guest, Some(&pins), Box::new(OsRng)).unwrap();
    stay(&mut guest);
    assert_eq!(guest.facts().unwrap().loaded, [0u32; 0], "the persistent key served");
}
