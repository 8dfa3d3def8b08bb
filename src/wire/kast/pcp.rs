//! The key blob of the Platform Crypto Provider, `PCPM` (TSS.MSR `PCPTool.v11`: `PCP_KEY_BLOB_WIN8` and `PCP_20_KEY_BLOB`).

use super::reader::{Reader, put_length, put_tpm2b, whole_tpm2b};
use super::{Container, KastFormat, Part};

const MAGIC: [u8; 4] = *b"PCPM";
/// `PCPTYPE_TPM20`. A blob of type 1 is one of TPM 1.2 and has a header of 20 bytes.
const TPM20: u32 = 2;
/// The longest digest, SHA-512.
const DIGEST_LIMIT: u16 = 64;
/// The least that a digest takes in a list: its length.
const DIGEST_ROOM: usize = 2;

/// The branches of the policy of every key of the Windows provider, in the order in which its key blobs list them: user;
/// admin: ObjectChangeAuth, Certify, ActivateCredential; duplication, empty since such a key never leaves its TPM; admin:
/// Certify without PIN. PolicyOR over those that are not empty is [`crate::wire::tpm::WINDOWS_POLICY`].
pub const WINDOWS_POLICY_DIGESTS: [&[u8]; 6] = [
    &[
        0x8f, 0xcd, 0x21, 0x69, 0xab, 0x92, 0x69, 0x4e, 0x0c, 0x63, 0x3f, 0x1a, 0xb7, 0x72, 0x84, 0x2b, 0x82, 0x41,
        0xbb, 0xc2, 0x02, 0x88, 0x98, 0x1f, 0xc7, 0xac, 0x1e, 0xdd, 0xc1, 0xfd, 0xdb, 0x0e,
    ],
    &[
        0xe5, 0x29, 0xf5, 0xd6, 0x11, 0x28, 0x72, 0x95, 0x4e, 0x8e, 0xd6, 0x60, 0x51, 0x17, 0xb7, 0x57, 0xe2, 0x37,
        0xc6, 0xe1, 0x95, 0x13, 0xa9, 0x49, 0xfe, 0xe1, 0xf2, 0x04, 0xc4, 0x58, 0x02, 0x3a,
    ],
    &[
        0xaf, 0x2c, 0xa5, 0x69, 0x69, 0x9c, 0x43, 0x6a, 0x21, 0x00, 0x6f, 0x1c, 0xb8, 0xa2, 0x75, 0x6c, 0x98, 0xbc,
        0x1c, 0x76, 0x5a, 0x35, 0x59, 0xc5, 0xfe, 0x1c, 0x3f, 0x5e, 0x72, 0x28, 0xa7, 0xe7,
    ],
    &[
        0xc4, 0x13, 0xa8, 0x47, 0xb1, 0x11, 0x12, 0xb1, 0xcb, 0xdd, 0xd4, 0xec, 0xa4, 0xda, 0xaa, 0x15, 0xa1, 0x85,
        0x2c, 0x1c, 0x3b, 0xba, 0x57, 0x46, 0x1d, 0x25, 0x76, 0x05, 0xf3, 0xd5, 0xaf, 0x53,
    ],
    &[],
    &[
        0x04, 0x8e, 0x9a, 0x3a, 0xce, 0x08, 0x58, 0x3f, 0x79, 0xf3, 0x44, 0xff, 0x78, 0x5b, 0xbe, 0xa9, 0xf0, 0x7a,
        0xc7, 0xfa, 0x33, 0x25, 0xb3, 0xd4, 0x9a, 0x21, 0xdd, 0x51, 0x94, 0xc6, 0x58, 0x50,
    ],
];

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
        let mut reader = Reader::new(Container::PolicyDigests, &self.policy_digests);
        let (count, left) = (reader.big32()?, reader.left());
        let fits = usize::try_from(count).is_ok_and(|count| count <= left / DIGEST_ROOM);
        if !fits {
            return Err(KastFormat::DigestCount { count, left });
        }
        let digests = (0..count).map(|_| reader.tpm2b(Part::PolicyDigest, DIGEST_LIMIT));
        let digests = digests.collect::<Result<Vec<_>, _>>()?;
        reader.finish()?;
        Ok(digests)
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

/// Writes a list of policy digests: a count and that many `TPM2B_DIGEST`, all big-endian.
///
/// # Errors
/// [`KastFormat::TooLong`] for a digest of more than 64 bytes.
pub fn write_policy_digests(digests: &[&[u8]]) -> Result<Vec<u8>, KastFormat> {
    let count = u32::try_from(digests.len()).map_err(|_| KastFormat::TooLong {
        part: Part::PolicyDigests,
        length: digests.len(),
        limit: usize::try_from(u32::MAX).unwrap_or(usize::MAX),
    })?;
    let mut out = count.to_be_bytes().to_vec();
    for digest in digests {
        put_tpm2b(&mut out, Part::PolicyDigest, digest, DIGEST_LIMIT)?;
    }
    Ok(out)
}
