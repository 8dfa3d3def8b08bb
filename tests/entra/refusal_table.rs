//! The refusal table, and for every refusal the test that provokes it: as this binary's tests saw it in a second run, in which
//! every request goes over TLS. So the same suite gives the same answers over either link, and no refusal is without a test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::Command;

use whfb::entra::{Dialect, Refusal};

use crate::client::{OVER_HTTPS, PROVOKED};

/// Notes that the test of this thread has provoked a refusal, if a first run wants to know.
pub(crate) fn note(name: &str, status: u16) {
    let Some(path) = std::env::var_os(PROVOKED) else { return };
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let line = format!("{name}\t{status}\t{test}\n");
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}

/// What a client sees beside the status.
fn code(refusal: Refusal) -> String {
    match refusal.entry().dialect {
        Dialect::Oauth { error, number } => format!("{number} {error}"),
        Dialect::Key { hresult } => format!("KPP {hresult}"),
        Dialect::Join { hresult } => hresult.map_or_else(|| "DRS".to_owned(), |code| format!("DRS {code}")),
        Dialect::Graph { code } => format!("Graph {code}"),
        _ => "lab".to_owned(),
    }
}

#[test]
fn every_refusal_is_provoked_by_a_test_over_tls_as_without() {
    if std::env::var_os(OVER_HTTPS).is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("provoked");
    let run =
        Command::new(std::env::current_exe().unwrap()).env(OVER_HTTPS, "1").env(PROVOKED, &seen).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "over TLS the suite fails: {said}");

    let mut provoked: BTreeMap<String, (u16, BTreeSet<String>)> = BTreeMap::new();
    for line in std::fs::read_to_string(&seen).unwrap().lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        let entry = provoked.entry(parts[0].to_owned()).or_insert((parts[1].parse().unwrap(), BTreeSet::new()));
        entry.1.insert(parts[2].to_owned());
    }
    // Past the test harness, which keeps what a passing test prints to itself.
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{:<34} {:>6}  {:<40} provoked by", "refusal", "status", "code").unwrap();
    let mut without = Vec::new();
    for refusal in Refusal::ALL {
        let (name, entry) = (refusal.name(), refusal.entry());
        match provoked.get(name) {
            Some((status, tests)) => {
                assert_eq!(*status, entry.status, "{name}");
                let first = tests.first().unwrap();
                writeln!(out, "{name:<34} {status:>6}  {:<40} {first}", code(*refusal)).unwrap();
            }
            None => without.push(name),
        }
    }
    writeln!(out, "{} refusals\n", Refusal::ALL.len()).unwrap();
    assert!(without.is_empty(), "no test provokes {without:?}");
}
