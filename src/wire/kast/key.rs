//! `keyAttestation`, "KADS": an attestation key's word for a key.

use super::reader::{Reader, put_length};
use super::{Container, KastFormat, Part, PcpKeyBlob, Platform};

const MAGIC: [u8; 4] = *b"KADS";
const HEADER: u32 = 24;

/// `keyAttestation` of a statement. Its header has no version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAttestation {
    /// TPM 1.2 or TPM 2.0.
    pub platform: Platform,
    /// For TPM 2.0 the `TPMS_ATTEST` of `TPM2_Certify`. MS-WCCE names structures of TPM 1.2 here whatever the platform is;
    /// the PCP sample writes this one.
    pub key_attest: Vec<u8>,
    /// The signature over it, bare: without the header of a `TPMT_SIGNATURE`.
    pub signature: Vec<u8>,
    /// The key as its provider stores it, see [`PcpKeyBlob`].
    pub key_blob: Vec<u8>,
}

impl KeyAttestation {
    /// Reads a whole key attestation; the parts are cut out and not looked into.
    ///
    /// # Errors
    /// The first fault, from the front.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KastFormat> {
        let mut reader = Reader::new(Container::KeyAttestation, bytes);
        reader.magic(MAGIC)?;
        let platform = Platform::of(reader.little32()?, Container::KeyAttestation)?;
        reader.header_size(HEADER)?;
        let (attest, signature, blob) = (reader.little32()?, reader.little32()?, reader.little32()?);
        let key_attest = reader.part(Part::KeyAttest, attest)?;
        let signature = reader.part(Part::Signature, signature)?;
        let key_blob = reader.part(Part::KeyBlob, blob)?;
        reader.finish()?;
        Ok(Self {
            platform,
            key_attest: key_attest.to_vec(),
            signature: signature.to_vec(),
            key_blob: key_blob.to_vec(),
        })
    }

    /// Writes the key attestation.
    ///
    /// # Errors
    /// [`KastFormat::TooLong`] for a part of 4 GiB or more.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KastFormat> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.platform.code().to_le_bytes());
        out.extend_from_slice(&HEADER.to_le_bytes());
        let parts =
            [(Part::KeyAttest, &self.key_attest), (Part::Signature, &self.signature), (Part::KeyBlob, &self.key_blob)];
        for (part, bytes) in parts {
            put_length(&mut out, part, bytes)?;
        }
        for (_, bytes) in parts {
            out.extend_from_slice(bytes);
        }
        Ok(out)
    }

    /// The key blob.
    ///
    /// # Errors
    /// Its fault; [`KastFormat::NotTpm20`] for a TPM 1.2, whose key blob is laid out otherwise.
    pub fn read_key_blob(&self) -> Result<PcpKeyBlob, KastFormat> {
        match self.platform {
            Platform::Tpm12 => Err(KastFormat::NotTpm20 { container: Container::KeyBlob }),
            Platform::Tpm20 => PcpKeyBlob::from_bytes(&self.key_blob),
        }
    }
}
