//! The emulator's process and the directory that it runs in.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::base::FileLock;
use crate::device::tpm::TpmError;

const LOCK_FILE: &str = "owner.lock";
const LOG_FILE: &str = "swtpm.log";

/// A locked state directory.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: FileLock,
}

impl Claim {
    /// Makes the directory, closes it to other accounts and locks it.
    pub(super) fn on(directory: &Path) -> Result<Self, TpmError> {
        let broken = |error: std::io::Error| {
            TpmError::Unavailable(format!("the TPM's state directory {} cannot be used: {error}", directory.display()))
        };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(broken)?;
        std::fs::set_permissions(directory, Permissions::from_mode(0o700)).map_err(broken)?;
        let lock = FileLock::try_take(&directory.join(LOCK_FILE)).map_err(broken)?;
        let lock = lock.ok_or_else(|| {
            TpmError::Unavailable(format!(
                "the TPM in {} is in use; end the process that uses it, or choose another directory",
                directory.display()
            ))
        })?;
        Ok(Self { _lock: lock })
    }
}

/// A running emulator.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` in `directory`. `complete` adds what comes before it, after it, and its descriptors.
    pub(super) fn start(
        directory: &Path,
        program: &Path,
        complete: impl FnOnce(&Path) -> Result<Command, String>,
    ) -> Result<Self, TpmError> {
        let unavailable = |cause: String| TpmError::Unavailable(format!("{} {cause}", program.display()));
        let log = directory.join(LOG_FILE);
        let errors = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&log)
            .map_err(|error| unavailable(format!("has nowhere to write its log: {error}")))?;
        // A path is taken from where we are, a bare name from the search path; the child itself runs in its directory, whose
        // name may hold a comma and would end the option there.
        let named = program.components().count() == 1;
        let found = if named {
            program.to_owned()
        } else {
            std::path::absolute(program).unwrap_or_else(|_| program.to_owned())
        };
        let mut command = complete(&found).map_err(unavailable)?;
        command
            .current_dir(directory)
            // Ctrl-C is for us: we end the TPM in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors);
        let child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if command.get_program() == found => unavailable(
                "was not found: install the TPM emulator, on Debian and Ubuntu with `apt-get install swtpm`".to_owned(),
            ),
            std::io::ErrorKind::NotFound => unavailable(format!(
                "needs {}, which was not found: install util-linux",
                command.get_program().display()
            )),
            _ => unavailable(format!("does not run: {error}")),
        })?;
        Ok(Self { child, log })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end, and kills what does not end within `limit`.
    pub(super) fn finish(&mut self, limit: Duration) {
        if self.wait(limit).is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }

    /// The exit status, if it comes within `limit`.
    pub(super) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
                _ => return None,
            }
        }
    }

    /// Why it is gone, in its own words.
    pub(super) fn epitaph(&mut self, reason: &str) -> String {
        let status = self.wait(Duration::from_millis(200)).map_or_else(String::new, |status| format!(" ({status})"));
        let words = last_words(&self.log);
        format!("swtpm{status}: {reason}{}{words}", if words.is_empty() { "" } else { "; it said: " })
    }
}

/// The end of the log on one line, at most 400 bytes.
fn last_words(log: &Path) -> String {
    const LENGTH: u64 = 400;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let start = file.metadata()?.len().saturating_sub(LENGTH);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(LENGTH).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = read().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    text.split(|character: char| character.is_control())
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}
