//! What needs no TPM: the bytes on the wire, and the server's judgement of a statement.

#![allow(clippy::unwrap_used, reason = "a bench without its input has nothing to measure")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use whfb::attest::{Expectation, Freshness, Policy, Statement, TpmIdentity, aik_certificate, extra_data, verify};
use whfb::base::{Clock as _, OsRng, SystemClock, Timestamp};
use whfb::crypto::cert::{Authority, Certificate, Name, Text, Validity};
use whfb::crypto::{PublicKey, SignatureAlgorithm, SigningKey};
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{
    CertifyAuthority, Direct, KeyKind, Ownership, RawSignature, Tpm as _, TpmError, Usage, with_key,
};
use whfb::wire::blob;
use whfb::wire::jws::{Jws, Unsigned};
use whfb::wire::kpp::KeyRequest;
use whfb::wire::lab::LabAttestation;

const NONCE: &str = "a nonce of the server";

/// A statement that a TPM made, and who vouches for its attestation key.
struct Made {
    statement: Statement,
    key: PublicKey,
    root: Certificate,
    now: Timestamp,
}

fn statement() -> Made {
    let directory = tempfile::tempdir().unwrap();
    let mut swtpm = Swtpm::start(directory.path(), Path::new(PROGRAM)).unwrap();
    let owned = manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_, _, _| Ok(None)).unwrap();
    let mut tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng)).unwrap();
    let key = tpm.create(KeyKind::Rsa2048, Usage::General, None).unwrap();
    let aik = tpm.create(KeyKind::Rsa2048, Usage::Attestation, None).unwrap();
    let public = key.public_key().unwrap();
    let over = extra_data(NONCE.as_bytes(), &blob::write(public.rsa().unwrap()));
    let certification = with_key(&mut tpm, &key, |tpm, key| {
        with_key(tpm, &aik, |tpm, aik| tpm.certify(key, aik, CertifyAuthority::Policy, &over))
    })
    .unwrap();
    let now = SystemClock.now();
    let name = Name::common_name("bench attestation CA", Text::Utf8).unwrap();
    let ca =
        Authority::root(name, SigningKey::generate_rsa().unwrap(), Validity::days_from(now, 2), &mut OsRng).unwrap();
    let tpm = TpmIdentity {
        manufacturer: owned.facts.manufacturer_id,
        model: owned.facts.vendor.clone(),
        version: owned.facts.firmware_version,
    };
    let leaf =
        aik_certificate(&ca, &aik.public_key().unwrap(), &tpm, true, Validity::days_from(now, 1), &mut OsRng).unwrap();
    let RawSignature::Rsa(signature) = certification.signature else { unreachable!("the attestation key is RSA") };
    let statement = Statement {
        public: key.public,
        certify_info: certification.attest,
        signature,
        aik_chain: vec![leaf.der().to_vec()],
        nonce: NONCE.to_owned(),
        ..Statement::default()
    };
    Made { statement, key: public, root: ca.certificate().clone(), now }
}

fn judge(criterion: &mut Criterion) {
    let Made { statement, key, root, now } = statement();
    let (roots, key_blob) = ([root], blob::write(key.rsa().unwrap()));
    let expectation = Expectation {
        freshness: Freshness::Bound { nonce: NONCE, key_blob: &key_blob },
        relying_party: None,
        key: Some(&key),
        roots: &roots,
        vendors: &[],
        crls: &[],
        at: now,
        policy: &Policy::default(),
    };
    let report = verify(&statement, &expectation);
    assert!(report.level().attested(), "{:?}", report.faults().collect::<Vec<_>>());
    let mut group = criterion.benchmark_group("verify");
    group.bench_function("statement", |bencher| {
        bencher.iter(|| verify(black_box(&statement), black_box(&expectation)));
    });
    let signer = SigningKey::generate_rsa().unwrap();
    let signature = signer.sign(b"message").unwrap();
    // The part that no verifier does without: two of these are in a statement with one certificate.
    group.bench_function("floor: one RSA-2048 signature", |bencher| {
        bencher.iter(|| signer.public().verify(SignatureAlgorithm::RsaSha256, black_box(b"message"), &signature));
    });
    group.finish();
}

fn wire(criterion: &mut Criterion) {
    let Made { statement, key, .. } = statement();
    let key = key.rsa().unwrap().clone();
    let attestation = LabAttestation {
        nonce: statement.nonce,
        public: statement.public,
        certify_info: statement.certify_info,
        signature: statement.signature,
        aik_chain: Vec::new(),
        aik_public: None,
        storage_name: None,
    };
    let request =
        KeyRequest { blob: blob::write(&key), key: key.clone(), attestation: Some(attestation), software: false };
    let body = request.to_json().to_string().into_bytes();
    let mut group = criterion.benchmark_group("wire");
    group.bench_function("write a key request", |bencher| bencher.iter(|| black_box(&request).to_json().to_string()));
    group.bench_function("read a key request", |bencher| bencher.iter(|| KeyRequest::parse(black_box(&body)).unwrap()));
    group.bench_function("write an RSA1 blob", |bencher| bencher.iter(|| blob::write(black_box(&key))));
    group.bench_function("read an RSA1 blob", |bencher| {
        bencher.iter(|| blob::read(black_box(&request.blob)).unwrap());
    });
    let jws = Unsigned::from_bytes(br#"{"alg":"RS256","typ":"JWT"}"#, &body).signed(&[7; 256]);
    group.bench_function("read a JWS", |bencher| bencher.iter(|| Jws::parse(black_box(&jws)).unwrap()));
    group.finish();
}

criterion_group!(benches, judge, wire);
criterion_main!(benches);
