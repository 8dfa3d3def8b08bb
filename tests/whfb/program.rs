//! Runs the binary in a world of its own: its own state, its own temporary directory, nothing inherited.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const ALICE: &str = "alice@contoso.example";
pub(crate) const PASSWORD: &str = "Passw0rd!";
pub(crate) const PIN: &str = "Zq7-peculiar-PIN";

/// A directory with everything that one test leaves on disk.
pub(crate) struct World {
    root: TempDir,
}

/// What a run of the binary came to.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("tmp")).unwrap();
        fs::write(root.path().join("password"), format!("{PASSWORD}\n")).unwrap();
        fs::write(root.path().join("pin"), format!("{PIN}\n")).unwrap();
        Self { root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The binary with `arguments`, on this world's state; `PASSWORD_FILE` and `PIN_FILE` stand for the files.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_whfb"));
        let file = |name: &str| self.path(name).display().to_string();
        command
            .env("TMPDIR", self.path("tmp"))
            .env_remove("XDG_DATA_HOME")
            .env("HOME", self.root.path())
            .env("NO_COLOR", "1")
            .arg("--state")
            .arg(self.state())
            .args(arguments.iter().map(|argument| match *argument {
                "PASSWORD_FILE" => file("password"),
                "PIN_FILE" => file("pin"),
                other => other.to_owned(),
            }))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// With text on standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Run::of(child.wait_with_output().unwrap())
    }

    /// Runs what has to succeed, and returns its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[&["--json"], arguments].concat());
        assert_eq!(run.code, 0, "{arguments:?}: {}{}", run.out, run.err);
        run.json()
    }

    /// Runs what starts a TPM, interrupts it then, and asserts that nothing stays.
    pub(crate) fn is_interrupted_in_order(&self, arguments: &[&str]) {
        let mut child = self.command(arguments).spawn().unwrap();
        // Wait for its first TPM, so that there is something to clean up.
        while processes_in(&self.path("tmp")).is_empty() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before its TPM was seen");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read_dir(self.path("tmp")).unwrap().count(), 0);
        assert_eq!(processes_in(self.root()), Vec::<u32>::new());
    }

    /// A device that is joined and has a Hello key of alice.
    pub(crate) fn provisioned(&self, tpm: &str) {
        self.json(&["device", "create", "pc", "--tpm", tpm]);
        self.json(&["join", "--user", ALICE, "--password-file", "PASSWORD_FILE"]);
        self.json(&["provision", "--user", ALICE, "--password-file", "PASSWORD_FILE", "--pin-file", "PIN_FILE"]);
    }

    /// Everything that the state directory holds apart from events and logs, by name.
    pub(crate) fn records(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found: Vec<_> = files(&self.state().join("devices"))
            .into_iter()
            .filter(|path| path.file_name().is_some_and(|name| name == "device.json"))
            .map(|path| (path.clone(), fs::read(&path).unwrap()))
            .collect();
        found.sort();
        found
    }
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

/// Every file below `folder`.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// Processes that work somewhere below `folder`: every swtpm of ours does.
pub(crate) fn processes_in(folder: &Path) -> Vec<u32> {
    let folder = folder.canonicalize().unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|process| fs::read_link(format!("/proc/{process}/cwd")).is_ok_and(|cwd| cwd.starts_with(&folder)))
        .collect()
}

/// A child that does not outlive its test.
pub(crate) struct Guarded(pub(crate) Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
