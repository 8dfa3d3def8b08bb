//! The bare command with a password session: as cheap as this TPM can be asked over a socketpair.

use anyhow::{Result, anyhow, ensure};
use whfb::device::tpm::KeyKind;
use whfb::device::tpm::swtpm::Swtpm;
use whfb::device::tpm::transport::Transport as _;

use super::Contender;
use crate::bed::{AUTH, Bed, STORAGE_ROOT_KEY, digest};
use crate::operation::Operation;

pub(super) const NAME: &str = "floor";

const CREATE: u32 = 0x153;
const LOAD: u32 = 0x157;
const SIGN: u32 = 0x15D;

/// Bytes in a TPM's answer before what it is about: tag, size and code; with a session the size of the parameters.
const HEADER: usize = 10;
const PREFIX: usize = HEADER + 4;

pub(super) struct Floor {
    swtpm: Swtpm,
    key: Option<u32>,
    command: Vec<u8>,
    bed: Bed,
}

impl Floor {
    pub(super) fn start() -> Result<Self> {
        let bed = Bed::make()?;
        Ok(Self { swtpm: bed.pair()?, key: None, command: Vec::new(), bed })
    }

    fn load(&mut self, kind: KeyKind) -> Result<u32> {
        let key = self.bed.key(kind);
        let parameters = [sized(&key.private)?, sized(&key.public)?].concat();
        let answer = transmit(&mut self.swtpm, &command(LOAD, STORAGE_ROOT_KEY, &[], &parameters)?)?;
        let handle = answer.get(HEADER..PREFIX).ok_or_else(|| anyhow!("no handle"))?;
        Ok(u32::from_be_bytes(handle.try_into()?))
    }

    /// TPM2_Create of a key like the one that is signed with.
    fn create(&self, kind: KeyKind) -> Result<Vec<u8>> {
        let sensitive = sized(&[sized(&AUTH)?, sized(&[])?].concat())?;
        let public = sized(&self.bed.key(kind).public)?;
        command(CREATE, STORAGE_ROOT_KEY, &[], &[sensitive, public, sized(&[])?, vec![0; 4]].concat())
    }
}

impl Contender for Floor {
    fn name(&self) -> &'static str {
        NAME
    }

    fn session(&self) -> &'static str {
        "password"
    }

    fn prepare(&mut self, operation: Operation) -> Result<()> {
        self.command = match operation {
            Operation::Sign(kind) => {
                let handle = self.load(kind)?;
                self.key = Some(handle);
                sign(handle, kind)?
            }
            Operation::Create(kind) => self.create(kind)?,
        };
        Ok(())
    }

    fn run(&mut self, operation: Operation) -> Result<Vec<u8>> {
        let answer = transmit(&mut self.swtpm, &self.command)?;
        if operation.signs() { signature(&answer, operation.kind()) } else { Ok(answer) }
    }

    fn finish(&mut self) -> Result<()> {
        let Some(handle) = self.key.take() else { return Ok(()) };
        let flush = [&[0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65], &handle.to_be_bytes()[..]].concat();
        transmit(&mut self.swtpm, &flush).map(drop)
    }

    fn public(&mut self, kind: KeyKind) -> Result<Vec<u8>> {
        self.bed.public(kind)
    }
}

/// Sends a command and insists on success.
fn transmit(swtpm: &mut Swtpm, command: &[u8]) -> Result<Vec<u8>> {
    let answer = swtpm.transmit(command)?;
    ensure!(answer.get(6..HEADER) == Some(&[0; 4]), "the TPM refused the bare command: {answer:02x?}");
    Ok(answer)
}

/// TPM2B.
pub(super) fn sized(bytes: &[u8]) -> Result<Vec<u8>> {
    Ok([&u16::try_from(bytes.len())?.to_be_bytes()[..], bytes].concat())
}

/// A command with one handle that a password authorizes.
fn command(code: u32, handle: u32, password: &[u8], parameters: &[u8]) -> Result<Vec<u8>> {
    let area = [&0x4000_0009u32.to_be_bytes()[..], &[0, 0, 1], &sized(password)?].concat();
    let area_size = u32::try_from(area.len())?;
    let size = 18 + area_size + u32::try_from(parameters.len())?;
    let head = [size, code, handle, area_size].map(u32::to_be_bytes);
    Ok([&[0x80, 0x02], head.as_flattened(), &area, parameters].concat())
}

/// TPM2_Sign with RSASSA or ECDSA over SHA-256.
fn sign(handle: u32, kind: KeyKind) -> Result<Vec<u8>> {
    let scheme: [u8; 4] = match kind {
        KeyKind::Rsa2048 => [0x00, 0x14, 0x00, 0x0B],
        KeyKind::P256 => [0x00, 0x18, 0x00, 0x0B],
    };
    let ticket = [0x80, 0x24, 0x40, 0x00, 0x00, 0x07, 0x00, 0x00];
    command(SIGN, handle, &AUTH, &[&sized(&digest())?[..], &scheme, &ticket].concat())
}

/// The signature in the answer of TPM2_Sign: after algorithm and hash one TPM2B, or two of 32 bytes.
fn signature(answer: &[u8], kind: KeyKind) -> Result<Vec<u8>> {
    let body = answer.get(PREFIX + 4..).ok_or_else(|| anyhow!("no signature"))?;
    let part = |from: usize, length: usize| body.get(from + 2..from + 2 + length).ok_or_else(|| anyhow!("too short"));
    match kind {
        KeyKind::Rsa2048 => Ok(part(0, 256)?.to_vec()),
        KeyKind::P256 => Ok([part(0, 32)?, part(34, 32)?].concat()),
    }
}
