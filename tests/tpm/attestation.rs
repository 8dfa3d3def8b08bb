//! Certify and activate: what a TPM vouches for.

use whfb::attest::make_credential;
use whfb::base::{ExposeSecret as _, OsRng, secret_slice};
use whfb::crypto::digest::sha256;
use whfb::crypto::{PublicKey, SignatureAlgorithm};
use whfb::device::tpm::{
    Certification, CertifyAuthority, Created, Creation, Credential, KeyBlob, KeyKind, RawSignature, Tpm, TpmError,
    Usage, with_key,
};
use whfb::wire::tpm::{ATTEST_CERTIFY, Attest, Attested, GENERATED};

use crate::support::{Eavesdropper, code, lab, manufactured, open, secret, start, tempdir};

fn certify(
    tpm: &mut dyn Tpm,
    key: &KeyBlob,
    aik: &KeyBlob,
    authority: CertifyAuthority<'_>,
) -> Result<Certification, TpmError> {
    with_key(tpm, key, |tpm, key| with_key(tpm, aik, |tpm, aik| tpm.certify(key, aik, authority, b"fresh")))
}

fn signed_by(aik: &KeyBlob, attest: &[u8], signature: &RawSignature) {
    let (algorithm, signature) = match signature {
        RawSignature::Rsa(bytes) => (SignatureAlgorithm::RsaSha256, bytes.as_slice()),
        RawSignature::P256(bytes) => (SignatureAlgorithm::EcdsaSha256Fixed, bytes.as_slice()),
    };
    aik.public_key().unwrap().verify(algorithm, attest, signature).unwrap();
}

/// Checks signature, magic, type, extra data and the Name that is vouched for.
fn vouches_for(certification: &Certification, key: &KeyBlob, aik: &KeyBlob) {
    signed_by(aik, &certification.attest, &certification.signature);
    let attest = Attest::from_bytes(&certification.attest).unwrap();
    assert_eq!((attest.magic, attest.kind, attest.extra_data.as_slice()), (GENERATED, ATTEST_CERTIFY, &b"fresh"[..]));
    let vouched = matches!(&attest.attested, Attested::Certify { name, .. } if *name == key.name().unwrap());
    assert!(vouched, "{:?}", attest.attested);
}

#[test]
fn certifies_by_value_and_by_policy() {
    let mut lab = lab();
    let key = lab.tpm.create(KeyKind::Rsa2048, Usage::General, Some(&secret(1))).unwrap();
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        let aik = lab.tpm.create(kind, Usage::Attestation, None).unwrap();
        let auth = secret(1);
        for authority in [CertifyAuthority::Value(&auth), CertifyAuthority::Policy] {
            vouches_for(&certify(&mut *lab.tpm, &key, &aik, authority).unwrap(), &key, &aik);
        }
    }
}

#[test]
fn a_wrong_value_certifies_nothing_and_leaves_nothing() {
    let mut lab = lab();
    let key = lab.tpm.create(KeyKind::P256, Usage::General, Some(&secret(1))).unwrap();
    let aik = lab.tpm.create(KeyKind::P256, Usage::Attestation, None).unwrap();
    let wrong = certify(&mut *lab.tpm, &key, &aik, CertifyAuthority::Value(&secret(2)));
    assert!(matches!(wrong, Err(TpmError::WrongUncounted)), "{wrong:?}");
    // The other way round the signer is no attestation key; the policy session of the failed command has to go, too.
    for _ in 0..5 {
        let reversed = certify(&mut *lab.tpm, &aik, &key, CertifyAuthority::Policy);
        assert!(reversed.is_err(), "{reversed:?}");
        assert_eq!(lab.tpm.leftovers().unwrap(), [0u32; 0]);
    }
    certify(&mut *lab.tpm, &key, &aik, CertifyAuthority::Policy).unwrap();
}

#[test]
fn certifies_that_the_tpm_made_a_key() {
    let mut lab = lab();
    let made = lab.tpm.create_key(KeyKind::Rsa2048, Usage::General, Some(&secret(1))).unwrap();
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        let aik = lab.tpm.create_key(kind, Usage::Attestation, None).unwrap();
        // Of another key, and of its own: the latter is what an idBinding is made of.
        for Created { key, creation } in [&made, &aik] {
            let by = CertifyAuthority::Creation(creation);
            let Certification { attest, signature } = certify(&mut *lab.tpm, key, &aik.key, by).unwrap();
            signed_by(&aik.key, &attest, &signature);
            let attest = Attest::from_bytes(&attest).unwrap();
            assert_eq!((attest.magic, attest.kind), (GENERATED, 0x801A));
            let (object_name, creation_hash) = (key.name().unwrap(), sha256(&creation.data).to_vec());
            assert_eq!(attest.attested, Attested::Creation { object_name, creation_hash });
            assert_eq!(attest.extra_data, b"fresh");
        }
    }
    assert_eq!(lab.tpm.leftovers().unwrap(), [0u32; 0]);
}

#[test]
fn a_ticket_that_is_changed_or_of_another_key_certifies_nothing() {
    let (mut lab, mut other) = (lab(), lab());
    let aik = lab.tpm.create(KeyKind::P256, Usage::Attestation, None).unwrap();
    let Created { key, creation } = lab.tpm.create_key(KeyKind::P256, Usage::General, None).unwrap();
    let elsewhere = other.tpm.create_key(KeyKind::P256, Usage::General, None).unwrap().creation;
    let sibling = lab.tpm.create_key(KeyKind::P256, Usage::General, None).unwrap().creation;
    let changed = |at: usize| {
        let mut ticket = creation.ticket.clone();
        ticket[at] ^= 1;
        Creation { ticket, ..creation.clone() }
    };
    let other_data = Creation { data: b"made elsewhere".to_vec(), ..creation.clone() };
    let other_ticket = Creation { ticket: sibling.ticket.clone(), ..creation.clone() };
    let last = creation.ticket.len() - 1;
    let forged = [changed(0), changed(5), changed(8), changed(last), sibling, other_ticket, elsewhere, other_data];
    let before = lab.tpm.facts().unwrap();
    for forged in &forged {
        let refused = certify(&mut *lab.tpm, &key, &aik, CertifyAuthority::Creation(forged));
        assert!(matches!(refused, Err(TpmError::Refused { command: "TPM2_CertifyCreation", .. })), "{refused:?}");
        assert_eq!(lab.tpm.leftovers().unwrap(), [0u32; 0]);
    }
    // Bytes that are no ticket at all, or too many of them, are refused as well.
    for ticket in [Vec::new(), vec![0xFF; 7], [creation.ticket.as_slice(), &[0; 9]].concat(), vec![0x80; 3000]] {
        let torn = Creation { ticket, ..creation.clone() };
        assert!(certify(&mut *lab.tpm, &key, &aik, CertifyAuthority::Creation(&torn)).is_err());
    }
    assert_eq!(lab.tpm.facts().unwrap(), before);
    certify(&mut *lab.tpm, &key, &aik, CertifyAuthority::Creation(&creation)).unwrap();
}

#[test]
fn counters_and_firmware_are_hidden_in_what_an_attestation_key_signs_and_the_clock_is_not() {
    let mut lab = lab();
    let key = lab.tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    let aiks = [(); 2].map(|()| lab.tpm.create(KeyKind::P256, Usage::Attestation, None).unwrap());
    let mut made = |aik: &KeyBlob| {
        let certification = certify(&mut *lab.tpm, &key, aik, CertifyAuthority::Policy).unwrap();
        Attest::from_bytes(&certification.attest).unwrap()
    };
    let [first, again, other] = [&aiks[0], &aiks[0], &aiks[1]].map(&mut made);
    let hidden = |attest: &Attest| (attest.firmware_version, attest.clock.reset_count, attest.clock.restart_count);
    // TPM 2.0 Part 1, section 36.7: by a value of signer and hierarchy. So whoever knows neither learns nothing of the firmware.
    assert_eq!(hidden(&first), hidden(&again));
    assert_ne!(hidden(&first), hidden(&other));
    let (facts, clock) = (lab.tpm.facts().unwrap(), lab.tpm.clock().unwrap());
    for attest in [&first, &other] {
        assert_ne!(attest.firmware_version >> 32, u64::from(facts.firmware_version));
        assert_ne!((attest.clock.reset_count, attest.clock.restart_count), (clock.reset_count, clock.restart_count));
        assert!(attest.clock.clock <= clock.clock_ms && clock.clock_ms - attest.clock.clock < 60_000, "{clock:?}");
    }
}

#[test]
fn a_copy_of_an_emulator_vouches_like_the_original() {
    let mut lab = lab();
    let key = lab.tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    let aik = lab.tpm.create(KeyKind::P256, Usage::Attestation, None).unwrap();
    lab.reboot();
    let copy = tempdir();
    for entry in std::fs::read_dir(lab.directory.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().contains(".permall") {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let mut second = open(Box::new(start(copy.path())), &lab.pins);
    vouches_for(&certify(&mut second, &key, &aik, CertifyAuthority::Policy).unwrap(), &key, &aik);
    vouches_for(&certify(&mut *lab.tpm, &key, &aik, CertifyAuthority::Policy).unwrap(), &key, &aik);
}

#[test]
fn a_tpm_of_another_computer_vouches_through_whoever_passes_its_commands_on() {
    let directory = tempdir();
    let (swtpm, owned) = manufactured(directory.path());
    // The owner of the key sits behind a wire that somebody else answers.
    let (wire, passed_on) = Eavesdropper::new(swtpm, |_, _| {});
    let mut tpm = open(Box::new(wire), &owned.pins);
    let key = tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    let aik = tpm.create(KeyKind::P256, Usage::Attestation, None).unwrap();
    vouches_for(&certify(&mut tpm, &key, &aik, CertifyAuthority::Policy).unwrap(), &key, &aik);
    assert!(passed_on.lock().unwrap().iter().any(|command| code(command) == 0x148), "TPM2_Certify went that way");
}

fn challenge(endorsement: &PublicKey, name: &[u8]) -> Credential {
    make_credential(endorsement, name, &secret_slice(vec![6; 32]), &mut OsRng).unwrap()
}

#[test]
fn a_credential_opens_for_its_key_in_its_tpm() {
    let mut lab = lab();
    let aik = lab.tpm.create(KeyKind::Rsa2048, Usage::Attestation, None).unwrap();
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        let endorsement = lab.tpm.endorsement(kind).unwrap();
        let credential = challenge(&endorsement.public_key().unwrap(), &aik.name().unwrap());
        let secret = with_key(&mut *lab.tpm, &aik, |tpm, aik| tpm.activate(aik, kind, &credential)).unwrap();
        assert_eq!(secret.expose_secret(), [6; 32], "{kind:?}");
    }
}

#[test]
fn a_credential_for_another_key_or_tpm_stays_shut() {
    let (mut lab, mut other) = (lab(), lab());
    let aik = lab.tpm.create(KeyKind::P256, Usage::Attestation, None).unwrap();
    let impostor = lab.tpm.create(KeyKind::P256, Usage::Attestation, None).unwrap();
    let here = lab.tpm.endorsement(KeyKind::Rsa2048).unwrap().public_key().unwrap();
    let there = other.tpm.endorsement(KeyKind::Rsa2048).unwrap().public_key().unwrap();
    let name = aik.name().unwrap();
    let mut torn = challenge(&here, &name);
    torn.blob.truncate(50);
    // TPM_RC_INTEGRITY, TPM_RC_FAILURE, TPM_RC_SIZE or _INSUFFICIENT: whose fault it is can be told.
    let refusals = [
        (challenge(&here, &impostor.name().unwrap()), vec![0x1DF, 0x2DF]),
        (challenge(&there, &name), vec![0x101]),
        (torn, vec![0x1D5, 0x1DF, 0x1DA]),
    ];
    for (credential, codes) in refusals {
        let activated = with_key(&mut *lab.tpm, &aik, |tpm, aik| tpm.activate(aik, KeyKind::Rsa2048, &credential));
        assert!(matches!(&activated, Err(TpmError::Refused { code, .. }) if codes.contains(code)), "{activated:?}");
        assert_eq!(lab.tpm.leftovers().unwrap(), [0u32; 0]);
    }
}

#[test]
fn endorsement_certificates_are_read_as_they_were_written() {
    let mut lab = lab();
    let rsa = lab.tpm.endorsement(KeyKind::Rsa2048).unwrap();
    assert_eq!(rsa.certificate.unwrap().len(), 1104);
    let p256 = lab.tpm.endorsement(KeyKind::P256).unwrap();
    assert_eq!(p256.certificate.unwrap().len(), 304);
}
