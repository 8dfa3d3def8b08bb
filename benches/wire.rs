//! The bytes on the wire, for which no TPM is needed: its word is one of the vectors.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench without its input has nothing to measure")]

#[path = "../tests/support/vector.rs"]
mod vector;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use whfb::crypto::PublicKey;
use whfb::wire::blob;
use whfb::wire::encoding::from_base64;
use whfb::wire::jws::{Jws, Unsigned};
use whfb::wire::kpp::KeyRequest;
use whfb::wire::lab::LabAttestation;

use vector::Vector;

fn wire(criterion: &mut Criterion) {
    let Vector { statement, key, .. } = Vector::read("good-rsa");
    let key = PublicKey::from_spki(&from_base64(&key).unwrap()).unwrap().rsa().unwrap().clone();
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

criterion_group!(benches, wire);
criterion_main!(benches);
