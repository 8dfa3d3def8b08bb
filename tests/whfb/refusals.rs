//! What is refused, with which exit code, and that nothing changed.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;

use crate::program::{ALICE, Run, World, processes_in};

/// Runs what must fail with `code`, and checks that no device record changed.
fn refused(world: &World, code: i32, arguments: &[&str]) -> Run {
    let before = world.records();
    let run = world.run(&[&["--json"], arguments].concat());
    assert_eq!(run.code, code, "{arguments:?}: {}{}", run.out, run.err);
    assert_eq!(run.json()["ok"], false);
    assert_eq!(run.json()["error"]["exit"], code);
    assert!(world.records() == before, "{arguments:?} changed a device");
    run
}

fn pin_file(world: &World, pin: &str) -> String {
    let path = world.path("other-pin");
    fs::write(&path, pin).unwrap();
    path.display().to_string()
}

const PROVISION: [&str; 5] = ["provision", "--user", ALICE, "--password-file", "PASSWORD_FILE"];

#[test]
fn a_wrong_pin_shows_the_counter_and_changes_nothing() {
    let world = World::new();
    world.provisioned("swtpm");
    let wrong = pin_file(&world, "not the PIN");
    for count in 1..=2 {
        let run = refused(&world, 1, &["sign-in", "--pin-file", &wrong]);
        let error = &run.json()["error"];
        assert_eq!(error["hresult"], "0x80090033", "{error}");
        assert_eq!(error["details"]["lockout"], serde_json::json!({"count": count, "max": 32}));
    }
    world.json(&["sign-in", "--pin-file", "PIN_FILE"]);
    assert_eq!(world.json(&["tpm", "info"])["tpm"]["lockout"]["count"], 2, "the right PIN does not reset the count");
}

#[test]
fn thirty_two_wrong_pins_lock_out_with_exit_code_4() {
    let world = World::new();
    world.provisioned("swtpm");
    let wrong = pin_file(&world, "not the PIN");
    let mut code = 0;
    for _ in 0..33 {
        code = world.run(&["sign-in", "--pin-file", &wrong]).code;
        if code != 1 {
            break;
        }
    }
    assert_eq!(code, 4);
    let run = refused(&world, 4, &["sign-in", "--pin-file", "PIN_FILE"]);
    assert_eq!(run.json()["error"]["hresult"], "0x80090031", "not even the right PIN opens");
}

#[test]
fn a_simple_or_short_pin_is_not_accepted() {
    let world = World::new();
    world.json(&["device", "create", "pc"]);
    world.json(&["join", "--user", ALICE, "--password-file", "PASSWORD_FILE"]);
    let first = world.run(&PROVISION);
    assert_eq!(first.code, 2, "no PIN was given: {}", first.err);
    for pin in ["123456", "12345", "135791", "pin with spaces"] {
        let file = pin_file(&world, pin);
        let mut arguments = PROVISION.to_vec();
        arguments.extend(["--pin-file", &file]);
        let run = world.run(&arguments);
        assert_eq!(run.code, 1, "{pin}: {}", run.err);
        assert!(!run.err.contains(pin), "the PIN is repeated: {}", run.err);
        assert_eq!(world.json(&["device", "show"])["device"]["users"][0]["container"], serde_json::Value::Null);
    }
}

#[test]
fn a_user_without_a_second_factor_gets_no_key() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    world.json(&["join", "--user", ALICE, "--password-file", "PASSWORD_FILE"]);
    let carol = "carol@contoso.example";
    let run = world.run(&[
        "--json",
        "provision",
        "--user",
        carol,
        "--password-file",
        "PASSWORD_FILE",
        "--pin-file",
        "PIN_FILE",
    ]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert_eq!(run.json()["error"]["hresult"], "0x801C03ED", "{}", run.out);
}

#[test]
fn a_wrong_password_and_an_unknown_user_do_not_join() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    let wrong = pin_file(&world, "wrong");
    let run = refused(&world, 1, &["join", "--user", ALICE, "--password-file", &wrong]);
    assert_eq!(run.json()["error"]["details"]["server"]["aadsts"], serde_json::json!([50126]), "{}", run.out);
    let run = refused(&world, 1, &["join", "--user", "mallory@contoso.example", "--password-file", "PASSWORD_FILE"]);
    assert_eq!(run.json()["error"]["details"]["server"]["aadsts"], serde_json::json!([50034]), "{}", run.out);
}

#[test]
fn without_swtpm_nothing_is_made_and_the_command_that_mends_it_is_named() {
    let world = World::new();
    let run = Run::of(world.command(&["device", "create", "pc"]).env("PATH", world.root()).output().unwrap());
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("apt-get install swtpm"), "{}", run.err);
    assert!(!world.state().join("devices/pc").exists());
    let doctor = Run::of(world.command(&["doctor"]).env("PATH", world.root()).output().unwrap());
    assert_eq!(doctor.code, 3, "{}", doctor.out);
    assert!(doctor.out.contains("missing"), "{}", doctor.out);
    assert_eq!(world.run(&["doctor"]).code, 0);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let world = World::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let run = world.run(&["--json", "serve", "--listen", &address]);
    assert_eq!(run.code, 3, "{}", run.err);
    let message = run.json()["error"]["message"].to_string();
    assert!(message.contains(&address) && message.contains("taken"), "{message}");
    assert_eq!(world.run(&["serve", "--listen", "192.0.2.1:0"]).code, 2, "loopback alone");
}

#[test]
fn a_state_directory_of_another_version_is_left_alone() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    let marker = world.state().join("lab.json");
    fs::write(&marker, "{\"version\":99}").unwrap();
    let run = refused(&world, 3, &["device", "list"]);
    assert!(run.json()["error"]["message"].to_string().contains("version 99"), "{}", run.out);
    fs::write(&marker, "{\"version\":2}").unwrap();

    let record = world.state().join("devices/pc/device.json");
    let text = fs::read_to_string(&record).unwrap().replacen("\"version\": 1", "\"version\": 99", 1);
    fs::write(&record, &text).unwrap();
    let run = refused(&world, 3, &["device", "show"]);
    assert!(run.json()["error"]["message"].to_string().contains("version 99"), "{}", run.out);
}

#[test]
fn a_directory_that_whfb_did_not_make_is_not_taken_over() {
    let world = World::new();
    fs::create_dir(world.state()).unwrap();
    fs::write(world.state().join("thesis.tex"), "years of work").unwrap();
    assert_eq!(world.run(&["device", "create", "pc"]).code, 2);
    assert_eq!(fs::read_dir(world.state()).unwrap().count(), 1);
}

#[test]
fn a_device_name_that_leaves_its_folder_is_no_name() {
    let world = World::new();
    for name in ["../pc", "a/b", ".hidden", "", "pc\n"] {
        assert_eq!(world.run(&["device", "create", name]).code, 2, "{name:?}");
    }
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    assert_eq!(world.run(&["device", "create", "pc", "--tpm", "none"]).code, 2, "there is one already");
    assert_eq!(world.run(&["device", "remove", "other"]).code, 2);
    assert_eq!(processes_in(world.root()), Vec::<u32>::new());
}

#[test]
fn a_policy_that_is_out_of_range_sets_nothing() {
    let world = World::new();
    world.json(&["device", "create", "pc", "--tpm", "none"]);
    let policy = || fs::read(world.state().join("devices/pc/policy.json")).ok();
    let before = policy();
    for assignment in ["MinimumPINLength=3", "MaximumPINLength=128", "RequireSecurityDevice=maybe", "NoSuchNode=true"] {
        let run = refused(&world, 2, &["policy", "set", "MinimumPINLength=8", assignment]);
        assert!(run.json()["error"]["message"].to_string().contains(assignment), "{}", run.out);
        assert_eq!(policy(), before, "{assignment}: the good one of the two was set");
    }
}

#[test]
fn a_swtpm_that_is_killed_is_named_and_the_next_run_works() {
    let world = World::new();
    world.provisioned("swtpm");
    let before = world.records();
    let mut child = world.command(&["-vv", "sign-in"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    // Once the way to the tenant is logged, the TPM is open and the PIN is waited for.
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("straight into the router") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it asked for the PIN");
    }
    let tpm = *processes_in(&world.state()).first().unwrap();
    let tpm = rustix::process::Pid::from_raw(i32::try_from(tpm).unwrap()).unwrap();
    rustix::process::kill_process(tpm, rustix::process::Signal::KILL).unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"Zq7-peculiar-PIN\n").unwrap();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{rest}");
    assert!(rest.contains("the TPM is gone"), "{rest}");
    assert!(world.records() == before, "a killed TPM changed the device");
    world.json(&["sign-in", "--pin-file", "PIN_FILE"]);
}
