//! What is missing on this machine, and the command that mends it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use whfb::device::tpm::swtpm::PROGRAM;

use crate::failure::{Class, Failure};
use crate::lab::Place;
use crate::output::{Ink, Output};

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    good: bool,
    /// Whether whfb works without it.
    optional: bool,
    found: String,
    mend: Option<String>,
}

pub(crate) fn run(place: &Place, output: &Output) -> Result<(), Failure> {
    let findings = [emulator(), chip(), state(place)];
    let missing = findings.iter().any(|finding| !finding.good && !finding.optional);
    let text: Vec<String> = findings.iter().map(|finding| describe(finding, output)).collect();
    if missing && output.is_json() {
        return Err(Failure::new(Class::Environment, "something is missing").details(to_json(&findings)));
    }
    output.answer(&text.join("\n"), &json!({"ok": !missing, "findings": to_json(&findings)}));
    if missing { Err(Failure::environment("something is missing").next("run the commands above")) } else { Ok(()) }
}

fn describe(finding: &Finding, output: &Output) -> String {
    let (ink, mark) = match (finding.good, finding.optional) {
        (true, _) => (Ink::Good, "ok     "),
        (false, true) => (Ink::Faint, "absent "),
        (false, false) => (Ink::Bad, "missing"),
    };
    let mut line = format!("{} {:<16} {}", output.paint(ink, mark), finding.what, finding.found);
    if let Some(mend) = &finding.mend {
        line.push_str(&format!("\n{:25}mend: {mend}", ""));
    }
    line
}

fn to_json(findings: &[Finding]) -> Value {
    findings
        .iter()
        .map(|each| {
            json!({"what": each.what, "ok": each.good, "optional": each.optional, "found": each.found, "mend": each.mend})
        })
        .collect()
}

/// The TPM emulator, which `--tpm swtpm` needs.
fn emulator() -> Finding {
    let version = Command::new(PROGRAM).arg("--version").output().ok().filter(|answer| answer.status.success());
    let found = version.as_ref().and_then(|answer| {
        let text = String::from_utf8_lossy(&answer.stdout);
        text.lines().next().map(|line| line.split(',').next().unwrap_or(line).to_owned())
    });
    Finding {
        what: "swtpm",
        good: found.is_some(),
        optional: false,
        mend: found.is_none().then(|| "sudo apt-get install -y swtpm".to_owned()),
        found: found.unwrap_or_else(|| "not found on the search path".to_owned()),
    }
}

/// A TPM of this machine, which `--tpm device:` can use.
fn chip() -> Finding {
    const NODE: &str = "/dev/tpmrm0";
    let opened = std::fs::OpenOptions::new().read(true).write(true).open(NODE);
    let (good, found, mend) = match opened {
        Ok(_) => (true, format!("{NODE} can be opened: --tpm device:{NODE}"), None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            (false, format!("no {NODE}; swtpm does without"), None)
        }
        Err(error) => {
            let mend = "sudo usermod -aG tss \"$USER\", then log in again".to_owned();
            (false, format!("{NODE}: {error}"), Some(mend))
        }
    };
    Finding { what: "a TPM device", good, optional: true, found, mend }
}

/// The state directory, which need not exist.
fn state(place: &Place) -> Finding {
    let dir: &Path = place.dir();
    let shown = dir.display();
    let (good, found, mend) = if !dir.exists() {
        (true, format!("{shown} will be made"), None)
    } else {
        match place.prepare().and_then(|()| place.devices()) {
            Ok(devices) => (true, format!("{shown}, {} devices", devices.len()), None),
            Err(failure) => (false, failure.message, failure.next),
        }
    };
    Finding { what: "state directory", good, optional: false, found, mend }
}
