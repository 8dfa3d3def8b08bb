//! tpm2-tools: a whole process for each signature, as a script has it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow, ensure};
use whfb::device::tpm::KeyKind;
use whfb::device::tpm::swtpm::Server;

use super::Contender;
use super::floor::sized;
use crate::bed::{AUTH, Bed, STORAGE_ROOT_KEY, digest};
use crate::operation::Operation;

pub(crate) const NAME: &str = "tpm2_sign";
/// What the table says where the tools are missing.
pub(crate) const NOT_INSTALLED: &str = "tpm2-tools are not installed";

/// The files in the TPM's directory: digest, signature and the saved context of the key.
const DIGEST: &str = "digest";
const SIGNATURE: &str = "signature";
const CONTEXT: &str = "key.ctx";

pub(super) struct Tools {
    server: Server,
    most: usize,
    bed: Bed,
}

impl Tools {
    /// `None` where the tools are not installed.
    pub(super) fn start(quick: bool) -> Result<Option<Self>> {
        if version()?.is_none() {
            return Ok(None);
        }
        let bed = Bed::make()?;
        let tools = Self { server: bed.server()?, most: if quick { 3 } else { 40 }, bed };
        fs::write(tools.path(DIGEST), digest())?;
        Ok(Some(tools))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.bed.directory().join(name)
    }

    /// Runs a tool in the TPM's directory.
    fn run_tool(&self, tool: &str, arguments: &[&str]) -> Result<()> {
        let output = Command::new(tool)
            .args(arguments)
            .current_dir(self.bed.directory())
            .env("TPM2TOOLS_TCTI", self.server.tcti())
            .stdin(Stdio::null())
            .output()?;
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{tool}: {}: {}", output.status, words.trim());
        Ok(())
    }

    /// Makes a saved context of a key.
    fn save_context(&self, kind: KeyKind) -> Result<()> {
        let key = self.bed.key(kind);
        fs::write(self.path("key.pub"), sized(&key.public)?)?;
        fs::write(self.path("key.priv"), sized(&key.private)?)?;
        let parent = format!("{STORAGE_ROOT_KEY:#x}");
        self.run_tool("tpm2_load", &["-Q", "-C", &parent, "-u", "key.pub", "-r", "key.priv", "-c", CONTEXT])
    }

    fn sign(&self, kind: KeyKind) -> Result<Vec<u8>> {
        let scheme = match kind {
            KeyKind::P256 => "ecdsa",
            KeyKind::Rsa2048 => "rsassa",
        };
        let auth: String = AUTH.iter().map(|byte| format!("{byte:02x}")).collect();
        let auth = format!("hex:{auth}");
        let what = ["-Q", "-c", CONTEXT, "-p", &auth, "-g", "sha256", "-s", scheme];
        let how = ["-d", "-f", "plain", "-o", SIGNATURE, DIGEST];
        self.run_tool("tpm2_sign", &[&what[..], &how].concat())?;
        Ok(fs::read(self.path(SIGNATURE))?)
    }
}

impl Contender for Tools {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> &'static str {
        "password; a process each"
    }

    fn takes_part(&self, operation: Operation) -> bool {
        operation.signs()
    }

    fn most(&self) -> usize {
        self.most
    }

    fn prepare(&mut self, operation: Operation) -> Result<()> {
        self.save_context(operation.kind())?;
        self.tidy()
    }

    fn run(&mut self, operation: Operation) -> Result<Vec<u8>> {
        self.sign(operation.kind())
    }

    /// Without a resource manager what a tool loaded stays behind, and the TPM has three slots.
    fn tidy(&mut self) -> Result<()> {
        self.run_tool("tpm2_flushcontext", &["-t"])
    }

    fn public(&mut self, kind: KeyKind) -> Result<Vec<u8>> {
        self.bed.public(kind)
    }
}

/// The version of the tools; `None` where they are not installed.
pub(crate) fn version() -> Result<Option<String>> {
    let output = match Command::new(Path::new("tpm2_sign")).arg("--version").stdin(Stdio::null()).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    // tool="tpm2_sign" version="5.4" tctis="libtss2-tctildr" tcti-default=tcti-device
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split("version=\"").nth(1).and_then(|rest| rest.split('"').next());
    version.map(|version| Some(version.to_owned())).ok_or_else(|| anyhow!("tpm2_sign does not tell its version"))
}
