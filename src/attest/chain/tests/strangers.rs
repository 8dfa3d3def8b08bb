//! Issuers of other makes: their algorithms and keys, and which of several namesakes is meant.

use super::super::*;
use super::{fault, trusting};
use crate::attest::generator::now;
use crate::crypto::cert::mint::{Mint, MintKey, algorithm, extension, tlv};

pub(super) fn read(mint: &Mint, by: &MintKey) -> Certificate {
    Certificate::from_der(&mint.signed(by)).unwrap()
}

pub(super) fn root_of(name: &str, key: &MintKey) -> Certificate {
    read(&Mint::new(name, key, name).authority(6), key)
}

/// The fault of a leaf whose issuer is `issuer`, signed with an algorithm that is changed.
fn with_algorithm(identifier: Vec<u8>) -> ChainFault {
    let mut key = MintKey::p256();
    let root = root_of("root", &key);
    key.algorithm = identifier;
    fault(&read(&Mint::new("leaf", &key, "root"), &key), &[], &[root])
}

#[test]
fn a_path_runs_over_curves_of_all_sizes() {
    let (top, middle, end) = (MintKey::p384(), MintKey::p256(), MintKey::p384());
    let roots = [root_of("root", &top)];
    let between = [read(&Mint::new("between", &middle, "root").authority(4), &top)];
    let leaf = read(&Mint::new("leaf", &end, "between"), &middle);
    let path = build_path(&leaf, &between, &trusting(&roots), now()).unwrap();
    assert_eq!(path.len(), 3);
    assert!(roots[0].public().is_err(), "no key that this crate would have itself");
}

#[test]
fn weak_unknown_and_odd_algorithms_are_named() {
    let issuer = || "CN=root".to_owned();
    let weak = with_algorithm(algorithm("1.2.840.10045.4.1", &[]));
    assert_eq!(weak, ChainFault::WeakSignature { issuer: issuer(), algorithm: "ecdsa-with-SHA1" });
    let unknown = with_algorithm(algorithm("1.3.101.112", &[]));
    assert_eq!(unknown, ChainFault::UnknownAlgorithm { issuer: issuer(), algorithm: "1.3.101.112".into() });
    let odd = with_algorithm(algorithm("1.2.840.10045.4.3.2", &[5, 0]));
    assert_eq!(odd, ChainFault::AlgorithmParameters { issuer: issuer(), algorithm: "1.2.840.10045.4.3.2".into() });
}

#[test]
fn what_a_root_signed_itself_with_does_not_matter() {
    let mut key = MintKey::p256();
    let leaf = read(&Mint::new("leaf", &key, "root"), &key);
    key.algorithm = algorithm("1.2.840.10045.4.1", &[]);
    let root = root_of("root", &key);
    assert!(build_path(&leaf, &[], &trusting(&[root]), now()).is_ok());
}

#[test]
fn two_algorithms_in_one_certificate_are_told() {
    let key = MintKey::p256();
    let other = Some(algorithm("1.2.840.10045.4.3.3", &[]));
    let leaf = read(&Mint { algorithm: other, ..Mint::new("leaf", &key, "root") }, &key);
    let expected = ChainFault::AlgorithmsDiffer { subject: "CN=leaf".into() };
    assert_eq!(fault(&leaf, &[], &[root_of("root", &key)]), expected);
}

#[test]
fn an_issuer_with_a_key_that_verifies_nothing_is_named() {
    let key = MintKey::p256();
    let leaf = read(&Mint::new("leaf", &key, "root"), &key);
    let spki = tlv(0x30, &[algorithm("1.3.101.112", &[]), tlv(3, &[0; 33])].concat());
    let root = read(&Mint { spki, ..Mint::new("root", &key, "root").authority(6) }, &key);
    assert_eq!(fault(&leaf, &[], &[root]), ChainFault::IssuerKey { issuer: "CN=root".into() });
}

#[test]
fn a_missing_issuer_is_named_with_its_key() {
    let (key, other) = (MintKey::p256(), MintKey::p256());
    let leaf = read(&Mint::new("leaf", &key, "root").key_ids(b"leaf", &[0xab, 0xcd]), &key);
    let missing = ChainFault::IssuerNotFound { issuer: "CN=root".into(), key_id: Some("abcd".into()) };
    assert_eq!(missing.to_string(), "issuer not found: CN=root, with the key abcd");
    assert_eq!(fault(&leaf, &[], &[]), missing);
    let namesake = read(&Mint::new("root", &other, "root").authority(6).key_ids(b"other", b"other"), &other);
    assert_eq!(fault(&leaf, &[], std::slice::from_ref(&namesake)), missing, "a namesake has another key");
    let silent = root_of("root", &other);
    let signature = ChainFault::Signature { issuer: "CN=root".into() };
    assert_eq!(fault(&leaf, &[], &[namesake, silent]), signature, "the second does not say which key it has");
    let long = read(&Mint::new("leaf", &key, "root").key_ids(b"leaf", &[0xee; 5000]), &key);
    assert!(fault(&long, &[], &[]).to_string().len() < 200);
}

#[test]
fn the_namesake_with_the_wanted_key_comes_first_and_a_wrong_identifier_stops_nothing() {
    let key = MintKey::p256();
    let leaf = read(&Mint::new("leaf", &key, "root").key_ids(b"leaf", b"wanted"), &key);
    let right = read(&Mint::new("root", &key, "root").authority(6).key_ids(b"wanted", b"wanted"), &key);
    let others: Vec<_> = (0..MOST_TRIES + 6)
        .map(|number| {
            let other = MintKey::p256();
            let id = [u8::try_from(number).unwrap(); 4];
            read(&Mint::new("root", &other, "root").authority(6).key_ids(&id, &id), &other)
        })
        .collect();
    let roots = [others.as_slice(), &[right]].concat();
    assert_eq!(build_path(&leaf, &[], &trusting(&roots), now()).unwrap().len(), 2);
    let mislabelled = read(&Mint::new("root", &key, "root").authority(6).key_ids(b"odd", b"odd"), &key);
    assert!(build_path(&leaf, &[], &trusting(&[mislabelled]), now()).is_ok(), "identifiers are hints");
}

#[test]
fn among_namesakes_the_one_that_signed_is_found_and_its_fault_is_told() {
    let (key, other) = (MintKey::p256(), MintKey::p384());
    let leaf = read(&Mint::new("leaf", &key, "root"), &key);
    let no_authority = read(&Mint::new("root", &key, "root"), &key);
    let namesake = root_of("root", &other);
    let expected = ChainFault::NotAnAuthority { issuer: "CN=root".into() };
    assert_eq!(fault(&leaf, &[], &[namesake.clone(), no_authority.clone()]), expected);
    let right = root_of("root", &key);
    assert!(build_path(&leaf, &[], &trusting(&[namesake, no_authority, right]), now()).is_ok());
}

#[test]
fn a_circle_of_strangers_with_many_extensions_ends_soon() {
    let key = MintKey::p256();
    let many = |name: &str, issuer: &str, number: u8| {
        let mut mint = Mint::new(name, &key, issuer).authority(6);
        mint.serial = vec![1, number];
        let filler = (0..61).map(|each| tlv(0x30, &[tlv(6, &[0x2a, 3, each]), tlv(4, &[])].concat()));
        mint.extensions.extend(filler);
        read(&mint, &key)
    };
    let circle: Vec<_> =
        (0..200).flat_map(|number| [many("first", "second", number), many("second", "first", number)]).collect();
    let leaf = many("leaf", "first", 0);
    assert_eq!(fault(&leaf, &circle, &[]), ChainFault::TooLong);
    let unknown = extension(oid::DEVICE_ID, true, &[]);
    let critical = Mint { extensions: vec![unknown], ..Mint::new("leaf", &key, "first") };
    assert!(matches!(fault(&read(&critical, &key), &circle, &[]), ChainFault::UnknownCritical { .. }));
}
