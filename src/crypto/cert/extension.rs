//! Certificate extensions, each made by a function that is named for its use.

use x509_cert::attr::Attribute;
use x509_cert::der::asn1::{Any, Ia5String, OctetString, SetOfVec, Utf8StringRef};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::{Decode as _, Encode};
use x509_cert::ext::Extension as X509Extension;
use x509_cert::ext::pkix::certpolicy::PolicyInformation;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::{Certificate, CertificateError, Name};
use crate::crypto::PublicKey;
use crate::crypto::digest::sha256;

/// Object identifiers by their names in the standards.
pub mod oid {
    pub use x509_cert::der::asn1::ObjectIdentifier;

    macro_rules! oids {
        ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
            $($(#[$doc])* pub const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($text);)*
        };
    }

    oids! {
        /// rsaEncryption.
        RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
        /// id-ecPublicKey.
        EC_PUBLIC_KEY = "1.2.840.10045.2.1";
        /// secp256r1, which is P-256.
        PRIME256V1 = "1.2.840.10045.3.1.7";
        /// secp384r1, which is P-384.
        SECP384R1 = "1.3.132.0.34";
        /// secp521r1, which is P-521.
        SECP521R1 = "1.3.132.0.35";
        /// sha256WithRSAEncryption.
        SHA256_WITH_RSA = "1.2.840.113549.1.1.11";
        /// sha384WithRSAEncryption.
        SHA384_WITH_RSA = "1.2.840.113549.1.1.12";
        /// sha512WithRSAEncryption.
        SHA512_WITH_RSA = "1.2.840.113549.1.1.13";
        /// id-sha256.
        SHA256 = "2.16.840.1.101.3.4.2.1";
        /// id-sha384.
        SHA384 = "2.16.840.1.101.3.4.2.2";
        /// id-sha512.
        SHA512 = "2.16.840.1.101.3.4.2.3";
        /// id-data (RFC 5652 section 4).
        CMS_DATA = "1.2.840.113549.1.7.1";
        /// id-signedData (RFC 5652 section 5.1).
        CMS_SIGNED_DATA = "1.2.840.113549.1.7.2";
        /// ecdsa-with-SHA256.
        ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
        /// ecdsa-with-SHA384.
        ECDSA_WITH_SHA384 = "1.2.840.10045.4.3.3";
        /// ecdsa-with-SHA512.
        ECDSA_WITH_SHA512 = "1.2.840.10045.4.3.4";
        /// commonName.
        COMMON_NAME = "2.5.4.3";
        /// organizationName.
        ORGANIZATION = "2.5.4.10";
        /// organizationalUnitName.
        ORGANIZATIONAL_UNIT = "2.5.4.11";
        /// domainComponent.
        DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25";
        /// subjectAltName.
        SUBJECT_ALT_NAME = "2.5.29.17";
        /// basicConstraints.
        BASIC_CONSTRAINTS = "2.5.29.19";
        /// keyUsage.
        KEY_USAGE = "2.5.29.15";
        /// subjectKeyIdentifier.
        SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
        /// authorityKeyIdentifier.
        AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
        /// cRLNumber.
        CRL_NUMBER = "2.5.29.20";
        /// deltaCRLIndicator: the list holds only what changed since another one.
        DELTA_CRL_INDICATOR = "2.5.29.27";
        /// issuingDistributionPoint: the list holds only some of its issuer's certificates, or those of others.
        ISSUING_DISTRIBUTION_POINT = "2.5.29.28";
        /// certificateIssuer, of a list's entry: the certificate is that of another issuer.
        CERTIFICATE_ISSUER = "2.5.29.29";
        /// reasonCode, of a list's entry.
        REASON_CODE = "2.5.29.21";
        /// invalidityDate, of a list's entry.
        INVALIDITY_DATE = "2.5.29.24";
        /// certificatePolicies.
        CERTIFICATE_POLICIES = "2.5.29.32";
        /// extKeyUsage.
        EXTENDED_KEY_USAGE = "2.5.29.37";
        /// subjectDirectoryAttributes.
        SUBJECT_DIRECTORY_ATTRIBUTES = "2.5.29.9";
        /// id-kp-serverAuth.
        SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
        /// id-kp-clientAuth.
        CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
        /// tcg-kp-EKCertificate (TCG EK Credential Profile).
        EK_CERTIFICATE = "2.23.133.8.1";
        /// tcg-kp-AIKCertificate.
        AIK_CERTIFICATE = "2.23.133.8.3";
        /// tcg-at-tpmManufacturer.
        TPM_MANUFACTURER = "2.23.133.2.1";
        /// tcg-at-tpmModel.
        TPM_MODEL = "2.23.133.2.2";
        /// tcg-at-tpmVersion.
        TPM_VERSION = "2.23.133.2.3";
        /// tcg-at-tpmSpecification.
        TPM_SPECIFICATION = "2.23.133.2.16";
        /// Microsoft: the EK was trusted on use or by its key, not by a certificate (AD CS key attestation, low assurance).
        POLICY_EK_UNVERIFIED = "1.3.6.1.4.1.311.21.32";
        /// Microsoft: the EK's certificate chain was verified (AD CS key attestation, medium assurance).
        POLICY_EK_CERTIFICATE = "1.3.6.1.4.1.311.21.31";
        /// id-fido-gen-ce-aaguid (WebAuthn section 8.2.1).
        AAGUID = "1.3.6.1.4.1.45724.1.1.4";
        /// Entra device certificate: device id.
        DEVICE_ID = "1.2.840.113556.1.5.284.2";
        /// Entra device certificate: object id of the joining user.
        DEVICE_USER = "1.2.840.113556.1.5.284.3";
        /// Entra device certificate: tenant id.
        DEVICE_TENANT = "1.2.840.113556.1.5.284.5";
        /// Entra device certificate: join type.
        DEVICE_JOIN_TYPE = "1.2.840.113556.1.5.284.7";
        /// Entra device certificate: region of the tenant.
        DEVICE_REGION = "1.2.840.113556.1.5.284.8";
    }
}

/// One extension, ready to be put into a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension(pub(super) X509Extension);

impl Extension {
    /// `basicConstraints`, critical.
    pub fn basic_constraints(ca: bool) -> Result<Self, CertificateError> {
        Self::typed(oid::BASIC_CONSTRAINTS, true, &BasicConstraints { ca, path_len_constraint: None })
    }

    /// `keyUsage` of a certificate authority: keyCertSign and cRLSign, critical.
    pub fn key_usage_authority() -> Result<Self, CertificateError> {
        Self::key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign)
    }

    /// `keyUsage` digitalSignature, critical.
    pub fn key_usage_signature() -> Result<Self, CertificateError> {
        Self::key_usage(KeyUsages::DigitalSignature)
    }

    /// `keyUsage` keyEncipherment, critical: an RSA endorsement key.
    pub fn key_usage_encipherment() -> Result<Self, CertificateError> {
        Self::key_usage(KeyUsages::KeyEncipherment)
    }

    /// `keyUsage` keyAgreement, critical: a P-256 endorsement key.
    pub fn key_usage_agreement() -> Result<Self, CertificateError> {
        Self::key_usage(KeyUsages::KeyAgreement)
    }

    /// `subjectKeyIdentifier`: the first 160 bits of the SHA-256 of the key's bits (RFC 7093 section 2, method 1).
    pub fn subject_key_identifier(key: &PublicKey) -> Result<Self, CertificateError> {
        let id = key_identifier(key)?;
        Self::typed(oid::SUBJECT_KEY_IDENTIFIER, false, &SubjectKeyIdentifier(id))
    }

    /// `authorityKeyIdentifier` with the key identifier alone: that of the issuer's certificate, where it has one.
    pub(super) fn authority_key_identifier(issuer: &Certificate) -> Result<Self, CertificateError> {
        let id = match issuer.subject_key_id() {
            Some(id) => OctetString::new(id).map_err(|_| CertificateError::Field)?,
            None => key_identifier(issuer.public()?)?,
        };
        let identifier = AuthorityKeyIdentifier { key_identifier: Some(id), ..Default::default() };
        Self::typed(oid::AUTHORITY_KEY_IDENTIFIER, false, &identifier)
    }

    fn key_usage(flags: impl Into<FlagSet<KeyUsages>>) -> Result<Self, CertificateError> {
        Self::typed(oid::KEY_USAGE, true, &KeyUsage(flags.into()))
    }

    /// `extKeyUsage`.
    pub fn extended_key_usage(critical: bool, usages: &[oid::ObjectIdentifier]) -> Result<Self, CertificateError> {
        Self::typed(oid::EXTENDED_KEY_USAGE, critical, &ExtendedKeyUsage(usages.to_vec()))
    }

    /// `certificatePolicies` with one policy and no qualifier.
    pub fn policy(policy: oid::ObjectIdentifier) -> Result<Self, CertificateError> {
        let information = PolicyInformation { policy_identifier: policy, policy_qualifiers: None };
        Self::typed(oid::CERTIFICATE_POLICIES, false, &CertificatePolicies(vec![information]))
    }

    /// `subjectAltName` with host names.
    pub fn dns_names(names: &[&str]) -> Result<Self, CertificateError> {
        let names: Result<Vec<_>, _> =
            names.iter().map(|name| Ia5String::new(name).map(GeneralName::DnsName)).collect();
        Self::typed(oid::SUBJECT_ALT_NAME, false, &SubjectAltName(names.map_err(|_| CertificateError::Field)?))
    }

    /// `subjectAltName` with a directory name; critical, as the subject beside it is empty.
    pub fn directory_name(name: &Name) -> Result<Self, CertificateError> {
        let names = SubjectAltName(vec![GeneralName::DirectoryName(name.to_x509()?)]);
        Self::typed(oid::SUBJECT_ALT_NAME, true, &names)
    }

    /// `subjectDirectoryAttributes` with the TPM specification: family `2.0`, level and revision.
    pub fn tpm_specification(level: u32, revision: u32) -> Result<Self, CertificateError> {
        let encode = || {
            let family = Utf8StringRef::new("2.0")?;
            let mut body = family.to_der()?;
            body.extend(level.to_der()?);
            body.extend(revision.to_der()?);
            let sequence = Any::new(x509_cert::der::Tag::Sequence, body)?;
            let values = SetOfVec::try_from(vec![sequence])?;
            vec![Attribute { oid: oid::TPM_SPECIFICATION, values }].to_der()
        };
        Ok(Self::opaque(oid::SUBJECT_DIRECTORY_ATTRIBUTES, &encode().map_err(|_| CertificateError::Field)?))
    }

    /// A private extension of Entra's device certificates: `04 81 <length> <bytes>`, a length that DER would write shorter.
    ///
    /// Real certificates carry it so, and clients look for it.
    pub fn entra(id: oid::ObjectIdentifier, bytes: &[u8]) -> Result<Self, CertificateError> {
        let length = u8::try_from(bytes.len()).map_err(|_| CertificateError::Field)?;
        let mut value = vec![0x04, 0x81, length];
        value.extend_from_slice(bytes);
        Ok(Self::opaque(id, &value))
    }

    fn typed(id: oid::ObjectIdentifier, critical: bool, value: &impl Encode) -> Result<Self, CertificateError> {
        let der = value.to_der().map_err(|_| CertificateError::Field)?;
        let mut extension = Self::opaque(id, &der);
        extension.0.critical = critical;
        Ok(extension)
    }

    /// A non-critical extension around ready-made bytes.
    #[expect(clippy::expect_used, reason = "extensions here are far below DER's length limit")]
    pub fn opaque(id: oid::ObjectIdentifier, bytes: &[u8]) -> Self {
        let extn_value = OctetString::new(bytes).expect("short enough for DER");
        Self(X509Extension { extn_id: id, critical: false, extn_value })
    }
}

fn key_identifier(key: &PublicKey) -> Result<OctetString, CertificateError> {
    let spki = key.to_spki();
    let spki = SubjectPublicKeyInfoRef::from_der(&spki).map_err(|_| CertificateError::Key)?;
    OctetString::new(&sha256(spki.subject_public_key.raw_bytes())[..20]).map_err(|_| CertificateError::Field)
}
