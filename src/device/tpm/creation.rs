//! What `TPM2_Create` says beside the key: how the TPM made it.

use super::KeyBlob;
use super::marshal::{Malformed, Reader, Writer};
use crate::crypto::digest::sha256;

/// `TPM_ST_CREATION`.
const ST_CREATION: u16 = 0x8021;

/// A new key, and what the TPM says of how it made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The key.
    pub key: KeyBlob,
    /// How it was made.
    pub creation: Creation,
}

/// How a TPM made a key, for [`CertifyAuthority::Creation`](super::CertifyAuthority::Creation). Good until the TPM is cleared.
///
/// Nothing of it is secret: the ticket is the TPM's own HMAC over Name and hash, which no other TPM and no host can make.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Creation {
    /// The `TPMS_CREATION_DATA` (no size prefix): locality, PCRs and the parent's Names (TPM 2.0 Part 2, section 15.1).
    #[serde(with = "crate::wire::base64_bytes")]
    pub data: Vec<u8>,
    /// The `TPMT_TK_CREATION` (section 10.6.3).
    #[serde(with = "crate::wire::base64_bytes")]
    pub ticket: Vec<u8>,
}

impl Creation {
    /// The creation hash: SHA-256, as that is the name algorithm of every key here, over the creation data.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.data)
    }

    /// Reads what follows the public area in the answer to `TPM2_Create`, to its end.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let data = reader.sized()?.to_vec();
        let told = reader.sized()?;
        let (tag, hierarchy, digest) = (reader.u16()?, reader.u32()?, reader.sized()?);
        Self::assemble(data, told, (tag, hierarchy, digest))
    }

    /// Puts creation data and the fields of its ticket together; refuses a hash that is another one.
    pub(super) fn assemble(data: Vec<u8>, told: &[u8], ticket: (u16, u32, &[u8])) -> Result<Self, Malformed> {
        let (tag, hierarchy, digest) = ticket;
        let ticket = Writer::new().u16(tag).u32(hierarchy).sized(digest).finish().to_vec();
        let creation = Self { data, ticket };
        if tag == ST_CREATION && creation.hash() == told { Ok(creation) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(told: &[u8], tag: u16) -> Result<Creation, Malformed> {
        let ticket = (tag, 0x4000_0001, &[7; 32][..]);
        Creation::assemble(b"creation data".to_vec(), told, ticket)
    }

    #[test]
    fn keeps_the_ticket_as_it_came() {
        let mut answer = Writer::new().sized(b"creation data").sized(&sha256(b"creation data")).finish().to_vec();
        let ticket = Writer::new().u16(ST_CREATION).u32(0x4000_0001).sized(&[7; 32]).finish().to_vec();
        answer.extend(&ticket);
        let mut reader = Reader::new(&answer);
        let creation = Creation::read(&mut reader).unwrap();
        assert_eq!((creation.data.as_slice(), creation.ticket), (&b"creation data"[..], ticket));
        assert_eq!(reader.end(), Ok(()));
        for short in 0..answer.len() {
            assert_eq!(Creation::read(&mut Reader::new(&answer[..short])), Err(Malformed), "{short}");
        }
    }

    #[test]
    fn refuses_the_hash_of_other_data_and_a_ticket_of_another_kind() {
        let right = sha256(b"creation data");
        assert!(read(&right, ST_CREATION).is_ok());
        assert_eq!(read(&sha256(b"other data"), ST_CREATION), Err(Malformed));
        assert_eq!(read(&right[..31], ST_CREATION), Err(Malformed));
        assert_eq!(read(&right, 0x8024), Err(Malformed));
    }
}
