//! What each verb has to do.

use whfb::attest::make_credential;
use whfb::base::{ExposeSecret as _, OsRng, secret_slice};
use whfb::crypto::{PublicKey, SignatureAlgorithm};
use whfb::device::tpm::{
    Certification, CertifyAuthority, Created, Gate, KeyBlob, KeyHandle, KeyKind, LockoutLimits, RawSignature, Tpm,
    TpmError, Usage, with_key,
};
use whfb::wire::tpm::{Attest, Attested};

use crate::subject::Subject;
use crate::support::secret;
use crate::table::Cell;

type Outcome = Result<(), TpmError>;
type Check = fn(&mut Subject) -> Outcome;

/// The verbs in the order of the trait, one of them twice as a backend may do half of it; the two that end something last.
pub(crate) const ALL: [(&str, Check); 26] = [
    ("facts", facts),
    ("pins", pins),
    ("endorsement", endorsement),
    ("create", create),
    ("load", load),
    ("unload", unload),
    ("sign", sign),
    ("decrypt", decrypt),
    ("seal", seal),
    ("unseal", unseal),
    ("certify", certify),
    ("certify, creation", certify_creation),
    ("change_auth", change_auth),
    ("claim", claim),
    ("make_credential", wrap),
    ("activate", activate),
    ("nv_read", nv_read),
    ("nv_store", nv_store),
    ("nv_remove", nv_remove),
    ("persist", persist),
    ("evict", evict),
    ("clock", clock),
    ("limit_lockout", limit_lockout),
    ("reset_lockout", reset_lockout),
    ("clear", clear),
    ("shutdown", shutdown),
];

/// What an outcome says in the table. Any other error is a fault of the backend.
pub(crate) fn verdict(outcome: Outcome) -> Cell {
    match outcome {
        Ok(()) => Cell::Works,
        Err(TpmError::Gap { .. }) => Cell::Gap,
        Err(TpmError::Guest(_)) => Cell::Guest,
        Err(error) => panic!("{error}"),
    }
}

/// An index and a handle of the owner that nothing else uses.
const INDEX: u32 = 0x0180_5A5A;
const HANDLE: u32 = 0x8100_5A5A;
const KINDS: [KeyKind; 2] = [KeyKind::Rsa2048, KeyKind::P256];

fn facts(subject: &mut Subject) -> Outcome {
    let facts = subject.tpm.facts()?;
    assert_eq!((facts.specification.as_str(), facts.ready, facts.lockout.locked_out), ("2.0", true, false));
    assert!(!facts.manufacturer.is_empty() && facts.firmware_version != 0, "{facts:?}");
    assert!(facts.persistent.is_sorted(), "{facts:?}");
    Ok(())
}

fn pins(subject: &mut Subject) -> Outcome {
    let pins = subject.tpm.pins()?;
    for name in [&pins.ek_name, &pins.srk_name] {
        assert_eq!((name.len(), &name[..2]), (34, &[0x00, 0x0B][..]));
    }
    assert_ne!(pins.ek_name, pins.srk_name);
    Ok(())
}

fn endorsement(subject: &mut Subject) -> Outcome {
    for kind in KINDS {
        let endorsement = subject.tpm.endorsement(kind)?;
        assert!(matches!(
            (kind, endorsement.public_key()?),
            (KeyKind::Rsa2048, PublicKey::Rsa(_)) | (KeyKind::P256, PublicKey::P256(_))
        ));
        if !subject.guest {
            assert!(
                endorsement.certificate.is_some_and(|der| der.starts_with(&[0x30, 0x82])),
                "the maker's certificate"
            );
        }
    }
    Ok(())
}

fn p256(tpm: &mut dyn Tpm, auth: u8) -> Result<KeyBlob, TpmError> {
    tpm.create(KeyKind::P256, Usage::General, Some(&secret(auth)))
}

fn create(subject: &mut Subject) -> Outcome {
    for kind in KINDS {
        for usage in [Usage::General, Usage::Attestation] {
            let Created { key: one, creation } = subject.tpm.create_key(kind, usage, None)?;
            let two = subject.tpm.create(kind, usage, None)?;
            assert_ne!(one.name()?, two.name()?);
            let parent = subject.tpm.pins()?.srk_name;
            assert!(creation.data.windows(parent.len()).any(|window| window == parent), "made below another key");
            let attributes = u32::from_be_bytes(one.public[4..8].try_into().unwrap());
            assert_eq!(attributes, if usage == Usage::General { 0x0006_0472 } else { 0x0005_0472 });
        }
    }
    Ok(())
}

fn load(subject: &mut Subject) -> Outcome {
    let blob = p256(&mut *subject.tpm, 1)?;
    let key = subject.tpm.load(&blob)?;
    let mut torn = blob;
    torn.private[20] ^= 1;
    let refused = subject.tpm.load(&torn);
    assert!(matches!(refused, Err(TpmError::Refused { code: 0x1DF, .. })), "{refused:?}");
    subject.tpm.unload(key)
}

fn unload(subject: &mut Subject) -> Outcome {
    let blob = p256(&mut *subject.tpm, 1)?;
    for _ in 0..4 {
        let key = subject.tpm.load(&blob)?;
        subject.tpm.unload(key)?;
    }
    Ok(())
}

fn verifies(key: &KeyBlob, message: &[u8], signature: &RawSignature) {
    let (algorithm, bytes) = match signature {
        RawSignature::Rsa(bytes) => (SignatureAlgorithm::RsaSha256, bytes.as_slice()),
        RawSignature::P256(bytes) => (SignatureAlgorithm::EcdsaSha256Fixed, bytes.as_slice()),
    };
    key.public_key().unwrap().verify(algorithm, message, bytes).unwrap();
}

/// Signs with the key of `blob`, which `auth` opens.
fn signs(tpm: &mut dyn Tpm, blob: &KeyBlob, auth: u8) -> Outcome {
    let digest = whfb::crypto::digest::sha256(b"message");
    let signature = with_key(tpm, blob, |tpm, key| tpm.sign(key, Some(&secret(auth)), &digest))?;
    verifies(blob, b"message", &signature);
    Ok(())
}

fn sign(subject: &mut Subject) -> Outcome {
    let tpm = &mut *subject.tpm;
    let before = tpm.facts()?.lockout;
    for kind in KINDS {
        let blob = tpm.create(kind, Usage::General, Some(&secret(1)))?;
        for _ in 0..3 {
            signs(tpm, &blob, 1)?;
        }
        let wrong = signs(tpm, &blob, 2);
        assert!(matches!(wrong, Err(TpmError::WrongUncounted)), "{wrong:?}");
    }
    assert_eq!(tpm.facts()?.lockout, before, "a key's own authorization is not counted");
    Ok(())
}

fn decrypt(subject: &mut Subject) -> Outcome {
    let blob = subject.tpm.create(KeyKind::Rsa2048, Usage::General, Some(&secret(1)))?;
    let PublicKey::Rsa(public) = blob.public_key()? else { panic!("an RSA key was asked for") };
    let ciphertext = public.encrypt_oaep_sha1(b"session key").unwrap();
    let plain = with_key(&mut *subject.tpm, &blob, |tpm, key| tpm.decrypt(key, Some(&secret(1)), &ciphertext))?;
    assert_eq!(plain.expose_secret(), b"session key");
    Ok(())
}

fn seal(subject: &mut Subject) -> Outcome {
    for gate in [Gate::Open, Gate::Counted(&secret(1))] {
        subject.tpm.seal(&secret_slice(vec![7; 128]), gate)?;
    }
    let refused = subject.tpm.seal(&secret_slice(vec![7; 129]), Gate::Open);
    assert!(matches!(refused, Err(TpmError::Refused { .. })), "{refused:?}");
    Ok(())
}

fn unseal(subject: &mut Subject) -> Outcome {
    for gate in [Gate::Open, Gate::Counted(&secret(1))] {
        let sealed = subject.tpm.seal(&secret_slice(vec![7; 96]), gate)?;
        assert_eq!(subject.tpm.unseal(&sealed, gate)?.expose_secret(), [7; 96]);
    }
    if !subject.guest {
        let sealed = subject.tpm.seal(&secret_slice(vec![7; 96]), Gate::Counted(&secret(1)))?;
        let before = subject.tpm.facts()?.lockout.count;
        let wrong = subject.tpm.unseal(&sealed, Gate::Counted(&secret(2)));
        assert!(matches!(wrong, Err(TpmError::WrongCounted)), "{wrong:?}");
        assert_eq!(subject.tpm.facts()?.lockout.count, before + 1);
    }
    Ok(())
}

fn vouches_for(certification: &Certification, key: &KeyBlob, aik: &KeyBlob) {
    verifies(aik, &certification.attest, &certification.signature);
    let attest = Attest::from_bytes(&certification.attest).unwrap();
    assert_eq!(attest.extra_data, b"fresh");
    let vouched = matches!(&attest.attested, Attested::Certify { name, .. } if *name == key.name().unwrap());
    assert!(vouched, "{:?}", attest.attested);
}

fn certify(subject: &mut Subject) -> Outcome {
    let key = p256(&mut *subject.tpm, 1)?;
    for kind in KINDS {
        let aik = subject.tpm.create(kind, Usage::Attestation, None)?;
        for authority in [CertifyAuthority::Value(&secret(1)), CertifyAuthority::Policy] {
            let certification = with_key(&mut *subject.tpm, &key, |tpm, key| {
                with_key(tpm, &aik, |tpm, aik| tpm.certify(key, aik, authority, b"fresh"))
            })?;
            vouches_for(&certification, &key, &aik);
        }
    }
    Ok(())
}

fn certify_creation(subject: &mut Subject) -> Outcome {
    let aik = subject.tpm.create(KeyKind::P256, Usage::Attestation, None)?;
    let Created { key, creation } = subject.tpm.create_key(KeyKind::P256, Usage::General, Some(&secret(1)))?;
    let certification = with_key(&mut *subject.tpm, &key, |tpm, key| {
        with_key(tpm, &aik, |tpm, aik| tpm.certify(key, aik, CertifyAuthority::Creation(&creation), b"fresh"))
    })?;
    verifies(&aik, &certification.attest, &certification.signature);
    let Attest { extra_data, attested, .. } = Attest::from_bytes(&certification.attest).unwrap();
    let (object_name, creation_hash) = (key.name()?, creation.hash().to_vec());
    assert_eq!((extra_data.as_slice(), attested), (&b"fresh"[..], Attested::Creation { object_name, creation_hash }));
    Ok(())
}

fn change_auth(subject: &mut Subject) -> Outcome {
    let tpm = &mut *subject.tpm;
    let old = p256(tpm, 1)?;
    let new = with_key(tpm, &old, |tpm, key| tpm.change_auth(key, &old.public, &secret(1), &secret(2)))?;
    assert_eq!(new.name()?, old.name()?);
    signs(tpm, &new, 2)?;
    assert!(matches!(signs(tpm, &new, 1), Err(TpmError::WrongUncounted)));
    signs(tpm, &old, 1)
}

fn claim(subject: &mut Subject) -> Outcome {
    let tpm = &mut *subject.tpm;
    let old = p256(tpm, 1)?;
    let (new, key) = tpm.claim(&old, &secret(1), &secret(2))?;
    let signature = tpm.sign(&key, Some(&secret(2)), &whfb::crypto::digest::sha256(b"claimed"));
    tpm.unload(key)?;
    verifies(&new, b"claimed", &signature?);
    let refused = tpm.claim(&new, &secret(1), &secret(3)).map(|(_, key): (KeyBlob, KeyHandle)| tpm.unload(key));
    assert!(matches!(refused, Err(TpmError::WrongUncounted)), "{refused:?}");
    Ok(())
}

fn wrap(subject: &mut Subject) -> Outcome {
    let aik = subject.tpm.create(KeyKind::P256, Usage::Attestation, None)?;
    for kind in KINDS {
        let credential = subject.tpm.make_credential(kind, &aik.name()?, &secret_slice(vec![6; 32]))?;
        let opened = with_key(&mut *subject.tpm, &aik, |tpm, aik| tpm.activate(aik, kind, &credential))?;
        assert_eq!(opened.expose_secret(), [6; 32], "{kind:?}");
    }
    Ok(())
}

fn activate(subject: &mut Subject) -> Outcome {
    let aik = subject.tpm.create(KeyKind::Rsa2048, Usage::Attestation, None)?;
    for kind in KINDS {
        let endorsement = subject.tpm.endorsement(kind)?.public_key()?;
        let ours = make_credential(&endorsement, &aik.name()?, &secret_slice(vec![6; 32]), &mut OsRng).unwrap();
        let opened = with_key(&mut *subject.tpm, &aik, |tpm, aik| tpm.activate(aik, kind, &ours))?;
        assert_eq!(opened.expose_secret(), [6; 32], "{kind:?}");
        let stranger = [&[0x00, 0x0B][..], &[0; 32]].concat();
        let other = make_credential(&endorsement, &stranger, &secret_slice(vec![6; 32]), &mut OsRng).unwrap();
        let shut = with_key(&mut *subject.tpm, &aik, |tpm, aik| tpm.activate(aik, kind, &other));
        assert!(matches!(shut, Err(TpmError::Refused { .. })), "{shut:?}");
    }
    Ok(())
}

fn nv_read(subject: &mut Subject) -> Outcome {
    assert_eq!(subject.tpm.nv_read(INDEX)?, None);
    if !subject.guest {
        let certificate = subject.tpm.endorsement(KeyKind::Rsa2048)?.certificate;
        assert_eq!(subject.tpm.nv_read(0x01C0_0002)?, certificate);
    }
    Ok(())
}

fn nv_store(subject: &mut Subject) -> Outcome {
    let contents: Vec<u8> = (0..1200u32).map(|number| number.to_le_bytes()[0]).collect();
    subject.tpm.nv_store(INDEX, &contents)?;
    assert_eq!(subject.tpm.nv_read(INDEX)?.as_deref(), Some(contents.as_slice()));
    let again = subject.tpm.nv_store(INDEX, b"other");
    assert!(matches!(again, Err(TpmError::Refused { code: 0x14C, .. })), "{again:?}");
    assert_eq!(subject.tpm.nv_read(INDEX)?, Some(contents), "what is there stays");
    Ok(())
}

fn nv_remove(subject: &mut Subject) -> Outcome {
    subject.tpm.nv_remove(INDEX)?;
    assert_eq!(subject.tpm.nv_read(INDEX)?, None);
    Ok(())
}

fn persist(subject: &mut Subject) -> Outcome {
    let blob = p256(&mut *subject.tpm, 1)?;
    let before = subject.tpm.facts()?.persistent;
    let kept = with_key(&mut *subject.tpm, &blob, |tpm, key| tpm.persist(key, HANDLE));
    if kept.is_err() {
        assert_eq!(subject.tpm.facts()?.persistent, before);
    }
    kept?;
    assert!(subject.tpm.facts()?.persistent.contains(&HANDLE));
    Ok(())
}

fn evict(subject: &mut Subject) -> Outcome {
    subject.tpm.evict(HANDLE)?;
    assert!(!subject.tpm.facts()?.persistent.contains(&HANDLE));
    Ok(())
}

fn clock(subject: &mut Subject) -> Outcome {
    let (first, second) = (subject.tpm.clock()?, subject.tpm.clock()?);
    assert!(!second.went_back_since(&first), "{first:?} then {second:?}");
    assert_eq!(first.reset_count, second.reset_count);
    Ok(())
}

fn limit_lockout(subject: &mut Subject) -> Outcome {
    let limits = LockoutLimits { max_tries: 20, heal_seconds: 7200, recovery_seconds: 60 };
    let before = subject.tpm.facts()?.lockout;
    let changed = subject.tpm.limit_lockout(&subject.lockout_auth, limits);
    let lockout = subject.tpm.facts()?.lockout;
    if changed.is_err() {
        assert_eq!(lockout, before);
    }
    changed?;
    assert_eq!((lockout.max, lockout.heal_seconds, lockout.recovery_seconds), (20, 7200, 60));
    subject.tpm.limit_lockout(&subject.lockout_auth, LockoutLimits::WINDOWS)
}

fn reset_lockout(subject: &mut Subject) -> Outcome {
    subject.tpm.reset_lockout(&subject.lockout_auth)?;
    assert_eq!(subject.tpm.facts()?.lockout.count, 0);
    Ok(())
}

fn clear(subject: &mut Subject) -> Outcome {
    let blob = p256(&mut *subject.tpm, 1)?;
    subject.tpm.clear(&subject.lockout_auth)?;
    let lost = subject.tpm.load(&blob);
    assert!(matches!(lost, Err(TpmError::Cleared)), "{lost:?}");
    assert!(!subject.tpm.facts()?.lockout.reset_protected);
    Ok(())
}

fn shutdown(subject: &mut Subject) -> Outcome {
    subject.tpm.shutdown()?;
    subject.tpm.shutdown()
}
