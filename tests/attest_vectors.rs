//! Statements in files, each with its verdict: good ones, and one for every name that a fault can have.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has to fail")]

#[path = "support/vector.rs"]
mod vector;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use vector::Vector;
use whfb::attest::{Level, Outcome};

fn names() -> Vec<String> {
    let files = fs::read_dir(Vector::folder()).unwrap();
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_vector_is_judged_as_it_says_and_nothing_else_is_wrong_with_it() {
    for name in names() {
        let vector = Vector::read(&name);
        let report = vector.known().verify(&vector.statement);
        let failed: Vec<Value> = report
            .findings()
            .iter()
            .filter_map(|finding| match &finding.outcome {
                Outcome::Failed(fault) => Some(json!({ "check": finding.check, "fault": fault })),
                _ => None,
            })
            .collect();
        match &vector.expect {
            Value::String(level) => {
                assert!(failed.is_empty(), "{name}: {report}");
                assert_eq!(report.level().as_str(), level, "{name}: {report}");
            }
            expected => {
                assert_eq!(failed, std::slice::from_ref(expected), "{name}: {report}");
                assert_eq!(report.level(), Level::None, "{name}");
            }
        }
    }
}

/// The variants of an enumeration in a source file, as serde names them.
fn variants(path: &str, enumeration: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (_, body) = text.split_once(&format!("pub enum {enumeration} {{\n")).expect("the enumeration is in that file");
    let body = body.split("\n}\n").next().unwrap();
    let variants = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = variants.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names.map(|line| kebab(line.split(|c: char| !c.is_alphanumeric()).next().unwrap())).collect()
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

/// The name of a fault, and that of the fault inside of it.
fn named(fault: &Value) -> (String, Option<String>) {
    let name = |value: &Value| match value {
        Value::Object(object) => object.keys().next().unwrap().clone(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let inner = fault.as_object().and_then(|object| object.values().next()).map(name);
    (name(fault), inner)
}

#[test]
fn every_name_of_a_fault_has_a_vector() {
    let faults: Vec<_> = names()
        .iter()
        .map(|name| Vector::read(name).expect)
        .filter(Value::is_object)
        .map(|expect| named(&expect["fault"]))
        .collect();
    let outer: BTreeSet<String> = faults.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(outer, variants("src/attest/fault.rs", "Fault"));
    let inner = |of: &[&str]| {
        let of_these = faults.iter().filter(|(name, _)| of.contains(&name.as_str()));
        of_these.filter_map(|(_, inner)| inner.clone()).collect::<BTreeSet<_>>()
    };
    assert_eq!(inner(&["aik-unfit"]), variants("src/attest/profile/aik.rs", "AikFault"));
    // Of its two remaining names, one is about a key beside the certificate, and the other is a fault of its own here.
    let mut profile = inner(&["ek-unfit"]);
    profile.extend(["key".to_owned(), "chain".to_owned()]);
    assert_eq!(profile, variants("src/attest/profile/ek.rs", "EkFault"));
    assert_eq!(inner(&["untrusted", "ek-untrusted"]), variants("src/attest/chain/fault.rs", "ChainFault"));
}
