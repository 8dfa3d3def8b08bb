//! `whfb bench`: figures with what they depend on, on a TPM of ours and as a guest.

#[cfg(feature = "esapi")]
use std::path::Path;

use serde_json::Value;
#[cfg(feature = "esapi")]
use whfb::base::OsRng;
#[cfg(feature = "esapi")]
use whfb::device::tpm::{
    TpmError,
    manufacture::manufacture,
    swtpm::{PROGRAM, Server, Swtpm},
};

use crate::guest::Host;
use crate::program::World;

/// What every row says.
const FIELDS: [&str; 11] =
    ["op", "key", "session", "backend", "transport", "n", "min_us", "median_us", "p95_us", "p99_us", "floor_median_us"];

fn rows(bench: &Value) -> Vec<(String, Value)> {
    let rows = bench["rows"].as_array().unwrap();
    let name = |row: &Value| format!("{} {}", row["op"].as_str().unwrap(), row["key"].as_str().unwrap());
    rows.iter().map(|row| (name(row), row.clone())).collect()
}

#[test]
fn a_fresh_tpm_is_measured_beside_its_floor_and_nothing_stays() {
    let world = World::new();
    let bench = world.json(&["bench", "--quick"]);
    for known in ["cpu", "os", "swtpm", "libtpms", "whfb"] {
        assert!(bench["machine"][known].is_string(), "{known}: {}", bench["machine"]);
    }
    assert_eq!((&bench["tpm"]["backend"], &bench["tpm"]["transport"]), (&"direct".into(), &"swtpm-pair".into()));
    let rows = rows(&bench);
    for expected in ["sign P-256", "sign RSA-2048", "create RSA-2048", "claim + attest RSA-2048", "session -"] {
        assert!(rows.iter().any(|(name, _)| name == expected), "{expected}");
    }
    for (name, row) in &rows {
        let fields: Vec<&str> = FIELDS.into_iter().filter(|field| row.get(field).is_none()).collect();
        assert!(fields.is_empty(), "{name} lacks {fields:?}");
        let us = |field: &str| row[field].as_f64().unwrap();
        assert!(0.0 < us("min_us") && us("min_us") <= us("median_us") && us("median_us") <= us("p95_us"), "{row}");
        assert!(us("p95_us") <= us("p99_us"), "{row}");
        // What makes a key and loads it is there to be compared with the pool.
        assert_eq!(row["floor_median_us"].is_f64(), !name.starts_with("create + load"), "{row}");
    }
    assert!(!world.state().exists(), "a bench keeps nothing");
}

#[test]
fn a_guest_leaves_the_tpm_as_it_found_it() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let host = Host::start(directory.path());
    let choice = host.choice();
    let before = world.json(&["tpm", "info", "--tpm", &choice])["tpm"].clone();
    let bench = world.json(&["bench", "--quick", "--tpm", &choice]);
    assert_eq!((&bench["tpm"]["address"], &bench["tpm"]["transport"]), (&choice.as_str().into(), &"device".into()));
    assert!(bench["machine"]["libtpms"].is_null(), "what is behind somebody's device is not known");
    assert_eq!(world.json(&["tpm", "info", "--tpm", &choice])["tpm"], before);
    let facts = host.facts();
    assert!(facts.loaded.is_empty() && facts.lockout.count == 0, "{facts:?}");
}

#[cfg(feature = "esapi")]
#[test]
fn a_tpm_behind_libtss2_is_measured_without_a_floor() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let mut swtpm = Swtpm::start(directory.path(), Path::new(PROGRAM)).unwrap();
    manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_, _, _| Ok(None)).unwrap();
    drop(swtpm);
    let server = Server::tcp(directory.path(), Path::new(PROGRAM)).unwrap();
    let bench = world.json(&["bench", "--quick", "--tpm", &format!("esapi:{}", server.tcti())]);
    assert_eq!((&bench["tpm"]["backend"], &bench["tpm"]["transport"]), (&"esapi".into(), &"tcti".into()));
    let rows = rows(&bench);
    assert!(rows.iter().any(|(name, _)| name == "sign P-256") && rows.iter().all(|(name, _)| name != "session -"));
    assert!(rows.iter().all(|(_, row)| row["floor_median_us"].is_null() && row["median_us"].is_f64()), "{rows:?}");
}

#[test]
fn a_person_gets_a_table() {
    let run = World::new().run(&["bench", "--quick"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("floor  ratio") && run.out.contains("sign RSA-2048"), "{}", run.out);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let world = World::new();
    let trace = world.path("trace.pcap");
    for (arguments, words) in [
        (&["bench", "--tpm", "none"][..], "--tpm none cannot be measured"),
        (&["bench", "--tpm", "1.2"], "--tpm 1.2 cannot be measured"),
        (&["--trace-tpm", &trace.display().to_string(), "bench"], "being recorded cannot be measured"),
    ] {
        let run = world.run(arguments);
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains(words) && run.err.contains("next: "), "{}", run.err);
    }
    assert!(!trace.exists(), "a trace was begun of what is refused");
    let run = world.run(&["bench", "--tpm", "device:/nowhere/tpm0"]);
    assert!(run.code == 3 && run.err.contains("/nowhere/tpm0"), "{}", run.err);
}
