//! Conditions of a lab's TPM, each really made, each recognised by its device.

use std::fs;

use serde_json::json;

use crate::program::{ALICE, Run, World};

const JOIN: [&str; 5] = ["join", "--user", ALICE, "--password-file", "PASSWORD_FILE"];
const PROVISION: [&str; 7] =
    ["provision", "--user", ALICE, "--password-file", "PASSWORD_FILE", "--pin-file", "PIN_FILE"];

/// A device whose TPM is in that condition, under the requirement.
fn device(condition: &str) -> World {
    let world = World::new();
    let made = world.json(&["device", "create", "pc", "--condition", condition]);
    assert_eq!(made["device"]["condition"], condition);
    world.json(&["policy", "set", "RequireSecurityDevice=true"]);
    world
}

fn refused(world: &World, code: i32, hresult: &str, arguments: &[&str]) -> Run {
    let before = world.records();
    let run = world.run(&[&["--json"], arguments].concat());
    assert_eq!(run.code, code, "{arguments:?}: {}{}", run.out, run.err);
    assert_eq!(run.json()["error"]["hresult"], hresult, "{}", run.out);
    // A provisioning signs in with the password before the decision falls: what it may not leave is a key.
    let shown = world.json(&["device", "show"]);
    let keys = shown["device"]["users"].as_array().unwrap().iter().filter(|user| !user["container"].is_null()).count();
    let kept = if arguments[0] == "provision" { keys == 0 } else { world.records() == before };
    assert!(kept, "{arguments:?} changed a device");
    run
}

#[test]
fn a_tpm_that_is_not_ready_is_decided_about_and_its_keys_are_out_of_reach() {
    let world = device("not-ready");
    let info = world.json(&["tpm", "info"]);
    assert_eq!((&info["tpm"]["ready"], &info["get_tpm"]["TpmReady"]), (&json!(false), &json!(false)));
    assert_eq!(info["ek_certificates"], json!(null), "what could not be asked is not said to be missing");
    let joined = world.json(&JOIN);
    assert_eq!(joined["joined"]["provider"], "software", "{joined}");
    refused(&world, 1, "0x80090029", &PROVISION);
    world.json(&["policy", "set", "RequireSecurityDevice=false"]);
    let registered = world.json(&PROVISION);
    assert_eq!(registered["registered"]["provider"], "software", "{registered}");
}

#[test]
fn fips_mode_is_reported_and_said_to_be_laid_over() {
    let world = device("fips");
    let info = world.json(&["tpm", "info"]);
    assert_eq!((&info["tpm"]["fips"], &info["tpm"]["injected"]), (&json!(true), &json!(["TPM_PT_MODES"])));
    assert_eq!(world.json(&["device", "show"])["device"]["injected"], json!(["TPM_PT_MODES"]));
    world.json(&JOIN);
    assert_eq!(world.json(&PROVISION)["registered"]["attestation"], "aik+ek", "a TPM 2.0 in FIPS mode is used");
}

#[test]
fn a_locked_out_tpm_has_counted_every_try_and_stays_locked_until_the_reset() {
    let world = device("locked-out");
    let lockout = &world.json(&["tpm", "lockout"])["lockout"];
    assert_eq!((&lockout["count"], &lockout["max"], &lockout["locked_out"]), (&json!(32), &json!(32), &json!(true)));
    world.json(&JOIN);
    refused(&world, 1, "0x80090031", &PROVISION);
    let reset = world.run(&["--json", "tpm", "lockout", "--reset"]);
    assert_eq!(reset.json()["lockout"]["count"], 0, "{}{}", reset.out, reset.err);
    assert!(reset.err.contains("forgets every counted wrong authorization"), "{}", reset.err);
    // The condition is made at every start: a tester who resets it finds it again.
    assert_eq!(world.json(&["tpm", "lockout"])["lockout"]["locked_out"], true);
}

#[test]
fn cleared_swapped_and_rolled_back_are_refused_by_name_at_every_use() {
    for (condition, hresult, words) in [
        ("cleared", "0x80090011", "the TPM was cleared"),
        ("swapped", "0x80090011", "this is another TPM"),
        ("rolled-back", "0x80090030", "the TPM was rolled back"),
    ] {
        let world = device(condition);
        for _ in 0..3 {
            let run = refused(&world, 3, hresult, &JOIN);
            let message = run.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with(words), "{condition}: {message}");
        }
    }
}

#[test]
fn an_older_state_put_back_by_hand_is_noticed() {
    let world = World::new();
    world.provisioned("swtpm");
    let state = world.state().join("devices/pc/tpm/tpm2-00.permall");
    let older = fs::read(&state).unwrap();
    for _ in 0..2 {
        world.json(&["sign-in", "--pin-file", "PIN_FILE"]);
    }
    fs::write(&state, older).unwrap();
    refused(&world, 3, "0x80090030", &["sign-in", "--pin-file", "PIN_FILE"]);
    refused(&world, 3, "0x80090030", &["sign-in", "--pin-file", "PIN_FILE"]);
}

#[test]
fn a_clear_loses_the_keys_and_says_so_first() {
    let world = World::new();
    world.provisioned("swtpm");
    let cleared = world.run(&["--json", "tpm", "clear"]);
    assert_eq!(cleared.json()["cleared"], true, "{}{}", cleared.out, cleared.err);
    assert!(cleared.err.contains("every key below its storage root key is lost for ever"), "{}", cleared.err);
    refused(&world, 3, "0x80090011", &["sign-in", "--pin-file", "PIN_FILE"]);
}

#[test]
fn a_tpm_12_is_decided_about_and_says_that_it_is_not_executed() {
    let world = World::new();
    let made = world.json(&["device", "create", "old", "--tpm", "1.2", "--condition", "not-ready"]);
    assert_eq!((&made["device"]["executed"], &made["device"]["condition"]), (&json!(false), &json!("not-ready")));
    world.json(&["policy", "set", "RequireSecurityDevice=true"]);
    world.json(&JOIN);
    refused(&world, 1, "0x80090029", &PROVISION);
}

#[test]
fn a_condition_that_the_tpm_cannot_be_brought_into_is_a_usage_error_and_makes_no_device() {
    let world = World::new();
    for (tpm, condition) in [("none", "locked-out"), ("1.2", "cleared"), ("device:/dev/null", "swapped")] {
        let run = world.run(&["device", "create", "pc", "--tpm", tpm, "--condition", condition]);
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains(&format!("--condition {condition} is not possible with --tpm {tpm}")), "{}", run.err);
    }
    assert_eq!(world.json(&["device", "list"])["devices"], json!([]));
}
