//! A transport that lies once, at one command.

use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use whfb::device::tpm::TpmError;
use whfb::device::tpm::swtpm::Swtpm;
use whfb::device::tpm::transport::Transport;

/// What is done to one command or its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lie {
    Truncated,
    Oversized,
    Random,
    WrongHmac,
    ChangedParameter,
    Replayed,
    WrongNonce,
    SessionEvicted,
    ObjectMemory,
    SessionMemory,
    Lockout,
    KilledBefore,
    KilledAfter,
    /// 33 wrong authorizations sent behind our back, at the command that opens the protector alone.
    LockedOutReally,
}

impl Lie {
    /// Those that are told at every command.
    pub(crate) const EVERYWHERE: [Self; 13] = [
        Self::Truncated,
        Self::Oversized,
        Self::Random,
        Self::WrongHmac,
        Self::ChangedParameter,
        Self::Replayed,
        Self::WrongNonce,
        Self::SessionEvicted,
        Self::ObjectMemory,
        Self::SessionMemory,
        Self::Lockout,
        Self::KilledBefore,
        Self::KilledAfter,
    ];
}

/// What is to be told, and what has been said.
#[derive(Default)]
pub(crate) struct Script {
    /// The lie and the number of its command, from 0.
    pub(crate) lie: Option<(Lie, usize)>,
    /// Commands so far.
    pub(crate) count: usize,
    /// Neither counted nor lied to for now.
    pub(crate) aside: bool,
    /// Whether the lie differed from the truth.
    pub(crate) told: bool,
    /// Codes and answers of all commands counted.
    pub(crate) answers: Vec<(u32, Vec<u8>)>,
    /// Every byte that was sent.
    pub(crate) sent: Vec<u8>,
    pub(crate) session: Option<u32>,
}

pub(crate) struct Liar {
    pub(crate) inner: Swtpm,
    pub(crate) script: Arc<Mutex<Script>>,
}

const START_AUTH_SESSION: u32 = 0x176;
/// Load, CreatePrimary and StartAuthSession answer with a handle.
const BRINGS_HANDLE: [u32; 3] = [0x157, 0x131, START_AUTH_SESSION];
pub(crate) const UNSEAL: u32 = 0x15E;

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |field| u32::from_be_bytes(field.try_into().unwrap()))
}

impl Transport for Liar {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        let script = Arc::clone(&self.script);
        let mut script = script.lock().unwrap();
        script.sent.extend(command);
        let code = number(command, 6);
        if script.aside {
            return self.inner.transmit(command);
        }
        let lie = script.lie.filter(|(_, at)| *at == script.count).map(|(lie, _)| lie);
        script.count += 1;
        match lie {
            Some(Lie::SessionEvicted) => script.told = self.evict(script.session),
            Some(Lie::KilledBefore) => script.told = self.kill(),
            Some(Lie::LockedOutReally) => script.told = self.guess(command),
            _ => {}
        }
        let truth = self.inner.transmit(command)?;
        if code == START_AUTH_SESSION && number(&truth, 6) == 0 && truth[10] == 2 {
            script.session = Some(number(&truth, 10));
        }
        let answer = match lie {
            Some(Lie::KilledAfter) => {
                script.told = self.kill();
                return Err(TpmError::Gone("it closed the connection".to_owned()));
            }
            Some(lie) => {
                let lied = tell(lie, code, &truth, &script.answers).filter(|lied| *lied != truth);
                script.told |= lied.is_some();
                lied.unwrap_or_else(|| truth.clone())
            }
            None => truth.clone(),
        };
        script.answers.push((code, truth));
        Ok(answer)
    }
}

impl Liar {
    fn kill(&self) -> bool {
        let pid = i32::try_from(self.inner.process_id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::KILL).is_ok()
    }

    fn evict(&mut self, session: Option<u32>) -> bool {
        let Some(session) = session else { return false };
        let mut command = vec![0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65];
        command.extend(session.to_be_bytes());
        self.inner.transmit(&command).is_ok_and(|answer| number(&answer, 6) == 0)
    }

    /// Guesses at what `command` is about to open, with a password, until the TPM locks.
    fn guess(&mut self, command: &[u8]) -> bool {
        let mut guess = vec![0x80, 0x02, 0, 0, 0, 28, 0, 0, 0x01, 0x5E];
        guess.extend(&command[10..14]);
        guess.extend([0, 0, 0, 10, 0x40, 0, 0, 9, 0, 0, 0, 0, 1, b'x']);
        (0..40).any(|_| self.inner.transmit(&guess).is_ok_and(|answer| number(&answer, 6) == 0x921))
    }
}

/// The false answer; `None` where there is nothing of the kind to falsify.
fn tell(lie: Lie, code: u32, truth: &[u8], earlier: &[(u32, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut answer = truth.to_vec();
    match lie {
        Lie::Truncated => {
            answer.pop();
        }
        Lie::Oversized => answer.extend([0; 64]),
        Lie::Random => answer.iter_mut().zip(noise()).for_each(|(byte, noise)| *byte = noise),
        Lie::WrongHmac => flip(&mut answer, proof(code, truth)?.1),
        Lie::WrongNonce => flip(&mut answer, proof(code, truth)?.0),
        Lie::ChangedParameter => flip(&mut answer, last_parameter(code, truth)?),
        Lie::Replayed => {
            let same = earlier.iter().rev().find(|(before, answer)| *before == code && answer != truth);
            return same.or(earlier.last()).map(|(_, answer)| answer.clone());
        }
        Lie::ObjectMemory => return Some(refusal(0x902)),
        Lie::SessionMemory => return Some(refusal(0x903)),
        Lie::Lockout => return Some(refusal(0x921)),
        Lie::SessionEvicted | Lie::KilledBefore | Lie::KilledAfter | Lie::LockedOutReally => return None,
    }
    Some(answer)
}

fn flip(answer: &mut [u8], at: usize) {
    answer[at] ^= 0x10;
}

fn refusal(code: u32) -> Vec<u8> {
    [&[0x80, 0x01, 0, 0, 0, 10][..], &code.to_be_bytes()].concat()
}

/// Bytes without a pattern, the same each time (xorshift).
fn noise() -> impl Iterator<Item = u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes().first().copied()
    })
}

/// Where the parameters of an answer with sessions begin and end.
fn parameters(code: u32, answer: &[u8]) -> Option<(usize, usize)> {
    let start = if BRINGS_HANDLE.contains(&code) { 14 } else { 10 };
    (answer.starts_with(&[0x80, 0x02])).then(|| (start + 4, start + 4 + number(answer, start) as usize))
}

fn last_parameter(code: u32, answer: &[u8]) -> Option<usize> {
    match parameters(code, answer) {
        Some((start, end)) => (end > start).then(|| end - 1),
        None => (answer.len() > 10).then(|| answer.len() - 1),
    }
}

/// A byte of the nonce and one of the HMAC of the first session that has both.
fn proof(code: u32, answer: &[u8]) -> Option<(usize, usize)> {
    let (_, mut at) = parameters(code, answer)?;
    let sized = |at: usize| answer.get(at..at + 2).map(|size| usize::from(u16::from_be_bytes([size[0], size[1]])));
    loop {
        let nonce = sized(at)?;
        let hmac_at = at + 2 + nonce + 1;
        let hmac = sized(hmac_at)?;
        if nonce > 0 && hmac > 0 {
            return Some((at + 2, hmac_at + 2));
        }
        at = hmac_at + 2 + hmac;
    }
}
