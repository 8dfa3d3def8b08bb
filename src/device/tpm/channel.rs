//! Sends commands: starts the session, repeats what the TPM postpones, and says on the log what was done.

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::frame::{Answer, Auth, Call, Entity, malformed};
use super::marshal::Writer;
use super::primary::Held;
use super::session::{NONCE, Session, Turn, salt};
use super::template::public_key;
use super::transport::{HEADER, LONGEST, Transport, read_u32};
use super::verb::{self, Verb};
use super::{TpmError, response};
use crate::base::{Random, random_bytes};
use crate::crypto::PublicKey;

/// TPM_RH_NULL.
pub(super) const NULL: u32 = 0x4000_0007;

/// A TPM behind a transport, and the one session that we keep with it.
pub(super) struct Channel<'t> {
    transport: Box<dyn Transport + 't>,
    rng: Box<dyn Random + 't>,
    /// The key that sessions are salted to.
    anchor: Option<(Entity, PublicKey)>,
    session: Option<Session>,
}

impl<'t> Channel<'t> {
    pub(super) fn new(transport: Box<dyn Transport + 't>, rng: Box<dyn Random + 't>) -> Self {
        Self { transport, rng, anchor: None, session: None }
    }

    /// Salts sessions to a storage root key from now on.
    pub(super) fn anchor(&mut self, storage: &Held) -> Result<(), TpmError> {
        let key = public_key(&storage.public).map_err(|_| malformed(verb::READ_PUBLIC.name))?;
        self.anchor = Some((storage.entity.clone(), key));
        Ok(())
    }

    /// Whether our session can vouch for answers.
    pub(super) fn is_anchored(&self) -> bool {
        self.anchor.is_some()
    }

    /// Ends salting: there is no storage root key any more.
    pub(super) fn weigh_anchor(&mut self) -> Result<(), TpmError> {
        self.anchor = None;
        self.end_session()
    }

    /// Proves the empty authorization value: in our session as soon as there can be one.
    pub(super) fn empty(&self) -> Auth<'static> {
        if self.is_anchored() { Auth::Session(&[]) } else { Auth::Empty }
    }

    /// Runs a command; starts the session if the command needs it, and starts it again once if the TPM lost it.
    ///
    /// Once sessions can be salted, ours goes along with every command that can take it, so that its HMAC vouches for
    /// every answer.
    pub(super) fn run(
        &mut self,
        verb: Verb,
        handles: &[&Entity],
        auths: &[Auth<'_>],
        parameters: Writer,
    ) -> Result<Answer, TpmError> {
        let parameters = parameters.finish();
        let with_ours: Vec<Auth<'_>>;
        let mut call = Call { verb, handles, auths, parameters: &parameters };
        if self.is_anchored() && call.could_take_session() {
            with_ours = auths.iter().copied().chain([Auth::Along]).collect();
            call.auths = &with_ours;
        }
        if !call.needs_session() {
            let raw = self.exchange(&call, &call.frame(None))?;
            return call.read(&raw);
        }
        match self.run_in_session(&call) {
            Err(TpmError::Refused { code, .. }) if response::is_session_lost(code) => {
                // The lost one may be another: then ours is still there.
                drop(self.end_session());
                self.run_in_session(&call)
            }
            outcome => outcome,
        }
    }

    fn run_in_session(&mut self, call: &Call<'_>) -> Result<Answer, TpmError> {
        let mut session = self.session()?;
        let turn = Turn { nonce_caller: random_bytes(&mut *self.rng), attributes: call.attributes() };
        let raw = match self.exchange(call, &call.frame(Some((&session, &turn)))) {
            Ok(raw) => raw,
            Err(error) => {
                // A refusal leaves session and nonces as they were.
                self.session = Some(session);
                return Err(error);
            }
        };
        let outcome = call.accept(&raw, &mut session, &turn);
        if outcome.is_ok() {
            self.session = Some(session);
        } else {
            // Nothing of this session is believed any more, and what the command may have loaded goes. The first error counts.
            drop(self.flush(session.handle));
            if let (true, Some(handle)) = (call.verb.brings_handle, read_u32(&raw, HEADER)) {
                drop(self.flush(handle));
            }
        }
        outcome
    }

    /// Sends a frame and judges the response code; what the TPM postpones is sent again within a bound.
    fn exchange(&mut self, call: &Call<'_>, frame: &[u8]) -> Result<Zeroizing<Vec<u8>>, TpmError> {
        /// TPM_RC_COMMAND_SIZE: what a TPM would say, if an emulator did not lose its place in the stream over it (measured).
        const TOO_LONG: u32 = 0x142;
        if frame.len() > LONGEST {
            response::judge(call.verb.name, TOO_LONG)?;
        }
        let mut attempt = 0;
        loop {
            let started = Instant::now();
            let raw = Zeroizing::new(self.transport.transmit(frame)?);
            let code = read_u32(&raw, 6).ok_or_else(|| malformed(call.verb.name))?;
            log(call, code, started.elapsed());
            attempt += 1;
            if let (true, Some(pause)) = (response::is_transient(code), pause(attempt)) {
                std::thread::sleep(pause);
                continue;
            }
            response::judge(call.verb.name, code)?;
            return Ok(raw);
        }
    }

    /// Takes the session out, or starts one: unbound, salted to the anchor, AES-128-CFB and SHA-256.
    fn session(&mut self) -> Result<Session, TpmError> {
        if let Some(session) = self.session.take() {
            return Ok(session);
        }
        let Some((storage, key)) = self.anchor.clone() else {
            return Err(TpmError::NotReady("there is no storage root key to salt a session to"));
        };
        let (salt, encrypted) =
            salt(&key, &mut *self.rng).map_err(|_| TpmError::NotReady("its storage root key takes no salt"))?;
        let nonce: [u8; NONCE] = random_bytes(&mut *self.rng);
        let null = Entity::permanent(NULL, "unbound");
        let parameters = start_parameters(&nonce, &encrypted, Kind::Hmac);
        let (handle, nonce_tpm) = self.start(verb::START_AUTH_SESSION, &[&storage, &null], parameters)?;
        Ok(Session::new(handle, &salt, &nonce, &nonce_tpm))
    }

    /// Starts a policy session, neither salted nor bound: it proves nothing by itself, and our session goes along.
    pub(super) fn start_policy(&mut self) -> Result<u32, TpmError> {
        let nonce: [u8; NONCE] = random_bytes(&mut *self.rng);
        let null = Entity::permanent(NULL, "unbound");
        let parameters = start_parameters(&nonce, &[], Kind::Policy);
        self.start(verb::START_POLICY_SESSION, &[&null, &null], parameters).map(|(handle, _)| handle)
    }

    fn start(&mut self, verb: Verb, handles: &[&Entity], parameters: Writer) -> Result<(u32, Vec<u8>), TpmError> {
        let answer = self.run(verb, handles, &[], parameters)?;
        let nonce_tpm = answer.read(|reader| reader.sized().map(<[u8]>::to_vec));
        if nonce_tpm.is_err() {
            drop(self.flush(answer.handle));
        }
        Ok((answer.handle, nonce_tpm?))
    }

    /// Removes a transient object or a session from the TPM.
    pub(super) fn flush(&mut self, handle: u32) -> Result<(), TpmError> {
        self.run(verb::FLUSH_CONTEXT, &[], &[], Writer::new().u32(handle))?.read(|_| Ok(()))
    }

    /// Ends the session.
    pub(super) fn end_session(&mut self) -> Result<(), TpmError> {
        self.session.take().map_or(Ok(()), |session| self.flush(session.handle))
    }

    /// Ends the session and starts the next one at once.
    pub(super) fn renew_session(&mut self) -> Result<(), TpmError> {
        self.end_session()?;
        self.session = Some(self.session()?);
        Ok(())
    }

    /// The handle of the session, if there is one.
    pub(super) fn session_handle(&self) -> Option<u32> {
        self.session.as_ref().map(|session| session.handle)
    }

    /// Sends bytes as they are. For measurements below the session.
    pub(super) fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.transport.transmit(command)
    }
}

/// AES-128-CFB and SHA-256, whatever the kind.
fn start_parameters(nonce: &[u8], encrypted_salt: &[u8], kind: Kind) -> Writer {
    const AES: u16 = 0x0006;
    const CFB: u16 = 0x0043;
    const SHA256: u16 = 0x000B;
    Writer::new().sized(nonce).sized(encrypted_salt).u8(kind as u8).u16(AES).u16(128).u16(CFB).u16(SHA256)
}

/// TPM_SE.
#[derive(Clone, Copy)]
enum Kind {
    Hmac = 0,
    Policy = 1,
}

/// Names, roles, code and time; never a parameter.
fn log(call: &Call<'_>, code: u32, took: Duration) {
    if tracing::enabled!(target: "whfb::tpm", tracing::Level::DEBUG) {
        let handles: Vec<String> =
            call.handles.iter().map(|entity| format!("{} {:#010x}", entity.role, entity.handle)).collect();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(target: "whfb::tpm", command = call.verb.name, handles = handles.join(", "),
            answer = response::words(code), micros);
    }
}

/// How long to wait after the `attempt`th postponement (from 1); `None` when it was tried often enough.
fn pause(attempt: u32) -> Option<Duration> {
    // The first repetition is answered at once; a chip that tests itself takes longer.
    (attempt < 12).then(|| Duration::from_millis(1 << attempt) - Duration::from_millis(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postponed_command_is_repeated_at_once_and_not_for_ever() {
        assert_eq!(pause(1), Some(Duration::ZERO));
        let total: Duration = (1..).map_while(pause).sum();
        assert!(total > Duration::from_secs(2) && total < Duration::from_secs(10), "{total:?}");
    }
}
