//! The key blob of the Platform Crypto Provider, `PCPM` (TSS.MSR `PCPTool.v11`: `PCP_KEY_BLOB_WIN8` and `PCP_20_KEY_BLOB`).

use super::policy::read_policy_digests;
use super::reader::{Reader, put_length, whole_tpm2b};
use super::{Container, KastFormat, Part};

const MAGIC: [u8; 4] = *b"PCPM";
/// `PCPTYPE_TPM20`. A blob of type 1 is one of TPM 1.2 and has a header of 20 bytes.
const TPM20: u32 = 2;

/// Which header a key blob has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PcpHeader {
    /// 0x34 bytes: Windows 8.
    Windows8,
    /// 0x38 bytes: later.
    Later {
        /// The algorithm of the PCR bank; 0 if the key is bound to none.
        pcr_algorithm: u16,
        /// What the compiler left behind it; nothing means anything by it, and it is kept.
        padding: u16,
    },
}

impl PcpHeader {
    /// The header of today, bound to no PCR.
    pub const CURRENT: Self = Self::Later { pcr_algorithm: 0, padding: 0 };

    /// Its length.
    pub fn size(self) -> u32 {
        match self {
            Self::Windows8 => 0x34,
            Self::Later { .. } => 0x38,
        }
    }
}

/// A key of a TPM 2.0 as the Platform Crypto Provider stores it. Every part is kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcpKeyBlob {
    /// Which header it has.
    pub header: PcpHeader,
    /// Bits, see [`Self::AUTH_REQUIRED`].
    pub flags: u32,
    /// A `TPM2B_PUBLIC`.
    pub public: Vec<u8>,
    /// A `TPM2B_PRIVATE`; or empty.
    pub private: Vec<u8>,
    /// Public area of another parent.
    pub migration_public: Vec<u8>,
    /// Private area under another parent.
    pub migration_private: Vec<u8>,
    /// The branches of the policy: a count (32 bits, big-endian) and that many `TPM2B_DIGEST`; or empty.
    pub policy_digests: Vec<u8>,
    /// Mask of PCRs.
    pub pcr_binding: Vec<u8>,
    /// Digest of their values.
    pub pcr_digest: Vec<u8>,
    /// For a key to be imported: its symmetric key, encrypted.
    pub encrypted_secret: Vec<u8>,
    /// For a key to be imported: itself.
    pub tpm12_hostage: Vec<u8>,
}

impl PcpKeyBlob {
    /// The flag `authRequired`: the key takes an authorization, for Windows Hello the PIN's.
    pub const AUTH_REQUIRED: u32 = 1;

    /// Today's header and no part at all, to fill in what there is. As it is, it is no key blob: a public area is missing.
    pub const EMPTY: Self = Self {
        header: PcpHeader::CURRENT,
        flags: 0,
        public: Vec::new(),
        private: Vec::new(),
        migration_public: Vec::new(),
        migration_private: Vec::new(),
        policy_digests: Vec::new(),
        pcr_binding: Vec::new(),
        pcr_digest: Vec::new(),
        encrypted_secret: Vec::new(),
        tpm12_hostage: Vec::new(),
    };

    /// Reads a whole key blob. The public area has to be one `TPM2B`, so has the private area if there is one, and the list
    /// of policy digests a list.
    ///
    /// # Errors
    /// The first fault: header from the front, parts in their order, then what is inside those three.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KastFormat> {
        let mut reader = Reader::new(Container::KeyBlob, bytes);
        reader.magic(MAGIC)?;
        let size = reader.little32()?;
        let kind = reader.little32()?;
        if kind != TPM20 {
            return Err(KastFormat::PcpType(kind));
        }
        let later = match size {
            0x34 => false,
            0x38 => true,
            found => return Err(KastFormat::HeaderSize { container: Container::KeyBlob, found }),
        };
        let mut blob = Self { flags: reader.little32()?, ..Self::EMPTY };
        let mut lengths = [0; 9];
        for length in &mut lengths {
            *length = reader.little32()?;
        }
        blob.header = match later {
            false => PcpHeader::Windows8,
            true => PcpHeader::Later { pcr_algorithm: reader.little16()?, padding: reader.little16()? },
        };
        for ((part, field), length) in blob.fields().into_iter().zip(lengths) {
            field.extend_from_slice(reader.part(part, length)?);
        }
        reader.finish()?;
        blob.public_area()?;
        blob.private_area()?;
        blob.policy_digests()?;
        Ok(blob)
    }

    /// Writes the key blob.
    ///
    /// # Errors
    /// [`KastFormat::TooLong`] for a part of 4 GiB or more.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KastFormat> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        for field in [self.header.size(), TPM20, self.flags] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for (part, bytes) in self.parts() {
            put_length(&mut out, part, bytes)?;
        }
        if let PcpHeader::Later { pcr_algorithm, padding } = self.header {
            out.extend_from_slice(&pcr_algorithm.to_le_bytes());
            out.extend_from_slice(&padding.to_le_bytes());
        }
        for (_, bytes) in self.parts() {
            out.extend_from_slice(bytes);
        }
        Ok(out)
    }

    /// The key's `TPMT_PUBLIC`, without size prefix.
    ///
    /// # Errors
    /// [`KastFormat::NotTpm2b`] or [`KastFormat::Tpm2b`].
    pub fn public_area(&self) -> Result<&[u8], KastFormat> {
        whole_tpm2b(Part::Public, &self.public)
    }

    /// The contents of the `TPM2B_PRIVATE`, encrypted by the TPM; none if the part is empty.
    ///
    /// # Errors
    /// [`KastFormat::NotTpm2b`] or [`KastFormat::Tpm2b`].
    pub fn private_area(&self) -> Result<Option<&[u8]>, KastFormat> {
        if self.private.is_empty() {
            return Ok(None);
        }
        whole_tpm2b(Part::Private, &self.private).map(Some)
    }

    /// The branches of the policy, in their order; none if the part is empty.
    ///
    /// # Errors
    /// [`KastFormat::DigestCount`] before anything is allocated, or the fault of a digest.
    pub fn policy_digests(&self) -> Result<Vec<&[u8]>, KastFormat> {
        if self.policy_digests.is_empty() {
            return Ok(Vec::new());
        }
        read_policy_digests(&self.policy_digests)
    }

    /// Whether the key takes an authorization.
    pub fn auth_required(&self) -> bool {
        self.flags & Self::AUTH_REQUIRED != 0
    }

    fn parts(&self) -> [(Part, &[u8]); 9] {
        [
            (Part::Public, &self.public),
            (Part::Private, &self.private),
            (Part::MigrationPublic, &self.migration_public),
            (Part::MigrationPrivate, &self.migration_private),
            (Part::PolicyDigests, &self.policy_digests),
            (Part::PcrBinding, &self.pcr_binding),
            (Part::PcrDigest, &self.pcr_digest),
            (Part::EncryptedSecret, &self.encrypted_secret),
            (Part::Tpm12Hostage, &self.tpm12_hostage),
        ]
    }

    fn fields(&mut self) -> [(Part, &mut Vec<u8>); 9] {
        [
            (Part::Public, &mut self.public),
            (Part::Private, &mut self.private),
            (Part::MigrationPublic, &mut self.migration_public),
            (Part::MigrationPrivate, &mut self.migration_private),
            (Part::PolicyDigests, &mut self.policy_digests),
            (Part::PcrBinding, &mut self.pcr_binding),
            (Part::PcrDigest, &mut self.pcr_digest),
            (Part::EncryptedSecret, &mut self.encrypted_secret),
            (Part::Tpm12Hostage, &mut self.tpm12_hostage),
        ]
    }
}
