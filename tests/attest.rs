//! A statement from a real TPM: from the vendor's certificate in its memory to the verdict, with the crate's public face alone.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to fail")]

#[path = "support/vector.rs"]
mod vector;

use std::fs;
use std::path::{Path, PathBuf};

use vector::Vector;
use whfb::attest::form::{Form, Registration, read};
use whfb::attest::{
    Algorithm, Check, Fault, Level, Outcome, Policy, Statement, TpmIdentity, VendorId, aik_certificate, ek_certificate,
    extra_data, judge_aik, judge_ek, make_credential, verify,
};
use whfb::base::{ExposeSecret as _, OsRng, Timestamp, secret_slice};
use whfb::crypto::cert::{Authority, Certificate, Name, Text, Validity, pem, read_bundle};
use whfb::crypto::{PublicKey, SigningKey};
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{
    CertifyAuthority, Credential, Direct, Facts, KeyBlob, KeyKind, Ownership, RawSignature, Tpm as _, TpmError, Usage,
    with_key,
};
use whfb::wire::encoding::base64;
use whfb::wire::tpm::{Public, name_of};
use whfb::wire::webauthn::WebauthnExport;

const NONCE: &str = "a nonce of the server";
const KEY_BLOB: &[u8] = b"the key as it is registered";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// For a generation: libraries of others verify `tests/vectors/webauthn` at their own time.
fn validity() -> Validity {
    Validity { from: "2020-01-01T00:00:00Z".parse().unwrap(), to: "2056-01-01T00:00:00Z".parse().unwrap() }
}

fn authority(name: &str) -> Authority {
    let name = Name::common_name(name, Text::Utf8).unwrap();
    Authority::root(name, SigningKey::generate_rsa().unwrap(), validity(), &mut OsRng).unwrap()
}

/// A TPM whose vendor certified its endorsement keys.
fn vendors_tpm(vendor: &Authority, directory: &Path) -> Direct {
    let issue = |_: KeyKind, ek: &PublicKey, facts: &Facts| -> Result<Option<Vec<u8>>, TpmError> {
        let (manufacturer, version) = (facts.manufacturer_id, facts.firmware_version);
        let identity = TpmIdentity { manufacturer, model: facts.vendor.clone(), version };
        let certificate = ek_certificate(vendor, ek, &identity, validity(), &mut OsRng).unwrap();
        Ok(Some(certificate.der().to_vec()))
    };
    let mut swtpm = Swtpm::start(directory, Path::new(PROGRAM)).unwrap();
    let owned = manufacture(&mut swtpm, &mut OsRng, &issue).unwrap();
    Direct::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng)).unwrap()
}

/// What the service for attestation keys does: judges both keys, challenges the TPM, issues.
fn enrol(tpm: &mut Direct, kind: KeyKind, aik: &KeyBlob, vendor: &Authority, service: &Authority) -> Certificate {
    let endorsement = tpm.endorsement(kind).unwrap();
    let ek = Public::from_bytes(&endorsement.public).unwrap().to_public_key().unwrap();
    let certificate = Certificate::from_der(&endorsement.certificate.unwrap()).unwrap();
    let identity = judge_ek(&certificate, &[], &ek, &[vendor.certificate().clone()], now()).unwrap();

    let public = judge_aik(&Public::from_bytes(&aik.public).unwrap()).unwrap();
    let secret = secret_slice(vec![0x5a; 32]);
    let made = make_credential(&ek, &name_of(&aik.public), &secret, &mut OsRng).unwrap();
    let challenge = Credential { blob: made.blob, secret: made.secret };
    let answer = with_key(tpm, aik, |tpm, aik| tpm.activate(aik, kind, &challenge)).unwrap();
    assert_eq!(answer.expose_secret(), secret.expose_secret());

    let stranger = make_credential(&ek, &name_of(b"a software key"), &secret, &mut OsRng).unwrap();
    let challenge = Credential { blob: stranger.blob, secret: stranger.secret };
    let refused = with_key(tpm, aik, |tpm, aik| tpm.activate(aik, kind, &challenge));
    assert!(refused.is_err(), "a credential for another Name was opened");

    aik_certificate(service, &public, &identity, true, validity(), &mut OsRng).unwrap()
}

/// A statement over these bytes, without a nonce.
fn certified(tpm: &mut Direct, key: &KeyBlob, aik: &KeyBlob, chain: &Certificate, bound: &[u8]) -> Statement {
    let certification = with_key(tpm, key, |tpm, key| {
        with_key(tpm, aik, |tpm, aik| tpm.certify(key, aik, CertifyAuthority::Policy, bound))
    })
    .unwrap();
    let (signature, algorithm) = match certification.signature {
        RawSignature::Rsa(bytes) => (bytes, Algorithm::Rs256),
        RawSignature::P256(bytes) => (bytes.to_vec(), Algorithm::Es256),
    };
    Statement {
        public: key.public.clone(),
        certify_info: certification.attest,
        signature,
        aik_chain: vec![chain.der().to_vec()],
        algorithm: Some(algorithm),
        aik_public: Some(aik.public.clone()),
        storage_name: Some(tpm.pins().unwrap().srk_name),
        ..Statement::default()
    }
}

/// A statement of a new TPM as a vector, with the verdict that it is of the highest level.
fn vector(kind: KeyKind) -> Vector {
    let directory = tempfile::tempdir().unwrap();
    let (vendor, service) = (authority("TPM vendor"), authority("Service for attestation keys"));
    let mut tpm = vendors_tpm(&vendor, directory.path());
    let aik = tpm.create(kind, Usage::Attestation, None).unwrap();
    let certificate = enrol(&mut tpm, kind, &aik, &vendor, &service);
    let key = tpm.create(kind, Usage::General, None).unwrap();
    let facts = tpm.facts().unwrap();
    let statement = certified(&mut tpm, &key, &aik, &certificate, &extra_data(NONCE.as_bytes(), KEY_BLOB));
    let ek_chain = vec![tpm.endorsement(kind).unwrap().certificate.unwrap()];
    let root = |authority: &Authority| vec![base64(authority.certificate().der())];
    Vector {
        expect: "aik+ek".into(),
        source: format!("tests/attest.rs: swtpm, firmware {}, {kind:?}", facts.firmware),
        at: now(),
        policy: Policy {
            exact_template: true,
            safe_clock: true,
            aik_public: true,
            ek_certificate: true,
            vendors: vec![VendorId(facts.manufacturer_id)],
            models: vec![facts.vendor],
            ..Policy::default()
        },
        nonce: NONCE.into(),
        key_blob: base64(KEY_BLOB),
        relying_party: None,
        key: base64(&key.public_key().unwrap().to_spki()),
        roots: root(&service),
        vendors: root(&vendor),
        crls: vec![],
        statement: Statement { nonce: NONCE.into(), ek_chain, ..statement },
    }
}

fn a_key_of_a_tpm_is_attested(kind: KeyKind) {
    let made = vector(kind);
    let report = made.known().verify(&made.statement);
    assert_eq!(report.level(), Level::AikEk, "{report}");
    let waived = report.findings().iter().filter(|each| each.outcome == Outcome::Waived).map(|each| each.check);
    let expected = [Check::RelyingParty, Check::AikCreation, Check::AikAaguid, Check::Firmware, Check::Virtual];
    assert_eq!(waived.collect::<Vec<_>>(), expected, "{report}");

    let stale = Vector { nonce: "another".into(), ..made.clone() };
    let report = stale.known().verify(&made.statement);
    assert_eq!(report.faults().collect::<Vec<_>>(), [&Fault::OtherNonce, &Fault::ExtraDataDiffers], "{report}");
    assert_eq!(report.level(), Level::None);

    let mut chip = made.clone();
    chip.policy.virtual_tpm = false;
    let report = chip.known().verify(&made.statement);
    assert_eq!(
        report.faults().collect::<Vec<_>>(),
        [&Fault::VirtualTpm],
        "an emulator's vendor says what it is: {report}"
    );
}

/// A registration of WebAuthn with a key of a new TPM, as text.
fn registration(kind: KeyKind) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (vendor, service) = (authority("TPM vendor"), authority("Service for attestation keys"));
    let mut tpm = vendors_tpm(&vendor, directory.path());
    let aik = tpm.create(kind, Usage::Attestation, None).unwrap();
    let certificate = enrol(&mut tpm, kind, &aik, &vendor, &service);
    let key = tpm.create(kind, Usage::General, None).unwrap();
    let (public, signer) = (key.public_key().unwrap(), aik.public_key().unwrap());
    let challenge = b"a challenge of the relying party";
    let registration =
        Registration::new(&public, &signer, "contoso.example", "https://contoso.example", challenge).unwrap();
    let statement = certified(&mut tpm, &key, &aik, &certificate, &registration.extra_data());
    let export = registration.export(&statement, vec![pem(service.certificate().der())]).unwrap();
    serde_json::to_string_pretty(&export).unwrap() + "\n"
}

fn registrations() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/webauthn")
}

#[test]
#[ignore = "writes the registrations of a TPM anew: cargo test --test attest -- --ignored"]
fn write_the_registrations() {
    fs::write(registrations().join("rs256.json"), registration(KeyKind::Rsa2048)).unwrap();
    fs::write(registrations().join("es256.json"), registration(KeyKind::P256)).unwrap();
}

/// `tests/peers/attestation` shows the same files to libraries of others.
#[test]
fn the_registrations_that_others_verify_are_accepted() {
    for (name, algorithm) in [("rs256", Algorithm::Rs256), ("es256", Algorithm::Es256)] {
        let text = fs::read(registrations().join(format!("{name}.json"))).unwrap();
        let presented = read(&text, &[]).unwrap();
        assert_eq!((presented.form, presented.statement.algorithm), (Form::Webauthn, Some(algorithm)));
        let roots = WebauthnExport::from_json(&text).unwrap().roots_pem.concat();
        let roots = read_bundle(roots.as_bytes()).unwrap().certificates;
        let policy = Policy::default();
        let report = verify(&presented.statement, &presented.expectation(&roots, &[], &[], now(), &policy));
        assert_eq!(report.level(), Level::AikEk, "{name}: {report}");
    }
}

#[test]
#[ignore = "writes the vectors of a TPM anew: cargo test --test attest -- --ignored"]
fn write_the_vectors() {
    vector(KeyKind::Rsa2048).write("swtpm-rsa");
    vector(KeyKind::P256).write("swtpm-p256");
}

#[test]
fn an_rsa_key_of_a_tpm_is_attested_up_to_its_vendor() {
    a_key_of_a_tpm_is_attested(KeyKind::Rsa2048);
}

#[test]
fn a_p256_key_of_a_tpm_is_attested_up_to_its_vendor() {
    a_key_of_a_tpm_is_attested(KeyKind::P256);
}
