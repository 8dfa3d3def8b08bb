//! `BCRYPT_RSAKEY_BLOB`, public form (MS-ADTS section 2.2.20.5.1): 24 bytes of little-endian header, then exponent and
//! modulus, big-endian.

use crate::crypto::digest::sha256;
use crate::crypto::{InvalidKey, RsaPublic};

const MAGIC: &[u8; 4] = b"RSA1";
const HEADER: usize = 24;

/// What is wrong with a blob, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BlobFault {
    /// No bytes at all.
    #[error("the key blob is empty")]
    Empty,
    /// Shorter than the header.
    #[error("the key blob is shorter than its header")]
    Truncated,
    /// The magic is another one.
    #[error("the key blob's magic is not RSA1")]
    Magic,
    /// Lengths of primes are given: the blob holds, or claims to hold, a private key.
    #[error("the key blob has primes in it")]
    Primes,
    /// Header and size disagree, or bytes follow the modulus.
    #[error("the key blob's lengths disagree with its size")]
    Lengths,
    /// The bit length is not that of the modulus.
    #[error("the key blob's bit length is not its modulus' length")]
    BitLength,
    /// The numbers are no RSA key.
    #[error("the key blob's numbers are no RSA key: {0}")]
    Numbers(InvalidKey),
}

/// Writes a public key; 283 bytes for RSA-2048 with exponent 65537.
pub fn write(key: &RsaPublic) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + key.exponent().len() + key.modulus().len());
    out.extend_from_slice(MAGIC);
    for length in [key.bits(), key.exponent().len(), key.modulus().len(), 0, 0] {
        // An RSA key that fits memory has lengths far below four gigabytes.
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend_from_slice(key.exponent());
    out.extend_from_slice(key.modulus());
    out
}

/// Reads a public key; every byte is accounted for.
pub fn read(blob: &[u8]) -> Result<RsaPublic, BlobFault> {
    if blob.is_empty() {
        return Err(BlobFault::Empty);
    }
    let (header, body) = blob.split_first_chunk::<HEADER>().ok_or(BlobFault::Truncated)?;
    if !header.starts_with(MAGIC) {
        return Err(BlobFault::Magic);
    }
    let [bits, exponent, modulus, prime1, prime2] = lengths(header);
    if prime1 != 0 || prime2 != 0 {
        return Err(BlobFault::Primes);
    }
    if u64::from(exponent) + u64::from(modulus) != body.len() as u64 {
        return Err(BlobFault::Lengths);
    }
    let (exponent, modulus) = body.split_at(exponent as usize);
    let key = RsaPublic::new(modulus, exponent).map_err(BlobFault::Numbers)?;
    if key.bits() != bits as usize {
        return Err(BlobFault::BitLength);
    }
    Ok(key)
}

fn lengths(header: &[u8; HEADER]) -> [u32; 5] {
    std::array::from_fn(|index| {
        let at = 4 + index * 4;
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    })
}

/// The key identifier of a Hello key: SHA-256 over the whole blob (MS-ADTS section 2.2.20.6).
pub fn key_id(blob: &[u8]) -> [u8; 32] {
    sha256(blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RsaPublic {
        let mut modulus = vec![0x5a; 256];
        modulus[0] = 0xc3;
        modulus[255] |= 1;
        RsaPublic::new(&modulus, &[1, 0, 1]).unwrap()
    }

    #[test]
    fn a_2048_bit_key_is_283_bytes_and_survives() {
        let blob = write(&key());
        assert_eq!(blob.len(), 283);
        assert!(super::super::encoding::base64(&blob).starts_with("UlNBMQAIAAADAAAAAAEAAAAAAAAAAAAAAQAB"));
        assert_eq!(read(&blob), Ok(key()));
    }

    #[test]
    fn names_each_fault() {
        let good = write(&key());
        let with = |at: usize, byte: u8| {
            let mut blob = good.clone();
            blob[at] = byte;
            blob
        };
        let longer = [&good[..], &[0]].concat();
        for (blob, fault) in [
            (Vec::new(), BlobFault::Empty),
            (good[..23].to_vec(), BlobFault::Truncated),
            (with(3, b'2'), BlobFault::Magic),
            (with(16, 128), BlobFault::Primes),
            (with(20, 128), BlobFault::Primes),
            (good[..282].to_vec(), BlobFault::Lengths),
            (longer, BlobFault::Lengths),
            (with(8, 4), BlobFault::Lengths),
            (with(15, 0xff), BlobFault::Lengths),
            (with(4, 1), BlobFault::BitLength),
            (with(27, 0), BlobFault::Numbers(InvalidKey::Number)),
            (with(282, 2), BlobFault::Numbers(InvalidKey::EvenModulus)),
            (with(26, 2), BlobFault::Numbers(InvalidKey::Exponent)),
        ] {
            assert_eq!(read(&blob), Err(fault));
        }
    }

    #[test]
    fn no_prefix_is_a_key() {
        let good = write(&key());
        for length in 0..good.len() {
            assert!(read(&good[..length]).is_err(), "{length} bytes");
        }
    }
}
