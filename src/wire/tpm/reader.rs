//! Big-endian reading with exact refusals. Nothing is allocated before its bytes are known to be there.

use super::TpmFormat;

/// What is left of the input.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], TpmFormat> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(TpmFormat::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TpmFormat> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(TpmFormat::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, TpmFormat> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, TpmFormat> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, TpmFormat> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, TpmFormat> {
        self.array().map(u64::from_be_bytes)
    }

    /// The contents of a `TPM2B` of at most `limit` bytes. The limit is looked at first: a length that no TPM can mean is
    /// named as such, however much input follows.
    pub(super) fn sized(&mut self, limit: u16) -> Result<&'a [u8], TpmFormat> {
        let length = self.u16()?;
        if length > limit {
            return Err(TpmFormat::LengthTooBig { length: usize::from(length), limit });
        }
        self.take(usize::from(length))
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Refuses anything that was not read.
    pub(super) fn finish(self) -> Result<(), TpmFormat> {
        if self.0.is_empty() { Ok(()) } else { Err(TpmFormat::TrailingBytes { count: self.0.len() }) }
    }
}

/// Appends a `TPM2B` of at most `limit` bytes.
pub(super) fn put_sized(out: &mut Vec<u8>, bytes: &[u8], limit: u16) -> Result<(), TpmFormat> {
    let too_big = TpmFormat::LengthTooBig { length: bytes.len(), limit };
    let length = u16::try_from(bytes.len()).ok().filter(|length| *length <= limit).ok_or(too_big)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}
