//! `TPMS_ATTEST` (TPM 2.0 Part 2, section 10.12.12).

use super::reader::{Reader, put_sized};
use super::{NAME_LIMIT, TpmFormat};

/// `TPM_GENERATED_VALUE`: the mark on everything that a restricted key signs and a host cannot have made.
pub const GENERATED: u32 = 0xff54_4347;
/// `TPM_ST_ATTEST_CERTIFY`.
pub const ATTEST_CERTIFY: u16 = 0x8017;
/// `TPM_ST_ATTEST_CREATION`.
pub const ATTEST_CREATION: u16 = 0x801a;

/// What a TPM signed. Magic and type are read, not judged: that is the verifier's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attest {
    /// `magic`, [`GENERATED`] if a TPM made it.
    pub magic: u32,
    /// `type`.
    pub kind: u16,
    /// Qualified Name of the signing key.
    pub qualified_signer: Vec<u8>,
    /// `extraData`: what the caller wanted signed along.
    pub extra_data: Vec<u8>,
    /// Clock and counters.
    pub clock: ClockInfo,
    /// Vendor's number of the firmware.
    pub firmware_version: u64,
    /// What is attested.
    pub attested: Attested,
}

/// `TPMS_CLOCK_INFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockInfo {
    /// Milliseconds that the TPM was powered.
    pub clock: u64,
    /// Resets since the last clear.
    pub reset_count: u32,
    /// Restarts and resumes since the last reset.
    pub restart_count: u32,
    /// Whether no greater clock value was reported before.
    pub safe: bool,
}

/// `TPMU_ATTEST`, as far as this crate reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attested {
    /// `TPMS_CERTIFY_INFO`: the key is loaded in the TPM.
    Certify {
        /// Name of the certified object.
        name: Vec<u8>,
        /// Its qualified Name.
        qualified_name: Vec<u8>,
    },
    /// `TPMS_CREATION_INFO`: the TPM made the key.
    Creation {
        /// Name of the object.
        object_name: Vec<u8>,
        /// Digest of its creation data.
        creation_hash: Vec<u8>,
    },
    /// A body of another type, unread.
    Other(Vec<u8>),
}

impl Attest {
    /// Reads a whole `TPMS_ATTEST`. The body of a type other than certify and creation is kept unread, with all that follows.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TpmFormat> {
        let mut reader = Reader::new(bytes);
        let (magic, kind) = (reader.u32()?, reader.u16()?);
        let qualified_signer = reader.sized(NAME_LIMIT)?;
        let extra_data = reader.sized(NAME_LIMIT)?;
        let clock = ClockInfo::read(&mut reader)?;
        let firmware_version = reader.u64()?;
        let attested = Attested::read(&mut reader, kind)?;
        reader.finish()?;
        Ok(Self {
            magic,
            kind,
            qualified_signer: qualified_signer.to_vec(),
            extra_data: extra_data.to_vec(),
            clock,
            firmware_version,
            attested,
        })
    }

    /// Writes the `TPMS_ATTEST`. Fails where a field is longer than a TPM could hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TpmFormat> {
        let mut out = Vec::with_capacity(192);
        out.extend_from_slice(&self.magic.to_be_bytes());
        out.extend_from_slice(&self.kind.to_be_bytes());
        put_sized(&mut out, &self.qualified_signer, NAME_LIMIT)?;
        put_sized(&mut out, &self.extra_data, NAME_LIMIT)?;
        self.clock.write(&mut out);
        out.extend_from_slice(&self.firmware_version.to_be_bytes());
        let (first, second) = match &self.attested {
            Attested::Certify { name, qualified_name } => (name, qualified_name),
            Attested::Creation { object_name, creation_hash } => (object_name, creation_hash),
            Attested::Other(body) => {
                out.extend_from_slice(body);
                return Ok(out);
            }
        };
        put_sized(&mut out, first, NAME_LIMIT)?;
        put_sized(&mut out, second, NAME_LIMIT)?;
        Ok(out)
    }
}

impl ClockInfo {
    fn read(reader: &mut Reader<'_>) -> Result<Self, TpmFormat> {
        let (clock, reset_count, restart_count) = (reader.u64()?, reader.u32()?, reader.u32()?);
        let safe = match reader.u8()? {
            0 => false,
            1 => true,
            other => return Err(TpmFormat::NotAFlag(other)),
        };
        Ok(Self { clock, reset_count, restart_count, safe })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.clock.to_be_bytes());
        out.extend_from_slice(&self.reset_count.to_be_bytes());
        out.extend_from_slice(&self.restart_count.to_be_bytes());
        out.push(u8::from(self.safe));
    }
}

impl Attested {
    fn read(reader: &mut Reader<'_>, kind: u16) -> Result<Self, TpmFormat> {
        if kind != ATTEST_CERTIFY && kind != ATTEST_CREATION {
            return Ok(Self::Other(reader.rest().to_vec()));
        }
        let (first, second) = (reader.sized(NAME_LIMIT)?.to_vec(), reader.sized(NAME_LIMIT)?.to_vec());
        Ok(if kind == ATTEST_CERTIFY {
            Self::Certify { name: first, qualified_name: second }
        } else {
            Self::Creation { object_name: first, creation_hash: second }
        })
    }
}
