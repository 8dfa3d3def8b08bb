//! What a join says of the TPM, where a switch has it say something.

use crate::program::{ALICE, World};

fn join(world: &World) -> crate::program::Run {
    world.run(&["--json", "join", "--user", ALICE, "--password-file", "PASSWORD_FILE"])
}

#[test]
fn a_join_carries_a_statement_about_the_transport_key_by_switch_and_the_tenant_takes_it() {
    let world = World::new();
    world.json(&["device", "create", "pc"]);
    world.json(&["device", "switch", "join.attest=true"]);
    let run = join(&world);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    // The attestation key was enrolled for it, and is kept.
    let state = std::fs::read_to_string(world.state().join("devices/pc/device.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert!(state["aik"]["chain"].is_array(), "{state}");
}

#[test]
fn a_device_without_a_tpm_joins_without_a_statement_whatever_the_switch_says() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    world.json(&["device", "switch", "join.attest=true"]);
    assert_eq!(join(&world).code, 0);
}
