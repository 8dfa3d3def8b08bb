//! When and where it was measured, and on which versions of what no lock file names.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow};
use jiff::{Timestamp, Unit};
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};

use crate::{contenders, lock};

const UNKNOWN: &str = "unknown";

/// The circumstances of a run.
#[derive(Debug)]
pub(crate) struct Machine {
    /// UTC.
    pub(crate) date: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    /// Name and version, in the order in which they are printed.
    pub(crate) versions: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn look() -> Result<Self> {
        let mut versions = vec![
            ("swtpm".to_owned(), swtpm()?),
            ("libtpms".to_owned(), libtpms()?),
            ("libtss2".to_owned(), package("tss2-esys")),
            ("openssl".to_owned(), package("libcrypto")),
        ];
        if let Some(tools) = contenders::tools_version()? {
            versions.push(("tpm2-tools".to_owned(), tools));
        }
        versions.extend(lock::versions()?);
        Ok(Self {
            date: Timestamp::now().round(Unit::Second)?.to_string(),
            cpu: cpu()?,
            cores: std::thread::available_parallelism()?.get(),
            versions,
        })
    }
}

fn cpu() -> Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo")?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    Ok(model.map_or_else(|| UNKNOWN.to_owned(), |(_, name)| name.trim().to_owned()))
}

/// `TPM emulator version 0.7.1, Copyright ...`
fn swtpm() -> Result<String> {
    let output = Command::new(PROGRAM).arg("--version").output().context("swtpm --version")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split("version ").nth(1).and_then(|rest| rest.split([',', ' ', '\n']).next());
    version.map(str::to_owned).ok_or_else(|| anyhow!("swtpm does not tell its version"))
}

/// The emulator does not tell, but the file that it has mapped is named after it: `libtpms.so.0.9.2`.
fn libtpms() -> Result<String> {
    let directory = tempfile::tempdir()?;
    let swtpm = Swtpm::start(directory.path(), Path::new(PROGRAM))?;
    let maps = fs::read_to_string(format!("/proc/{}/maps", swtpm.process_id()))?;
    let version = maps.lines().find_map(|line| line.split("/libtpms.so.").nth(1));
    Ok(version.unwrap_or(UNKNOWN).trim().to_owned())
}

/// The version of a C library, as it was built against.
fn package(name: &str) -> String {
    let output = Command::new("pkg-config").args(["--modversion", name]).output();
    let version = output.ok().filter(|output| output.status.success());
    version.map_or_else(|| UNKNOWN.to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
