//! `idBinding` of a TPM 2.0: what the TPM said when it made the attestation key.

use super::reader::{Reader, put_tpm2b};
use super::{Container, KastFormat, Part};
use crate::wire::tpm::TpmSignature;

/// `TPM2B_PUBLIC || TPM2B_CREATION_DATA || TPM2B_ATTEST || TPMT_SIGNATURE` (MS-WCCE section 2.2.2.5; PCP reads them in this
/// order), big-endian. The three byte strings are the contents, without size prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdBinding {
    /// The attestation key's `TPMT_PUBLIC`.
    pub public: Vec<u8>,
    /// `TPMS_CREATION_DATA`.
    pub creation_data: Vec<u8>,
    /// The `TPMS_ATTEST` of its creation, type 0x801A.
    pub attest: Vec<u8>,
    /// The attestation key's own signature over that.
    pub signature: TpmSignature,
}

impl IdBinding {
    /// Reads a whole binding.
    ///
    /// # Errors
    /// The first fault, from the front.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KastFormat> {
        let mut reader = Reader::new(Container::IdBinding, bytes);
        let public = reader.tpm2b(Part::AikPublic, u16::MAX)?;
        let creation_data = reader.tpm2b(Part::CreationData, u16::MAX)?;
        let attest = reader.tpm2b(Part::Attest, u16::MAX)?;
        let signature = TpmSignature::from_bytes(reader.rest()).map_err(KastFormat::Signature)?;
        Ok(Self { public: public.to_vec(), creation_data: creation_data.to_vec(), attest: attest.to_vec(), signature })
    }

    /// Writes the binding.
    ///
    /// # Errors
    /// A part that its field cannot hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KastFormat> {
        let mut out = Vec::new();
        put_tpm2b(&mut out, Part::AikPublic, &self.public, u16::MAX)?;
        put_tpm2b(&mut out, Part::CreationData, &self.creation_data, u16::MAX)?;
        put_tpm2b(&mut out, Part::Attest, &self.attest, u16::MAX)?;
        out.extend_from_slice(&self.signature.to_bytes().map_err(KastFormat::Signature)?);
        Ok(out)
    }
}
