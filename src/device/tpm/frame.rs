//! The frames of commands and answers: handles, authorizations, parameters (TPM 2.0 Part 1, chapters 16, 18 and 19).

use zeroize::Zeroizing;

use super::TpmError;
use super::marshal::{Malformed, Reader, Writer};
use super::session::{AUDIT, CONTINUE, DECRYPT, ENCRYPT, Session, Turn};
use super::transport::HEADER;
use super::verb::Verb;
use crate::crypto::digest::sha256_of;

/// TPM_ST_NO_SESSIONS and TPM_ST_SESSIONS.
const BARE: u16 = 0x8001;
const AUTHORIZED: u16 = 0x8002;
/// TPM_RS_PW: the "session" of a plain password.
const PASSWORD: u32 = 0x4000_0009;

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

    /// Something whose Name is not known yet: no session can vouch for a command that points at it.
    pub(super) fn unnamed(handle: u32, role: &'static str) -> Self {
        Self { handle, name: Vec::new(), role }
    }
}

/// How a command is authorized for one of its handles.
#[derive(Clone, Copy)]
pub(super) enum Auth<'a> {
    /// Our session, proving this authorization value without sending it.
    Session(&'a [u8]),
    /// Our session; the command replaces the value, and the answer proves the new one.
    Replacing { old: &'a [u8], new: &'a [u8] },
    /// Our session, authorizing nothing: it encrypts what it can, and its HMAC vouches for the answer.
    Along,
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
            Self::Along => Some((&[], &[])),
            Self::Empty | Self::Policy(_) => None,
        }
    }
}

/// A command before it is framed.
pub(super) struct Call<'c> {
    pub(super) verb: Verb,
    pub(super) handles: &'c [&'c Entity],
    pub(super) auths: &'c [Auth<'c>],
    pub(super) parameters: &'c [u8],
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

impl Call<'_> {
    /// Whether one of the authorizations is our session.
    pub(super) fn needs_session(&self) -> bool {
        self.auths.iter().any(|auth| auth.values().is_some())
    }

    /// Whether our session could go along: the command takes it, has none of ours yet, and all Names are known.
    pub(super) fn could_take_session(&self) -> bool {
        !self.verb.alone && !self.needs_session() && self.handles.iter().all(|entity| !entity.name.is_empty())
    }

    /// Whether our session goes along without authorizing anything.
    fn is_along(&self) -> bool {
        self.auths.iter().any(|auth| matches!(auth, Auth::Along))
    }

    /// Position of our session, and the values that command and answer prove.
    fn own(&self) -> Option<(usize, &[u8], &[u8])> {
        let mut values = self.auths.iter().map(|auth| auth.values()).enumerate();
        values.find_map(|(index, values)| values.map(|(old, new)| (index, old, new)))
    }

    /// The attributes that our session has for this command.
    pub(super) fn attributes(&self) -> u8 {
        let hide = if self.verb.hides_command { DECRYPT } else { 0 };
        let reveal = if self.verb.hides_answer { ENCRYPT } else { 0 };
        // A session has to be of some use to its command.
        let audit = if hide | reveal == 0 && self.is_along() { AUDIT } else { 0 };
        CONTINUE | hide | reveal | audit
    }

    /// The bytes of the command (TPM 2.0 Part 1, chapter 18), with the first parameter encrypted in our session.
    pub(super) fn frame(&self, ours: Option<(&Session, &Turn)>) -> Zeroizing<Vec<u8>> {
        let mut parameters = Zeroizing::new(self.parameters.to_vec());
        if let (Some((session, turn)), Some((_, value, _)), true) = (ours, self.own(), self.verb.hides_command)
            && let Some(contents) = first_sized(&mut parameters)
        {
            session.hide(turn, value, contents);
        }
        let mut body = Writer::new();
        for entity in self.handles {
            body = body.u32(entity.handle);
        }
        if !self.auths.is_empty() {
            let authorizations = self.authorizations(ours, &parameters);
            body = body.u32(length(&authorizations)).bytes(&authorizations);
        }
        let body = body.bytes(&parameters).finish();
        let size = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
        let tag = if self.auths.is_empty() { BARE } else { AUTHORIZED };
        Writer::new().u16(tag).u32(size).u32(self.verb.code).bytes(&body).finish()
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

    /// Takes a successful answer apart that no session of ours vouches for.
    pub(super) fn read(&self, raw: &[u8]) -> Result<Answer, TpmError> {
        AnswerFrame::parse(self, raw).map(|frame| frame.answer(self)).map_err(|Malformed| malformed(self.verb.name))
    }

    /// The same for an answer in our session: checks its proof over response code, command code and parameters as they were
    /// sent, takes the new nonce over, and only then decrypts.
    pub(super) fn accept(&self, raw: &[u8], session: &mut Session, turn: &Turn) -> Result<Answer, TpmError> {
        let untrusted = |reason| TpmError::Untrusted { command: self.verb.name, reason };
        let frame = AnswerFrame::parse(self, raw).map_err(|Malformed| malformed(self.verb.name))?;
        let rp_hash = sha256_of(&[&0u32.to_be_bytes(), &self.verb.code.to_be_bytes(), frame.parameters]);
        let Some((index, _, value)) = self.own() else { return Err(untrusted("it was not asked for in a session")) };
        let Some((nonce, attributes, hmac)) = frame.sessions.get(index).copied() else {
            return Err(malformed(self.verb.name));
        };
        session.accept(turn, value, &rp_hash, nonce, attributes, hmac).map_err(|_| untrusted("its HMAC is wrong"))?;
        let mut answer = frame.answer(self);
        if self.verb.hides_answer
            && let Some(contents) = first_sized(&mut answer.parameters)
        {
            session.reveal(turn, value, contents);
        }
        Ok(answer)
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

    fn answer(&self, call: &Call<'_>) -> Answer {
        Answer { verb: call.verb, handle: self.handle, parameters: Zeroizing::new(self.parameters.to_vec()) }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::verb;
    use super::*;

    proptest! {
        /// Bytes of any kind, behind each of the two tags that an answer can have.
        #[test]
        fn an_answer_of_arbitrary_bytes_is_refused_and_never_panics(
            tag in prop_oneof![Just(BARE), Just(AUTHORIZED), any::<u16>()],
            rest in prop::collection::vec(any::<u8>(), 0..200),
            brings_handle: bool,
        ) {
            let raw = [&tag.to_be_bytes()[..], &rest].concat();
            let verb = if brings_handle { verb::LOAD } else { verb::UNSEAL };
            let bare = Call { verb, handles: &[], auths: &[], parameters: &[] };
            if let Ok(answer) = bare.read(&raw) {
                prop_assert!(tag == BARE && answer.parameters.len() + HEADER <= raw.len());
            }
            let auths = [Auth::Session(&[1; 32]), Auth::Policy(0x0300_0000)];
            let call = Call { auths: &auths, ..bare };
            let mut session = Session::new(0x0200_0000, &[1; 32], &[2; 32], &[3; 32]);
            let turn = Turn { nonce_caller: [4; 32], attributes: call.attributes() };
            prop_assert!(call.accept(&raw, &mut session, &turn).is_err());
        }
    }
}
