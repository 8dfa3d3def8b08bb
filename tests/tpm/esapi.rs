//! The backend over libtss2 against the emulator behind a port, and against our own backend.

use std::path::Path;

use tempfile::TempDir;
use whfb::base::{ExposeSecret as _, OsRng, secret_slice};
use whfb::device::tpm::manufacture::{Owned, clear};
use whfb::device::tpm::swtpm::{PROGRAM, Server};
use whfb::device::tpm::{
    CertifyAuthority, Created, Esapi, Gate, KeyBlob, KeyKind, Ownership, Pins, Tcti, Tpm, TpmError, Usage, with_key,
};

use crate::relay::relay;
use crate::support::{manufactured, open, secret, start, tempdir};

/// TPM_CC_StartAuthSession (TPM 2.0 Part 2, section 6.5.2).
const START_AUTH_SESSION: u32 = 0x176;

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
    let made = tpm.create_key(KeyKind::Rsa2048, Usage::General, Some(&secret(1))).unwrap();
    let Created { key: theirs, creation } = made;
    let sealed = tpm.seal(&secret_slice(vec![7; 96]), Gate::Counted(&secret(2))).unwrap();
    drop((tpm, server));
    let mut direct = open(Box::new(start(directory.path())), &pins);
    with_key(&mut direct, &theirs, |tpm, key| tpm.sign(key, Some(&secret(1)), &[1; 32])).unwrap();
    assert_eq!(direct.unseal(&sealed, Gate::Counted(&secret(2))).unwrap().expose_secret(), [7; 96]);
    // What one backend cannot certify it still tells in full: the other can.
    let aik = direct.create(KeyKind::P256, Usage::Attestation, None).unwrap();
    let by = CertifyAuthority::Creation(&creation);
    with_key(&mut direct, &theirs, |tpm, key| with_key(tpm, &aik, |tpm, aik| tpm.certify(key, aik, by, b""))).unwrap();
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
    let Created { key, creation } = tpm.create_key(KeyKind::P256, Usage::Attestation, None).unwrap();
    let by = CertifyAuthority::Creation(&creation);
    let gap = with_key(&mut tpm, &key, |tpm, key| tpm.certify(key, key, by, b"")).unwrap_err().to_string();
    assert_eq!(gap, "the backend esapi (tss-esapi 7.7.0) cannot certify a key's creation");
}

#[test]
fn another_tpm_and_a_cleared_one_are_refused_before_a_session_is_started() {
    let (here, there) = (tempdir(), tempdir());
    let (mut swtpm, Owned { pins, lockout_auth, .. }) = manufactured(here.path());
    clear(&mut swtpm, &mut OsRng, &lockout_auth).unwrap();
    drop(swtpm);
    drop(manufactured(there.path()));
    for (directory, swapped) in [(&here, false), (&there, true)] {
        let (server, _) = serve(directory.path());
        let (tcti, codes) = relay(&server);
        let refused = Esapi::open(&tcti, Ownership::Guest, Some(&pins)).unwrap_err();
        assert!(if swapped { matches!(refused, TpmError::Swapped) } else { matches!(refused, TpmError::Cleared) });
        let refused_after = std::mem::take(&mut *codes.lock().unwrap());
        assert!(!refused_after.is_empty() && !refused_after.contains(&START_AUTH_SESSION), "{refused_after:x?}");
        // The relay does see a session when there is one.
        let mut tpm = Esapi::open(&tcti, Ownership::Guest, None).unwrap();
        tpm.seal(&secret_slice(vec![7; 32]), Gate::Open).unwrap();
        tpm.seal(&secret_slice(vec![7; 32]), Gate::Open).unwrap();
        drop(tpm);
        let sessions = codes.lock().unwrap().iter().filter(|code| **code == START_AUTH_SESSION).count();
        assert_eq!(sessions, 1);
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
    let still = tpm.seal(&secret_slice(vec![7; 32]), Gate::Open);
    assert!(matches!(still, Err(TpmError::Gone(_))), "{still:?}");
    let nowhere = Esapi::open(&server.tcti().parse().unwrap(), Ownership::Guest, None).unwrap_err();
    assert!(matches!(nowhere, TpmError::Unavailable(_)), "{nowhere}");
}

/// Something wrong to ask for, given a key.
type Mistake = fn(&mut dyn Tpm, &KeyBlob) -> Result<(), TpmError>;

/// What each backend is asked that no TPM grants.
const MISTAKES: [(&str, Mistake); 13] = [
    ("seal 129 bytes", |tpm, _| tpm.seal(&secret_slice(vec![1; 129]), Gate::Open).map(drop)),
    ("seal 2000 bytes", |tpm, _| tpm.seal(&secret_slice(vec![1; 2000]), Gate::Open).map(drop)),
    ("decrypt a short ciphertext", |tpm, key| {
        with_key(tpm, key, |tpm, key| tpm.decrypt(key, None, &[1; 10])).map(drop)
    }),
    ("decrypt a long ciphertext", |tpm, key| {
        with_key(tpm, key, |tpm, key| tpm.decrypt(key, None, &[1; 600])).map(drop)
    }),
    ("load another private part", |tpm, key| {
        let blob = KeyBlob { public: key.public.clone(), private: vec![1; 200] };
        tpm.load(&blob).map(drop)
    }),
    ("load a huge private part", |tpm, key| {
        let blob = KeyBlob { public: key.public.clone(), private: vec![1; 2500] };
        tpm.load(&blob).map(drop)
    }),
    ("load half a public part", |tpm, key| {
        let blob = KeyBlob { public: key.public[..20].to_vec(), private: key.private.clone() };
        tpm.load(&blob).map(drop)
    }),
    ("wrap a long secret", |tpm, key| {
        tpm.make_credential(KeyKind::Rsa2048, &key.name()?, &secret_slice(vec![1; 65])).map(drop)
    }),
    ("read what is no NV index", |tpm, _| tpm.nv_read(0x8100_0001).map(drop)),
    ("store where no NV index is", |tpm, _| tpm.nv_store(0x8100_0002, b"x")),
    ("keep at no persistent handle", |tpm, key| with_key(tpm, key, |tpm, key| tpm.persist(key, 0x8000_0002))),
    ("remove what is not persistent", |tpm, _| tpm.evict(0x8000_0002)),
    ("store 3000 bytes", |tpm, _| tpm.nv_store(0x0180_0001, &[1; 3000])),
];

/// The answers, without the codes: the library refuses some of it by itself and then cannot number the parameter.
fn mistakes(tpm: &mut dyn Tpm, key: &KeyBlob) -> Vec<String> {
    let answer = |error| match error {
        TpmError::Refused { command, .. } => format!("{command} refused"),
        other => format!("{other:?}"),
    };
    MISTAKES.iter().map(|(what, run)| format!("{what}: {}", answer(run(tpm, key).unwrap_err()))).collect()
}

#[test]
fn bad_input_is_answered_as_by_the_other_backend_and_leaves_nothing_loaded() {
    let Served { tpm, server, pins, directory } = served();
    drop(tpm);
    let mut tpm = Esapi::open(&server.tcti().parse().unwrap(), Ownership::Allowed, Some(&pins)).unwrap();
    let key = tpm.create(KeyKind::Rsa2048, Usage::General, None).unwrap();
    let theirs = mistakes(&mut tpm, &key);
    assert_eq!(tpm.leftovers().unwrap(), [0u32; 0]);
    with_key(&mut tpm, &key, |tpm, key| tpm.sign(key, None, &[1; 32])).unwrap();
    drop((tpm, server));
    let ours = mistakes(&mut open(Box::new(start(directory.path())), &pins), &key);
    assert_eq!(theirs, ours);
}

#[test]
fn a_tpm_that_stops_answering_is_gone_and_holds_nobody_up() {
    let Served { tpm, server, pins, .. } = served();
    drop(tpm);
    let tcti = server.tcti().parse().unwrap();
    let within = std::time::Duration::from_secs(5);
    let mut asked = Esapi::open_within(&tcti, Ownership::Guest, Some(&pins), within).unwrap();
    let mut dropped = Esapi::open_within(&tcti, Ownership::Guest, Some(&pins), within).unwrap();
    // A session is what the drop would end, and the TPM not answer to.
    dropped.seal(&secret_slice(vec![7; 32]), Gate::Open).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(server.process_id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let gone = asked.facts();
    drop((asked, dropped));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert!(matches!(gone, Err(TpmError::Gone(_))), "{gone:?}");
}
