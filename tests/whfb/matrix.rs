//! `whfb matrix`: every row executed, and the answers that are documented or inferred for them.

use serde_json::{Value, json};

use crate::program::{World, files, processes_in};

/// The outcome when the TPM is preferred, the code when it is required: none where a key is made in hardware.
fn expected(tpm: &str, condition: &str, excluded: bool) -> (&'static str, Option<&'static str>) {
    match (tpm, condition) {
        ("2.0", "ready" | "fips") => ("hardware", None),
        ("none", _) => ("software", Some("0x80090035")),
        ("1.2", "ready") if !excluded => ("hardware", None),
        ("1.2", "fips") => ("software", Some("0x80090035")),
        ("1.2", _) if excluded => ("software", Some("0x80090035")),
        (_, "not-ready") => ("software", Some("0x80090029")),
        (_, "locked-out") => ("software", Some("0x80090031")),
        other => panic!("no such row: {other:?}"),
    }
}

#[test]
fn every_row_comes_out_as_the_decision_table_says_and_unset_is_false() {
    let world = World::new();
    let matrix = world.json(&["matrix"]);
    let rows = matrix["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &matrix["source"]), (54, &"csp".into()));
    for row in rows {
        let text = |field: &str| row[field].as_str().unwrap();
        let (tpm, condition) = (text("tpm"), text("condition"));
        let excluded = row["exclude_tpm12"].as_bool().unwrap();
        let required = row["require_security_device"] == json!(true);
        let (preferred, code) = expected(tpm, condition, excluded);
        let outcome = if required && code.is_some() { "blocked" } else { preferred };
        assert_eq!(text("outcome"), outcome, "{row}");
        assert_eq!(row["hresult"], json!(code.filter(|_| required)), "{row}");
        assert_eq!(text("prereq"), if outcome == "blocked" { "WillNotProvision" } else { "WillProvision" }, "{row}");
        assert_eq!(row["executed"], json!(tpm != "1.2"), "{row}");
        let injected: &[&str] = match (tpm, condition) {
            ("2.0", "fips") => &["TPM_PT_MODES"],
            ("1.2", "ready") => &["TpmVersion"],
            ("1.2", "fips") => &["TpmVersion", "IsTpmFIPS"],
            ("1.2", "locked-out") => &["TpmVersion", "IsTpmLockedOut"],
            ("1.2", _) => &["TpmVersion", "ready"],
            _ => &[],
        };
        assert_eq!(row["injected"], json!(injected), "{row}");
        check_event(row, required, excluded);
    }
    for pair in rows.chunks(3) {
        let without = |row: &Value| {
            let mut row = row.clone();
            row.as_object_mut().unwrap().remove("require_security_device");
            row
        };
        assert_eq!(
            (&pair[0]["require_security_device"], &pair[1]["require_security_device"]),
            (&Value::Null, &json!(false))
        );
        assert_eq!(without(&pair[0]), without(&pair[1]), "unset and false differ");
    }
    assert!(!world.state().exists(), "the matrix keeps nothing");
    assert_eq!(files(&world.path("tmp")), Vec::<std::path::PathBuf>::new());
    assert_eq!(processes_in(world.root()), Vec::<u32>::new());
}

/// Event 5555 carries what was decided from and what was decided.
fn check_event(row: &Value, required: bool, excluded: bool) {
    let event = &row["event"];
    let version = match row["tpm"].as_str().unwrap() {
        "none" => "0",
        "1.2" => "1",
        _ => "2",
    };
    let provider = match row["outcome"].as_str().unwrap() {
        "hardware" => "1",
        "software" => "2",
        _ => "0",
    };
    let is = |condition: &str| (row["condition"] == condition).to_string();
    for (field, value) in [
        ("HardwarePolicy", u32::from(required).to_string()),
        ("IsTpm12Excluded", excluded.to_string()),
        ("TpmVersion", version.to_owned()),
        ("IsTpmFIPS", is("fips")),
        ("IsTpmLockedOut", is("locked-out")),
        ("KeyProvider", provider.to_owned()),
        ("Result", row["hresult"].as_str().unwrap_or("0x00000000").to_owned()),
    ] {
        assert_eq!(event[field], json!(value), "{field}: {row}");
    }
    assert_eq!(event["id"], 5555);
}

#[test]
fn an_interrupt_ends_it_in_order() {
    World::new().is_interrupted_in_order(&["matrix"]);
}

#[test]
fn a_person_gets_a_grid_and_a_document_a_table() {
    let world = World::new();
    let run = world.run(&["matrix", "--format", "markdown", "--source", "gpo"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.out.lines().count(), 56);
    let row = "| none | ready | false | true | WillNotProvision | blocked | 0x80090035 | true |  |";
    assert!(run.out.lines().any(|line| line == row), "{}", run.out);
    assert_eq!(world.run(&["matrix", "--source", "registry"]).code, 2);
}
