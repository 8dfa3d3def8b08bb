//! X.509: reading certificates, issuing them, and the request that a device signs.

mod constraint;
mod extension;
mod issue;
mod name;
mod request;
mod signed_data;

use x509_cert::Certificate as X509;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, CertificatePolicies, ExtendedKeyUsage, KeyUsage, SubjectAltName};

use super::digest::sha1;
use super::{PublicKey, SignatureAlgorithm};
use crate::base::Timestamp;

pub use constraint::KeyUses;
pub use extension::{Extension, oid};
pub use issue::{Authority, Leaf, Validity};
pub use name::{Name, Text};
pub use request::{SignedRequest, UnsignedRequest};

/// What is wrong with a certificate or a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CertificateError {
    /// Not DER of that structure, or bytes follow it.
    #[error("not a DER certificate")]
    Structure,
    /// A key of a kind that this crate does not know.
    #[error("the certificate's key is neither RSA nor P-256")]
    Key,
    /// The signature does not verify, or its algorithm is none of ours.
    #[error("the certificate's signature does not verify")]
    Signature,
    /// The private key could not sign.
    #[error("signing the certificate failed")]
    Signing,
    /// A text or number does not fit its field.
    #[error("a field of the certificate cannot be encoded")]
    Field,
}

/// A certificate that was read: strict DER, key of a known kind. Nothing about its trust is implied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    parsed: X509,
    public: PublicKey,
}

impl Certificate {
    /// Reads DER; trailing bytes are refused.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = X509::from_der(der).map_err(|_| CertificateError::Structure)?;
        check_written(&parsed, der)?;
        let spki = parsed.tbs_certificate.subject_public_key_info.to_der();
        let public = spki.ok().and_then(|spki| PublicKey::from_spki(&spki).ok()).ok_or(CertificateError::Key)?;
        Ok(Self { der: der.to_vec(), parsed, public })
    }

    /// The bytes it was read from.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject's key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Whether this is an X.509 version 3 certificate.
    pub fn is_v3(&self) -> bool {
        self.parsed.tbs_certificate.version == x509_cert::Version::V3
    }

    /// The serial number, unique among the certificates of one issuer.
    pub fn serial(&self) -> &[u8] {
        self.parsed.tbs_certificate.serial_number.as_bytes()
    }

    /// Upper-case hexadecimal SHA-1 of the DER: Windows' thumbprint.
    pub fn thumbprint(&self) -> String {
        sha1(&self.der).iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// The subject.
    pub fn subject(&self) -> Name {
        Name::from_x509(self.parsed.tbs_certificate.subject.clone())
    }

    /// The issuer.
    pub fn issuer(&self) -> Name {
        Name::from_x509(self.parsed.tbs_certificate.issuer.clone())
    }

    /// First and last instant of validity.
    pub fn validity(&self) -> Result<Validity, CertificateError> {
        let at = |time: &x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs())
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .ok_or(CertificateError::Field)
        };
        let validity = &self.parsed.tbs_certificate.validity;
        Ok(Validity { from: at(&validity.not_before)?, to: at(&validity.not_after)? })
    }

    /// Checks the signature with the issuer's key.
    pub fn verify_signed_by(&self, issuer: &PublicKey) -> Result<(), CertificateError> {
        let algorithm = match self.parsed.signature_algorithm.oid {
            oid::SHA256_WITH_RSA => SignatureAlgorithm::RsaSha256,
            oid::ECDSA_WITH_SHA256 => SignatureAlgorithm::EcdsaSha256Asn1,
            _ => return Err(CertificateError::Signature),
        };
        if self.parsed.signature_algorithm != self.parsed.tbs_certificate.signature {
            return Err(CertificateError::Signature);
        }
        let signed = self.parsed.tbs_certificate.to_der().map_err(|_| CertificateError::Structure)?;
        let signature = self.parsed.signature.as_bytes().ok_or(CertificateError::Signature)?;
        issuer.verify(algorithm, &signed, signature).map_err(|_| CertificateError::Signature)
    }

    /// `basicConstraints`: the CA flag, or `None` without the extension.
    pub fn is_authority(&self) -> Result<Option<bool>, CertificateError> {
        Ok(self.typed::<BasicConstraints>()?.map(|constraints| constraints.ca))
    }

    /// `extKeyUsage`, empty without the extension.
    pub fn extended_key_usage(&self) -> Result<Vec<ObjectIdentifier>, CertificateError> {
        Ok(self.typed::<ExtendedKeyUsage>()?.map_or_else(Vec::new, |usage| usage.0))
    }

    /// Whether `keyUsage` allows signing certificates; `None` without the extension.
    pub fn may_sign_certificates(&self) -> Result<Option<bool>, CertificateError> {
        Ok(self.typed::<KeyUsage>()?.map(|usage| usage.key_cert_sign()))
    }

    /// `certificatePolicies`, empty without the extension.
    pub fn policies(&self) -> Result<Vec<ObjectIdentifier>, CertificateError> {
        let policies = self.typed::<CertificatePolicies>()?;
        Ok(policies.map_or_else(Vec::new, |list| list.0.into_iter().map(|each| each.policy_identifier).collect()))
    }

    /// The directory name in `subjectAltName`, where EK and AIK certificates carry the TPM's vendor, model and version.
    pub fn san_directory_name(&self) -> Result<Option<Name>, CertificateError> {
        let names = self.typed::<SubjectAltName>()?.map_or_else(Vec::new, |names| names.0);
        Ok(names.into_iter().find_map(|name| match name {
            GeneralName::DirectoryName(name) => Some(Name::from_x509(name)),
            _ => None,
        }))
    }

    /// Whether an extension is there, and whether it is critical.
    pub fn criticality(&self, id: ObjectIdentifier) -> Option<bool> {
        self.extensions().iter().find(|each| each.extn_id == id).map(|each| each.critical)
    }

    /// Identifiers of the critical extensions, in order.
    pub fn critical_extensions(&self) -> Vec<ObjectIdentifier> {
        self.extensions().iter().filter(|each| each.critical).map(|each| each.extn_id).collect()
    }

    /// The bytes inside an extension's OCTET STRING.
    pub fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        self.extensions().iter().find(|each| each.extn_id == id).map(|each| each.extn_value.as_bytes())
    }

    fn extensions(&self) -> &[x509_cert::ext::Extension] {
        self.parsed.tbs_certificate.extensions.as_deref().unwrap_or_default()
    }

    fn typed<'a, T>(&'a self) -> Result<Option<T>, CertificateError>
    where
        T: x509_cert::der::Decode<'a> + x509_cert::der::oid::AssociatedOid,
    {
        self.extension(T::OID).map(T::from_der).transpose().map_err(|_| CertificateError::Structure)
    }
}

/// What was read has to be written to the same bytes, or it was no DER: a default that is spelt out, a set out of order. The
/// signature would be checked over other bytes than were signed.
fn check_written(read: &impl Encode, der: &[u8]) -> Result<(), CertificateError> {
    let written = read.to_der().map_err(|_| CertificateError::Structure)?;
    if written == der { Ok(()) } else { Err(CertificateError::Structure) }
}

/// PEM with 64 columns and the label `CERTIFICATE` (RFC 7468).
pub fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

#[cfg(test)]
mod tests;
