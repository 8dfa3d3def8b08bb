//! Every algorithm and every kind of key that is verified, and each way to be refused.

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature as aws;

use super::super::mint::{Mint, MintKey, algorithm, bits, id, pss_parameters, sequence};
use super::super::*;

const RSA_SHA256: &str = "1.2.840.113549.1.1.11";
const PSS: &str = "1.2.840.113549.1.1.10";

pub(super) fn rsa() -> MintKey {
    MintKey::rsa(KeySize::Rsa2048, &aws::RSA_PKCS1_SHA256, algorithm(RSA_SHA256, &[5, 0]))
}

/// A self-signed certificate of the key, checked with itself.
fn own(key: &MintKey) -> Result<(), SignatureFault> {
    verified(&Mint::new("own", key, "own"), key)
}

fn verified(mint: &Mint, key: &MintKey) -> Result<(), SignatureFault> {
    let certificate = Certificate::from_der(&mint.signed(key)).unwrap();
    certificate.verify_issued_by(&certificate)
}

#[test]
fn every_curve_verifies_with_the_digests_that_can_be_signed_with() {
    let keys = [
        MintKey::p256(),
        MintKey::p384(),
        MintKey::ec(oid::SECP521R1, &aws::ECDSA_P521_SHA256_ASN1_SIGNING, "1.2.840.10045.4.3.2"),
        MintKey::ec(oid::SECP521R1, &aws::ECDSA_P521_SHA384_ASN1_SIGNING, "1.2.840.10045.4.3.3"),
        MintKey::ec(oid::SECP521R1, &aws::ECDSA_P521_SHA512_ASN1_SIGNING, "1.2.840.10045.4.3.4"),
    ];
    for mut key in keys {
        assert_eq!(own(&key), Ok(()));
        for other in ["1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"] {
            let other = algorithm(other, &[]);
            if other != key.algorithm {
                let kept = std::mem::replace(&mut key.algorithm, other);
                assert_eq!(own(&key), Err(SignatureFault::Invalid));
                key.algorithm = kept;
            }
        }
    }
}

#[test]
fn rsa_verifies_in_both_paddings_with_every_digest() {
    let mut key = rsa();
    let pss = |digest, salt| algorithm(PSS, &pss_parameters(digest, digest, salt));
    let all: [(&'static dyn aws::RsaEncoding, Vec<u8>); 8] = [
        (&aws::RSA_PKCS1_SHA256, algorithm(RSA_SHA256, &[5, 0])),
        (&aws::RSA_PKCS1_SHA256, algorithm(RSA_SHA256, &[])),
        (&aws::RSA_PKCS1_SHA384, algorithm("1.2.840.113549.1.1.12", &[5, 0])),
        (&aws::RSA_PKCS1_SHA512, algorithm("1.2.840.113549.1.1.13", &[5, 0])),
        (&aws::RSA_PSS_SHA256, pss(oid::SHA256, 32)),
        (&aws::RSA_PSS_SHA384, pss(oid::SHA384, 48)),
        (&aws::RSA_PSS_SHA512, pss(oid::SHA512, 64)),
        (&aws::RSA_PKCS1_SHA256, algorithm(RSA_SHA256, &[5, 0])),
    ];
    for (encoding, identifier) in all {
        key.encoding(encoding, identifier.clone());
        assert_eq!(own(&key), Ok(()), "{identifier:x?}");
    }
    key.encoding(&aws::RSA_PKCS1_SHA256, pss(oid::SHA256, 32));
    assert_eq!(own(&key), Err(SignatureFault::Invalid), "the other padding");
}

#[test]
fn weak_algorithms_are_refused_by_their_names() {
    let mut key = rsa();
    let weak = [
        ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
        ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
        ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
        ("1.3.14.3.2.29", "sha1WithRSASignature"),
        ("1.2.840.10040.4.3", "id-dsa-with-sha1"),
        ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ];
    for (identifier, name) in weak {
        key.algorithm = algorithm(identifier, &[5, 0]);
        assert_eq!(own(&key), Err(SignatureFault::Weak { algorithm: name }));
    }
    let sha1 = oid::ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
    for parameters in [vec![0x30, 0], pss_parameters(sha1, sha1, 20), pss_parameters(oid::SHA256, sha1, 32)] {
        key.encoding(&aws::RSA_PSS_SHA256, algorithm(PSS, &parameters));
        assert_eq!(own(&key), Err(SignatureFault::Weak { algorithm: "id-RSASSA-PSS with SHA-1" }));
    }
}

#[test]
fn an_unknown_algorithm_is_named() {
    let mut key = MintKey::p256();
    key.algorithm = algorithm("1.3.101.112", &[]);
    let algorithm = oid::ObjectIdentifier::new_unwrap("1.3.101.112");
    assert_eq!(own(&key), Err(SignatureFault::Unknown { algorithm }));
}

#[test]
fn parameters_are_read_strictly() {
    let mut key = rsa();
    let refused = |key: &MintKey, which: &str| {
        let expected = SignatureFault::Parameters { algorithm: oid::ObjectIdentifier::new_unwrap(which) };
        assert_eq!(own(key), Err(expected), "{:x?}", key.algorithm);
    };
    for wrong in [&[0x30, 0][..], &[5, 1, 0], &[2, 1, 0]] {
        key.algorithm = algorithm(RSA_SHA256, wrong);
        refused(&key, RSA_SHA256);
    }
    let (sha256, sha384) = (oid::SHA256, oid::SHA384);
    let trailer = [&pss_parameters(sha256, sha256, 32)[..], &[0xa3, 3, 2, 1, 1]].concat();
    let mut longer = trailer.clone();
    longer[1] += 5;
    let mask_not_mgf1 = {
        let mut bytes = pss_parameters(sha256, sha256, 32);
        let at = bytes.windows(9).position(|each| each == [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8]).unwrap();
        bytes[at + 8] = 9;
        bytes
    };
    let odd = [
        Vec::new(),
        vec![5, 0],
        pss_parameters(sha256, sha384, 32),
        pss_parameters(sha256, sha256, 20),
        pss_parameters(sha256, sha256, 0),
        pss_parameters(oid::CMS_DATA, oid::CMS_DATA, 32),
        longer,
        mask_not_mgf1,
    ];
    for parameters in odd {
        key.encoding(&aws::RSA_PSS_SHA256, algorithm(PSS, &parameters));
        refused(&key, PSS);
    }
    let mut key = MintKey::p256();
    key.algorithm = algorithm("1.2.840.10045.4.3.2", &[5, 0]);
    refused(&key, "1.2.840.10045.4.3.2");
}

#[test]
fn a_key_for_pss_alone_verifies_nothing_else() {
    let mut key = rsa();
    let good = rsa_spki_of(&key);
    let parameters = pss_parameters(oid::SHA256, oid::SHA256, 32);
    let other = pss_parameters(oid::SHA384, oid::SHA384, 48);
    let with = |parameters: &[u8]| sequence(&[&algorithm(PSS, parameters), &bits(&good)]);
    key.spki = with(&[]);
    assert_eq!(own(&key), Err(SignatureFault::Invalid), "PKCS#1 by a key for PSS");
    key.encoding(&aws::RSA_PSS_SHA256, algorithm(PSS, &parameters));
    for (spki, expected) in [
        (with(&[]), Ok(())),
        (with(&parameters), Ok(())),
        (with(&other), Err(SignatureFault::Invalid)),
        (with(&[5, 0]), Err(SignatureFault::Key)),
    ] {
        key.spki = spki;
        assert_eq!(own(&key), expected);
    }
}

/// The `RSAPublicKey` inside.
fn rsa_spki_of(key: &MintKey) -> Vec<u8> {
    let at = key.spki.windows(4).position(|each| each == [0, 0x30, 0x82, 1]).unwrap();
    key.spki[at + 1..].to_vec()
}

#[test]
fn a_signature_that_names_two_algorithms_is_refused() {
    let key = MintKey::p256();
    let mint = Mint { algorithm: Some(algorithm("1.2.840.10045.4.3.3", &[])), ..Mint::new("own", &key, "own") };
    assert_eq!(verified(&mint, &key), Err(SignatureFault::AlgorithmsDiffer));
}

#[test]
fn a_key_of_another_kind_does_not_verify() {
    let (first, second) = (MintKey::p256(), rsa());
    let read = |key: &MintKey| Certificate::from_der(&Mint::new("own", key, "own").signed(key)).unwrap();
    assert_eq!(read(&first).verify_issued_by(&read(&second)), Err(SignatureFault::Invalid));
    assert_eq!(read(&second).verify_issued_by(&read(&first)), Err(SignatureFault::Invalid));
    assert_eq!(read(&first).verify_issued_by(&read(&MintKey::p256())), Err(SignatureFault::Invalid));
    assert_eq!(read(&first).verify_issued_by(&read(&MintKey::p384())), Err(SignatureFault::Invalid));
}

#[test]
fn keys_that_are_none_or_of_another_size_are_told() {
    let key = rsa();
    let rsa_key = |modulus: &[u8], exponent: &[u8]| {
        let numbers = sequence(&[&mint_integer(modulus), &mint_integer(exponent)]);
        sequence(&[&algorithm("1.2.840.113549.1.1.1", &[5, 0]), &bits(&numbers)])
    };
    let numbers = rsa_spki_of(&key);
    let with_parameters = |parameters: &[u8]| {
        let spki = sequence(&[&algorithm("1.2.840.113549.1.1.1", parameters), &bits(&numbers)]);
        verified(&Mint { spki, ..Mint::new("own", &key, "own") }, &key)
    };
    assert_eq!((with_parameters(&[5, 0]), with_parameters(&[])), (Ok(()), Ok(())));
    assert_eq!(with_parameters(&[2, 1, 0]), Err(SignatureFault::Key));
    let ec = |curve: oid::ObjectIdentifier, point: &[u8]| {
        sequence(&[&sequence(&[&id(oid::EC_PUBLIC_KEY), &id(curve)]), &bits(point)])
    };
    let odd = [
        rsa_key(&[0xff; 128], &[1, 0, 1]),
        rsa_key(&[0x7f; 256], &[1, 0, 1]),
        rsa_key(&[0xff; 1025], &[1, 0, 1]),
        rsa_key(&[0xfe; 256], &[1, 0, 1]),
        rsa_key(&[0xff; 256], &[1]),
        rsa_key(&[0xff; 256], &[2]),
        rsa_key(&[0xff; 256], &[1; 6]),
        ec(oid::ObjectIdentifier::new_unwrap("1.3.132.0.10"), &[4; 65]),
        sequence(&[&sequence(&[&id(oid::EC_PUBLIC_KEY)]), &bits(&[4; 65])]),
        sequence(&[&algorithm("1.3.101.112", &[]), &bits(&[4; 32])]),
    ];
    for spki in odd {
        let mint = Mint { spki, ..Mint::new("own", &key, "own") };
        assert_eq!(verified(&mint, &key), Err(SignatureFault::Key), "{:x?}", mint.spki);
    }
    let off_the_curve = Mint { spki: ec(oid::PRIME256V1, &[4; 65]), ..Mint::new("own", &key, "own") };
    assert_eq!(verified(&off_the_curve, &MintKey::p256()), Err(SignatureFault::Invalid));
}

fn mint_integer(bytes: &[u8]) -> Vec<u8> {
    let zero: &[u8] = if bytes[0] & 0x80 != 0 { &[0] } else { &[] };
    super::super::mint::tlv(2, &[zero, bytes].concat())
}
