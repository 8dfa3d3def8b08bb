//! Writes the cases as files that carry their own verdict. `tests/attest_vectors.rs` reads them, with the crate's public face
//! alone.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::{AAGUID, Case, KEY_BLOB, Lab, NONCE, ORIGIN, RP_ID, Statement, Terms, cases};
use crate::attest::{Check, Fault, Level, Policy};
use crate::crypto::cert::Certificate;
use crate::wire::encoding::base64;

/// The verdict comes first, and everything but the statement is what the verifier knows.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Vector<'a> {
    expect: Expect<'a>,
    source: &'a str,
    at: String,
    policy: &'a Policy,
    nonce: &'a str,
    key_blob: String,
    relying_party: serde_json::Value,
    key: String,
    roots: Vec<String>,
    vendors: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    crls: Vec<String>,
    statement: &'a Statement,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Expect<'a> {
    Level(Level),
    Fault { check: Check, fault: &'a Fault },
}

fn list(certificates: &[Certificate]) -> Vec<String> {
    certificates.iter().map(|each| base64(each.der())).collect()
}

fn write(name: &str, expect: Expect<'_>, statement: &Statement, terms: &Terms) {
    let vector = Vector {
        expect,
        source: "src/attest/generator: a software attestation key under a test CA",
        at: terms.at.to_string(),
        policy: &terms.policy,
        nonce: NONCE,
        key_blob: base64(KEY_BLOB),
        relying_party: json!({ "id": RP_ID, "origin": ORIGIN, "aaguid": base64(&AAGUID) }),
        key: base64(&terms.key.to_spki()),
        roots: list(&terms.roots),
        vendors: list(&terms.vendors),
        crls: terms.crls.iter().map(|each| base64(each.der())).collect(),
        statement,
    };
    let text = serde_json::to_string_pretty(&vector).unwrap();
    fs::write(folder().join(format!("{name}.json")), text + "\n").unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/attest")
}

#[test]
#[ignore = "writes tests/vectors/attest anew: cargo test --lib generator::vectors -- --ignored"]
fn write_the_vectors() {
    fs::create_dir_all(folder()).unwrap();
    for (name, lab) in [("good-rsa", Lab::rsa()), ("good-p256", Lab::p256())] {
        write(name, Expect::Level(Level::AikEk), &lab.good(), &lab.terms());
    }
    for Case { name, check, fault, statement, terms } in cases(&Lab::rsa()) {
        write(name, Expect::Fault { check, fault: &fault }, &statement, &terms);
    }
}
