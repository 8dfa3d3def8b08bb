//! The two ways to carry the signature over `certInfo`, and the two ways to write an ECDSA signature.

use super::WebauthnFormat;
use super::cose::CoseAlgorithm;
use crate::wire::tpm::{TpmSignature, TpmSignatureAlgorithm};

/// A number below the order of P-256.
const NUMBER: usize = 32;

/// `sig`. The specification says `TPMT_SIGNATURE` (WebAuthn section 8.3); what Windows Hello sends is bare, and so is what is
/// written here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementSignature {
    /// As WebAuthn carries signatures elsewhere (section 6.5.5): RSASSA's bytes, or DER of `r` and `s`.
    Bare(Vec<u8>),
    /// With the algorithms around it.
    Wrapped(TpmSignature),
}

impl StatementSignature {
    /// A signature as a TPM gives it and a lab statement has it: RSASSA's bytes, or `r || s`.
    ///
    /// # Errors
    /// [`WebauthnFormat::EcdsaLength`].
    pub fn of_tpm(algorithm: CoseAlgorithm, signature: &[u8]) -> Result<Self, WebauthnFormat> {
        match algorithm {
            CoseAlgorithm::Es256 => ecdsa_to_der(signature).map(Self::Bare),
            CoseAlgorithm::Rs256 | CoseAlgorithm::Rs1 => Ok(Self::Bare(signature.to_vec())),
        }
    }

    /// The signature as WebAuthn carries it: RSASSA's bytes, or DER of `r` and `s`.
    ///
    /// # Errors
    /// [`WebauthnFormat::EcdsaLength`] for a wrapped signature that is no `r || s`.
    pub fn bare(&self) -> Result<Vec<u8>, WebauthnFormat> {
        match self {
            Self::Bare(bytes) => Ok(bytes.clone()),
            Self::Wrapped(signature) => match signature.algorithm {
                TpmSignatureAlgorithm::Rsassa => Ok(signature.signature.clone()),
                TpmSignatureAlgorithm::Ecdsa => ecdsa_to_der(&signature.signature),
            },
        }
    }

    /// The signature as a TPM gives it and a lab statement has it: RSASSA's bytes, or `r || s`.
    ///
    /// # Errors
    /// [`WebauthnFormat::EcdsaDer`] for bytes that are no ECDSA signature under ES256.
    pub fn to_tpm(&self, algorithm: CoseAlgorithm) -> Result<Vec<u8>, WebauthnFormat> {
        match (self, algorithm) {
            (Self::Bare(bytes), CoseAlgorithm::Es256) => ecdsa_from_der(bytes).map(Vec::from),
            (Self::Bare(bytes), _) => Ok(bytes.clone()),
            (Self::Wrapped(signature), _) => Ok(signature.signature.clone()),
        }
    }

    /// Wrapped if the bytes are one whole `TPMT_SIGNATURE` of that kind of key, else bare. An RSA signature of the length
    /// that looks like one would have to be under a key of 2096 or 3120 bits, say; one in DER begins otherwise.
    pub(super) fn read(algorithm: CoseAlgorithm, bytes: Vec<u8>) -> Self {
        let wanted = match algorithm {
            CoseAlgorithm::Es256 => TpmSignatureAlgorithm::Ecdsa,
            CoseAlgorithm::Rs256 | CoseAlgorithm::Rs1 => TpmSignatureAlgorithm::Rsassa,
        };
        match TpmSignature::from_bytes(&bytes) {
            Ok(signature) if signature.algorithm == wanted => Self::Wrapped(signature),
            _ => Self::Bare(bytes),
        }
    }
}

/// `r || s` of P-256 as `Ecdsa-Sig-Value` (RFC 3279 section 2.2.3), DER.
///
/// # Errors
/// [`WebauthnFormat::EcdsaLength`] for other than 64 bytes.
pub fn ecdsa_to_der(signature: &[u8]) -> Result<Vec<u8>, WebauthnFormat> {
    let signature: &[u8; 2 * NUMBER] =
        signature.try_into().map_err(|_| WebauthnFormat::EcdsaLength(signature.len()))?;
    let (r, s) = signature.split_at(NUMBER);
    let numbers = [der_integer(r), der_integer(s)].concat();
    Ok([&[0x30, short(&numbers)][..], &numbers].concat())
}

/// `Ecdsa-Sig-Value` in DER as `r || s`, each right-aligned in 32 bytes.
///
/// # Errors
/// [`WebauthnFormat::EcdsaDer`] for what is not exactly that.
pub fn ecdsa_from_der(der: &[u8]) -> Result<[u8; 2 * NUMBER], WebauthnFormat> {
    let fixed = read_der(der).ok_or(WebauthnFormat::EcdsaDer)?;
    // One way to write it: everything that DER forbids is found by writing it again.
    if ecdsa_to_der(&fixed)? == der { Ok(fixed) } else { Err(WebauthnFormat::EcdsaDer) }
}

fn read_der(der: &[u8]) -> Option<[u8; 2 * NUMBER]> {
    let [0x30, _, numbers @ ..] = der else { return None };
    let mut fixed = [0; 2 * NUMBER];
    let (r, s) = fixed.split_at_mut(NUMBER);
    let rest = place(r, numbers)?;
    place(s, rest)?.is_empty().then_some(fixed)
}

/// Puts the number at the front into its field and returns what follows it.
fn place<'a>(field: &mut [u8], bytes: &'a [u8]) -> Option<&'a [u8]> {
    let [0x02, length, rest @ ..] = bytes else { return None };
    let (number, rest) = rest.split_at_checked(usize::from(*length))?;
    let number = number.strip_prefix(&[0]).unwrap_or(number);
    let start = field.len().checked_sub(number.len())?;
    field[start..].copy_from_slice(number);
    Some(rest)
}

fn der_integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take(number.len() - 1).take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let sign: &[u8] = if number.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    let value = [sign, number].concat();
    [&[0x02, short(&value)][..], &value].concat()
}

/// A length below 128: two numbers of at most 33 bytes, or both of them.
fn short(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap_or(u8::MAX)
}
