//! `TPMT_SIGNATURE` (TPM 2.0 Part 2, section 11.3.4), as far as attestation keys make them.

use super::reader::{Reader, put_sized};
use super::{ALG_ECDSA, ALG_RSASSA, ALG_SHA1, ALG_SHA256, ALG_SHA384, ALG_SHA512, TpmFormat};

/// RSA-4096.
const RSA_LIMIT: u16 = 512;
/// A number below the order of P-256.
const P256: usize = 32;
const P256_LIMIT: u16 = 32;

/// A signature with the algorithms that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmSignature {
    /// RSASSA or ECDSA.
    pub algorithm: TpmSignatureAlgorithm,
    /// The hash, such as [`ALG_SHA256`]; one of SHA-1, SHA-256, SHA-384 and SHA-512.
    pub hash: u16,
    /// The bare signature: RSASSA's bytes as they are, or `r || s`, each right-aligned in 32 bytes.
    pub signature: Vec<u8>,
}

/// `sigAlg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TpmSignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5, 0x0014.
    Rsassa,
    /// ECDSA on P-256, 0x0018.
    Ecdsa,
}

impl TpmSignature {
    /// Reads a whole `TPMT_SIGNATURE`.
    ///
    /// # Errors
    /// The first fault, from the front: truncated, algorithm, hash, a length, bytes behind.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TpmFormat> {
        let mut reader = Reader::new(bytes);
        let algorithm = match reader.u16()? {
            ALG_RSASSA => TpmSignatureAlgorithm::Rsassa,
            ALG_ECDSA => TpmSignatureAlgorithm::Ecdsa,
            other => return Err(TpmFormat::UnknownSignature(other)),
        };
        let hash = known(reader.u16()?)?;
        let signature = match algorithm {
            TpmSignatureAlgorithm::Rsassa => reader.sized(RSA_LIMIT)?.to_vec(),
            TpmSignatureAlgorithm::Ecdsa => {
                let r = aligned(reader.sized(P256_LIMIT)?);
                let s = aligned(reader.sized(P256_LIMIT)?);
                [r, s].concat()
            }
        };
        reader.finish()?;
        Ok(Self { algorithm, hash, signature })
    }

    /// Writes the `TPMT_SIGNATURE`; `r` and `s` with all of their 32 bytes, as a TPM does.
    ///
    /// # Errors
    /// An unknown hash, or a signature that its field cannot hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TpmFormat> {
        let algorithm = match self.algorithm {
            TpmSignatureAlgorithm::Rsassa => ALG_RSASSA,
            TpmSignatureAlgorithm::Ecdsa => ALG_ECDSA,
        };
        let mut out = Vec::with_capacity(self.signature.len() + 8);
        out.extend_from_slice(&algorithm.to_be_bytes());
        out.extend_from_slice(&known(self.hash)?.to_be_bytes());
        match self.algorithm {
            TpmSignatureAlgorithm::Rsassa => put_sized(&mut out, &self.signature, RSA_LIMIT)?,
            TpmSignatureAlgorithm::Ecdsa => {
                if self.signature.len() != 2 * P256 {
                    return Err(TpmFormat::SignatureLength(self.signature.len()));
                }
                let (r, s) = self.signature.split_at(P256);
                put_sized(&mut out, r, P256_LIMIT)?;
                put_sized(&mut out, s, P256_LIMIT)?;
            }
        }
        Ok(out)
    }
}

fn known(hash: u16) -> Result<u16, TpmFormat> {
    match hash {
        ALG_SHA1 | ALG_SHA256 | ALG_SHA384 | ALG_SHA512 => Ok(hash),
        other => Err(TpmFormat::UnknownHash(other)),
    }
}

/// A number of at most 32 bytes, right-aligned.
fn aligned(number: &[u8]) -> [u8; P256] {
    let mut field = [0; P256];
    for (to, from) in field.iter_mut().rev().zip(number.iter().rev()) {
        *to = *from;
    }
    field
}
