//! Runs the TPM emulator `swtpm` as a child of ours: one directory, one owner, one socketpair.
//!
//! The child gets its end of the socketpair as descriptor 3, so there is no port to guess, no path to race for and nobody
//! else to talk to it; it ends by itself when our end closes, whatever ends us. It always gets `TPM2_Shutdown(CLEAR)` first:
//! without it a TPM whose dictionary-attack protection was used counts one failure at its next start.
//!
//! [`Server`] is for those who cannot be handed a socket: libtss2, and whoever tests a connection by address.

mod process;
mod server;

pub use server::Server;

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};

use self::process::{Claim, Process};
use super::TpmError;
use super::trace::{Conversation, Trace};
use super::transport::{SwtpmPair, Transport, read_u32};

/// The name under which the emulator is looked for on the search path.
pub const PROGRAM: &str = "swtpm";

/// How long the child may take to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(3);
/// `TPM2_Shutdown(TPM_SU_CLEAR)`.
const SHUTDOWN: [u8; 12] = [0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x45, 0, 0];
/// `TPM2_GetTestResult`: the cheapest question that proves that somebody answers.
const GET_TEST_RESULT: [u8; 10] = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x7C];

/// A TPM 2.0 on the state in its working directory, started (`TPM2_Startup(CLEAR)`) before it answers.
const STATE: [&str; 6] =
    ["socket", "--tpm2", "--tpmstate", "dir=.,mode=0600", "--flags", "not-need-init,startup-clear"];
pub(super) const STATE_FILE: &str = "tpm2-00.permall";

/// A running emulator and the way to it.
///
/// Dropping it ends it in order. Give it to [`Direct::open`](super::Direct::open), which then owns it: what was loaded is
/// flushed first, then the emulator is shut down, then the directory is free. Whoever owns the directory (a temporary one,
/// say) declares it *after* the TPM, or in a later field, so that it is dropped last.
#[derive(Debug)]
pub struct Swtpm {
    pair: SwtpmPair,
    process: Process,
    fresh: bool,
    /// Whether the TPM was told that its power goes.
    told: bool,
    /// Where what travels is recorded, if it is.
    conversation: Option<Conversation>,
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
        let process = Process::start(directory, program, |program| {
            let mut command = Command::new(program);
            command.args(STATE).args(["--fd", "3"]);
            command
                .fd_mappings(vec![FdMapping { parent_fd: theirs.into(), child_fd: 3 }])
                .map_err(|error| format!("cannot be given its socket: {error}"))?;
            Ok(command)
        })?;
        let mut swtpm =
            Self { pair: SwtpmPair::new(ours)?, process, fresh, told: false, conversation: None, _claim: claim };
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

    /// Records what travels from now on.
    #[must_use]
    pub fn traced(mut self, trace: Option<&Trace>) -> Self {
        self.conversation = trace.map(Trace::begin);
        self
    }

    /// The child's process id, for whoever wants to see it die.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Tells the TPM that its power goes, closes the connection and waits for the child; kills it if it does not end.
    fn end(&mut self) {
        if !self.told {
            // What cannot be told cannot be mended here: the child is gone or about to be killed.
            drop(self.transmit(&SHUTDOWN));
        }
        self.pair.close();
        self.process.finish(PATIENCE);
    }
}

impl Transport for Swtpm {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.told = read_u32(command, 6) == read_u32(&SHUTDOWN, 6);
        let Self { pair, conversation, .. } = self;
        let answer = match conversation {
            Some(conversation) => conversation.carry(command, |command| pair.transmit(command)),
            None => pair.transmit(command),
        };
        answer.map_err(|error| match error {
            TpmError::Gone(reason) => TpmError::Gone(self.process.epitaph(&reason)),
            other => other,
        })
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        self.end();
    }
}
