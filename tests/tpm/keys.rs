//! Keys: made, loaded, used, given another authorization.

use whfb::base::ExposeSecret as _;
use whfb::crypto::SignatureAlgorithm;
use whfb::crypto::digest::sha256;
use whfb::device::tpm::{KeyBlob, KeyKind, RawSignature, Tpm, TpmError, Usage, with_key};

use crate::support::{lab, secret};

/// Signs a message and says whether the signature verifies under the key's public half.
fn signs(tpm: &mut dyn Tpm, blob: &KeyBlob, auth: u8) -> Result<bool, TpmError> {
    let digest = sha256(b"message");
    let signature = with_key(tpm, blob, |tpm, key| tpm.sign(key, Some(&secret(auth)), &digest))?;
    let (algorithm, signature) = match &signature {
        RawSignature::Rsa(bytes) => (SignatureAlgorithm::RsaSha256, bytes.as_slice()),
        RawSignature::P256(bytes) => (SignatureAlgorithm::EcdsaSha256Fixed, bytes.as_slice()),
    };
    let key = blob.public_key()?;
    assert!(key.verify(algorithm, b"another message", signature).is_err());
    Ok(key.verify(algorithm, b"message", signature).is_ok())
}

#[test]
fn signatures_of_both_kinds_verify_outside() {
    let mut lab = lab();
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        let blob = lab.tpm.create(kind, Usage::General, Some(&secret(7))).unwrap();
        assert!(signs(&mut *lab.tpm, &blob, 7).unwrap(), "{kind:?}");
    }
}

#[test]
fn keys_have_the_attributes_and_the_policy_of_the_windows_provider() {
    let mut lab = lab();
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        for (usage, attributes) in [(Usage::General, 0x0006_0472u32), (Usage::Attestation, 0x0005_0472)] {
            let public = lab.tpm.create(kind, usage, None).unwrap().public;
            assert_eq!(public[4..8], attributes.to_be_bytes(), "{kind:?} {usage:?}");
            assert_eq!(public[8..10], [0, 32]);
            assert_eq!(public[10..14], [0x9d, 0xff, 0xcb, 0xf3]);
            assert_eq!(public[40..42], [0x22, 0xae]);
        }
    }
}

#[test]
fn a_wrong_authorization_of_a_key_is_refused_and_not_counted() {
    let mut lab = lab();
    let blob = lab.tpm.create(KeyKind::P256, Usage::General, Some(&secret(7))).unwrap();
    let key = lab.tpm.load(&blob).unwrap();
    let wrong = lab.tpm.sign(&key, Some(&secret(8)), &[0; 32]);
    assert!(matches!(wrong, Err(TpmError::WrongUncounted)), "{wrong:?}");
    let none = lab.tpm.sign(&key, None, &[0; 32]);
    assert!(matches!(none, Err(TpmError::WrongUncounted)), "{none:?}");
    assert_eq!(lab.tpm.facts().unwrap().lockout.count, 0);
    lab.tpm.sign(&key, Some(&secret(7)), &[0; 32]).unwrap();
    lab.tpm.unload(key).unwrap();
}

#[test]
fn authorizations_differ_only_before_their_trailing_zeros() {
    let mut lab = lab();
    let mut short = [9u8; 32];
    short[20..].fill(0);
    let short = whfb::base::Secret32::new(Box::new(short));
    let blob = lab.tpm.create(KeyKind::P256, Usage::General, Some(&short)).unwrap();
    with_key(&mut *lab.tpm, &blob, |tpm, key| tpm.sign(key, Some(&short), &[0; 32])).unwrap();
    let open = lab.tpm.create(KeyKind::P256, Usage::General, Some(&secret(0))).unwrap();
    with_key(&mut *lab.tpm, &open, |tpm, key| tpm.sign(key, None, &[0; 32])).unwrap();
}

#[test]
fn what_is_wrapped_for_a_key_opens_in_its_tpm() {
    let mut lab = lab();
    let blob = lab.tpm.create(KeyKind::Rsa2048, Usage::General, None).unwrap();
    let public = blob.public_key().unwrap();
    let wrapped = public.rsa().unwrap().encrypt_oaep_sha1(&[3; 32]).unwrap();
    let key = lab.tpm.load(&blob).unwrap();
    assert_eq!(lab.tpm.decrypt(&key, None, &wrapped).unwrap().expose_secret(), [3; 32]);
    let mut changed = wrapped;
    changed[100] ^= 1;
    assert!(matches!(lab.tpm.decrypt(&key, None, &changed), Err(TpmError::Refused { code: 0x101, .. })));
    assert!(lab.tpm.decrypt(&key, None, &[]).is_err());
    assert!(lab.tpm.decrypt(&key, None, &[0xFF; 600]).is_err());
    lab.tpm.sign(&key, None, &[0; 32]).unwrap();
    lab.tpm.unload(key).unwrap();
}

#[test]
fn a_new_authorization_keeps_the_name_and_revokes_nothing() {
    let mut lab = lab();
    let old = lab.tpm.create(KeyKind::P256, Usage::General, Some(&secret(1))).unwrap();
    let new = with_key(&mut *lab.tpm, &old, |tpm, key| {
        let new = tpm.change_auth(key, &old.public, &secret(1), &secret(2))?;
        tpm.sign(key, Some(&secret(1)), &[0; 32])?;
        Ok::<_, TpmError>(new)
    })
    .unwrap();
    assert_eq!(new.name().unwrap(), old.name().unwrap());
    assert_ne!(new.private, old.private);
    assert!(signs(&mut *lab.tpm, &new, 2).unwrap());
    assert!(matches!(signs(&mut *lab.tpm, &new, 1), Err(TpmError::WrongUncounted)));
    assert!(signs(&mut *lab.tpm, &old, 1).unwrap(), "the old blob with the old authorization still signs");
}

#[test]
fn refuses_a_change_without_the_old_authorization() {
    let mut lab = lab();
    let blob = lab.tpm.create(KeyKind::P256, Usage::General, Some(&secret(1))).unwrap();
    let change = with_key(&mut *lab.tpm, &blob, |tpm, key| tpm.change_auth(key, &blob.public, &secret(3), &secret(2)));
    assert!(matches!(change, Err(TpmError::WrongUncounted)), "{change:?}");
}

#[test]
fn refuses_blobs_that_were_changed_or_mixed() {
    let mut lab = lab();
    let blob = lab.tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    let other = lab.tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    let mixed = KeyBlob { public: blob.public.clone(), private: other.private };
    let mut torn = blob.clone();
    torn.private.truncate(40);
    let mut relaxed = blob.clone();
    relaxed.public[5] ^= 0x04;
    for bad in [
        mixed,
        torn,
        relaxed,
        KeyBlob { public: vec![], private: vec![] },
        KeyBlob { public: vec![0xFF; 5000], ..blob.clone() },
    ] {
        assert!(lab.tpm.load(&bad).is_err(), "{} and {} bytes loaded", bad.public.len(), bad.private.len());
    }
    assert_eq!(lab.tpm.leftovers().unwrap(), [0u32; 0]);
}

#[test]
fn a_key_of_one_tpm_does_not_load_into_another() {
    let (mut one, mut other) = (lab(), lab());
    let blob = one.tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    assert!(matches!(other.tpm.load(&blob), Err(TpmError::Refused { .. })));
}

#[test]
fn keys_survive_a_reboot_and_handles_do_not() {
    let mut lab = lab();
    let blob = lab.tpm.create(KeyKind::P256, Usage::General, Some(&secret(4))).unwrap();
    let key = lab.tpm.load(&blob).unwrap();
    lab.tpm.unload(key).unwrap();
    lab.reboot();
    assert!(signs(&mut *lab.tpm, &blob, 4).unwrap());
}

#[test]
fn a_fourth_object_finds_no_slot_and_leaves_none() {
    let mut lab = lab();
    let blob = lab.tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    let (one, two) = (lab.tpm.load(&blob).unwrap(), lab.tpm.load(&blob).unwrap());
    let third = lab.tpm.load(&blob);
    assert!(matches!(third, Err(TpmError::Refused { code: 0x902, .. })), "{third:?}");
    lab.tpm.unload(one).unwrap();
    lab.tpm.unload(two).unwrap();
}

#[test]
fn a_blob_that_is_too_long_for_a_command_is_refused_and_the_tpm_works_on() {
    let mut lab = lab();
    let blob = lab.tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    for length in [0, 2500, 4000, 60_000] {
        let long = KeyBlob { private: vec![7; length], ..blob.clone() };
        let refused = lab.tpm.load(&long).map(|key| lab.tpm.unload(key));
        assert!(matches!(refused, Err(TpmError::Refused { command: "TPM2_Load", .. })), "{length}: {refused:?}");
    }
    let key = lab.tpm.load(&blob).unwrap();
    lab.tpm.unload(key).unwrap();
}
