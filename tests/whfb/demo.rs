//! `whfb demo` tells the whole story and leaves nothing behind.

use serde_json::Value;

use crate::program::{World, files, processes_in};

fn step<'a>(steps: &'a [Value], name: &str) -> &'a Value {
    steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no step {name}"))
}

#[test]
fn shows_a_hardware_key_a_prt_and_the_refusals_as_one_object() {
    let world = World::new();
    let demo = world.json(&["demo"]);
    assert_eq!(demo["ok"], true);
    let steps = demo["steps"].as_array().unwrap();
    for (index, step) in steps.iter().enumerate() {
        assert_eq!(step["number"], index + 1);
        assert!(step["duration_ms"].as_f64().unwrap() > 0.0, "{step}");
        assert!(!step["evidence"].as_object().unwrap().is_empty(), "{step}");
    }
    let key = &step(steps, "provision")["evidence"];
    assert_eq!(key["attestation level"], "aik+ek");
    assert_eq!(key["provider"], "Microsoft Platform Crypto Provider");
    let signed_in = &step(steps, "sign-in")["evidence"];
    assert_eq!(signed_in["key id"], key["key id"]);
    assert_eq!(signed_in["PRT amr"], serde_json::json!(["rsa", "mfa"]));
    let wrong = step(steps, "wrong-pin");
    assert_eq!((&wrong["outcome"], &wrong["evidence"]["counted"]), (&"refused".into(), &1.into()));
    assert_eq!(step(steps, "automatic-entry")["evidence"]["event"], 360);
    assert!(step(steps, "automatic-entry")["evidence"].get("hresult").is_none(), "the automatic entry has no code");
    assert_eq!(step(steps, "user-entry-required")["evidence"]["hresult"], "0x80090035");
    let software = &step(steps, "user-entry-preferred")["evidence"];
    assert_eq!(software["provider"], "Microsoft Software Key Storage Provider");
    assert_eq!(software["attestation level"], "software");
    assert_eq!(step(steps, "software-key-refused")["evidence"]["hresult"], "0x801C03EE");
}

#[test]
fn leaves_no_process_no_socket_and_no_temporary_directory() {
    let world = World::new();
    let run = world.run(&["demo"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert_eq!(files(&world.path("tmp")), Vec::<std::path::PathBuf>::new());
    assert_eq!(std::fs::read_dir(world.path("tmp")).unwrap().count(), 0);
    assert!(!world.state().exists(), "the demo has a state of its own");
    assert_eq!(processes_in(world.root()), Vec::<u32>::new());
}

#[test]
fn keeps_its_state_only_where_there_was_nothing() {
    let world = World::new();
    let kept = world.path("kept");
    let keep = kept.to_str().unwrap();
    let demo = world.json(&["demo", "--keep", keep]);
    assert_eq!(demo["kept"], keep);
    let status = world.command(&["--state", keep, "--json", "status", "--device", "LAB-PC-1"]).output().unwrap();
    assert!(!status.status.success(), "--state twice is a usage error");
    let again = world.run(&["demo", "--keep", keep]);
    assert_eq!(again.code, 2, "{}", again.err);
    assert!(again.err.contains("is not empty"), "{}", again.err);
}

#[test]
fn an_interrupt_ends_it_in_order() {
    World::new().is_interrupted_in_order(&["demo"]);
}
