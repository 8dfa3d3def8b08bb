//! A statement in a file that carries its own verdict, and what the verifier knows.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::panic, reason = "a test without its vector has to fail")]

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use whfb::attest::{Expectation, Freshness, Policy, RelyingParty, Report, Statement, verify};
use whfb::base::Timestamp;
use whfb::crypto::PublicKey;
use whfb::crypto::cert::{Certificate, RevocationList};
use whfb::wire::encoding::from_base64;

/// As it is in its file; byte strings are base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Vector {
    /// The level, or `{check, fault}`.
    pub(crate) expect: Value,
    pub(crate) source: String,
    pub(crate) at: Timestamp,
    pub(crate) policy: Policy,
    pub(crate) nonce: String,
    pub(crate) key_blob: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) relying_party: Option<Party>,
    /// SubjectPublicKeyInfo.
    pub(crate) key: String,
    pub(crate) roots: Vec<String>,
    pub(crate) vendors: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) crls: Vec<String>,
    pub(crate) statement: Statement,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Party {
    pub(crate) id: String,
    pub(crate) origin: String,
    pub(crate) aaguid: String,
}

/// What the verifier knows, read.
pub(crate) struct Known {
    vector: Vector,
    key: PublicKey,
    key_blob: Vec<u8>,
    aaguid: Vec<u8>,
    roots: Vec<Certificate>,
    vendors: Vec<Certificate>,
    crls: Vec<RevocationList>,
}

fn bytes(text: &str) -> Vec<u8> {
    from_base64(text).expect("base64")
}

fn certificates(list: &[String]) -> Vec<Certificate> {
    list.iter().map(|each| Certificate::from_der(&bytes(each)).expect("a certificate")).collect()
}

impl Vector {
    pub(crate) fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/attest")
    }

    pub(crate) fn read(name: &str) -> Self {
        let text = fs::read(Self::folder().join(format!("{name}.json"))).expect("a vector of that name");
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str) {
        let text = serde_json::to_string_pretty(self).expect("a vector is JSON");
        fs::write(Self::folder().join(format!("{name}.json")), text + "\n").expect("the folder can be written");
    }

    pub(crate) fn known(&self) -> Known {
        Known {
            key: PublicKey::from_spki(&bytes(&self.key)).expect("a key"),
            key_blob: bytes(&self.key_blob),
            aaguid: self.relying_party.as_ref().map(|party| bytes(&party.aaguid)).unwrap_or_default(),
            roots: certificates(&self.roots),
            vendors: certificates(&self.vendors),
            crls: self
                .crls
                .iter()
                .map(|each| RevocationList::from_der(&bytes(each)).expect("a revocation list"))
                .collect(),
            vector: self.clone(),
        }
    }
}

impl Known {
    pub(crate) fn verify(&self, statement: &Statement) -> Report {
        let party = self.vector.relying_party.as_ref();
        verify(
            statement,
            &Expectation {
                freshness: Freshness::Bound { nonce: &self.vector.nonce, key_blob: &self.key_blob },
                relying_party: party.map(|party| RelyingParty {
                    id: &party.id,
                    origin: &party.origin,
                    aaguid: &self.aaguid,
                }),
                key: Some(&self.key),
                roots: &self.roots,
                vendors: &self.vendors,
                crls: &self.crls,
                at: self.vector.at,
                policy: &self.vector.policy,
            },
        )
    }
}
