//! The shape of the crate, held by a test: imports point down, the wings never meet, foreign crates stay home.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// The floors from the ground up; a module may use those before it.
const FLOORS: [&[&str]; 6] = [&["base"], &["crypto"], &["wire"], &["attest"], &["device", "entra"], &["link"]];

/// Words that may stand only below the folders beside them.
const HOMES: [(&str, &[&str]); 13] = [
    ("tpm2_protocol", &["src/device/tpm"]),
    ("tss_esapi", &["src/device/tpm"]),
    ("command_fds", &["src/device/tpm"]),
    ("sqlx", &["src/entra/directory"]),
    ("axum", &["src/entra/server"]),
    ("clap", &["src/bin"]),
    ("ureq", &["src/link/http.rs"]),
    ("aws_lc_rs", &["src/crypto", "src/entra/server", "src/link/http.rs"]),
    ("x509_cert", &["src/crypto"]),
    ("SystemTime::now", &["src/base"]),
    ("Timestamp::now", &["src/base"]),
    ("std::env", &["src/bin"]),
    ("println!", &["src/bin"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// Every `crate::x` in a line, also inside `crate::{x::.., y::..}`.
fn imports(line: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, path) in line.match_indices("crate::") {
        let rest = &line[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(list.split(',').map(|each| word(each.trim()))),
            None => found.push(word(rest)),
        }
    }
    found
}

fn faults(path: &str, text: &str) -> Vec<String> {
    let home = path.strip_prefix("src/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let here = format!("{path}:{}", number + 1);
        for target in imports(code) {
            let (Some(from), Some(to)) = (floor(home), floor(&target)) else { continue };
            if to > from || (to == from && target != home) {
                found.push(format!("{here}: {home} may not use {target}"));
            }
            if matches!(home, "attest" | "entra") && code.contains("device::tpm") {
                found.push(format!("{here}: {home} may not see a TPM"));
            }
        }
        for (word, homes) in HOMES {
            if code.contains(word) && !homes.iter().any(|home| path.starts_with(home)) {
                found.push(format!("{here}: {word} lives in {homes:?}"));
            }
        }
    }
    found
}

#[test]
fn imports_point_down_and_foreign_crates_stay_home() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let relative = |file: &PathBuf| file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let found: Vec<String> =
        files.iter().flat_map(|file| faults(&relative(file), &fs::read_to_string(file).unwrap())).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn an_import_turned_upward_is_found() {
    for (path, line) in [
        ("src/base/clock.rs", "use crate::wire::http::Request;"),
        ("src/device/pin.rs", "use crate::{base::Clock, entra::Rules};"),
        ("src/entra/join.rs", "fn f(tpm: &mut dyn crate::device::tpm::Tpm) {}"),
        ("src/wire/jws.rs", "let now = Timestamp::now();"),
        ("src/entra/join.rs", "use sqlx::Row;"),
    ] {
        assert!(!faults(path, line).is_empty(), "{path}: {line}");
    }
    assert!(faults("src/link/drive.rs", "use crate::{device::Flow, entra::Entra};").is_empty());
}
