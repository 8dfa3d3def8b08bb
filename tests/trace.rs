//! `--trace-tpm`: what Wireshark makes of a trace of one provisioning, and what is not in it.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use support::missing;
use tempfile::TempDir;

const PIN: &str = "Zq7-peculiar-PIN";
const USER: [&str; 4] = ["--user", "alice@contoso.example", "--password-file", "password"];

/// A directory with a state, a password and a PIN.
struct World(TempDir);

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("password"), "Passw0rd!\n").unwrap();
        fs::write(root.path().join("pin"), format!("{PIN}\n")).unwrap();
        Self(root)
    }

    fn whfb(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_whfb"));
        command.current_dir(self.0.path()).args(["--state", "state"]).args(arguments).output().unwrap()
    }

    fn done(&self, arguments: &[&str]) {
        let output = self.whfb(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn trace(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join(name)).unwrap()
    }

    /// A device that was made, joined, provisioned and signed in on, each step with a trace of its own.
    fn lived(reveal: &[&str]) -> Self {
        let world = Self::new();
        world.done(&[&["--trace-tpm", "create.pcap"], reveal, &["device", "create", "pc"]].concat());
        world.done(&[&["--trace-tpm", "join.pcap"], reveal, &["join"], &USER].concat());
        world.done(&[&["--trace-tpm", "provision.pcap"], reveal, &["provision", "--pin-file", "pin"], &USER].concat());
        world.done(&[&["--trace-tpm", "sign-in.pcap"], reveal, &["sign-in", "--pin-file", "pin"]].concat());
        world
    }
}

const TRACES: [&str; 4] = ["create.pcap", "join.pcap", "provision.pcap", "sign-in.pcap"];

/// The payloads of a trace: the TPM's frames.
fn frames(trace: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &trace[24..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        found.push(rest[16 + 40..16 + length].to_vec());
        rest = &rest[16 + length..];
    }
    found
}

/// What tshark says of each packet: protocol, name of the command, and whether it stumbled.
fn decoded(path: &Path) -> Option<Vec<(String, String, bool)>> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(path).args(["-T", "fields", "-E", "separator=;"]);
    tshark.args(["-e", "_ws.col.Protocol", "-e", "_ws.col.Info", "-e", "_ws.malformed"]);
    let Ok(output) = tshark.output() else { return missing("a trace as Wireshark decodes it", "tshark") };
    let text = String::from_utf8(output.stdout).unwrap();
    Some(
        text.lines()
            .map(|line| {
                let mut fields = line.split(';').map(str::to_owned);
                let (protocol, info) = (fields.next().unwrap(), fields.next().unwrap());
                (protocol, info.clone(), fields.next().is_some_and(|field| !field.is_empty()))
            })
            .collect(),
    )
}

#[test]
fn wireshark_decodes_every_packet_as_tpm_2_0() {
    let world = World::lived(&[]);
    let mut seen = BTreeMap::new();
    for name in TRACES {
        let Some(packets) = decoded(&world.0.path().join(name)) else { return };
        assert_eq!(packets.len(), frames(&world.trace(name)).len());
        for (protocol, info, malformed) in packets {
            assert_eq!(protocol, "TPM", "{info}");
            // Wireshark 4.0 takes the second handle of TPM2_NV_Read for the size of its authorizations.
            assert!(!malformed || info.contains("NV_Read"), "{info}");
            if let Some((_, command)) = info.split_once("Command TPM2_CC_") {
                let command = command.split([',', '[']).next().unwrap_or_default().to_owned();
                *seen.entry(command).or_insert(0u32) += 1;
            }
        }
    }
    for command in
        ["CreatePrimary", "StartAuthSession", "Create", "Load", "Certify", "ActivateCredential", "Sign", "Unseal"]
    {
        assert!(seen.contains_key(command), "{command} is missing in {seen:?}");
    }
}

#[test]
fn a_trace_holds_no_pin_and_masks_what_a_revealed_one_shows() {
    let (masked, revealed) = (World::lived(&[]), World::lived(&["--reveal"]));
    for name in TRACES {
        for world in [&masked, &revealed] {
            let trace = world.trace(name);
            assert!(!trace.windows(PIN.len()).any(|window| window == PIN.as_bytes()), "{name}");
        }
        // The answer to a command in our session ends with an HMAC of 32 bytes: zeros in the one, none in the other.
        let hmacs = |world: &World| -> Vec<Vec<u8>> {
            let answers = frames(&world.trace(name)).into_iter().skip(1).step_by(2);
            let in_sessions = answers.filter(|frame| frame.starts_with(&[0x80, 0x02]) && frame.len() > 44);
            let proven = in_sessions.filter(|frame| frame[frame.len() - 34..][..2] == [0, 32]);
            proven.map(|frame| frame[frame.len() - 32..].to_vec()).collect()
        };
        let shown = |world: &World| hmacs(world).iter().filter(|hmac| **hmac != [0; 32]).count();
        assert!(hmacs(&masked).len() > 3, "{name}");
        assert_eq!((shown(&masked), shown(&revealed)), (0, hmacs(&revealed).len()), "{name}");
    }
}

#[test]
fn a_trace_overwrites_nothing_and_says_when_it_is_incomplete() {
    let world = World::new();
    fs::write(world.0.path().join("mine.pcap"), b"mine").unwrap();
    let refused = world.whfb(&["--trace-tpm", "mine.pcap", "device", "create", "pc"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("mine.pcap exists already"));
    assert_eq!(world.trace("mine.pcap"), b"mine");
    assert!(!world.0.path().join("state").exists(), "nothing was done");
    let alone = world.whfb(&["--reveal", "device", "list"]);
    assert_eq!(alone.status.code(), Some(2), "--reveal belongs to a trace");
}
