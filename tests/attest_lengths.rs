//! Lengths that lie, in everything that a verifier reads: refused while the process may not have 4 GiB, nor 64 MiB more than it has.
//!
//! Every place of a good structure says 64 KiB or 4 GiB once, whether a length stands there or not, so no length field is
//! forgotten. A reader that made room by what a length says would end the process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has to fail")]

#[path = "support/vector.rs"]
mod vector;

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use vector::Vector;
use whfb::attest::form::{self, KastParts, write_kast};
use whfb::attest::{Level, Statement};
use whfb::crypto::cert::{Certificate, CertificateError, RevocationList, read_bundle};
use whfb::wire::encoding::from_base64;
use whfb::wire::kast::{KastFormat, KeyAttestation, KeyAttestationStatement, Part, PcpKeyBlob};
use whfb::wire::tpm::{Attest, Public, TpmFormat, from_tpm2b, split_tpm2b};

/// How much more memory there may be while they are read.
const MORE: u64 = 64 << 20;
/// 64 KiB and 4 GiB as TPM, KAST and DER write them.
const LENGTHS: [&[u8]; 4] = [&[0xff; 2], &[0xff; 4], &[0x83, 0xff, 0xff, 0xff], &[0x84, 0xff, 0xff, 0xff, 0xff]];

/// From here on the process may have little more memory than it has.
fn limit_memory() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.strip_suffix("kB")).unwrap();
    let current = Some(size.trim().parse::<u64>().unwrap() * 1024 + MORE);
    setrlimit(Resource::As, Rlimit { current, maximum: getrlimit(Resource::As).maximum }).unwrap();
}

/// Each length at each place.
fn lies(good: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    LENGTHS.iter().flat_map(move |length| {
        (0..=good.len().saturating_sub(length.len())).map(move |at| {
            let mut lie = good.to_vec();
            lie[at..at + length.len()].copy_from_slice(length);
            lie
        })
    })
}

fn read_all(bytes: &[u8]) {
    let _ = (Public::from_bytes(bytes), Attest::from_bytes(bytes), from_tpm2b(bytes), split_tpm2b(bytes));
    let _ = (Certificate::from_der(bytes), Certificate::from_nv(bytes), RevocationList::from_der(bytes));
    let _ = (KeyAttestation::from_bytes(bytes), PcpKeyBlob::from_bytes(bytes), read_bundle(bytes));
    let _ = form::read(bytes, &[]);
}

#[test]
fn a_length_of_64_kib_or_4_gib_is_refused_and_nothing_is_made_room_for() {
    let vector = Vector::read("good-rsa");
    let Statement { public, certify_info, aik_chain, aik_creation, ek_chain, .. } = vector.statement.clone();
    let kast = write_kast(&vector.statement, KastParts { private: &[9; 40], with_authority: true }).unwrap();
    let attestation = KeyAttestationStatement::from_bytes(&kast).unwrap().key_attestation;
    let blob = KeyAttestation::from_bytes(&attestation).unwrap().key_blob;
    let list = from_base64(&Vector::read("issuer-revoked").crls[0]).unwrap();
    let claim = aik_creation.unwrap().attest;
    let structures = [&public, &certify_info, &claim, &aik_chain[0], &aik_chain[1], &ek_chain[0], &list];
    let known = vector.known();
    limit_memory();
    for good in structures.into_iter().chain([&kast, &attestation, &blob]) {
        lies(good).for_each(|lie| read_all(&lie));
    }
    for lie in lies(&certify_info) {
        // Where these bytes stand already, it is no lie.
        let same = lie == certify_info;
        let statement = Statement { certify_info: lie, ..vector.statement.clone() };
        assert!(same || known.verify(&statement).level() == Level::None);
    }
    by_name(&public, &certify_info, &aik_chain[0], &kast);
}

/// The length in front of each structure, and what is said about it.
fn by_name(public: &[u8], certify_info: &[u8], certificate: &[u8], kast: &[u8]) {
    let with = |good: &[u8], at: usize, length: &[u8]| {
        let mut lie = good.to_vec();
        lie[at..at + length.len()].copy_from_slice(length);
        lie
    };
    let too_big = |limit| Some(TpmFormat::LengthTooBig { length: 0xffff, limit });
    assert_eq!(Public::from_bytes(&with(public, 8, &[0xff; 2])).err(), too_big(64), "authPolicy");
    assert_eq!(Public::from_bytes(&with(public, 52, &[0xff; 2])).err(), too_big(512), "unique");
    assert_eq!(Attest::from_bytes(&with(certify_info, 6, &[0xff; 2])).err(), too_big(66), "qualifiedSigner");
    assert_eq!(from_tpm2b(&[0xff; 3]), Err(TpmFormat::Truncated));
    let left = kast.len() - 28;
    let fault = KastFormat::Length { part: Part::IdBinding, length: u32::MAX, left };
    assert_eq!(KeyAttestationStatement::from_bytes(&with(kast, 12 + 4, &[0xff; 4])).err(), Some(fault));
    let lie = [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &certificate[4..]].concat();
    assert_eq!(Certificate::from_der(&lie).err(), Some(CertificateError::Truncated));
}
