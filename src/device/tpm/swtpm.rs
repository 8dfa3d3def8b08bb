//! Runs the TPM emulator `swtpm` as a child of ours: one directory, one owner, one socketpair.
//!
//! The child gets its end of the socketpair as descriptor 3, so there is no port to guess, no path to race for and nobody
//! else to talk to it; it ends by itself when our end closes, whatever ends us. It always gets `TPM2_Shutdown(CLEAR)` first:
//! without it a TPM whose dictionary-attack protection was used counts one failure at its next start.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt as _, FdMapping};

use super::TpmError;
use super::transport::{SwtpmPair, Transport, read_u32};

/// The name under which the emulator is looked for on the search path.
pub const PROGRAM: &str = "swtpm";

/// How long the child may take to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(3);
/// `TPM2_Shutdown(TPM_SU_CLEAR)`.
const SHUTDOWN: [u8; 12] = [0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x45, 0, 0];
/// `TPM2_GetTestResult`: the cheapest question that proves that somebody answers.
const GET_TEST_RESULT: [u8; 10] = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x7C];

const LOCK_FILE: &str = "owner.lock";
const LOG_FILE: &str = "swtpm.log";
const STATE_FILE: &str = "tpm2-00.permall";

/// A running emulator and the way to it.
///
/// Dropping it ends it in order. Give it to [`Direct::open`](super::Direct::open), which then owns it: what was loaded is
/// flushed first, then the emulator is shut down, then the directory is free. Whoever owns the directory (a temporary one,
/// say) declares it *after* the TPM, or in a later field, so that it is dropped last.
#[derive(Debug)]
pub struct Swtpm {
    pair: SwtpmPair,
    child: Child,
    log: PathBuf,
    fresh: bool,
    /// Whether the TPM was told that its power goes.
    told: bool,
    /// Keeps the directory ours until the child is gone.
    _claim: Claim,
}

impl Swtpm {
    /// Starts `program` (usually [`PROGRAM`]) on the state in `directory`, which is made if it is missing and closed to other
    /// accounts. The TPM is started (`TPM2_Startup(CLEAR)`) when this returns.
    ///
    /// # Errors
    /// [`TpmError::Unavailable`] when the program is missing, when the directory belongs to another running TPM, or when the
    /// emulator ends at once; the text names the cause and what mends it.
    pub fn start(directory: &Path, program: &Path) -> Result<Self, TpmError> {
        let claim = Claim::on(directory)?;
        let fresh = !directory.join(STATE_FILE).exists();
        let (ours, theirs) =
            UnixStream::pair().map_err(|error| TpmError::Unavailable(format!("no socketpair: {error}")))?;
        let log = directory.join(LOG_FILE);
        let child = spawn(directory, program, &log, theirs)?;
        let mut swtpm = Self { pair: SwtpmPair::new(ours)?, child, log, fresh, told: false, _claim: claim };
        swtpm
            .transmit(&GET_TEST_RESULT)
            .map_err(|error| TpmError::Unavailable(format!("swtpm does not start: {error}")))?;
        Ok(swtpm)
    }

    /// Whether there was no state before: such a TPM has no keys and wants to be
    /// [manufactured](super::manufacture::manufacture).
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The child's process id, for whoever wants to see it die.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Tells the TPM that its power goes, closes the connection and waits for the child; kills it if it does not end.
    fn end(&mut self) {
        if !self.told {
            // What cannot be told cannot be mended here: the child is gone or about to be killed.
            drop(self.transmit(&SHUTDOWN));
        }
        self.pair.close();
        if self.wait(PATIENCE).is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }

    /// The exit status, if it comes within `limit`.
    fn wait(&mut self, limit: Duration) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
                _ => return None,
            }
        }
    }

    /// Why the child is gone, in its own words.
    fn epitaph(&mut self, reason: &str) -> String {
        let status = self.wait(Duration::from_millis(200)).map_or_else(String::new, |status| format!(" ({status})"));
        let words = last_words(&self.log);
        format!("swtpm{status}: {reason}{}{words}", if words.is_empty() { "" } else { "; it said: " })
    }
}

impl Transport for Swtpm {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.told = read_u32(command, 6) == read_u32(&SHUTDOWN, 6);
        self.pair.transmit(command).map_err(|error| match error {
            TpmError::Gone(reason) => TpmError::Gone(self.epitaph(&reason)),
            other => other,
        })
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        self.end();
    }
}

/// A locked state directory.
#[derive(Debug)]
struct Claim(File);

impl Claim {
    /// Makes the directory, closes it to other accounts and locks it.
    fn on(directory: &Path) -> Result<Self, TpmError> {
        let broken = |error: std::io::Error| {
            TpmError::Unavailable(format!("the TPM's state directory {} cannot be used: {error}", directory.display()))
        };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(broken)?;
        std::fs::set_permissions(directory, Permissions::from_mode(0o700)).map_err(broken)?;
        let path = directory.join(LOCK_FILE);
        let file =
            OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path).map_err(broken)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(TpmError::Unavailable(format!(
                "the TPM in {} is in use; end the process that uses it, or choose another directory",
                directory.display()
            ))),
            Err(TryLockError::Error(error)) => Err(broken(error)),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread forks just now holds a copy until it executes its program.
        drop(self.0.unlock());
    }
}

fn spawn(directory: &Path, program: &Path, log: &Path, theirs: UnixStream) -> Result<Child, TpmError> {
    let unavailable = |cause: String| TpmError::Unavailable(format!("{} {cause}", program.display()));
    let errors = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(log)
        .map_err(|error| unavailable(format!("has nowhere to write its log: {error}")))?;
    // A path is taken from where we are, a bare name from the search path; the child itself runs in its directory, whose
    // name may hold a comma and would end the option there.
    let named = program.components().count() == 1;
    let found =
        if named { program.to_owned() } else { std::path::absolute(program).unwrap_or_else(|_| program.to_owned()) };
    let mut command = Command::new(found);
    command
        .args(["socket", "--tpm2", "--tpmstate", "dir=.,mode=0600", "--fd", "3"])
        .args(["--flags", "not-need-init,startup-clear"])
        .current_dir(directory)
        // Ctrl-C is for us: we end the TPM in order.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors);
    command
        .fd_mappings(vec![FdMapping { parent_fd: theirs.into(), child_fd: 3 }])
        .map_err(|error| unavailable(format!("cannot be given its socket: {error}")))?;
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unavailable(
            "was not found: install the TPM emulator, on Debian and Ubuntu with `apt-get install swtpm`".to_owned(),
        ),
        _ => unavailable(format!("does not run: {error}")),
    })
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
