//! Certificates and revocation lists as no authority of the lab makes them, for tests: any key, any algorithm, any bytes.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self as aws, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaEncoding};

use super::{Name, Text};
use crate::crypto::cert::oid::{self, ObjectIdentifier};

pub(crate) fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
    let header = match contents.len() {
        0..0x80 => vec![tag, length[3]],
        0x80..0x100 => vec![tag, 0x81, length[3]],
        0x100..0x1_0000 => vec![tag, 0x82, length[2], length[3]],
        _ => vec![tag, 0x83, length[1], length[2], length[3]],
    };
    [&header, contents].concat()
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(crate) fn id(id: ObjectIdentifier) -> Vec<u8> {
    tlv(6, id.as_bytes())
}

pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes].concat())
}

pub(crate) fn utc(text: &str) -> Vec<u8> {
    tlv(0x17, text.as_bytes())
}

pub(crate) fn named(common_name: &str) -> Vec<u8> {
    Name::common_name(common_name, Text::Utf8).unwrap().to_der().unwrap()
}

/// `Extension`, with the bytes inside its OCTET STRING.
pub(crate) fn extension(which: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    sequence(&[&id(which), flag, &tlv(4, value)])
}

pub(crate) fn algorithm(which: &str, parameters: &[u8]) -> Vec<u8> {
    sequence(&[&id(ObjectIdentifier::new_unwrap(which)), parameters])
}

/// `RSASSA-PSS-params` of one digest.
pub(crate) fn pss_parameters(digest: ObjectIdentifier, mask: ObjectIdentifier, salt: u8) -> Vec<u8> {
    let hash = |which| sequence(&[&id(which), &[5, 0]]);
    let mgf1 = algorithm("1.2.840.113549.1.1.8", &hash(mask));
    sequence(&[&tlv(0xa0, &hash(digest)), &tlv(0xa1, &mgf1), &tlv(0xa2, &[2, 1, salt])])
}

enum Private {
    Ec(EcdsaKeyPair),
    Rsa(KeyPair, &'static dyn RsaEncoding),
}

/// A key of any kind that is verified here, and the algorithm that it signs with.
pub(crate) struct MintKey {
    pub(crate) spki: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    private: Private,
}

impl MintKey {
    pub(crate) fn ec(curve: ObjectIdentifier, signing: &'static EcdsaSigningAlgorithm, algorithm: &str) -> Self {
        let pair = EcdsaKeyPair::generate(signing).unwrap();
        let kind = sequence(&[&id(oid::EC_PUBLIC_KEY), &id(curve)]);
        let spki = sequence(&[&kind, &bits(pair.public_key().as_ref())]);
        let algorithm = super::mint::algorithm(algorithm, &[]);
        Self { spki, algorithm, private: Private::Ec(pair) }
    }

    pub(crate) fn p256() -> Self {
        Self::ec(oid::PRIME256V1, &aws::ECDSA_P256_SHA256_ASN1_SIGNING, "1.2.840.10045.4.3.2")
    }

    pub(crate) fn p384() -> Self {
        Self::ec(oid::SECP384R1, &aws::ECDSA_P384_SHA384_ASN1_SIGNING, "1.2.840.10045.4.3.3")
    }

    pub(crate) fn rsa(size: KeySize, encoding: &'static dyn RsaEncoding, algorithm: Vec<u8>) -> Self {
        let pair = KeyPair::generate(size).unwrap();
        let kind = super::mint::algorithm("1.2.840.113549.1.1.1", &[5, 0]);
        let spki = sequence(&[&kind, &bits(pair.public_key().as_ref())]);
        Self { spki, algorithm, private: Private::Rsa(pair, encoding) }
    }

    /// The same key with another algorithm.
    pub(crate) fn encoding(&mut self, encoding: &'static dyn RsaEncoding, algorithm: Vec<u8>) {
        if let Private::Rsa(_, old) = &mut self.private {
            *old = encoding;
        }
        self.algorithm = algorithm;
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Private::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// `SIGNED{signed}`, signed whatever the fields say.
    pub(crate) fn envelope(&self, signed: &[u8]) -> Vec<u8> {
        sequence(&[signed, &self.algorithm, &bits(&self.sign(signed))])
    }
}

/// A certificate before it is signed: valid through 2030, version 3.
#[derive(Clone)]
pub(crate) struct Mint {
    pub(crate) serial: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) times: [Vec<u8>; 2],
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    /// The algorithm inside, where it is not that of the signer.
    pub(crate) algorithm: Option<Vec<u8>>,
}

impl Mint {
    pub(crate) fn new(subject: &str, key: &MintKey, issuer: &str) -> Self {
        Self {
            serial: vec![1],
            issuer: named(issuer),
            times: [utc("250101000000Z"), utc("301231235959Z")],
            subject: named(subject),
            spki: key.spki.clone(),
            extensions: Vec::new(),
            algorithm: None,
        }
    }

    /// CA:TRUE, with the uses that `key_usage` has: keyCertSign is 4, cRLSign 2.
    pub(crate) fn authority(mut self, key_usage: u8) -> Self {
        let unused = u8::try_from(key_usage.trailing_zeros()).unwrap();
        self.extensions.push(extension(oid::BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xff]));
        self.extensions.push(extension(oid::KEY_USAGE, true, &[3, 2, unused, key_usage]));
        self
    }

    pub(crate) fn key_ids(mut self, own: &[u8], issuer: &[u8]) -> Self {
        self.extensions.push(extension(oid::SUBJECT_KEY_IDENTIFIER, false, &tlv(4, own)));
        self.extensions.push(extension(oid::AUTHORITY_KEY_IDENTIFIER, false, &sequence(&[&tlv(0x80, issuer)])));
        self
    }

    pub(crate) fn signed(&self, by: &MintKey) -> Vec<u8> {
        let list: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let extensions = if list.is_empty() { Vec::new() } else { tlv(0xa3, &sequence(&list)) };
        let signed = sequence(&[
            &[0xa0, 3, 2, 1, 2],
            &tlv(2, &self.serial),
            self.algorithm.as_ref().unwrap_or(&by.algorithm),
            &self.issuer,
            &sequence(&[&self.times[0], &self.times[1]]),
            &self.subject,
            &self.spki,
            &extensions,
        ]);
        by.envelope(&signed)
    }
}

/// A revocation list before it is signed: version 2, from 2026-11-01 through 2026-11-30.
#[derive(Clone)]
pub(crate) struct MintList {
    pub(crate) version: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) times: Vec<u8>,
    /// Serial numbers and entry extensions; all since 2026-11-10.
    pub(crate) entries: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl MintList {
    pub(crate) fn new(issuer: &str) -> Self {
        let times = [utc("261101000000Z"), utc("261130000000Z")].concat();
        let extensions = vec![extension(oid::CRL_NUMBER, false, &[2, 1, 7])];
        Self { version: vec![2, 1, 1], issuer: named(issuer), times, entries: Vec::new(), extensions }
    }

    pub(crate) fn revoking(mut self, serial: &[u8]) -> Self {
        self.entries.push((serial.to_vec(), Vec::new()));
        self
    }

    pub(crate) fn with(mut self, which: ObjectIdentifier, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(extension(which, critical, value));
        self
    }

    pub(crate) fn signed(&self, by: &MintKey) -> Vec<u8> {
        let entry =
            |(serial, extensions): &(Vec<u8>, Vec<u8>)| sequence(&[&tlv(2, serial), &utc("261110000000Z"), extensions]);
        let entries: Vec<u8> = self.entries.iter().flat_map(entry).collect();
        let entries = if entries.is_empty() { entries } else { tlv(0x30, &entries) };
        let list: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let extensions = if list.is_empty() { Vec::new() } else { tlv(0xa0, &sequence(&list)) };
        let parts = [&self.version, &by.algorithm, &self.issuer, &self.times, &entries, &extensions];
        by.envelope(&sequence(&parts.map(Vec::as_slice)))
    }
}
