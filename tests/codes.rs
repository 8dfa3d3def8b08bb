//! Each HRESULT that a source or a text of the repository names is one that `whfb error` explains.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

use std::fs;
use std::path::{Path, PathBuf};

use whfb::base::Hresult;

/// How a number begins that is an HRESULT or an NTSTATUS here, and no handle or flag of a TPM.
const FAMILIES: [&str; 7] = ["8007", "8009", "801C", "8028", "8029", "C000", "CAA3"];

fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => texts(&path, found),
            false => found.push(path),
        }
    }
}

/// The hexadecimal numbers of eight digits, comments included; Rust's underscores do not count.
fn numbers(text: &str) -> Vec<String> {
    let digits = |rest: &str| {
        let literal = rest.chars().take_while(|each| each.is_ascii_hexdigit() || *each == '_');
        literal.filter(|each| *each != '_').collect::<String>().to_uppercase()
    };
    let text = text.replace("0X", "0x");
    text.match_indices("0x").map(|(at, _)| digits(&text[at + 2..])).filter(|digits| digits.len() == 8).collect()
}

fn codes(text: &str) -> Vec<String> {
    numbers(text).into_iter().filter(|digits| FAMILIES.iter().any(|family| digits.starts_with(family))).collect()
}

#[test]
fn every_code_that_is_named_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "vendor-notes.md"].map(|name| root.join(name)).to_vec();
    texts(&root.join("src"), &mut files);
    let mut named = 0;
    for file in files {
        for digits in codes(&fs::read_to_string(&file).unwrap()) {
            named += 1;
            let found = Hresult::find(&digits);
            assert!(found.is_ok(), "{}: {}", file.display(), found.unwrap_err());
        }
    }
    assert!(named > Hresult::all().count(), "the sources were not found");
}

#[test]
fn a_code_is_seen_in_code_and_in_text() {
    let text = "Hresult(0x8009_0035), 0x801c03ed; 0X80280921. 0x8100_0001 0x8009 0x800900350 0x8007005";
    assert_eq!(codes(text), ["80090035", "801C03ED", "80280921"]);
}

#[test]
fn every_code_is_of_a_family_that_is_looked_for() {
    let strange = |code: &Hresult| codes(&code.to_string()).is_empty();
    assert_eq!(Hresult::all().filter(strange).collect::<Vec<_>>(), [Hresult::S_OK]);
}
