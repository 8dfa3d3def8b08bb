//! The shape of the crate, held by a test: imports point down, the wings never meet, foreign crates stay home.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// The floors from the ground up; a module may use those before it.
const FLOORS: [&[&str]; 6] = [&["base"], &["crypto"], &["wire"], &["attest"], &["device", "entra"], &["link"]];

/// Words that may stand only below the folders beside them.
const HOMES: &[(&str, &[&str])] = &[
    ("tpm2_protocol", &["src/device/tpm"]),
    ("tss_esapi", &["src/device/tpm"]),
    ("command_fds", &["src/device/tpm"]),
    ("sqlx", &["src/entra/directory"]),
    ("axum", &["src/entra/server"]),
    ("maud", &["src/entra/server"]),
    ("clap", &["src/bin"]),
    ("ureq", &["src/link/http.rs"]),
    ("aws_lc_rs", &["src/crypto", "src/entra/server", "src/link/http.rs"]),
    ("x509_cert", &["src/crypto"]),
    ("quick_xml", &["src/wire/syncml"]),
    ("ciborium", &["src/wire/webauthn"]),
    ("toml::", &["src/entra/rules/file.rs"]),
    ("SystemTime::now", &["src/base"]),
    ("Timestamp::now", &["src/base"]),
    ("std::env", &["src/bin"]),
    ("println!", &["src/bin"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// Every `crate::x` in a statement, also each of `crate::{x::.., y::..}`.
fn imports(statement: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let paths = statement.match_indices("crate::").map(|(at, path)| &statement[at + path.len()..]);
    let targets = paths.flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => list.split(',').map(|each| word(each.trim())).collect(),
        None => vec![word(rest)],
    });
    targets.collect()
}

fn faults(path: &str, text: &str) -> Vec<String> {
    let home = path.strip_prefix("src/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let mut found = Vec::new();
    for statement in code.join("\n").split(';') {
        for target in imports(statement) {
            let (Some(from), Some(to)) = (floor(home), floor(&target)) else { continue };
            if to > from || (to == from && target != home) {
                found.push(format!("{path}: {home} may not use {target}"));
            }
        }
        if matches!(home, "attest" | "entra") && statement.contains("device::tpm") {
            found.push(format!("{path}: {home} may not see a TPM"));
        }
        let homeless = HOMES
            .iter()
            .filter(|(word, homes)| statement.contains(word) && !homes.iter().any(|home| path.starts_with(home)));
        found.extend(homeless.map(|(word, homes)| format!("{path}: {word} lives in {homes:?}")));
    }
    found
}

#[test]
fn imports_point_down_and_foreign_crates_stay_home() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let judged = |file: &PathBuf| {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap();
        faults(path, &fs::read_to_string(file).unwrap())
    };
    let found: Vec<String> = files.iter().flat_map(judged).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn an_import_turned_upward_is_found() {
    assert!(!faults("src/base/clock.rs", "use crate::wire::http::Request;").is_empty());
    assert!(!faults("src/device/pin.rs", "use crate::{\n    base::Clock,\n    entra::Rules,\n};").is_empty());
    assert!(!faults("src/entra/join.rs", "fn f(tpm: &mut dyn crate::device::tpm::Tpm) {}").is_empty());
    assert!(!faults("src/wire/jws.rs", "let now = Timestamp::now();").is_empty());
    assert!(!faults("src/entra/join.rs", "use sqlx::Row;").is_empty());
    assert!(faults("src/link/drive.rs", "use crate::{device::Flow, entra::Entra};").is_empty());
}
