//! Big-endian bytes in and out of a command (TPM 2.0 Part 2, chapter 4).
//!
//! Structures without secrets are marshalled by `tpm2-protocol`. Its buffers live on the stack and are not wiped, so
//! authorization values and unsealed data pass through the wiped buffers here instead.

use tpm2_protocol::data::TpmtPublic;
use tpm2_protocol::{TpmMarshal, TpmSized, TpmUnmarshal as _, TpmWriter};
use zeroize::Zeroizing;

/// The answer is shorter, longer or of another form than its command says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Collects the parameters of a command.
#[derive(Debug, Default)]
pub(super) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(super) fn new() -> Self {
        // One allocation that is never outgrown: a buffer that moves leaves an unwiped copy behind.
        Self(Zeroizing::new(Vec::with_capacity(super::transport::LONGEST)))
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    pub(super) fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A `TPM2B`: a 16-bit length, then the bytes. What is longer than a `TPM2B` can be is cut, and the TPM refuses the rest
    /// as trailing data.
    pub(super) fn sized(self, bytes: &[u8]) -> Self {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.u16(length).bytes(bytes)
    }

    pub(super) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// Takes the parameters of an answer apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// The contents of a `TPM2B`.
    pub(super) fn sized(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Refuses bytes that nobody asked for.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// The bytes of a structure of `tpm2-protocol`.
pub(super) fn encode(structure: &(impl TpmMarshal + TpmSized)) -> Result<Vec<u8>, Malformed> {
    let mut bytes = vec![0; structure.len()];
    let mut writer = TpmWriter::new(&mut bytes);
    structure.marshal(&mut writer).map_err(|_| Malformed)?;
    let written = writer.len();
    bytes.truncate(written);
    Ok(bytes)
}

/// Reads a `TPMT_PUBLIC` that fills `bytes`.
pub(super) fn decode_public(bytes: &[u8]) -> Result<TpmtPublic, Malformed> {
    match TpmtPublic::unmarshal(bytes) {
        Ok((public, [])) => Ok(public),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let bytes = Writer::new().u8(1).u16(2).u32(3).sized(b"four").finish();
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.u8(), reader.u16(), reader.u32()), (Ok(1), Ok(2), Ok(3)));
        assert_eq!(reader.sized(), Ok(&b"four"[..]));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn refuses_lengths_beyond_the_end_and_bytes_beyond_the_structure() {
        assert_eq!(Reader::new(&[0, 3, 1, 2]).sized(), Err(Malformed));
        assert_eq!(Reader::new(&[0]).u16(), Err(Malformed));
        assert_eq!(Reader::new(&[0]).end(), Err(Malformed));
        assert!(decode_public(&[]).is_err());
        assert!(decode_public(&[0xFF; 64]).is_err());
    }
}
