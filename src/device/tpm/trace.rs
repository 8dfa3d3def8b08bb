//! Records what travels to a TPM and back, in a file that Wireshark decodes as TPM 2.0.
//!
//! The format is pcap (draft-ietf-opsawg-pcap): raw IPv4 packets of TCP conversations with port 2321, where Wireshark looks for
//! TPM 2.0. Each TPM that is opened is a conversation of its own. Nothing of it ever was in a network.
//!
//! Masked, as it is unless asked otherwise, a frame keeps its length and structure, and zeros take the place of: HMACs and
//! passwords of authorizations, the salt of a session, and the first parameter of every command or answer in a session that
//! can hold a secret (it travels encrypted anyway). Revealed, it is byte for byte what travelled.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::TpmError;
use super::transport::{HEADER, Transport, read_u32};
use super::verb::{self, Verb};
use crate::base::{Clock, Timestamp};

/// What is done with secrets on their way into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Replaced by zeros.
    Masked,
    /// Kept as they travelled.
    Revealed,
}

/// A file that is being written. Its copies write to the same one.
#[derive(Clone)]
pub struct Trace(Arc<Shared>);

struct Shared {
    file: Mutex<Result<File, std::io::Error>>,
    clock: Box<dyn Clock>,
    secrets: Secrets,
    conversations: AtomicU16,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("secrets", &self.0.secrets).finish_non_exhaustive()
    }
}

impl Trace {
    /// Begins a file that must not exist yet, readable by its owner alone.
    ///
    /// # Errors
    /// That of the file: it exists already, or cannot be written.
    pub fn create(path: &Path, secrets: Secrets, clock: Box<dyn Clock>) -> Result<Self, std::io::Error> {
        /// Microseconds, version 2.4, no zone, whole packets, raw IP; little-endian throughout.
        const HEADER: [u8; 24] =
            [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 101, 0, 0, 0];
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&HEADER)?;
        Ok(Self(Arc::new(Shared { file: Mutex::new(Ok(file)), clock, secrets, conversations: AtomicU16::new(0) })))
    }

    /// A conversation for one more TPM.
    pub fn begin(&self) -> Conversation {
        let number = self.0.conversations.fetch_add(1, Ordering::Relaxed);
        Conversation { trace: self.clone(), port: 0xC000 | number & 0x3FFF, sent: 1, received: 1 }
    }

    /// What went wrong with the file, if something did. Tracing stopped there; the TPM was not disturbed.
    pub fn fault(&self) -> Option<String> {
        self.0.file.lock().unwrap_or_else(PoisonError::into_inner).as_ref().err().map(ToString::to_string)
    }

    fn write(&self, now: Timestamp, packet: &[u8]) {
        let seconds = u32::try_from(now.as_second()).unwrap_or_default();
        let micros = u32::try_from(now.subsec_microsecond()).unwrap_or_default();
        let length = u32::try_from(packet.len()).unwrap_or_default();
        let record = [seconds, micros, length, length].map(u32::to_le_bytes).concat();
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(open) = file.as_mut()
            && let Err(error) = open.write_all(&[&record, packet].concat())
        {
            // A trace with a hole would mislead: nothing more is written.
            *file = Err(error);
        }
    }
}

/// The part of a trace that belongs to one TPM.
#[derive(Debug)]
pub struct Conversation {
    trace: Trace,
    port: u16,
    sent: u32,
    received: u32,
}

impl Conversation {
    /// Carries a command by `transmit` and records it with its answer, each at its time.
    pub(super) fn carry<E>(
        &mut self,
        command: &[u8],
        transmit: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let asked = self.trace.0.clock.now();
        let answer = transmit(command);
        // A command without an answer is what a trace is looked at for.
        self.record(command, asked, answer.as_deref().unwrap_or_default());
        answer
    }

    fn record(&mut self, command: &[u8], asked: Timestamp, answer: &[u8]) {
        let (mut sent, mut received) = (command.to_vec(), answer.to_vec());
        if self.trace.0.secrets == Secrets::Masked {
            mask_answer(command, &mut received);
            mask_command(&mut sent);
        }
        self.trace.write(asked, &packet((self.port, TPM_PORT), self.sent, self.received, &sent));
        self.sent = self.sent.wrapping_add(length(&sent));
        let answered = self.trace.0.clock.now();
        self.trace.write(answered, &packet((TPM_PORT, self.port), self.received, self.sent, &received));
        self.received = self.received.wrapping_add(length(&received));
    }
}

/// A transport that records what goes through it.
pub struct Traced<T> {
    inner: T,
    conversation: Conversation,
}

impl<T: Transport> Traced<T> {
    /// Records what goes through `inner` from now on.
    pub fn new(inner: T, trace: &Trace) -> Self {
        Self { inner, conversation: trace.begin() }
    }
}

impl<T: Transport> Transport for Traced<T> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        let Self { inner, conversation } = self;
        conversation.carry(command, |command| inner.transmit(command))
    }
}

/// Where Wireshark looks for TPM 2.0.
const TPM_PORT: u16 = 2321;

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or_default()
}

/// An IPv4 packet with a TCP segment, from and to 127.0.0.1.
fn packet((from, to): (u16, u16), sequence: u32, acknowledged: u32, payload: &[u8]) -> Vec<u8> {
    const HEADERS: usize = 40;
    const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
    const TCP: u8 = 6;
    /// Header of five words; PSH and ACK.
    const FLAGS: [u8; 2] = [0x50, 0x18];
    let total = u16::try_from(HEADERS + payload.len()).unwrap_or(u16::MAX);
    let mut segment = [&from.to_be_bytes()[..], &to.to_be_bytes(), &sequence.to_be_bytes()].concat();
    segment.extend([&acknowledged.to_be_bytes()[..], &FLAGS, &[0xFF, 0xFF, 0, 0, 0, 0], payload].concat());
    let pseudo = [&LOOPBACK[..], &LOOPBACK, &[0, TCP], &(total - 20).to_be_bytes(), &segment].concat();
    set_checksum(&mut segment, 16, checksum(&pseudo));
    let mut header =
        [&[0x45, 0][..], &total.to_be_bytes(), &[0, 0, 0x40, 0, 64, TCP, 0, 0], &LOOPBACK, &LOOPBACK].concat();
    let sum = checksum(&header);
    set_checksum(&mut header, 10, sum);
    [header, segment].concat()
}

fn set_checksum(bytes: &mut [u8], at: usize, sum: u16) {
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

/// The internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum();
    let folded = (sum >> 16) + (sum & 0xFFFF);
    !u16::try_from((folded >> 16) + (folded & 0xFFFF)).unwrap_or(u16::MAX)
}

/// TPM_ST_SESSIONS.
const WITH_SESSIONS: [u8; 2] = [0x80, 0x02];

fn shape(frame: &[u8]) -> Option<Verb> {
    let code = read_u32(frame, 6)?;
    verb::ALL.into_iter().find(|verb| verb.code == code)
}

/// Blanks what is secret in a command; all of it but the header when it is none that we know.
fn mask_command(frame: &mut [u8]) {
    let sessions = frame.starts_with(&WITH_SESSIONS);
    let Some(verb) = shape(frame) else { return blank(frame.get_mut(HEADER..)) };
    let mut at = HEADER + 4 * verb.handles;
    if sessions {
        let Some(size) = read_u32(frame, at).and_then(|size| usize::try_from(size).ok()) else {
            return blank(frame.get_mut(HEADER..));
        };
        // No further than the frame goes, whatever it says.
        let end = (at + 4).saturating_add(size).min(frame.len());
        at += 4;
        while at < end {
            // Handle, nonce, attributes, HMAC.
            at = skip_sized(frame, at + 4) + 1;
            at = blank_sized(frame, at);
        }
        at = end;
    }
    if verb.code == verb::START_AUTH_SESSION.code {
        // The nonce is none, the salt behind it is.
        let salt = skip_sized(frame, at);
        blank_sized(frame, salt);
    }
    if sessions && verb.hides_command {
        blank_sized(frame, at);
    }
}

/// The same for the answer to `command`.
fn mask_answer(command: &[u8], frame: &mut [u8]) {
    let Some(verb) = shape(command) else { return blank(frame.get_mut(HEADER..)) };
    if !frame.starts_with(&WITH_SESSIONS) {
        return;
    }
    let mut at = HEADER + if verb.brings_handle { 4 } else { 0 };
    let Some(size) = read_u32(frame, at).and_then(|size| usize::try_from(size).ok()) else {
        return blank(frame.get_mut(HEADER..));
    };
    at += 4;
    if verb.hides_answer {
        blank_sized(frame, at);
    }
    at = at.saturating_add(size);
    while at < frame.len() {
        at = skip_sized(frame, at) + 1;
        at = blank_sized(frame, at);
    }
}

/// Where the `TPM2B` at `at` ends; the end of the frame if it is none.
fn skip_sized(frame: &[u8], at: usize) -> usize {
    let size = frame.get(at..).and_then(|rest| rest.first_chunk()).map(|size| usize::from(u16::from_be_bytes(*size)));
    size.map_or(frame.len(), |size| (at + 2).saturating_add(size).min(frame.len()))
}

/// Blanks the contents of the `TPM2B` at `at` and answers where it ends.
fn blank_sized(frame: &mut [u8], at: usize) -> usize {
    let end = skip_sized(frame, at);
    blank(frame.get_mut(at.saturating_add(2)..end));
    end
}

fn blank(bytes: Option<&mut [u8]>) {
    if let Some(bytes) = bytes {
        bytes.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_what_wireshark_expects() {
        let packet = packet((0xC000, TPM_PORT), 1, 1, &[0x80, 0x01, 0, 0, 0, 10, 0, 0, 1, 0x7C]);
        assert_eq!(packet.len(), 50);
        assert_eq!(packet[..12], [0x45, 0, 0, 50, 0, 0, 0x40, 0, 64, 6, 0x3C, 0xC4]);
        assert_eq!(checksum(&packet[..20]), 0, "a right checksum adds up to nothing");
        assert_eq!(packet[20..24], [0xC0, 0, 0x09, 0x11]);
    }

    #[test]
    fn a_command_that_is_not_known_is_blanked_whole() {
        let mut frame = vec![0x80, 0x01, 0, 0, 0, 14, 0x20, 0, 0, 0, 1, 2, 3, 4];
        mask_command(&mut frame);
        assert_eq!(frame[..10], [0x80, 0x01, 0, 0, 0, 14, 0x20, 0, 0, 0]);
        assert_eq!(frame[10..], [0; 4]);
    }

    #[test]
    fn passwords_and_parameters_are_blanked_and_the_structure_stays() {
        // TPM2_Unseal with a password "pin", and its answer "gold".
        let area = [&[0x40, 0, 0, 9, 0, 0, 1, 0, 3][..], b"pin"].concat();
        let mut command = [&[0x80, 2, 0, 0, 0, 30, 0, 0, 1, 0x5E, 0x80, 0, 0, 0, 0, 0, 0, 12][..], &area].concat();
        let mut answer =
            [&[0x80, 2, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 0, 6, 0, 4][..], b"gold", &[0, 0, 1, 0, 0]].concat();
        let before = answer.clone();
        mask_answer(&command, &mut answer);
        assert_eq!(answer[16..20], [0; 4]);
        assert_eq!((&answer[..16], &answer[20..]), (&before[..16], &before[20..]));
        mask_command(&mut command);
        assert_eq!(command[command.len() - 3..], [0; 3]);
        assert_eq!(
            command[..27],
            [&[0x80, 2, 0, 0, 0, 30, 0, 0, 1, 0x5E, 0x80, 0, 0, 0, 0, 0, 0, 12][..], &area[..9]].concat()
        );
    }

    proptest::proptest! {
        #[test]
        fn no_frame_makes_the_mask_stumble_or_change_its_length(
            code in proptest::sample::select(verb::ALL.map(|verb| verb.code).to_vec()),
            tag in 0x8001u16..=0x8002,
            mut command in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
            mut answer in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
        ) {
            for frame in [&mut command, &mut answer] {
                if let Some(field) = frame.get_mut(..2) {
                    field.copy_from_slice(&tag.to_be_bytes());
                }
            }
            if let Some(field) = command.get_mut(6..10) {
                field.copy_from_slice(&code.to_be_bytes());
            }
            let (sent, received) = (command.len(), answer.len());
            mask_answer(&command, &mut answer);
            mask_command(&mut command);
            proptest::prop_assert_eq!((command.len(), answer.len()), (sent, received));
        }
    }
}
