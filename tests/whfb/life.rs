//! A device from its making to its removal, command by command, with and without a server.

use std::io::{BufRead as _, BufReader};

use crate::program::{ALICE, Guarded, World, files, processes_in};

#[test]
fn a_device_lives_and_leaves_nothing() {
    let world = World::new();
    world.json(&["device", "create", "pc"]);
    let policy = world.json(&["policy", "set", "RequireSecurityDevice=true"]);
    assert_eq!(policy["effective"]["require_security_device"]["value"], true, "{policy}");
    let joined = world.json(&["join", "--user", ALICE, "--password-file", "PASSWORD_FILE"]);
    let provision = ["provision", "--user", ALICE, "--password-file", "PASSWORD_FILE", "--pin-file", "PIN_FILE"];
    let registered = world.json(&provision);
    assert_eq!(registered["registered"]["attestation"], "aik+ek", "{registered}");
    let signed_in = world.json(&["sign-in", "--pin-file", "PIN_FILE"]);
    assert_eq!(signed_in["signed_in"]["key_id"], registered["registered"]["key_id"]);
    let status = world.json(&["status"]);
    assert_eq!(status["status"]["Device State"]["AzureAdJoined"], "YES", "{status}");
    assert_eq!(status["status"]["Device Details"]["TpmProtected"], "YES", "{status}");
    assert_eq!(status["status"]["User State"]["NgcSet"], "YES", "{status}");
    let info = world.json(&["tpm", "info"]);
    let kinds: Vec<_> = info["ek_certificates"].as_array().unwrap().iter().map(|each| each["key"].clone()).collect();
    assert_eq!(kinds, ["RSA-2048", "P-256"]);
    assert_eq!(info["tpm"]["lockout"]["count"], 0, "no try was spent, and every end was orderly");
    let shown = world.json(&["device", "show"]);
    assert_eq!(shown["device"]["registration"]["device_id"], joined["joined"]["device_id"]);

    world.json(&["device", "remove", "pc"]);
    assert_eq!(files(&world.state().join("devices")), Vec::<std::path::PathBuf>::new());
    assert_eq!(processes_in(world.root()), Vec::<u32>::new());
    assert_eq!(world.json(&["device", "list"])["devices"], serde_json::json!([]));
}

#[test]
fn a_pool_that_was_left_on_disk_is_told_and_removed() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    assert_eq!(world.json(&["status"])["warnings"], serde_json::json!([]));
    let pool = world.state().join("devices/pc/pool.json");
    std::fs::write(&pool, r#"{"size":1,"keys":[]}"#).unwrap();
    assert_eq!(world.json(&["status"])["warnings"][0]["code"], "POOL_AUTH_ON_DISK");
    assert!(!pool.exists());
}

#[test]
fn device_commands_go_to_the_server_that_serves_their_state() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    let serve = ["--json", "serve", "--listen", "127.0.0.1:0", "--rules", "hardware-required"];
    let mut server = Guarded(world.command(&serve).spawn().unwrap());
    wait_until_ready(&mut server);
    world.json(&["join", "--user", ALICE, "--password-file", "PASSWORD_FILE"]);
    let provision =
        ["--json", "provision", "--user", ALICE, "--password-file", "PASSWORD_FILE", "--pin-file", "PIN_FILE"];
    let refused = world.run(&provision);
    assert_eq!((refused.code, &refused.json()["error"]["hresult"]), (1, &"0x801C03EE".into()));
    assert!(world.state().join("ca.pem").exists());

    let second = world.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, 3, "{}", second.err);
    drop(server);
    world.json(&provision[1..]);
}

/// Reads the server's one object of readiness.
pub(crate) fn wait_until_ready(server: &mut Guarded) {
    let mut out = BufReader::new(server.0.stdout.take().unwrap());
    let mut text = String::new();
    while serde_json::from_str::<serde_json::Value>(&text).is_err() {
        assert!(out.read_line(&mut text).unwrap() > 0, "the server ended: {text}");
    }
    // The pipe stays open for the server's last words.
    server.0.stdout = Some(out.into_inner());
}

#[test]
fn secrets_come_by_standard_input_in_the_order_in_which_they_are_asked_for() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    let joined = world.run_with_input(&["join", "--user", ALICE], "Passw0rd!\n");
    assert_eq!(joined.code, 0, "{}", joined.err);
    let provisioned = world.run_with_input(&["provision", "--user", ALICE], "Passw0rd!\n271828\n");
    assert_eq!(provisioned.code, 0, "{}", provisioned.err);
    let signed_in = world.run_with_input(&["sign-in"], "271828\n");
    assert_eq!(signed_in.code, 0, "{}", signed_in.err);
}

#[test]
fn an_assertion_is_printed_and_signs_nobody_in() {
    let world = World::new();
    world.provisioned("none");
    let before = world.records();
    let run = world.run(&["sign-in", "--assertion", "--pin-file", "PIN_FILE"]);
    assert_eq!((run.code, run.out.trim().split('.').count()), (0, 3), "{}{}", run.out, run.err);
    assert!(run.out.starts_with("eyJ") && run.out.lines().count() == 1, "{}", run.out);
    assert!(world.records() == before, "a PRT was kept");
    let told = world.json(&["sign-in", "--assertion", "--pin-file", "PIN_FILE"]);
    assert!(told["asserted"]["expires"].is_string(), "{told}");
}

#[test]
fn nobody_of_the_tenant_approves_device_codes_under_another_name() {
    let world = World::new();
    let serve = ["--json", "serve", "--listen", "127.0.0.1:0", "--approve-device-code", "mallory@contoso.example"];
    let run = world.run(&serve);
    assert_eq!(run.code, 2, "{}{}", run.out, run.err);
    assert!(run.json()["error"]["message"].to_string().contains("mallory@contoso.example"), "{}", run.out);
    assert!(!world.state().join("env.sh").exists());
}

#[test]
fn a_hosts_file_names_every_host_and_makes_nothing() {
    let world = World::new();
    let run = world.run(&["serve", "--hosts"]);
    assert_eq!(run.code, 0, "{}", run.err);
    for host in whfb::wire::host::ALL {
        assert!(run.out.lines().any(|line| line == format!("127.0.0.1 {host}")), "{host}: {}", run.out);
    }
    assert!(!world.state().exists());
}
