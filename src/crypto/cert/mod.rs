//! X.509: reading certificates and revocation lists, issuing certificates, and the request that a device signs.

mod bundle;
mod constraint;
mod crl;
mod der;
mod error;
mod extension;
mod issue;
#[cfg(test)]
pub(crate) mod mint;
mod name;
mod nv;
mod parts;
mod read;
mod request;
mod signature;
mod signed_data;

use std::ops::Range;

use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::{CertificatePolicies, ExtendedKeyUsage};

use super::PublicKey;
use super::digest::sha1;
use parts::{Envelope, Extensions, Part, piece};

pub use bundle::{Bundle, BundleFault, LARGEST_BUNDLE, MOST_IN_BUNDLE, read_bundle};
pub use constraint::KeyUses;
pub use crl::{LARGEST_LIST, RevocationList};
pub use error::{CertificateError, SignatureFault};
pub use extension::{Extension, oid};
pub use issue::{Authority, Leaf, Validity};
pub use name::{Name, Text};
pub use nv::{FromNv, Padding};
pub use request::{SignedRequest, UnsignedRequest};

/// The longest certificate that is read. EK certificates have about 1 KiB; a TPM's NV index holds 2 KiB.
pub const LARGEST_CERTIFICATE: usize = 64 * 1024;
/// The most extensions that a certificate, a revocation list or an entry of one may have.
pub const MOST_EXTENSIONS: usize = 64;

/// A certificate that was read: strict DER but for the order of the sets in its names, serial number and key of any kind.
/// Nothing about its trust is implied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    places: Places,
    version_3: bool,
    validity: Validity,
    public: Option<PublicKey>,
}

/// Where its fields stand in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Places {
    envelope: Envelope,
    /// The contents.
    serial: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    spki: Range<usize>,
    /// The contents of the sequence; empty without one.
    extensions: Range<usize>,
}

impl Certificate {
    /// The bytes it was read from.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject's key, if it is of a kind that this crate's own keys have.
    ///
    /// # Errors
    /// [`CertificateError::Key`] for any other, whose signatures [`Self::verify_issued_by`] may check all the same.
    pub fn public(&self) -> Result<&PublicKey, CertificateError> {
        self.public.as_ref().ok_or(CertificateError::Key)
    }

    /// Whether this is an X.509 version 3 certificate.
    pub fn is_v3(&self) -> bool {
        self.version_3
    }

    /// Upper-case hexadecimal SHA-1 of the DER: Windows' thumbprint.
    pub fn thumbprint(&self) -> String {
        sha1(&self.der).iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// The serial number: big-endian in two's complement, minimal. Real ones are negative or longer than 20 bytes, too.
    pub fn serial(&self) -> &[u8] {
        piece(&self.der, &self.places.serial)
    }

    /// The subject.
    pub fn subject(&self) -> Name {
        Name::checked(self.subject_der())
    }

    /// The issuer.
    pub fn issuer(&self) -> Name {
        Name::checked(self.issuer_der())
    }

    /// The subject's DER, by which names are compared.
    pub fn subject_der(&self) -> &[u8] {
        piece(&self.der, &self.places.subject)
    }

    /// The issuer's DER.
    pub fn issuer_der(&self) -> &[u8] {
        piece(&self.der, &self.places.issuer)
    }

    /// First and last instant of validity. A last one that cannot be counted, such as 99991231235959Z, is the last that can.
    pub fn validity(&self) -> Result<Validity, CertificateError> {
        Ok(self.validity)
    }

    /// Checks the signature with the key of the issuer's certificate, of whatever kind: RSA PKCS#1 and RSASSA-PSS with 2048 to
    /// 8192 bits, ECDSA on P-256, P-384 and P-521, each with SHA-256, SHA-384 and SHA-512.
    pub fn verify_issued_by(&self, issuer: &Self) -> Result<(), SignatureFault> {
        self.places.envelope.verify(&self.der, issuer)
    }

    /// `extKeyUsage`, empty without the extension.
    pub fn extended_key_usage(&self) -> Result<Vec<ObjectIdentifier>, CertificateError> {
        Ok(self.typed::<ExtendedKeyUsage>()?.map_or_else(Vec::new, |usage| usage.0))
    }

    /// `certificatePolicies`, empty without the extension.
    pub fn policies(&self) -> Result<Vec<ObjectIdentifier>, CertificateError> {
        let policies = self.typed::<CertificatePolicies>()?;
        Ok(policies.map_or_else(Vec::new, |list| list.0.into_iter().map(|each| each.policy_identifier).collect()))
    }

    /// The directory name in `subjectAltName`, where EK and AIK certificates carry the TPM's vendor, model and version.
    pub fn san_directory_name(&self) -> Result<Option<Name>, CertificateError> {
        self.extension(oid::SUBJECT_ALT_NAME).map_or(Ok(None), read::directory_name)
    }

    /// Whether an extension is there, and whether it is critical.
    pub fn criticality(&self, id: ObjectIdentifier) -> Option<bool> {
        self.part(id).map(|each| each.critical)
    }

    /// Identifiers of the critical extensions, in order.
    pub fn critical_extensions(&self) -> impl Iterator<Item = ObjectIdentifier> {
        let critical = self.extensions().filter(|each| each.critical);
        critical.filter_map(|each| ObjectIdentifier::from_bytes(each.id).ok())
    }

    /// The first critical extension that is none of `known`.
    pub(crate) fn unknown_critical(&self, known: &[ObjectIdentifier]) -> Option<ObjectIdentifier> {
        let mut critical = self.extensions().filter(|each| each.critical);
        let unknown = critical.find(|each| known.iter().all(|id| id.as_bytes() != each.id))?;
        ObjectIdentifier::from_bytes(unknown.id).ok()
    }

    /// The bytes inside an extension's OCTET STRING.
    pub fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        self.part(id).map(|each| each.value)
    }

    fn part(&self, id: ObjectIdentifier) -> Option<Part<'_>> {
        self.extensions().find(|each| each.id == id.as_bytes())
    }

    fn extensions(&self) -> Extensions<'_> {
        Extensions::checked(piece(&self.der, &self.places.extensions))
    }

    fn spki(&self) -> &[u8] {
        piece(&self.der, &self.places.spki)
    }

    fn typed<'a, T>(&'a self) -> Result<Option<T>, CertificateError>
    where
        T: x509_cert::der::Decode<'a> + x509_cert::der::oid::AssociatedOid,
    {
        self.extension(T::OID).map(T::from_der).transpose().map_err(|_| CertificateError::Structure)
    }
}

/// PEM with 64 columns and the label `CERTIFICATE` (RFC 7468).
pub fn pem(der: &[u8]) -> String {
    pem_of("CERTIFICATE", der)
}

/// PEM with 64 columns (RFC 7468) and another label, such as `PUBLIC KEY`.
pub fn pem_of(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

#[cfg(test)]
mod tests;
