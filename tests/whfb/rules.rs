//! Rules of the mock from the command line: the file of the README, and what a server says of its rules.

use std::fs;
use std::io::{BufRead as _, BufReader};

use serde_json::{Value, json};

use crate::program::{ALICE, Guarded, World};

/// The TOML of the README.
fn example() -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Starts a server and returns it with the first thing that it says: an object, or a line.
fn serve(world: &World, arguments: &[&str]) -> (Guarded, String) {
    let mut command = world.command(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
    command.current_dir(world.root());
    let mut server = Guarded(command.spawn().unwrap());
    let mut out = BufReader::new(server.0.stdout.take().unwrap());
    let mut said = String::new();
    while !said.starts_with("ready") && serde_json::from_str::<Value>(&said).is_err() {
        assert!(out.read_line(&mut said).unwrap() > 0, "the server ended: {said}");
    }
    // The pipe stays open for the server's last words.
    server.0.stdout = Some(out.into_inner());
    (server, said)
}

#[test]
fn the_readmes_file_is_taken_and_the_server_says_what_it_turns() {
    let world = World::new();
    fs::write(world.path("rules.toml"), example()).unwrap();
    let (server, said) = serve(&world, &["--json", "--rules", "rules.toml"]);
    let ready: Value = serde_json::from_str(&said).unwrap();
    let turned = json!({"accept-kdf-v1": "true", "mfa-freshness": "5m", "weak-key": "store-as-weak"});
    assert_eq!((&ready["rules"], &ready["rules_file"]), (&json!("strict"), &json!("rules.toml")), "{said}");
    assert_eq!(ready["turned"], turned);
    drop(server);
    let (_server, said) = serve(&world, &["--rules", "rules.toml"]);
    let words = "rules strict (rules.toml: mfa-freshness=5m, weak-key=store-as-weak, accept-kdf-v1=true) ca ";
    assert!(said.contains(words), "{said}");
}

#[test]
fn a_profile_wins_over_a_file_of_its_name_and_other_files_need_no_ending() {
    let world = World::new();
    fs::write(world.path("adfs"), "profile = \"strict\"").unwrap();
    fs::write(world.path("mine"), "").unwrap();
    let (server, said) = serve(&world, &["--rules", "adfs"]);
    assert!(said.contains(" rules adfs ca "), "{said}");
    drop(server);
    let (_server, said) = serve(&world, &["--rules", "mine"]);
    assert!(said.contains(" rules entra (mine, which turns nothing) ca "), "{said}");
}

#[test]
fn the_help_is_one_object_too() {
    let world = World::new();
    let help = world.json(&["serve", "--rules-help"]);
    let switches = help["switches"].as_array().unwrap();
    let freshness = switches.iter().find(|switch| switch["name"] == "mfa-freshness").unwrap();
    assert_eq!((&freshness["values"]["entra"], &freshness["values"]["adfs"]), (&json!("10m"), &json!("any")));
    assert_eq!(help["profiles"].as_array().unwrap().len(), 5);
    for switch in switches {
        for member in ["values", "tags"] {
            assert_eq!(switch[member].as_object().unwrap().len(), 5, "{switch}");
        }
    }
    assert!(!world.state().exists(), "help makes no state");
}

#[test]
fn a_device_of_whfb_lives_under_ad_fs_with_two_switches_turned() {
    let world = World::new();
    let turned = "profile = \"adfs\"\nassertion-nonce = \"required\"\nassertion-audience = \"any\"\n";
    fs::write(world.path("adfs.toml"), turned).unwrap();
    for (rules, signs_in) in [("adfs", false), ("adfs.toml", true)] {
        let (_server, _) = serve(&world, &["--rules", rules]);
        if !signs_in {
            world.provisioned("none");
        }
        let run = world.run(&["--json", "sign-in", "--user", ALICE, "--pin-file", "PIN_FILE"]);
        assert_eq!(run.code, i32::from(!signs_in), "{}", run.out);
        if !signs_in {
            assert_eq!(run.json()["error"]["details"]["server"]["aadsts"], json!([50_013]), "{}", run.out);
        }
    }
}
