//! Sealed data, and the counter that stands before it.

use whfb::base::{ExposeSecret as _, secret_slice};
use whfb::device::tpm::{Gate, KeyKind, LockoutLimits, Tpm as _, TpmError, Usage, with_key};

use crate::support::{lab, secret};

#[test]
fn sealed_data_comes_back_through_its_gate() {
    let mut lab = lab();
    let data = secret_slice((0..96).collect());
    let open = lab.tpm.seal(&data, Gate::Open).unwrap();
    assert_eq!(lab.tpm.unseal(&open, Gate::Open).unwrap().expose_secret(), data.expose_secret());
    let counted = lab.tpm.seal(&data, Gate::Counted(&secret(1))).unwrap();
    assert_eq!(lab.tpm.unseal(&counted, Gate::Counted(&secret(1))).unwrap().expose_secret(), data.expose_secret());
    assert!(matches!(lab.tpm.unseal(&counted, Gate::Open), Err(TpmError::WrongCounted)));
    assert_eq!(open.0.public[4..8], 0x0000_0452u32.to_be_bytes());
    assert_eq!(counted.0.public[4..8], 0x0000_0052u32.to_be_bytes());
}

#[test]
fn sealed_data_that_is_loaded_opens_as_often_as_its_gate_lets() {
    let mut lab = lab();
    let blob = lab.tpm.seal(&secret_slice(vec![3; 96]), Gate::Counted(&secret(1))).unwrap();
    let object = lab.tpm.load_sealed(&blob).unwrap();
    for _ in 0..2 {
        let opened = lab.tpm.unseal_loaded(&object, Gate::Counted(&secret(1))).unwrap();
        assert_eq!(opened.expose_secret(), [3; 96]);
    }
    let wrong = lab.tpm.unseal_loaded(&object, Gate::Counted(&secret(2)));
    assert!(matches!(wrong, Err(TpmError::WrongCounted)), "{wrong:?}");
    assert_eq!(lab.tpm.facts().unwrap().lockout.count, 1);
    // It is no key, and a key is not sealed data.
    assert!(lab.tpm.sign(&object, Some(&secret(1)), &[0; 32]).is_err());
    lab.tpm.unload(object).unwrap();
    let blob = lab.tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    let key = lab.tpm.load(&blob).unwrap();
    let refused = lab.tpm.unseal_loaded(&key, Gate::Open);
    assert!(matches!(refused, Err(TpmError::Refused { .. })), "{refused:?}");
    lab.tpm.unload(key).unwrap();
}

#[test]
fn seals_128_bytes_and_not_129() {
    let mut lab = lab();
    let most = lab.tpm.seal(&secret_slice(vec![1; 128]), Gate::Counted(&secret(1))).unwrap();
    assert_eq!(lab.tpm.unseal(&most, Gate::Counted(&secret(1))).unwrap().expose_secret().len(), 128);
    let more = lab.tpm.seal(&secret_slice(vec![1; 129]), Gate::Counted(&secret(1)));
    assert!(matches!(more, Err(TpmError::Refused { code: 0x1D5, .. })), "{more:?}");
}

#[test]
fn a_wrong_pin_counts_and_the_right_one_does_not_reset() {
    let mut lab = lab();
    let blob = lab.tpm.seal(&secret_slice(vec![1; 96]), Gate::Counted(&secret(1))).unwrap();
    let wrong = lab.tpm.unseal(&blob, Gate::Counted(&secret(2)));
    assert!(matches!(wrong, Err(TpmError::WrongCounted)), "{wrong:?}");
    lab.tpm.unseal(&blob, Gate::Counted(&secret(1))).unwrap();
    assert_eq!(lab.tpm.facts().unwrap().lockout.count, 1);
    lab.reboot();
    let after = lab.tpm.facts().unwrap().lockout;
    assert_eq!(after.count, 1, "an orderly end adds nothing and forgets nothing");
}

#[test]
fn thirty_two_wrong_pins_lock_until_the_reset() {
    let mut lab = lab();
    let blob = lab.tpm.seal(&secret_slice(vec![1; 96]), Gate::Counted(&secret(1))).unwrap();
    let key = lab.tpm.create(KeyKind::P256, Usage::General, Some(&secret(5))).unwrap();
    for attempt in 1..=LockoutLimits::WINDOWS.max_tries {
        let wrong = lab.tpm.unseal(&blob, Gate::Counted(&secret(2)));
        assert!(matches!(wrong, Err(TpmError::WrongCounted)), "attempt {attempt}: {wrong:?}");
    }
    assert!(matches!(lab.tpm.unseal(&blob, Gate::Counted(&secret(1))), Err(TpmError::LockedOut)));
    let lockout = lab.tpm.facts().unwrap().lockout;
    assert!(lockout.locked_out && lockout.reset_protected);
    assert_eq!((lockout.count, lockout.max, lockout.heal_seconds, lockout.recovery_seconds), (32, 32, 600, 86_400));

    // Keys without dictionary-attack protection do not care.
    with_key(&mut *lab.tpm, &key, |tpm, key| tpm.sign(key, Some(&secret(5)), &[0; 32])).unwrap();
    lab.tpm.create(KeyKind::P256, Usage::General, None).unwrap();

    lab.tpm.reset_lockout(&lab.lockout_auth).unwrap();
    lab.tpm.unseal(&blob, Gate::Counted(&secret(1))).unwrap();
    assert_eq!(lab.tpm.facts().unwrap().lockout.count, 0);
}

#[test]
fn a_wrong_lockout_authorization_blocks_the_reset() {
    let mut lab = lab();
    assert!(matches!(lab.tpm.reset_lockout(&secret(1)), Err(TpmError::WrongCounted)));
    let right = lab.tpm.reset_lockout(&lab.lockout_auth);
    assert!(matches!(right, Err(TpmError::LockedOut)), "{right:?}");
}

#[test]
fn a_changed_blob_does_not_open() {
    let mut lab = lab();
    let sealed = lab.tpm.seal(&secret_slice(vec![1; 32]), Gate::Open).unwrap();
    for position in [0, 20, sealed.0.private.len() - 1] {
        let mut changed = sealed.clone();
        changed.0.private[position] ^= 1;
        assert!(lab.tpm.unseal(&changed, Gate::Open).is_err(), "byte {position}");
    }
    let mut relaxed = lab.tpm.seal(&secret_slice(vec![1; 32]), Gate::Counted(&secret(1))).unwrap();
    relaxed.0.public[6] |= 0x04;
    assert!(lab.tpm.unseal(&relaxed, Gate::Counted(&secret(2))).is_err(), "noDA cannot be added afterwards");
    assert_eq!(lab.tpm.facts().unwrap().lockout.count, 0);
}
