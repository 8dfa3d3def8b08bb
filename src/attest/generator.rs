//! Makes statements of a software attestation key under a test CA: good ones, and ones with exactly one thing wrong.

use super::profile::aik_extensions;
use super::{Expectation, Freshness, Statement, TpmIdentity, extra_data};
use crate::base::{OsRng, Timestamp};
use crate::crypto::cert::{Authority, Certificate, Extension, Leaf, Name, Text, Validity};
use crate::crypto::digest::sha256;
use crate::crypto::{PublicKey, SigningKey, SoftwareKey};
use crate::wire::tpm::{ATTEST_CERTIFY, Attest, Attested, Attributes, ClockInfo, GENERATED, Public, name_of};

pub(crate) const NONCE: &str = "a nonce of the server";
pub(crate) const KEY_BLOB: &[u8] = b"the key as it is registered";

pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn tpm() -> TpmIdentity {
    TpmIdentity { manufacturer: 0x4942_4d00, model: "swtpm".into(), version: 0x2019_1023 }
}

pub(crate) fn root(common_name: &str) -> Authority {
    let name = Name::common_name(common_name, Text::Utf8).unwrap();
    Authority::root(name, SigningKey::generate_p256().unwrap(), Validity::days_from(now(), 3650), &mut OsRng).unwrap()
}

/// A test CA, an attestation key in software, and the key that is to be registered.
pub(crate) struct Lab {
    pub(crate) authority: Authority,
    pub(crate) roots: Vec<Certificate>,
    pub(crate) aik: SoftwareKey,
    pub(crate) key: PublicKey,
}

/// Everything that goes into a statement, before it is signed. Break a field, then [`Lab::make`] signs it.
pub(crate) struct Recipe {
    pub(crate) public: Public,
    pub(crate) attest: Attest,
    /// Whether the Name in the attestation follows the public area, as a TPM makes it.
    pub(crate) honest_name: bool,
    /// Bytes behind the attestation, signed along.
    pub(crate) trailing: Vec<u8>,
    pub(crate) nonce: String,
    pub(crate) subject: Name,
    /// SAN, basicConstraints, keyUsage, extKeyUsage, certificatePolicies.
    pub(crate) extensions: Vec<Extension>,
    pub(crate) validity: Validity,
}

impl Lab {
    pub(crate) fn rsa() -> Self {
        Self::of(SoftwareKey::generate_rsa(&mut OsRng).unwrap(), SigningKey::generate_rsa().unwrap().public())
    }

    pub(crate) fn p256() -> Self {
        Self::of(SoftwareKey::generate_p256(&mut OsRng), SigningKey::generate_p256().unwrap().public())
    }

    fn of(aik: SoftwareKey, key: &PublicKey) -> Self {
        let authority = root("Test root of attestation keys");
        Self { roots: vec![authority.certificate().clone()], authority, aik, key: key.clone() }
    }

    pub(crate) fn recipe(&self) -> Recipe {
        Recipe {
            public: Public::windows(&self.key, Attributes::WINDOWS_KEY).unwrap(),
            attest: Attest {
                magic: GENERATED,
                kind: ATTEST_CERTIFY,
                qualified_signer: name_of(b"attestation key"),
                extra_data: extra_data(NONCE.as_bytes(), KEY_BLOB).to_vec(),
                clock: ClockInfo { clock: 1000, reset_count: 1, restart_count: 0, safe: true },
                firmware_version: 0x2019_1023_0016_3636,
                attested: Attested::Certify { name: Vec::new(), qualified_name: name_of(b"below the SRK") },
            },
            honest_name: true,
            trailing: Vec::new(),
            nonce: NONCE.into(),
            subject: Name::empty(),
            extensions: aik_extensions(&tpm(), true).unwrap(),
            validity: Validity::days_from(now(), 30),
        }
    }

    pub(crate) fn make(&self, recipe: &Recipe) -> Statement {
        let public = recipe.public.to_bytes().unwrap();
        let mut attest = recipe.attest.clone();
        if let (true, Attested::Certify { name, .. }) = (recipe.honest_name, &mut attest.attested) {
            *name = name_of(&public);
        }
        let mut certify_info = attest.to_bytes().unwrap();
        certify_info.extend_from_slice(&recipe.trailing);
        let signature = self.aik.sign(&sha256(&certify_info), &mut OsRng).unwrap();
        let aik_chain = vec![self.certificate(recipe).der().to_vec()];
        Statement { public, certify_info, signature, aik_chain, nonce: recipe.nonce.clone() }
    }

    pub(crate) fn certificate(&self, recipe: &Recipe) -> Certificate {
        let leaf = Leaf {
            subject: recipe.subject.clone(),
            public: &self.aik.public().unwrap(),
            validity: recipe.validity,
            extensions: recipe.extensions.clone(),
        };
        self.authority.issue(&leaf, &mut OsRng).unwrap()
    }

    pub(crate) fn good(&self) -> Statement {
        self.make(&self.recipe())
    }

    pub(crate) fn expectation(&self) -> Expectation<'_> {
        Expectation {
            freshness: Freshness::Bound { nonce: NONCE, key_blob: KEY_BLOB },
            key: &self.key,
            exact_template: true,
            roots: &self.roots,
            at: now(),
        }
    }
}

/// The certificate as version 1: without its version field, signed again.
pub(crate) fn as_version_1(authority: &Authority, certificate: &Certificate) -> Vec<u8> {
    let (tbs, rest) = split(contents(certificate.der()));
    let body = contents(tbs).strip_prefix(&[0xa0, 3, 2, 1, 2]).unwrap();
    let tbs = wrapped(0x30, body);
    let (algorithm, _) = split(rest);
    let signature = [&[0], authority.key().sign(&tbs).unwrap().as_slice()].concat();
    wrapped(0x30, &[tbs, algorithm.to_vec(), wrapped(3, &signature)].concat())
}

/// Header length and contents length of the DER element in front.
fn measure(der: &[u8]) -> (usize, usize) {
    match der[1] {
        0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
        0x81 => (3, usize::from(der[2])),
        short => (2, usize::from(short)),
    }
}

fn contents(der: &[u8]) -> &[u8] {
    let (header, length) = measure(der);
    &der[header..header + length]
}

fn split(der: &[u8]) -> (&[u8], &[u8]) {
    let (header, length) = measure(der);
    der.split_at(header + length)
}

fn wrapped(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
    let header = match contents.len() {
        0..0x80 => vec![tag, length[1]],
        0x80..0x100 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [header, contents.to_vec()].concat()
}
