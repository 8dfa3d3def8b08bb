//! Sends commands: frames, authorizes, hides, retries, checks the answer, and says on the log what was done.

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::marshal::{Malformed, Reader, Writer};
use super::session::{CONTINUE, DECRYPT, ENCRYPT, NONCE, Session, Turn};
use super::transport::{HEADER, Transport};
use super::verb::{self, Verb};
use super::{TpmError, response};
use crate::base::{Random, random_bytes};
use crate::crypto::RsaPublic;
use crate::crypto::digest::sha256_of;

/// TPM_ST_NO_SESSIONS and TPM_ST_SESSIONS.
const BARE: u16 = 0x8001;
const AUTHORIZED: u16 = 0x8002;
/// TPM_RS_PW: the "session" of a plain password.
const PASSWORD: u32 = 0x4000_0009;
/// TPM_RH_NULL.
pub(super) const NULL: u32 = 0x4000_0007;

/// Something that a command can point at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entity {
    pub(super) handle: u32,
    pub(super) name: Vec<u8>,
    /// What it is to us: this is what the log says.
    pub(super) role: &'static str,
}

impl Entity {
    /// A hierarchy or session, whose Name is its handle (TPM 2.0 Part 1, chapter 16).
    pub(super) fn permanent(handle: u32, role: &'static str) -> Self {
        Self { handle, name: handle.to_be_bytes().to_vec(), role }
    }
}

/// How a command is authorized for one of its handles.
#[derive(Clone, Copy)]
pub(super) enum Auth<'a> {
    /// Our session, proving this authorization value without sending it.
    Session(&'a [u8]),
    /// Our session; the command replaces the value, and the answer proves the new one.
    Replacing { old: &'a [u8], new: &'a [u8] },
    /// The empty password, for what everybody may use.
    Empty,
    /// A policy session.
    Policy(u32),
}

impl<'a> Auth<'a> {
    /// The values that command and answer prove, if this is our session.
    fn values(self) -> Option<(&'a [u8], &'a [u8])> {
        match self {
            Self::Session(value) => Some((value, value)),
            Self::Replacing { old, new } => Some((old, new)),
            Self::Empty | Self::Policy(_) => None,
        }
    }
}

/// A command before it is framed.
struct Call<'c> {
    verb: Verb,
    handles: &'c [&'c Entity],
    auths: &'c [Auth<'c>],
    parameters: &'c [u8],
}

/// What a command answered, checked and decrypted.
pub(super) struct Answer {
    pub(super) verb: Verb,
    pub(super) handle: u32,
    pub(super) parameters: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Takes the parameters apart; all of them have to be consumed.
    pub(super) fn read<T>(&self, take: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>) -> Result<T, TpmError> {
        let mut reader = Reader::new(&self.parameters);
        take(&mut reader).and_then(|value| reader.end().map(|()| value)).map_err(|Malformed| malformed(self.verb.name))
    }
}

/// An answer of another form than its command has.
pub(super) fn malformed(command: &'static str) -> TpmError {
    TpmError::Untrusted { command, reason: "its form is wrong" }
}

/// A TPM behind a transport, and the one session that we keep with it.
pub(super) struct Channel<'t> {
    transport: Box<dyn Transport + 't>,
    rng: Box<dyn Random + 't>,
    /// The key that sessions are salted to.
    anchor: Option<(Entity, RsaPublic)>,
    session: Option<Session>,
}

impl<'t> Channel<'t> {
    pub(super) fn new(transport: Box<dyn Transport + 't>, rng: Box<dyn Random + 't>) -> Self {
        Self { transport, rng, anchor: None, session: None }
    }

    /// Salts sessions to `storage` from now on.
    pub(super) fn anchor(&mut self, storage: Entity, key: RsaPublic) {
        self.anchor = Some((storage, key));
    }

    /// Runs a command; starts the session if the command needs it and starts it again once if the TPM lost it.
    pub(super) fn run(
        &mut self,
        verb: Verb,
        handles: &[&Entity],
        auths: &[Auth<'_>],
        parameters: Writer,
    ) -> Result<Answer, TpmError> {
        let parameters = parameters.finish();
        let call = Call { verb, handles, auths, parameters: &parameters };
        let mine = auths.iter().find_map(|auth| auth.values());
        let Some(values) = mine else {
            let frame = call.frame(None)?;
            let raw = self.exchange(&call, &frame)?;
            return self.take_apart(&call, &raw, None);
        };
        let mut renewed = false;
        loop {
            let session = self.session()?;
            let turn = Turn { nonce_caller: random_bytes(&mut *self.rng), attributes: call.attributes() };
            let frame = call.frame(Some((&session, &turn)))?;
            let raw = self.exchange(&call, &frame);
            match raw {
                Err(TpmError::Refused { code, .. }) if response::is_session_lost(code) && !renewed => renewed = true,
                Err(error) => {
                    self.session = Some(session);
                    return Err(error);
                }
                Ok(raw) => return self.take_apart(&call, &raw, Some((session, turn, values.1))),
            }
        }
    }

    /// Sends a frame and judges the response code; what the TPM postpones is sent again within a bound.
    fn exchange(&mut self, call: &Call<'_>, frame: &[u8]) -> Result<Zeroizing<Vec<u8>>, TpmError> {
        const ATTEMPTS: u32 = 12;
        let mut attempt = 0;
        loop {
            let started = Instant::now();
            let raw = Zeroizing::new(self.transport.transmit(frame)?);
            let code = super::transport::read_u32(&raw, 6).ok_or_else(|| malformed(call.verb.name))?;
            call.log(code, started.elapsed());
            attempt += 1;
            if response::is_transient(code) && attempt < ATTEMPTS {
                // The first repetition is answered at once; a chip that tests itself takes a while (in all 4 s at most).
                std::thread::sleep(Duration::from_millis(1 << attempt.min(11)) - Duration::from_millis(2));
                continue;
            }
            response::judge(call.verb.name, code)?;
            return Ok(raw);
        }
    }

    /// Parses a successful answer, checks its HMAC, takes the new nonce over and decrypts.
    fn take_apart(
        &mut self,
        call: &Call<'_>,
        raw: &[u8],
        ours: Option<(Session, Turn, &[u8])>,
    ) -> Result<Answer, TpmError> {
        let frame = AnswerFrame::parse(call, raw).map_err(|Malformed| malformed(call.verb.name))?;
        let mut answer =
            Answer { verb: call.verb, handle: frame.handle, parameters: Zeroizing::new(frame.parameters.to_vec()) };
        let Some((mut session, turn, auth)) = ours else {
            return Ok(answer);
        };
        let checked = frame.check(call, &mut session, &turn, auth);
        if checked.is_ok()
            && call.verb.hides_answer
            && let Some(contents) = first_sized(&mut answer.parameters)
        {
            session.reveal(&turn, auth, contents);
        }
        let handle = session.handle;
        if let Err(error) = checked {
            self.flush(handle)?;
            if call.verb.brings_handle {
                self.flush(answer.handle)?;
            }
            return Err(error);
        }
        self.session = Some(session);
        Ok(answer)
    }

    /// Takes the session out, or starts one: unbound, salted to the anchor, AES-128-CFB and SHA-256.
    fn session(&mut self) -> Result<Session, TpmError> {
        if let Some(session) = self.session.take() {
            return Ok(session);
        }
        let Some((storage, key)) = self.anchor.clone() else {
            return Err(TpmError::NotReady("there is no storage root key to salt a session to"));
        };
        let salt = Zeroizing::new(random_bytes::<32>(&mut *self.rng));
        let encrypted = key
            .encrypt_oaep_sha256(&*salt, "SECRET")
            .map_err(|_| TpmError::NotReady("its storage root key takes no salt"))?;
        let nonce: [u8; NONCE] = random_bytes(&mut *self.rng);
        let null = Entity::permanent(NULL, "unbound");
        let (handle, nonce_tpm) = self.start(&[&storage, &null], &encrypted, &nonce, Kind::Hmac)?;
        Ok(Session::new(handle, &*salt, &nonce, &nonce_tpm))
    }

    /// Starts a policy session, neither salted nor bound: it proves nothing by itself, and our session goes along.
    pub(super) fn start_policy(&mut self) -> Result<u32, TpmError> {
        let nonce: [u8; NONCE] = random_bytes(&mut *self.rng);
        let null = Entity::permanent(NULL, "unbound");
        self.start(&[&null, &null], &[], &nonce, Kind::Policy).map(|(handle, _)| handle)
    }

    fn start(
        &mut self,
        handles: &[&Entity],
        encrypted_salt: &[u8],
        nonce: &[u8],
        kind: Kind,
    ) -> Result<(u32, Vec<u8>), TpmError> {
        const AES: u16 = 0x0006;
        const CFB: u16 = 0x0043;
        const SHA256: u16 = 0x000B;
        let parameters =
            Writer::new().sized(nonce).sized(encrypted_salt).u8(kind as u8).u16(AES).u16(128).u16(CFB).u16(SHA256);
        let answer = self.run(verb::START_AUTH_SESSION, handles, &[], parameters)?;
        let nonce_tpm = answer.read(|reader| reader.sized().map(<[u8]>::to_vec))?;
        Ok((answer.handle, nonce_tpm))
    }

    /// Removes a transient object or a session from the TPM.
    pub(super) fn flush(&mut self, handle: u32) -> Result<(), TpmError> {
        self.run(verb::FLUSH_CONTEXT, &[], &[], Writer::new().u32(handle))?.read(|_| Ok(()))
    }

    /// Ends the session.
    pub(super) fn end_session(&mut self) -> Result<(), TpmError> {
        self.session.take().map_or(Ok(()), |session| self.flush(session.handle))
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

/// TPM_SE.
#[derive(Clone, Copy)]
enum Kind {
    Hmac = 0,
    Policy = 1,
}

impl Call<'_> {
    /// The attributes that our session has for this command.
    fn attributes(&self) -> u8 {
        let hide = if self.verb.hides_command { DECRYPT } else { 0 };
        let reveal = if self.verb.hides_answer { ENCRYPT } else { 0 };
        CONTINUE | hide | reveal
    }

    /// The bytes of the command (TPM 2.0 Part 1, chapter 18).
    fn frame(&self, ours: Option<(&Session, &Turn)>) -> Result<Zeroizing<Vec<u8>>, TpmError> {
        let mut parameters = Zeroizing::new(self.parameters.to_vec());
        let value = self.auths.iter().find_map(|auth| auth.values()).map(|(old, _)| old);
        if let (Some((session, turn)), Some(value), true) = (ours, value, self.verb.hides_command)
            && let Some(contents) = first_sized(&mut parameters)
        {
            session.hide(turn, value, contents);
        }
        let authorizations = self.authorizations(ours, &parameters);
        let mut body = Writer::new();
        for entity in self.handles {
            body = body.u32(entity.handle);
        }
        if !self.auths.is_empty() {
            body = body.u32(length(&authorizations)).bytes(&authorizations);
        }
        let body = body.bytes(&parameters).finish();
        let size = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
        let tag = if self.auths.is_empty() { BARE } else { AUTHORIZED };
        Ok(Writer::new().u16(tag).u32(size).u32(self.verb.code).bytes(&body).finish())
    }

    /// The authorization area: session, nonce, attributes and proof for each handle that needs one.
    fn authorizations(&self, ours: Option<(&Session, &Turn)>, parameters: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut area = Writer::new();
        for auth in self.auths {
            area = match (auth, auth.values(), ours) {
                (Auth::Policy(handle), ..) => area.u32(*handle).sized(&[]).u8(0).sized(&[]),
                (_, Some((value, _)), Some((session, turn))) => {
                    let proof = session.prove(turn, value, &self.cp_hash(parameters));
                    area.u32(session.handle).sized(&turn.nonce_caller).u8(turn.attributes).sized(&proof)
                }
                _ => area.u32(PASSWORD).sized(&[]).u8(CONTINUE).sized(&[]),
            };
        }
        area.finish()
    }

    /// The digest that a proof covers: command code, the Names of all handles, parameters as they are sent.
    fn cp_hash(&self, parameters: &[u8]) -> [u8; 32] {
        let code = self.verb.code.to_be_bytes();
        let names = self.handles.iter().map(|entity| entity.name.as_slice());
        let parts: Vec<&[u8]> = std::iter::once(&code[..]).chain(names).chain([parameters]).collect();
        sha256_of(&parts)
    }

    /// Names, roles, code and time; never a parameter.
    fn log(&self, code: u32, took: Duration) {
        if tracing::enabled!(target: "whfb::tpm", tracing::Level::DEBUG) {
            let handles: Vec<String> =
                self.handles.iter().map(|entity| format!("{} {:#010x}", entity.role, entity.handle)).collect();
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(target: "whfb::tpm", command = self.verb.name, handles = handles.join(", "),
                answer = response::words(code), micros);
        }
    }
}

/// An answer with its parts told apart, nothing of it believed yet.
struct AnswerFrame<'a> {
    handle: u32,
    parameters: &'a [u8],
    /// Nonce, attributes and HMAC of every session.
    sessions: Vec<(&'a [u8], u8, &'a [u8])>,
}

impl<'a> AnswerFrame<'a> {
    fn parse(call: &Call<'_>, raw: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(raw);
        let tag = reader.u16()?;
        reader.take(HEADER - 2)?;
        let expected = if call.auths.is_empty() { BARE } else { AUTHORIZED };
        if tag != expected {
            return Err(Malformed);
        }
        let handle = if call.verb.brings_handle { reader.u32()? } else { 0 };
        if call.auths.is_empty() {
            let parameters = reader.rest();
            return Ok(Self { handle, parameters, sessions: Vec::new() });
        }
        let size = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
        let parameters = reader.take(size)?;
        let mut sessions = Vec::with_capacity(call.auths.len());
        for _ in call.auths {
            sessions.push((reader.sized()?, reader.u8()?, reader.sized()?));
        }
        reader.end()?;
        Ok(Self { handle, parameters, sessions })
    }

    /// Checks the proof of our session over response code, command code and parameters as they were sent.
    fn check(&self, call: &Call<'_>, session: &mut Session, turn: &Turn, auth: &[u8]) -> Result<(), TpmError> {
        let rp_hash = sha256_of(&[&0u32.to_be_bytes(), &call.verb.code.to_be_bytes(), self.parameters]);
        let index = call.auths.iter().position(|auth| auth.values().is_some()).unwrap_or_default();
        let (nonce, attributes, hmac) = *self.sessions.get(index).ok_or_else(|| malformed(call.verb.name))?;
        session
            .accept(turn, auth, &rp_hash, nonce, attributes, hmac)
            .map_err(|_| TpmError::Untrusted { command: call.verb.name, reason: "its HMAC is wrong" })
    }
}

/// The contents of the `TPM2B` that parameters begin with.
fn first_sized(parameters: &mut [u8]) -> Option<&mut [u8]> {
    let (size, rest) = parameters.split_first_chunk_mut::<2>()?;
    rest.get_mut(..usize::from(u16::from_be_bytes(*size)))
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
