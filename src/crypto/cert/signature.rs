//! Signatures of issuers of any make: which algorithm, which key, and whether it verifies.
//!
//! Sources: RFC 4055 (RSA), RFC 5758 (ECDSA), RFC 5480 (keys on curves).

use aws_lc_rs::signature::{
    self as aws, EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use x509_cert::der::asn1::ObjectIdentifier;

use super::der::{CONTEXT, Element, INTEGER, NULL, OBJECT_IDENTIFIER, Reader, SEQUENCE};
use super::{CertificateError, SignatureFault, oid};

/// The digests that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// A signature algorithm that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Pkcs1(Hash),
    Pss(Hash),
    Ecdsa(Hash),
}

/// Algorithms over MD2, MD5 and SHA-1, by their names.
const WEAK: &[(ObjectIdentifier, &str)] = &[
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2"), "md2WithRSAEncryption"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"), "md5WithRSAEncryption"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"), "sha1WithRSAEncryption"),
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.29"), "sha1WithRSASignature"),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"), "id-dsa-with-sha1"),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"), "ecdsa-with-SHA1"),
];
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const PSS_SHA1: &str = "id-RSASSA-PSS with SHA-1";

impl Hash {
    fn of(id: ObjectIdentifier) -> Option<Self> {
        match id {
            oid::SHA256 => Some(Self::Sha256),
            oid::SHA384 => Some(Self::Sha384),
            oid::SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    fn length(self) -> u8 {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Scheme {
    /// Reads an `AlgorithmIdentifier` whose form was checked.
    pub(super) fn read(identifier: &[u8]) -> Result<Self, SignatureFault> {
        let (algorithm, parameters) = identified(identifier).map_err(|_| SignatureFault::Invalid)?;
        if let Some((_, algorithm)) = WEAK.iter().find(|(id, _)| *id == algorithm) {
            return Err(SignatureFault::Weak { algorithm });
        }
        let (scheme, as_it_must_be) = match algorithm {
            oid::SHA256_WITH_RSA => (Self::Pkcs1(Hash::Sha256), null_or_none(parameters)),
            oid::SHA384_WITH_RSA => (Self::Pkcs1(Hash::Sha384), null_or_none(parameters)),
            oid::SHA512_WITH_RSA => (Self::Pkcs1(Hash::Sha512), null_or_none(parameters)),
            oid::ECDSA_WITH_SHA256 => (Self::Ecdsa(Hash::Sha256), parameters.is_none()),
            oid::ECDSA_WITH_SHA384 => (Self::Ecdsa(Hash::Sha384), parameters.is_none()),
            oid::ECDSA_WITH_SHA512 => (Self::Ecdsa(Hash::Sha512), parameters.is_none()),
            PSS => return pss(parameters).map(Self::Pss),
            _ => return Err(SignatureFault::Unknown { algorithm }),
        };
        if as_it_must_be { Ok(scheme) } else { Err(SignatureFault::Parameters { algorithm }) }
    }
}

/// Identifier and parameters of an `AlgorithmIdentifier`.
fn identified(identifier: &[u8]) -> Result<(ObjectIdentifier, Option<Element<'_>>), CertificateError> {
    let mut inside = Element::only(identifier, SEQUENCE)?.open();
    let id = inside.take(OBJECT_IDENTIFIER)?.oid()?;
    let parameters = if inside.is_empty() { None } else { Some(inside.any()?) };
    inside.end().map(|()| (id, parameters))
}

/// RFC 4055 section 5 wants NULL, and lets nothing pass for it.
fn null_or_none(parameters: Option<Element<'_>>) -> bool {
    parameters.is_none_or(|each| each.tag == NULL && each.value.is_empty())
}

/// `RSASSA-PSS-params` (RFC 4055 section 3.1): the same digest in both places, a salt of its length, the only trailer there is.
/// The defaults are SHA-1, so whatever is left out is that.
fn pss(parameters: Option<Element<'_>>) -> Result<Hash, SignatureFault> {
    let odd = |_| SignatureFault::Parameters { algorithm: PSS };
    let parameters = parameters.ok_or(SignatureFault::Parameters { algorithm: PSS })?;
    let (digest, mask, salt) = pss_fields(parameters.whole).map_err(odd)?;
    if [digest, mask].iter().any(|each| each.is_none_or(|id| id == SHA1)) {
        return Err(SignatureFault::Weak { algorithm: PSS_SHA1 });
    }
    match digest.and_then(Hash::of) {
        Some(hash) if mask == digest && salt == Some(&[hash.length()][..]) => Ok(hash),
        _ => Err(SignatureFault::Parameters { algorithm: PSS }),
    }
}

type PssFields<'a> = (Option<ObjectIdentifier>, Option<ObjectIdentifier>, Option<&'a [u8]>);

/// The digest, the digest of MGF1 and the length of the salt.
fn pss_fields(parameters: &[u8]) -> Result<PssFields<'_>, CertificateError> {
    let mut fields = Element::only(parameters, SEQUENCE)?.open();
    let digest = match fields.optional(CONTEXT)? {
        Some(digest) => Some(digest_identified(digest.value)?),
        None => None,
    };
    let mask = match fields.optional(CONTEXT + 1)? {
        Some(mask) => match identified(mask.value)? {
            (MGF1, Some(digest)) => Some(digest_identified(digest.whole)?),
            _ => return Err(CertificateError::Structure),
        },
        None => None,
    };
    let salt = match fields.optional(CONTEXT + 2)? {
        Some(salt) => Some(Element::only(salt.value, INTEGER)?.integer()?),
        None => None,
    };
    fields.end().map(|()| (digest, mask, salt))
}

fn digest_identified(identifier: &[u8]) -> Result<ObjectIdentifier, CertificateError> {
    let (id, parameters) = identified(identifier)?;
    if null_or_none(parameters) { Ok(id) } else { Err(CertificateError::Structure) }
}

/// The curves that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// A key that signatures can be checked with, where it stands in a `SubjectPublicKeyInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IssuerKey<'a> {
    /// Both numbers without leading zeros; and the digest, where the key is for RSASSA-PSS alone.
    Rsa { modulus: &'a [u8], exponent: &'a [u8], only: RsaUse },
    /// The point, as it stands there.
    Ec { curve: Curve, point: &'a [u8] },
}

/// What an RSA key is for, by the algorithm that its `SubjectPublicKeyInfo` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RsaUse {
    /// rsaEncryption: both paddings.
    Any,
    /// id-RSASSA-PSS without parameters.
    Pss,
    /// id-RSASSA-PSS with parameters: this digest alone.
    PssWith(Hash),
}

impl<'a> IssuerKey<'a> {
    /// Reads a `SubjectPublicKeyInfo`; `None` if it is none of the keys above.
    pub(super) fn read(spki: &'a [u8]) -> Option<Self> {
        let mut inside = Element::only(spki, SEQUENCE).ok()?.open();
        let algorithm = inside.take(SEQUENCE).ok()?;
        let (0, key) = inside.any().ok()?.bits().ok()? else { return None };
        let (id, parameters) = identified(algorithm.whole).ok()?;
        match id {
            oid::RSA_ENCRYPTION if null_or_none(parameters) => rsa(key, RsaUse::Any),
            PSS if parameters.is_none() => rsa(key, RsaUse::Pss),
            PSS => rsa(key, RsaUse::PssWith(pss(parameters).ok()?)),
            oid::EC_PUBLIC_KEY => {
                let curve = match parameters?.oid().ok()? {
                    oid::PRIME256V1 => Curve::P256,
                    oid::SECP384R1 => Curve::P384,
                    oid::SECP521R1 => Curve::P521,
                    _ => return None,
                };
                Some(Self::Ec { curve, point: key })
            }
            _ => None,
        }
    }

    /// Verifies `signature` over `message`. A key of another kind than the algorithm's fails like a wrong signature.
    pub(super) fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
        let verified = match (*self, scheme) {
            (Self::Ec { curve, point }, Scheme::Ecdsa(hash)) => {
                UnparsedPublicKey::new(ecdsa(curve, hash), point).verify(message, signature)
            }
            (Self::Rsa { modulus: n, exponent: e, only }, _) => match rsa_parameters(scheme, only) {
                Some(parameters) => RsaPublicKeyComponents { n, e }.verify(parameters, message, signature),
                None => return Err(SignatureFault::Invalid),
            },
            _ => return Err(SignatureFault::Invalid),
        };
        verified.map_err(|_| SignatureFault::Invalid)
    }
}

/// `RSAPublicKey`: 2048 to 8192 bits. aws-lc bounds the exponent by 33 bits.
fn rsa(key: &[u8], only: RsaUse) -> Option<IssuerKey<'_>> {
    let mut numbers: Reader<'_> = Element::only(key, SEQUENCE).ok()?.open();
    let modulus = numbers.take(INTEGER).ok()?.positive().ok()?;
    let exponent = numbers.take(INTEGER).ok()?.positive().ok()?;
    numbers.end().ok()?;
    let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
    let usable = (2048..=8192).contains(&bits) && modulus.last()? % 2 == 1 && exponent.last()? % 2 == 1;
    (usable && exponent != [1] && exponent.len() <= 5).then_some(IssuerKey::Rsa { modulus, exponent, only })
}

fn rsa_parameters(scheme: Scheme, only: RsaUse) -> Option<&'static RsaParameters> {
    match (scheme, only) {
        (Scheme::Pkcs1(hash), RsaUse::Any) => Some(match hash {
            Hash::Sha256 => &aws::RSA_PKCS1_2048_8192_SHA256,
            Hash::Sha384 => &aws::RSA_PKCS1_2048_8192_SHA384,
            Hash::Sha512 => &aws::RSA_PKCS1_2048_8192_SHA512,
        }),
        (Scheme::Pss(hash), RsaUse::PssWith(other)) if hash != other => None,
        (Scheme::Pss(hash), _) => Some(match hash {
            Hash::Sha256 => &aws::RSA_PSS_2048_8192_SHA256,
            Hash::Sha384 => &aws::RSA_PSS_2048_8192_SHA384,
            Hash::Sha512 => &aws::RSA_PSS_2048_8192_SHA512,
        }),
        _ => None,
    }
}

fn ecdsa(curve: Curve, hash: Hash) -> &'static EcdsaVerificationAlgorithm {
    match (curve, hash) {
        (Curve::P256, Hash::Sha256) => &aws::ECDSA_P256_SHA256_ASN1,
        (Curve::P256, Hash::Sha384) => &aws::ECDSA_P256_SHA384_ASN1,
        (Curve::P256, Hash::Sha512) => &aws::ECDSA_P256_SHA512_ASN1,
        (Curve::P384, Hash::Sha256) => &aws::ECDSA_P384_SHA256_ASN1,
        (Curve::P384, Hash::Sha384) => &aws::ECDSA_P384_SHA384_ASN1,
        (Curve::P384, Hash::Sha512) => &aws::ECDSA_P384_SHA512_ASN1,
        (Curve::P521, Hash::Sha256) => &aws::ECDSA_P521_SHA256_ASN1,
        (Curve::P521, Hash::Sha384) => &aws::ECDSA_P521_SHA384_ASN1,
        (Curve::P521, Hash::Sha512) => &aws::ECDSA_P521_SHA512_ASN1,
    }
}
