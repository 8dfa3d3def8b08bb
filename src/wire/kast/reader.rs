//! Reading with exact refusals: little-endian headers, big-endian TPM structures. Nothing is allocated here.

use super::{Container, KastFormat, Part};

/// What is left of a structure.
pub(super) struct Reader<'a> {
    container: Container,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(container: Container, bytes: &'a [u8]) -> Self {
        Self { container, rest: bytes }
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], KastFormat> {
        let cut = KastFormat::Truncated { container: self.container };
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A number of a header.
    pub(super) fn little32(&mut self) -> Result<u32, KastFormat> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn little16(&mut self) -> Result<u16, KastFormat> {
        self.array().map(u16::from_le_bytes)
    }

    /// A number of a TPM structure.
    pub(super) fn big32(&mut self) -> Result<u32, KastFormat> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn big16(&mut self) -> Result<u16, KastFormat> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn magic(&mut self, magic: [u8; 4]) -> Result<(), KastFormat> {
        let found = self.array()?;
        let fault = KastFormat::Magic { container: self.container, found: u32::from_le_bytes(found) };
        if found == magic { Ok(()) } else { Err(fault) }
    }

    /// The header's word for its own size.
    pub(super) fn header_size(&mut self, size: u32) -> Result<(), KastFormat> {
        let found = self.little32()?;
        if found == size { Ok(()) } else { Err(KastFormat::HeaderSize { container: self.container, found }) }
    }

    /// A part whose length the header gave.
    pub(super) fn part(&mut self, part: Part, length: u32) -> Result<&'a [u8], KastFormat> {
        let fault = KastFormat::Length { part, length, left: self.rest.len() };
        let wanted = usize::try_from(length).map_err(|_| fault)?;
        let (taken, rest) = self.rest.split_at_checked(wanted).ok_or(fault)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The contents of a `TPM2B` of at most `limit` bytes.
    pub(super) fn tpm2b(&mut self, part: Part, limit: u16) -> Result<&'a [u8], KastFormat> {
        let length = self.big16()?;
        if length > limit {
            return Err(KastFormat::TooLong { part, length: length.into(), limit: limit.into() });
        }
        self.part(part, length.into())
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Refuses anything that was not read.
    pub(super) fn finish(self) -> Result<(), KastFormat> {
        let fault = KastFormat::TrailingBytes { container: self.container, count: self.rest.len() };
        if self.rest.is_empty() { Ok(()) } else { Err(fault) }
    }
}

/// The contents of a part that is one whole `TPM2B`.
pub(super) fn whole_tpm2b(part: Part, bytes: &[u8]) -> Result<&[u8], KastFormat> {
    let (says, contents) = bytes.split_first_chunk().ok_or(KastFormat::NotTpm2b { part, holds: bytes.len() })?;
    let says = u16::from_be_bytes(*says);
    if contents.len() != usize::from(says) {
        return Err(KastFormat::Tpm2b { part, says, holds: contents.len() });
    }
    Ok(contents)
}

/// Appends a length of a header.
pub(super) fn put_length(out: &mut Vec<u8>, part: Part, bytes: &[u8]) -> Result<(), KastFormat> {
    let limit = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
    let fault = KastFormat::TooLong { part, length: bytes.len(), limit };
    let length = u32::try_from(bytes.len()).map_err(|_| fault)?;
    out.extend_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Appends a `TPM2B` of at most `limit` bytes.
pub(super) fn put_tpm2b(out: &mut Vec<u8>, part: Part, bytes: &[u8], limit: u16) -> Result<(), KastFormat> {
    let fault = KastFormat::TooLong { part, length: bytes.len(), limit: limit.into() };
    let length = u16::try_from(bytes.len()).ok().filter(|length| *length <= limit).ok_or(fault)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}
