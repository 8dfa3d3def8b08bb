//! The statement itself.

use super::pcp::PcpKeyBlob;
use super::policy::write_policy_digests;
use super::reader::{Reader, put_length, put_tpm2b};
use super::{Container, IdBinding, KastFormat, KeyAttestation, Part, Platform};

const MAGIC: [u8; 4] = *b"KAST";
const VERSION: u32 = 1;
const HEADER: u32 = 28;

/// A KeyAttestationStatement (MS-WCCE section 2.2.2.5).
///
/// Which parts are there depends on the claim (`NCryptCreateClaim`): a subject-only one, which says something about a key,
/// has the key attestation alone; an authority-only one, which says something about the attestation key, the other two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAttestationStatement {
    /// TPM 1.2 or TPM 2.0.
    pub platform: Platform,
    /// Who the attestation key is, see [`IdBinding`]; or empty.
    pub id_binding: Vec<u8>,
    /// Its word for a key, see [`KeyAttestation`]; or empty.
    pub key_attestation: Vec<u8>,
    /// The attestation key as its provider stores it; or empty. Opaque.
    pub aik_opaque: Vec<u8>,
}

/// What a subject-only statement of a Windows user key is put together from.
#[derive(Debug, Clone, Copy)]
pub struct UserKeyParts<'a> {
    /// The key's `TPMT_PUBLIC`, without size prefix.
    pub public: &'a [u8],
    /// The contents of its `TPM2B_PRIVATE`: encrypted by the TPM.
    pub private: &'a [u8],
    /// The branches of its policy, such as [`super::WINDOWS_POLICY_DIGESTS`].
    pub policy_digests: &'a [&'a [u8]],
    /// The `TPMS_ATTEST` of `TPM2_Certify`.
    pub attest: &'a [u8],
    /// The attestation key's signature over it, bare: RSASSA's bytes, or `r || s`.
    pub signature: &'a [u8],
}

impl KeyAttestationStatement {
    /// Reads a whole statement; the parts are cut out and not looked into.
    ///
    /// # Errors
    /// The first fault, from the front.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KastFormat> {
        let mut reader = Reader::new(Container::Statement, bytes);
        reader.magic(MAGIC)?;
        let version = reader.little32()?;
        if version != VERSION {
            return Err(KastFormat::Version(version));
        }
        let platform = Platform::of(reader.little32()?, Container::Statement)?;
        reader.header_size(HEADER)?;
        let (binding, attestation, opaque) = (reader.little32()?, reader.little32()?, reader.little32()?);
        let id_binding = reader.part(Part::IdBinding, binding)?;
        let key_attestation = reader.part(Part::KeyAttestation, attestation)?;
        let aik_opaque = reader.part(Part::AikOpaque, opaque)?;
        reader.finish()?;
        Ok(Self {
            platform,
            id_binding: id_binding.to_vec(),
            key_attestation: key_attestation.to_vec(),
            aik_opaque: aik_opaque.to_vec(),
        })
    }

    /// Writes the statement.
    ///
    /// # Errors
    /// [`KastFormat::TooLong`] for a part of 4 GiB or more.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KastFormat> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        for field in [VERSION, self.platform.code(), HEADER] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        let parts = [
            (Part::IdBinding, &self.id_binding),
            (Part::KeyAttestation, &self.key_attestation),
            (Part::AikOpaque, &self.aik_opaque),
        ];
        for (part, bytes) in parts {
            put_length(&mut out, part, bytes)?;
        }
        for (_, bytes) in parts {
            out.extend_from_slice(bytes);
        }
        Ok(out)
    }

    /// The binding, or none if its part is empty.
    ///
    /// # Errors
    /// Its fault; [`KastFormat::NotTpm20`] for a TPM 1.2, whose binding is laid out otherwise.
    pub fn read_id_binding(&self) -> Result<Option<IdBinding>, KastFormat> {
        if self.id_binding.is_empty() {
            return Ok(None);
        }
        match self.platform {
            Platform::Tpm12 => Err(KastFormat::NotTpm20 { container: Container::IdBinding }),
            Platform::Tpm20 => IdBinding::from_bytes(&self.id_binding).map(Some),
        }
    }

    /// The key attestation, or none if its part is empty.
    ///
    /// # Errors
    /// Its fault; [`KastFormat::PlatformDiffers`] if it is of another platform than the statement.
    pub fn read_key_attestation(&self) -> Result<Option<KeyAttestation>, KastFormat> {
        if self.key_attestation.is_empty() {
            return Ok(None);
        }
        let attestation = KeyAttestation::from_bytes(&self.key_attestation)?;
        match attestation.platform == self.platform {
            true => Ok(Some(attestation)),
            false => Err(KastFormat::PlatformDiffers),
        }
    }

    /// The subject-only statement of a user key that the Windows provider made: its use takes an authorization, no PCRs,
    /// nothing to migrate.
    ///
    /// # Errors
    /// [`KastFormat::TooLong`] for a part that its `TPM2B` cannot hold.
    pub fn of_user_key(parts: &UserKeyParts<'_>) -> Result<Self, KastFormat> {
        let (mut public, mut private) = (Vec::new(), Vec::new());
        put_tpm2b(&mut public, Part::Public, parts.public, u16::MAX)?;
        put_tpm2b(&mut private, Part::Private, parts.private, u16::MAX)?;
        let blob = PcpKeyBlob {
            flags: PcpKeyBlob::AUTH_REQUIRED,
            public,
            private,
            policy_digests: write_policy_digests(parts.policy_digests)?,
            ..PcpKeyBlob::EMPTY
        };
        let attestation = KeyAttestation {
            platform: Platform::Tpm20,
            key_attest: parts.attest.to_vec(),
            signature: parts.signature.to_vec(),
            key_blob: blob.to_bytes()?,
        };
        Ok(Self {
            platform: Platform::Tpm20,
            id_binding: Vec::new(),
            key_attestation: attestation.to_bytes()?,
            aik_opaque: Vec::new(),
        })
    }
}
