//! Policy that comes late, policy that stops enrollment, and what a session makes of either.

use std::fs;

use serde_json::Value;

use crate::program::{ALICE, Run, World};

const TENANT: &str = "6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11";
const PAST: &str = "2026-01-31T08:00:00Z";
const FUTURE: &str = "2126-01-31T08:00:00Z";

fn uri(tree: &str, node: &str) -> String {
    format!("./{tree}/Vendor/MSFT/PassportForWork/{TENANT}/Policies/{node}")
}

/// A custom profile of Intune that sets one node.
fn profile(node: &str, value: bool) -> String {
    let uri = uri("Device", node);
    format!(r#"{{"displayName":"{node}","omaSettings":[{{"omaUri":"{uri}","value":{value}}}]}}"#)
}

fn reg(key: &str, name: &str, value: u32) -> String {
    format!("Windows Registry Editor Version 5.00\r\n\r\n[{key}]\r\n\"{name}\"=dword:{value:08x}\r\n")
}

fn import(world: &World, text: &str, more: &[&str]) -> Run {
    let file = world.path("policy-file");
    fs::write(&file, text).unwrap();
    world.run(&[&["policy", "import", file.to_str().unwrap()], more].concat())
}

fn joined() -> World {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    join(&world);
    world
}

fn join(world: &World) {
    world.json(&["join", "--user", ALICE, "--password-file", "PASSWORD_FILE"]);
}

fn logon(world: &World, more: &[&str]) -> Run {
    let arguments = ["--json", "logon", "--user", ALICE, "--password-file", "PASSWORD_FILE", "--pin-file", "PIN_FILE"];
    world.run(&[&arguments, more].concat())
}

/// Nothing starts: event 360, and this row of the report says no.
fn stopped_by(run: &Run, row: &str) {
    let error = &run.json()["error"];
    assert_eq!((run.code, &error["details"]["event"]), (1, &360.into()), "{error}");
    assert_eq!(error["details"]["failed"], serde_json::json!([row]), "{error}");
    assert!(error["hresult"].is_null(), "the session's own entry has no code: {error}");
}

fn registered(run: &Run) -> Value {
    assert_eq!((run.code, &run.json()["event"]), (0, &358.into()), "{}{}", run.out, run.err);
    run.json()["registered"].clone()
}

fn enrollment(world: &World) -> Value {
    world.json(&["policy", "explain"])["automatic_enrollment"].clone()
}

fn events(world: &World) -> Vec<u64> {
    let text = fs::read_to_string(world.state().join("devices/pc/events.json")).unwrap();
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    events.iter().map(|event| event["id"].as_u64().unwrap()).collect()
}

#[test]
fn a_tenant_that_turned_hello_off_is_overruled_by_a_device_profile() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    assert_eq!(import(&world, r#"{"state":"disabled","securityDeviceRequired":true}"#, &[]).code, 0);
    join(&world);
    stopped_by(&logon(&world, &[]), "PolicyEnabled");
    assert_eq!(enrollment(&world)["stopped_by"][0]["by"], "Intune tenant-wide policy, device CSP");

    let policy = || fs::read(world.state().join("devices/pc/policy.json")).unwrap();
    let before = policy();
    let late = import(&world, r#"{"state":"enabled","securityDeviceRequired":false}"#, &[]);
    assert_eq!(late.code, 1, "{}", late.err);
    assert!(late.err.contains("applied once, at enrollment"), "{}", late.err);
    assert_eq!(policy(), before, "a later edit reached an enrolled device");

    assert_eq!(import(&world, &profile("UsePassportForWork", true), &["--at", FUTURE]).code, 0);
    stopped_by(&logon(&world, &[]), "PolicyEnabled");
    assert_eq!(import(&world, &profile("UsePassportForWork", true), &["--at", PAST]).code, 0);
    assert_eq!(registered(&logon(&world, &[]))["provider"], "software");
}

#[test]
fn a_requirement_that_arrives_after_the_first_sign_in_finds_a_software_key() {
    let world = joined();
    assert_eq!(import(&world, &profile("RequireSecurityDevice", true), &["--at", FUTURE]).code, 0);
    let run = logon(&world, &[]);
    assert_eq!(registered(&run)["provider"], "software");
    assert_eq!(run.json()["refresh"], serde_json::json!([]));
}

#[test]
fn the_enrollment_status_page_holds_the_desktop_until_the_requirement_is_there() {
    let world = joined();
    assert_eq!(import(&world, &profile("RequireSecurityDevice", true), &["--at", FUTURE]).code, 0);
    stopped_by(&logon(&world, &["--esp"]), "DeviceEligible");
    assert!(world.json(&["device", "show"])["device"]["users"][0]["container"].is_null(), "a key was made");
}

#[test]
fn a_software_key_under_a_later_requirement_is_kept_and_flagged_or_deleted_by_switch() {
    let world = joined();
    registered(&logon(&world, &[]));
    world.json(&["policy", "set", "RequireSecurityDevice=true"]);
    let warnings = world.json(&["status"])["warnings"].clone();
    assert_eq!(warnings[0]["code"], "SOFTWARE_KEY_UNDER_REQUIREMENT", "{warnings}");
    let explained = world.json(&["policy", "explain", "RequireSecurityDevice"]);
    assert_eq!(explained["remarks"][0]["code"], "SOFTWARE_KEY_UNDER_REQUIREMENT", "{explained}");

    let kept = logon(&world, &[]);
    assert_eq!((kept.code, &kept.json()["event"]), (0, &Value::Null), "{}", kept.out);
    assert_eq!(kept.json()["refresh"], serde_json::json!([{"upn": ALICE, "deleted": false}]));
    let container = |world: &World| world.json(&["device", "show"])["device"]["users"][0]["container"].clone();
    assert!(!container(&world).is_null() && !events(&world).contains(&3601));
    world.json(&["sign-in", "--pin-file", "PIN_FILE"]);

    world.json(&["device", "switch", "policy.late-requirement=delete"]);
    stopped_by(&logon(&world, &[]), "DeviceEligible");
    assert!(container(&world).is_null());
    let events = events(&world);
    assert!(events.contains(&3601) && events.contains(&8601), "{events:?}");
    assert_eq!(world.json(&["status"])["warnings"], serde_json::json!([]));
}

/// Every way that stops it, as the file in which it arrives, and the row of the report that says no.
#[test]
fn each_way_to_stop_automatic_enrollment_stops_it_and_is_explained() {
    let world = joined();
    let gpo = r"SOFTWARE\Policies\Microsoft\PassportForWork";
    let mirror = format!(r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Policies\PassportForWork\{TENANT}");
    let sid = "S-1-12-1-1-2-3-4";
    let off = |tree: &str| format!("{}=false\n", uri(tree, "UsePassportForWork"));
    let ways = [
        ("device profile", profile("UsePassportForWork", false), vec![], "PolicyEnabled"),
        ("device CSP", off("Device"), vec![], "PolicyEnabled"),
        ("user CSP", off("User"), vec![], "PolicyEnabled"),
        ("provisioning package", off("Device"), vec!["--source", "provisioning-package"], "PolicyEnabled"),
        ("device CSP", reg(&format!(r"{mirror}\Device\Policies"), "UsePassportForWork", 0), vec![], "PolicyEnabled"),
        ("user CSP", reg(&format!(r"{mirror}\{sid}\Policies"), "UsePassportForWork", 0), vec![], "PolicyEnabled"),
        ("user GPO", reg(&format!(r"HKEY_USERS\{sid}\{gpo}"), "Enabled", 0), vec![], "PolicyEnabled"),
        ("computer GPO", reg(&format!(r"HKEY_LOCAL_MACHINE\{gpo}"), "Enabled", 0), vec![], "PolicyEnabled"),
        (
            "computer GPO",
            reg(&format!(r"HKEY_LOCAL_MACHINE\{gpo}"), "DisablePostLogonProvisioning", 1),
            vec![],
            "PostLogonEnabled",
        ),
    ];
    for (by, file, more, row) in ways {
        let taken = import(&world, &file, &more);
        assert_eq!(taken.code, 0, "{by}: {}", taken.err);
        stopped_by(&logon(&world, &[]), row);
        let enrollment = enrollment(&world);
        assert_eq!(enrollment["starts"], false, "{by}");
        assert!(enrollment["stopped_by"][0]["by"].as_str().unwrap().contains(by), "{by}: {enrollment}");
        fs::remove_file(world.state().join("devices/pc/policy.json")).unwrap();
    }
    // Hello stays available where only its start was disabled.
    world.json(&["policy", "set", "DisablePostLogonProvisioning=true"]);
    let arguments = ["provision", "--user", ALICE, "--password-file", "PASSWORD_FILE", "--pin-file", "PIN_FILE"];
    assert_eq!(world.json(&arguments)["registered"]["provider"], "software");
}

#[test]
fn the_page_during_oobe_can_be_cancelled_unless_intune_manages_the_device() {
    let world = joined();
    let cancelled = logon(&world, &["--oobe", "--cancel"]);
    assert_eq!((cancelled.code, &cancelled.json()["error"]["hresult"]), (1, &"0x80090036".into()));
    assert!(events(&world).contains(&6045));
    let explained = world.json(&["policy", "explain"]);
    assert_eq!(explained["remarks"][0]["code"], "CANCELLED", "{explained}");
    assert_eq!(explained["automatic_enrollment"]["starts"], true, "the next sign-in asks again");

    assert_eq!(import(&world, &profile("RequireSecurityDevice", false), &[]).code, 0);
    let refused = logon(&world, &["--oobe", "--cancel"]);
    assert_eq!(refused.code, 1);
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("there is no cancel"), "{}", refused.out);
    registered(&logon(&world, &["--oobe"]));
    assert_eq!(world.json(&["policy", "explain"])["remarks"], serde_json::json!([]));
}

#[test]
fn a_remote_session_starts_nothing_and_a_user_with_a_key_is_left_alone() {
    let world = joined();
    stopped_by(&logon(&world, &["--remote"]), "SessionIsNotRemote");
    registered(&logon(&world, &[]));
    let again = logon(&world, &[]);
    assert_eq!((again.code, &again.json()["event"]), (0, &Value::Null), "{}", again.out);
}

#[test]
fn a_file_that_is_refused_changes_nothing() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    world.json(&["policy", "set", "Digits=1"]);
    let policy = || fs::read(world.state().join("devices/pc/policy.json")).unwrap();
    let before = policy();
    let two = format!(
        "{}=true\n{}=128\n",
        uri("Device", "RequireSecurityDevice"),
        uri("Device", "PINComplexity/MinimumPINLength")
    );
    for (text, more, words) in [
        (two.as_str(), vec![], "line 2: PINComplexity/MinimumPINLength does not take \"128\"; allowed: 4 to 127"),
        ("PReg\u{1}\0\0\0", vec![], "computer-gpo or user-gpo"),
        ("<SyncML", vec![], "line 1: "),
        ("{}", vec![], "no tenant-wide Hello policy"),
        ("Digits=1", vec!["--format", "reg"], "line 1: "),
    ] {
        let run = import(&world, text, &more);
        assert_eq!(run.code, 2, "{text}: {}", run.out);
        assert!(run.err.contains(words) && run.err.contains("nothing of it was taken"), "{text}: {}", run.err);
        assert_eq!(policy(), before, "{text}");
    }
    assert_eq!(world.run(&["policy", "import", "/nowhere/policy"]).code, 2);
}

#[test]
fn a_policy_leaves_as_the_file_that_brings_it_back() {
    let world = World::new();
    for device in ["one", "two"] {
        world.json(&["device", "create", device, "--tpm", "none"]);
    }
    world.json(&["policy", "set", "--device", "one", "RequireSecurityDevice=true", "MinimumPINLength=8"]);
    for format in ["lines", "syncml", "reg"] {
        let file = world.path(format);
        let output = world.command(&["policy", "export", "--device", "one", "--format", format]).output().unwrap();
        fs::write(&file, &output.stdout).unwrap();
        world.json(&["policy", "import", "--device", "two", file.to_str().unwrap()]);
        let policy = |device: &str| fs::read(world.state().join("devices").join(device).join("policy.json")).unwrap();
        assert_eq!(policy("one"), policy("two"), "{format}");
        fs::remove_file(world.state().join("devices/two/policy.json")).unwrap();
    }
}

#[test]
fn a_switch_is_turned_by_name_and_stays_turned() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    let value = |name: &str| {
        let switches = world.json(&["device", "switch"])["switches"].clone();
        switches.as_array().unwrap().iter().find(|switch| switch["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(value("policy.unset-classes"), "allowed");
    world.json(&["device", "switch", "policy.unset-classes=legacy", "hardware.lockout-is-unusable=false"]);
    assert_eq!(
        (value("policy.unset-classes"), value("hardware.lockout-is-unusable")),
        ("legacy".into(), "false".into())
    );
    let effective = world.json(&["policy", "show"])["effective"].clone();
    assert_eq!((&effective["digits"]["value"], &effective["lowercase_letters"]["value"]), (&1.into(), &2.into()));
    let refused = world.run(&["device", "switch", "policy.unset-classes=allowed", "policy.nothing=true"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("unknown switch policy.nothing"), "{}", refused.err);
    assert_eq!(value("policy.unset-classes"), "legacy", "the good one of the two was turned");
}
