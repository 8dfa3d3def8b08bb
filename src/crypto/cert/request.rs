//! PKCS#10 certification requests (RFC 2986): signed by a key that may live in a TPM, so in two steps.

use x509_cert::der::asn1::{BitString, Null, SetOfVec};
use x509_cert::der::{Any, Decode as _, Encode as _};
use x509_cert::request::{CertReq, CertReqInfo, Version};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::{CertificateError, Name, oid};
use crate::crypto::{PublicKey, SignatureAlgorithm};

/// A request that still needs the signature of the key in it.
#[derive(Debug, Clone)]
pub struct UnsignedRequest {
    info: CertReqInfo,
    to_sign: Vec<u8>,
}

impl UnsignedRequest {
    /// Asks for a certificate for `public` under the name `subject`.
    pub fn new(subject: &Name, public: &PublicKey) -> Result<Self, CertificateError> {
        let spki = SubjectPublicKeyInfoOwned::from_der(&public.to_spki()).map_err(|_| CertificateError::Key)?;
        let info = CertReqInfo {
            version: Version::V1,
            subject: subject.to_x509()?,
            public_key: spki,
            attributes: SetOfVec::new(),
        };
        let to_sign = info.to_der().map_err(|_| CertificateError::Field)?;
        Ok(Self { info, to_sign })
    }

    /// The bytes that the key signs with RSASSA-PKCS1-v1_5 over SHA-256.
    pub fn to_sign(&self) -> &[u8] {
        &self.to_sign
    }

    /// The whole request, DER, with the RSA signature in place.
    pub fn signed(self, signature: &[u8]) -> Result<Vec<u8>, CertificateError> {
        let request = CertReq {
            info: self.info,
            algorithm: AlgorithmIdentifierOwned { oid: oid::SHA256_WITH_RSA, parameters: Some(Any::from(Null)) },
            signature: BitString::from_bytes(signature).map_err(|_| CertificateError::Field)?,
        };
        request.to_der().map_err(|_| CertificateError::Field)
    }
}

/// A request whose signature was checked: its sender holds the private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// The name asked for.
    pub subject: Name,
    /// The key asked for.
    pub public: PublicKey,
}

impl SignedRequest {
    /// Reads DER and checks the signature; trailing bytes are refused.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let request = CertReq::from_der(der).map_err(|_| CertificateError::Structure)?;
        check_written(&request, der)?;
        let spki = request.info.public_key.to_der().map_err(|_| CertificateError::Structure)?;
        let public = PublicKey::from_spki(&spki).map_err(|_| CertificateError::Key)?;
        let algorithm = match request.algorithm.oid {
            oid::SHA256_WITH_RSA => SignatureAlgorithm::RsaSha256,
            oid::ECDSA_WITH_SHA256 => SignatureAlgorithm::EcdsaSha256Asn1,
            _ => return Err(CertificateError::Signature),
        };
        let signed = request.info.to_der().map_err(|_| CertificateError::Structure)?;
        let signature = request.signature.as_bytes().ok_or(CertificateError::Signature)?;
        public.verify(algorithm, &signed, signature).map_err(|_| CertificateError::Signature)?;
        Ok(Self { subject: Name::from_x509(&request.info.subject)?, public })
    }
}

/// What was read has to be written to the same bytes, or it was no DER: a default that is spelt out, a set out of order. The
/// signature would be checked over other bytes than were signed.
fn check_written(read: &CertReq, der: &[u8]) -> Result<(), CertificateError> {
    let written = read.to_der().map_err(|_| CertificateError::Structure)?;
    if written == der { Ok(()) } else { Err(CertificateError::NotDer) }
}
