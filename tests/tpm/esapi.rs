//! The backend over libtss2 against the emulator behind a port, and against our own backend.

use std::path::Path;

use tempfile::TempDir;
use whfb::base::{ExposeSecret as _, OsRng, secret_slice};
use whfb::device::tpm::manufacture::{Owned, clear};
use whfb::device::tpm::swtpm::{PROGRAM, Server};
use whfb::device::tpm::{
    CertifyAuthority, Esapi, Gate, KeyKind, Ownership, Pins, Tcti, Tpm as _, TpmError, Usage, with_key,
};

use crate::support::{manufactured, open, secret, start, tempdir};

/// A manufactured TPM that serves a port. Fields drop in order.
struct Served {
    tpm: Esapi,
    server: Server,
    pins: Pins,
    directory: TempDir,
}

fn serve(directory: &Path) -> (Server, Tcti) {
    let server = Server::tcp(directory, Path::new(PROGRAM)).unwrap();
    let tcti = server.tcti().parse().unwrap();
    (server, tcti)
}

fn served() -> Served {
    let directory = tempdir();
    let (swtpm, Owned { pins, .. }) = manufactured(directory.path());
    drop(swtpm);
    let (server, tcti) = serve(directory.path());
    let tpm = Esapi::open(&tcti, Ownership::Guest, Some(&pins)).unwrap();
    Served { tpm, server, pins, directory }
}

#[test]
fn a_key_of_one_backend_works_in_the_other() {
    let Served { mut tpm, server, pins, directory } = served();
    let theirs = tpm.create(KeyKind::Rsa2048, Usage::General, Some(&secret(1))).unwrap();
    let sealed = tpm.seal(&secret_slice(vec![7; 96]), Gate::Counted(&secret(2))).unwrap();
    drop((tpm, server));
    let mut direct = open(Box::new(start(directory.path())), &pins);
    with_key(&mut direct, &theirs, |tpm, key| tpm.sign(key, Some(&secret(1)), &[1; 32])).unwrap();
    assert_eq!(direct.unseal(&sealed, Gate::Counted(&secret(2))).unwrap().expose_secret(), [7; 96]);
    let ours = direct.create(KeyKind::P256, Usage::General, Some(&secret(3))).unwrap();
    let sealed = direct.seal(&secret_slice(vec![8; 32]), Gate::Open).unwrap();
    drop(direct);
    let (_server, tcti) = serve(directory.path());
    let mut tpm = Esapi::open(&tcti, Ownership::Guest, Some(&pins)).unwrap();
    assert_eq!(tpm.pins().unwrap(), pins);
    with_key(&mut tpm, &ours, |tpm, key| tpm.sign(key, Some(&secret(3)), &[1; 32])).unwrap();
    assert_eq!(tpm.unseal(&sealed, Gate::Open).unwrap().expose_secret(), [8; 32]);
}

#[test]
fn refusals_are_those_of_the_other_backend_and_leave_nothing_loaded() {
    let Served { mut tpm, server: _server, directory: _directory, .. } = served();
    let key = tpm.create(KeyKind::P256, Usage::General, Some(&secret(1))).unwrap();
    let sealed = tpm.seal(&secret_slice(vec![7; 32]), Gate::Counted(&secret(1))).unwrap();
    for round in 1..=4 {
        let wrong = with_key(&mut tpm, &key, |tpm, key| tpm.sign(key, Some(&secret(2)), &[1; 32]));
        assert!(matches!(wrong, Err(TpmError::WrongUncounted)), "{wrong:?}");
        let wrong = tpm.unseal(&sealed, Gate::Counted(&secret(2)));
        assert!(matches!(wrong, Err(TpmError::WrongCounted)), "{wrong:?}");
        assert_eq!(tpm.facts().unwrap().lockout.count, round);
        // A key that is no attestation key cannot certify: the policy session has to go, too.
        let refused = with_key(&mut tpm, &key, |tpm, key| tpm.certify(key, key, CertifyAuthority::Policy, b""));
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(tpm.leftovers().unwrap(), [0u32; 0]);
    }
    for _ in 5..=32 {
        tpm.unseal(&sealed, Gate::Counted(&secret(2))).unwrap_err();
    }
    let locked = tpm.unseal(&sealed, Gate::Counted(&secret(1)));
    assert!(matches!(locked, Err(TpmError::LockedOut)), "{locked:?}");
    with_key(&mut tpm, &key, |tpm, key| tpm.sign(key, Some(&secret(1)), &[1; 32])).unwrap();
    assert_eq!(tpm.leftovers().unwrap(), [0u32; 0]);
    let lockout = tpm.facts().unwrap().lockout;
    assert!((lockout.count, lockout.locked_out) == (32, true), "{lockout:?}");
}

#[test]
fn a_guest_changes_nothing_and_a_gap_says_so() {
    let Served { mut tpm, server: _server, directory: _directory, .. } = served();
    let before = tpm.facts().unwrap();
    let refused = [tpm.clear(&secret(0)), tpm.evict(0x8100_0001), tpm.nv_store(0x0180_0001, b"x")];
    assert!(refused.iter().all(|outcome| matches!(outcome, Err(TpmError::Guest(_)))), "{refused:?}");
    assert_eq!(tpm.facts().unwrap(), before);
    let gap = tpm.clock().unwrap_err().to_string();
    assert_eq!(gap, "the backend esapi (tss-esapi 7.7.0) cannot read the TPM's clock");
}

#[test]
fn another_tpm_and_a_cleared_one_are_refused_before_a_session_is_started() {
    let (here, there) = (tempdir(), tempdir());
    let (mut swtpm, Owned { pins, lockout_auth, .. }) = manufactured(here.path());
    clear(&mut swtpm, &mut OsRng, &lockout_auth).unwrap();
    drop(swtpm);
    drop(manufactured(there.path()));
    for (directory, swapped) in [(&here, false), (&there, true)] {
        let (server, tcti) = serve(directory.path());
        let refused = Esapi::open(&tcti, Ownership::Guest, Some(&pins)).unwrap_err();
        assert!(if swapped { matches!(refused, TpmError::Swapped) } else { matches!(refused, TpmError::Cleared) });
        drop(server);
    }
}

#[test]
fn a_tpm_that_is_killed_is_gone() {
    let Served { mut tpm, server, directory: _directory, .. } = served();
    let pid = rustix::process::Pid::from_raw(i32::try_from(server.process_id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let gone = tpm.create(KeyKind::P256, Usage::General, None);
    assert!(matches!(gone, Err(TpmError::Gone(_))), "{gone:?}");
    let nowhere = Esapi::open(&server.tcti().parse().unwrap(), Ownership::Guest, None).unwrap_err();
    assert!(matches!(nowhere, TpmError::Unavailable(_)), "{nowhere}");
}
