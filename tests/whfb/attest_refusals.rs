//! Exports that come to nothing, and files that are too long: what is said, and that nothing is left of them.

use std::fs;

use serde_json::{Value, json};

use crate::attest::{FORMS, export};
use crate::life::wait_until_ready;
use crate::program::{Guarded, PIN, World};

fn lockout(world: &World) -> Value {
    world.json(&["tpm", "info"])["tpm"]["lockout"]["count"].clone()
}

#[test]
fn a_wrong_pin_costs_one_try_and_exports_nothing() {
    let world = World::new();
    world.provisioned("swtpm");
    let (wrong, records) = (world.path("wrong"), world.records());
    fs::write(&wrong, "not the PIN").unwrap();
    for (tries, form) in FORMS.iter().enumerate() {
        let (path, pin) = (world.path(form), wrong.to_str().unwrap());
        let to = path.to_str().unwrap();
        let run = world.run(&["--json", "attest", "export", "--format", form, "--output", to, "--pin-file", pin]);
        assert_eq!(run.code, 1, "{form}: {}", run.out);
        let error = &run.json()["error"];
        assert_eq!(
            (&error["hresult"], &error["details"]["lockout"]["count"]),
            (&json!("0x80090033"), &json!(tries + 1))
        );
        assert_eq!(error["details"]["attestation_status"], json!({"name": "UnknownError", "number": 1}));
        assert!(!path.exists() && !world.path("kast.pem").exists(), "{form}");
        assert!(!run.out.contains("not the PIN") && !run.out.contains(PIN));
    }
    assert_eq!(lockout(&world), 4);
    assert!(world.records() == records, "a refused export changed the device");
}

#[test]
fn what_is_there_already_is_not_overwritten_and_costs_no_try() {
    let world = World::new();
    world.provisioned("swtpm");
    let wrong = world.path("wrong");
    fs::write(&wrong, "not the PIN").unwrap();
    for form in FORMS {
        let path = world.path(form);
        fs::write(&path, "years of work").unwrap();
        let to = path.to_str().unwrap();
        let run = world.run(&["attest", "export", "--format", form, "-o", to, "--pin-file", wrong.to_str().unwrap()]);
        assert_eq!(run.code, 2, "{form}: {}", run.err);
        assert!(run.err.contains(&format!("{to} is there already")), "{}", run.err);
        assert_eq!(fs::read_to_string(&path).unwrap(), "years of work");
    }
    // A KAST is two files: neither is written when one of the names is taken.
    fs::rename(world.path("kast"), world.path("kast.pem")).unwrap();
    let to = world.path("kast").display().to_string();
    assert_eq!(world.run(&["attest", "export", "--format", "kast", "--output", &to]).code, 2);
    assert!(!world.path("kast").exists());
    assert_eq!(fs::read_to_string(world.path("kast.pem")).unwrap(), "years of work");
    // Nor where there is no directory.
    let nowhere = world.path("nowhere/kast").display().to_string();
    assert_eq!(world.run(&["attest", "export", "--format", "kast", "--output", &nowhere]).code, 2);
    assert_eq!(lockout(&world), 0);
}

#[test]
fn more_than_a_statement_can_have_is_not_read() {
    let world = World::new();
    let (long, raw) = (world.path("long.json"), world.path("raw"));
    fs::write(&long, vec![b' '; 1024 * 1024 + 1]).unwrap();
    fs::create_dir(&raw).unwrap();
    fs::rename(&long, raw.join("key.public")).unwrap();
    fs::write(&long, vec![b' '; 1024 * 1024 + 1]).unwrap();
    for arguments in [
        &["attest", "verify", "/dev/zero"][..],
        &["attest", "verify", long.to_str().unwrap()],
        &["attest", "verify", raw.to_str().unwrap()],
    ] {
        let run = world.run(arguments);
        assert_eq!((run.code, run.err.contains("more than 1048576 bytes")), (2, true), "{arguments:?}: {}", run.err);
    }
    let run = world.run(&["attest", "verify", long.to_str().unwrap(), "--policy", "/dev/zero"]);
    assert_eq!(run.code, 2, "{}", run.err);
    let spaces = world.run_with_input(&["attest", "verify", "-"], "   ");
    assert_eq!((spaces.code, spaces.err.contains("neither a KAST nor a JSON object")), (1, true), "{}", spaces.err);
}

#[test]
fn a_software_key_is_not_attested_and_says_so() {
    let world = World::new();
    world.provisioned("none");
    for form in FORMS {
        let to = world.path(form).display().to_string();
        let run = world.run(&["--json", "attest", "export", "--format", form, "--output", &to]);
        assert_eq!(run.code, 1, "{form}: {}", run.out);
        let error = &run.json()["error"];
        assert!(error["message"].as_str().unwrap().ends_with("no TPM vouches for it (NotSupported)"), "{error}");
        assert_eq!(error["details"]["attestation_status"], json!({"name": "NotSupported", "number": 2}));
        assert!(!world.path(form).exists());
    }
}

#[test]
fn a_service_that_is_away_is_a_temporary_failure_and_nothing_is_written() {
    let world = World::new();
    world.provisioned("swtpm");
    let mut server = Guarded(world.command(&["--json", "serve", "--listen", "127.0.0.1:0"]).spawn().unwrap());
    wait_until_ready(&mut server);
    drop(server);
    // The server's place is taken, and nobody listens where it should be.
    let announced = world.state().join("serve.json");
    let mut where_it_is: Value = serde_json::from_slice(&fs::read(&announced).unwrap()).unwrap();
    where_it_is["address"] = "127.0.0.1:1".into();
    fs::write(&announced, where_it_is.to_string()).unwrap();
    let lock = fs::File::options().write(true).open(world.state().join("serve.lock")).unwrap();
    lock.lock().unwrap();
    let away = |form: &str| {
        let to = world.path(form).display().to_string();
        let run = world.run(&["--json", "attest", "export", "--format", form, "--output", &to]);
        assert_eq!(run.code, 3, "{form}: {}", run.out);
        let error = &run.json()["error"];
        assert!(error["message"].as_str().unwrap().ends_with("(TemporaryFailure)"), "{error}");
        assert_eq!(error["details"]["attestation_status"], json!({"name": "TemporaryFailure", "number": 3}));
        assert!(!world.path(form).exists() && !world.path("kast.pem").exists());
    };
    // The nonce service is asked each time.
    for form in ["lab", "raw"] {
        away(form);
    }
    // The service for attestation keys only while there is none that is current.
    let path = world.state().join("devices/pc/device.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(record["aik"].is_object());
    record["aik"] = Value::Null;
    fs::write(&path, record.to_string()).unwrap();
    for form in FORMS {
        away(form);
    }
    drop(lock);
    export(&world, "kast", &[]);
}
