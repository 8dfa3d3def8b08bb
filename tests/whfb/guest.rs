//! A TPM that whfb did not start is a guest house: a character device that somebody else's TPM is behind.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use whfb::base::OsRng;
use whfb::crypto::PublicKey;
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::transport::Transport;
use whfb::device::tpm::{Direct, Facts, KeyKind, Ownership, Tpm as _, TpmError};

use crate::program::World;

/// Somebody else's TPM behind a device node: a pseudo-terminal in raw mode, bridged to an emulator.
pub(crate) struct Host {
    node: PathBuf,
    stop: Arc<AtomicBool>,
    bridge: Option<JoinHandle<Swtpm>>,
    /// Keeps the terminal alive between one open and the next.
    _slave: File,
}

impl Host {
    pub(crate) fn start(directory: &Path) -> Self {
        let mut swtpm = Swtpm::start(directory, Path::new(PROGRAM)).unwrap();
        let no_certificate = |_: KeyKind, _: &PublicKey, _: &Facts| Ok::<_, TpmError>(None);
        manufacture(&mut swtpm, &mut OsRng, &no_certificate).unwrap();
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let node = PathBuf::from(ptsname(&master, Vec::new()).unwrap().into_string().unwrap());
        let slave = File::options().read(true).write(true).open(&node).unwrap();
        let mut raw = tcgetattr(&slave).unwrap();
        raw.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &raw).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let bridge = std::thread::spawn(move || carry(master, swtpm, &stopped));
        Self { node, stop, bridge: Some(bridge), _slave: slave }
    }

    pub(crate) fn choice(&self) -> String {
        format!("device:{}", self.node.display())
    }

    /// Ends the bridge and asks the TPM itself.
    pub(crate) fn facts(mut self) -> Facts {
        self.stop.store(true, Ordering::SeqCst);
        let swtpm = self.bridge.take().unwrap().join().unwrap();
        Direct::open(Box::new(swtpm), Ownership::Guest, None, Box::new(OsRng)).unwrap().facts().unwrap()
    }
}

/// Carries commands to the TPM and answers back until it is told to stop.
fn carry(master: OwnedFd, mut swtpm: Swtpm, stop: &AtomicBool) -> Swtpm {
    let mut master = File::from(master);
    let mut command = Vec::new();
    let mut buffer = [0u8; 4096];
    while !stop.load(Ordering::SeqCst) {
        let bound = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        if poll(&mut [PollFd::new(&master, PollFlags::IN)], Some(&bound)).unwrap() == 0 {
            continue;
        }
        let length = master.read(&mut buffer).unwrap();
        command.extend_from_slice(&buffer[..length]);
        let announced = command.get(2..6).map(|size| u32::from_be_bytes(size.try_into().unwrap()) as usize);
        if announced == Some(command.len()) {
            let answer = swtpm.transmit(&std::mem::take(&mut command)).unwrap();
            master.write_all(&answer).unwrap();
        }
    }
    swtpm
}

#[test]
fn after_the_demo_its_owner_finds_the_same_handles_and_the_same_lockout() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let host = Host::start(directory.path());
    let info = world.json(&["tpm", "info", "--tpm", &host.choice()]);
    let demo = world.json(&["demo", "--tpm", &host.choice()]);
    let steps = demo["steps"].as_array().unwrap();
    let key = steps.iter().find(|step| step["name"] == "provision").unwrap();
    assert_eq!(key["evidence"]["attestation level"], "aik", "a TPM without EK certificate");
    assert!(steps.iter().all(|step| step["name"] != "wrong-pin"), "a guest spends no try on purpose");
    let after = serde_json::to_value(host.facts()).unwrap();
    assert_eq!(info["tpm"]["persistent"], after["persistent"]);
    assert_eq!(info["tpm"]["lockout"], after["lockout"]);
    assert_eq!(after["loaded"], serde_json::json!([]));
}

#[test]
fn a_pool_is_shown_and_nothing_of_it_stays() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let host = Host::start(directory.path());
    let before = world.json(&["tpm", "info", "--tpm", &host.choice()])["tpm"].clone();
    let pool = world.json(&["tpm", "pool", "--tpm", &host.choice()]);
    assert_eq!((pool["made_ms"].as_array().unwrap().len(), &pool["kept"]), (3, &false.into()));
    assert!(pool["claimed_ms"].as_f64().unwrap() > 0.0, "{pool}");
    assert_eq!(world.json(&["tpm", "info", "--tpm", &host.choice()])["tpm"], before);
    assert!(host.facts().loaded.is_empty());

    world.json(&["device", "create", "pc"]);
    let records = world.records();
    let run = world.run(&["tpm", "pool"]);
    assert!(run.code == 0 && run.out.contains("its authorization was replaced"), "{}{}", run.out, run.err);
    assert_eq!(world.records(), records);
    world.json(&["device", "create", "bare", "--tpm", "none"]);
    let run = world.run(&["tpm", "pool", "--device", "bare"]);
    assert!(run.code == 3 && run.err.contains("no TPM"), "{}", run.err);
}

#[test]
fn what_cannot_be_undone_needs_the_owners_word_and_says_what_it_is() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let host = Host::start(directory.path());
    let choice = host.choice();
    let before = world.json(&["tpm", "info", "--tpm", &choice])["tpm"].clone();
    for (command, words) in [
        (&["tpm", "clear"][..], "every key below its storage root key is lost"),
        (&["tpm", "lockout", "--reset"], "forgets"),
    ] {
        let run = world.run(&[command, &["--tpm", &choice]].concat());
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains(words) && run.err.contains("--i-own-this-tpm"), "{}", run.err);
    }
    let after = world.json(&["tpm", "info", "--tpm", &choice])["tpm"].clone();
    assert_eq!(before, after);
    // The owner's word opens the door; the lockout authorization is still the lock.
    let wrong = world.path("lockout-auth");
    std::fs::write(&wrong, "5A".repeat(32)).unwrap();
    let (tpm, file) = (choice.as_str(), wrong.display().to_string());
    let owner = ["tpm", "clear", "--tpm", tpm, "--i-own-this-tpm", "--lockout-auth-file", &file];
    let run = world.run(&owner);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("wrong authorization; the TPM counted it"), "{}", run.err);
    std::fs::write(&wrong, "5A".repeat(31)).unwrap();
    let run = world.run(&owner);
    assert!(run.code == 2 && run.err.contains("64 hexadecimal digits"), "{}", run.err);
    assert_eq!(host.facts().persistent, [0x8100_0001, 0x8101_0001, 0x8101_0002]);
}

#[test]
fn the_owner_may_have_the_demo_spend_a_try() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let host = Host::start(directory.path());
    let demo = world.json(&["demo", "--tpm", &host.choice(), "--i-own-this-tpm"]);
    assert!(demo["steps"].as_array().unwrap().iter().any(|step| step["name"] == "wrong-pin"));
    assert_eq!(host.facts().lockout.count, 1);
}
