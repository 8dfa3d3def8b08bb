//! Certify and activate: what a TPM vouches for.

use whfb::base::{ExposeSecret as _, OsRng, random_bytes};
use whfb::crypto::cipher::cfb_encrypt;
use whfb::crypto::digest::hmac_sha256;
use whfb::crypto::kdf::{kdfa, kdfe};
use whfb::crypto::{PublicKey, SignatureAlgorithm};
use whfb::device::tpm::{
    Certification, CertifyAuthority, Credential, KeyBlob, KeyKind, RawSignature, Tpm, TpmError, Usage, with_key,
};

use crate::support::{lab, secret};

fn certify(
    tpm: &mut dyn Tpm,
    key: &KeyBlob,
    aik: &KeyBlob,
    authority: CertifyAuthority<'_>,
) -> Result<Certification, TpmError> {
    with_key(tpm, key, |tpm, key| with_key(tpm, aik, |tpm, aik| tpm.certify(key, aik, authority, b"fresh")))
}

/// Checks signature, magic, type, extra data and the Name that is vouched for.
fn vouches_for(certification: &Certification, key: &KeyBlob, aik: &KeyBlob) {
    let attest = &certification.attest;
    let (algorithm, signature) = match &certification.signature {
        RawSignature::Rsa(bytes) => (SignatureAlgorithm::RsaSha256, bytes.as_slice()),
        RawSignature::P256(bytes) => (SignatureAlgorithm::EcdsaSha256Fixed, bytes.as_slice()),
    };
    aik.public_key().unwrap().verify(algorithm, attest, signature).unwrap();
    assert_eq!(attest[..6], [0xFF, 0x54, 0x43, 0x47, 0x80, 0x17]);
    assert!(attest.windows(7).any(|window| window == b"\0\x05fresh"));
    let name = key.name().unwrap();
    assert!(attest.windows(name.len()).any(|window| window == name));
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

/// `TPM2_MakeCredential` in software (TPM 2.0 Part 1, chapter 24).
fn challenge(endorsement: &PublicKey, name: &[u8], secret: &[u8]) -> Credential {
    let (seed, encrypted_seed) = match endorsement {
        PublicKey::Rsa(rsa) => {
            let seed: [u8; 32] = random_bytes(&mut OsRng);
            (seed.to_vec(), rsa.encrypt_oaep_sha256(&seed, "IDENTITY").unwrap())
        }
        PublicKey::P256(point) => {
            use p256::elliptic_curve::sec1::{FromEncodedPoint as _, ToEncodedPoint as _};
            let encoded = p256::EncodedPoint::from_bytes(point.to_point()).unwrap();
            let theirs = p256::PublicKey::from_encoded_point(&encoded).unwrap();
            let ours = p256::ecdh::EphemeralSecret::random(&mut rand::rngs::OsRng);
            let z = ours.diffie_hellman(&theirs);
            let public = ours.public_key().to_encoded_point(false);
            let (x, y) = (public.x().unwrap(), public.y().unwrap());
            let sized = [&[0, 32][..], x, &[0, 32], y].concat();
            (kdfe(z.raw_secret_bytes(), "IDENTITY", x, &point.x, 256), sized)
        }
    };
    let key: [u8; 16] = kdfa(&seed, "STORAGE", name, &[], 128).try_into().unwrap();
    let mut identity = [&u16::try_from(secret.len()).unwrap().to_be_bytes()[..], secret].concat();
    cfb_encrypt(&key, &[0; 16], &mut identity);
    let integrity = hmac_sha256(&kdfa(&seed, "INTEGRITY", &[], &[], 256), &[&identity, name]);
    Credential { blob: [&[0, 32][..], &integrity, &identity].concat(), secret: encrypted_seed }
}

#[test]
fn a_credential_opens_for_its_key_in_its_tpm() {
    let mut lab = lab();
    let aik = lab.tpm.create(KeyKind::Rsa2048, Usage::Attestation, None).unwrap();
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        let endorsement = lab.tpm.endorsement(kind).unwrap();
        let credential = challenge(&endorsement.public_key().unwrap(), &aik.name().unwrap(), &[6; 32]);
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
    let mut torn = challenge(&here, &name, &[6; 32]);
    torn.blob.truncate(50);
    for credential in [challenge(&here, &impostor.name().unwrap(), &[6; 32]), challenge(&there, &name, &[6; 32]), torn]
    {
        let activated = with_key(&mut *lab.tpm, &aik, |tpm, aik| tpm.activate(aik, KeyKind::Rsa2048, &credential));
        assert!(matches!(activated, Err(TpmError::Refused { .. })), "{activated:?}");
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
