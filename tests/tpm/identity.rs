//! Which TPM it is: pinned Names, cleared and swapped TPMs, the state directory and its owner.

use std::path::Path;

use whfb::base::{OsRng, secret_slice};
use whfb::device::tpm::manufacture::{Owned, clear, disable_storage, manufacture, take_ownership};
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::transport::Transport as _;
use whfb::device::tpm::{Direct, Gate, KeyKind, Ownership, Tpm as _, TpmError, Usage};

use crate::support::{Eavesdropper, code, lab, manufactured, open, secret, start, tempdir};

/// TPM2_CreatePrimary, TPM2_FlushContext and TPM2_ReadPublic carry no secret.
const HARMLESS: [u32; 3] = [0x131, 0x165, 0x173];

/// Opens and says which commands were sent until the refusal.
fn refusal(swtpm: Swtpm, pins: &whfb::device::tpm::Pins) -> (TpmError, Vec<u32>) {
    let (transport, commands) = Eavesdropper::new(swtpm, |_, _| {});
    let error = Direct::open(Box::new(transport), Ownership::Guest, Some(pins), Box::new(OsRng)).unwrap_err();
    let sent = commands.lock().unwrap().iter().map(|command| code(command)).collect();
    (error, sent)
}

#[test]
fn another_tpm_is_swapped_before_a_secret_is_sent() {
    let (here, there) = (tempdir(), tempdir());
    let (one, Owned { pins, .. }) = manufactured(here.path());
    drop(one);
    let (other, _) = manufactured(there.path());
    let (error, sent) = refusal(other, &pins);
    assert!(matches!(error, TpmError::Swapped), "{error}");
    assert!(sent.iter().all(|code| HARMLESS.contains(code)), "{sent:x?}");
}

#[test]
fn a_cleared_tpm_is_cleared_before_a_secret_is_sent_and_can_be_owned_again() {
    let directory = tempdir();
    let (mut swtpm, Owned { pins, lockout_auth, .. }) = manufactured(directory.path());
    clear(&mut swtpm, &mut OsRng, &lockout_auth).unwrap();
    let cleared = Direct::look(&mut swtpm).unwrap();
    assert_eq!((cleared.persistent, cleared.loaded), (vec![], vec![]));
    let lockout = cleared.lockout;
    assert_eq!((lockout.max, lockout.heal_seconds, lockout.recovery_seconds), (3, 1000, 1000));
    assert!(!lockout.reset_protected);
    let (error, sent) = refusal(swtpm, &pins);
    assert!(matches!(error, TpmError::Cleared), "{error}");
    assert!(sent.iter().all(|code| HARMLESS.contains(code)), "{sent:x?}");

    let mut swtpm = start(directory.path());
    let again = take_ownership(&mut swtpm, &mut OsRng).unwrap();
    assert_eq!(again.pins.ek_name, pins.ek_name);
    assert_ne!(again.pins.srk_name, pins.srk_name);
    assert_eq!((again.facts.lockout.max, again.facts.lockout.reset_protected), (32, true));
    let mut tpm = open(Box::new(swtpm), &again.pins);
    assert!(tpm.endorsement(KeyKind::Rsa2048).unwrap().certificate.is_some(), "a clear keeps the maker's certificate");
}

#[test]
fn refuses_to_clear_with_a_wrong_authorization() {
    let directory = tempdir();
    let (mut swtpm, Owned { pins, .. }) = manufactured(directory.path());
    let refused = clear(&mut swtpm, &mut OsRng, &secret(1));
    assert!(matches!(refused, Err(TpmError::WrongCounted)), "{refused:?}");
    let mut tpm = open(Box::new(swtpm), &pins);
    assert_eq!(tpm.pins().unwrap(), pins);
    assert_eq!(tpm.leftovers().unwrap(), [0u32; 0]);
}

#[test]
fn manufacture_can_leave_certificates_out_and_pass_refusals_on() {
    let directory = tempdir();
    let mut swtpm = start(directory.path());
    assert!(swtpm.is_fresh());
    let refused = manufacture(&mut swtpm, &mut OsRng, &|_, _, _| Err(TpmError::Guest("issuing"))).unwrap_err();
    assert!(matches!(refused, TpmError::Guest("issuing")));
    let owned = manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_, _, _| Ok(None)).unwrap();
    assert_eq!(owned.facts.persistent, [0x8100_0001, 0x8101_0001, 0x8101_0002]);
    assert_eq!(owned.facts.loaded, [0u32; 0]);
    let mut tpm = open(Box::new(swtpm), &owned.pins);
    assert_eq!(tpm.endorsement(KeyKind::Rsa2048).unwrap().certificate, None);
    drop(tpm);
    assert!(!start(directory.path()).is_fresh());
}

#[test]
fn refuses_to_manufacture_twice() {
    let directory = tempdir();
    let (mut swtpm, _) = manufactured(directory.path());
    let again = manufacture(&mut swtpm, &mut OsRng, &crate::support::token_certificate);
    assert!(matches!(again, Err(TpmError::Refused { code: 0x14C, .. })), "{again:?}");
}

#[test]
fn a_tpm_without_its_storage_hierarchy_is_not_ready_until_it_starts_again() {
    let directory = tempdir();
    let (mut swtpm, Owned { pins, .. }) = manufactured(directory.path());
    assert!(Direct::look(&mut swtpm).unwrap().ready);
    disable_storage(&mut swtpm, &mut OsRng).unwrap();
    assert!(!Direct::look(&mut swtpm).unwrap().ready);
    let refused = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&pins), Box::new(OsRng));
    assert!(matches!(refused, Err(TpmError::NotReady(_))), "{refused:?}");
    drop(open(Box::new(start(directory.path())), &pins));
}

#[test]
fn one_directory_has_one_owner() {
    let lab = lab();
    let second = Swtpm::start(lab.directory.path(), Path::new(PROGRAM)).unwrap_err();
    assert!(matches!(&second, TpmError::Unavailable(words) if words.contains("in use")), "{second}");
}

#[test]
fn a_missing_emulator_is_named_with_what_mends_it() {
    let directory = tempdir();
    for program in ["swtpm-that-nobody-installed", "/nonexistent/swtpm"] {
        let error = Swtpm::start(directory.path(), Path::new(program)).unwrap_err().to_string();
        assert!(error.contains(program) && error.contains("apt-get install swtpm"), "{error}");
    }
    drop(start(directory.path()));
}

#[test]
fn an_emulator_that_ends_at_once_is_unavailable() {
    let directory = tempdir();
    let error = Swtpm::start(directory.path(), Path::new("false")).unwrap_err();
    assert!(matches!(&error, TpmError::Unavailable(words) if words.contains("exit status: 1")), "{error}");
    std::fs::write(directory.path().join("tpm2-00.permall"), b"damaged").unwrap();
    let error = Swtpm::start(directory.path(), Path::new(PROGRAM)).unwrap_err();
    assert!(matches!(&error, TpmError::Unavailable(words) if words.contains("swtpm")), "{error}");
}

#[test]
fn a_directory_may_have_any_name_and_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempdir();
    let directory = parent.path().join("a, b=c and ü");
    drop(start(&directory));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for file in ["tpm2-00.permall", "swtpm.log", "owner.lock"] {
        assert_eq!(mode(&directory.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_killed_emulator_is_gone_and_says_so_at_once() {
    let directory = tempdir();
    let (swtpm, Owned { pins, .. }) = manufactured(directory.path());
    let id = rustix::process::Pid::from_raw(i32::try_from(swtpm.process_id()).unwrap()).unwrap();
    let mut tpm = open(Box::new(swtpm), &pins);
    tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    let error = tpm.create(KeyKind::P256, Usage::General, None).unwrap_err();
    assert!(matches!(&error, TpmError::Gone(words) if words.contains("signal: 9")), "{error}");
    assert!(matches!(tpm.facts(), Err(TpmError::Gone(_))), "gone stays gone");
    drop(tpm);
    drop(open(Box::new(start(directory.path())), &pins));
}

#[test]
fn the_emulator_is_shut_down_in_order_even_if_its_user_is_a_guest() {
    let directory = tempdir();
    let (swtpm, Owned { pins, .. }) = manufactured(directory.path());
    let mut guest = Direct::open(Box::new(swtpm), Ownership::Guest, Some(&pins), Box::new(OsRng)).unwrap();
    let sealed = guest.seal(&secret_slice(vec![1; 32]), Gate::Counted(&secret(1))).unwrap();
    guest.unseal(&sealed, Gate::Counted(&secret(1))).unwrap();
    drop(guest);
    // Without TPM2_Shutdown the protected use would count as a failure.
    assert_eq!(Direct::look(&mut start(directory.path())).unwrap().lockout.count, 0);
}

#[test]
fn no_process_is_left_behind() {
    let lab = lab();
    let directory = lab.directory.path().to_owned();
    let mut bare = start(tempdir().path());
    let id = bare.process_id();
    assert!(Path::new(&format!("/proc/{id}")).exists());
    bare.transmit(&[0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x7C]).unwrap();
    drop(bare);
    assert!(!Path::new(&format!("/proc/{id}")).exists());
    drop(lab.tpm);
    drop(start(&directory));
}
