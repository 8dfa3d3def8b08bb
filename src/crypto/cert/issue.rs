//! Certificate authorities of the lab.

use x509_cert::TbsCertificate;
use x509_cert::certificate::{CertificateInner, Version};
use x509_cert::der::asn1::{BitString, GeneralizedTime, Null, UtcTime};
use x509_cert::der::{Any, DateTime, Decode as _, Encode as _};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity as X509Validity};

use super::{Certificate, CertificateError, Extension, Name, oid};
use crate::base::{Random, Timestamp, random_bytes};
use crate::crypto::{PublicKey, SignatureAlgorithm, SigningKey};

/// First and last instant at which a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub to: Timestamp,
}

impl Validity {
    /// From five minutes before `now`, for clocks that disagree a little, for `days` days.
    pub fn days_from(now: Timestamp, days: i64) -> Self {
        let shift = |seconds: i64| {
            let wanted = now.as_second().saturating_add(seconds);
            Timestamp::from_second(wanted).unwrap_or(now)
        };
        Self { from: shift(-300), to: shift(days.saturating_mul(86_400)) }
    }

    /// Whether `at` lies within.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

/// A certificate that is to be issued.
#[derive(Debug, Clone)]
pub struct Leaf<'a> {
    /// The subject; may be empty.
    pub subject: Name,
    /// The subject's key.
    pub public: &'a PublicKey,
    /// When it is valid.
    pub validity: Validity,
    /// Its extensions, in order.
    pub extensions: Vec<Extension>,
}

/// A certificate authority: a certificate and the key behind it.
#[derive(Debug, Clone)]
pub struct Authority {
    certificate: Certificate,
    key: SigningKey,
}

impl Authority {
    /// Makes a root: self-signed, CA:TRUE, keyCertSign, with an identifier of its key.
    pub fn root(
        name: Name,
        key: SigningKey,
        validity: Validity,
        rng: &mut dyn Random,
    ) -> Result<Self, CertificateError> {
        let public = key.public().clone();
        let leaf = Leaf {
            subject: name.clone(),
            public: &public,
            validity,
            extensions: vec![
                Extension::basic_constraints(true)?,
                Extension::key_usage_authority()?,
                Extension::subject_key_identifier(&public)?,
            ],
        };
        let certificate = Certificate::from_der(&sign(&leaf, &name, &key, rng)?)?;
        Ok(Self { certificate, key })
    }

    /// Puts a stored authority together again; the key must be the certificate's.
    pub fn from_parts(certificate: &[u8], key: SigningKey) -> Result<Self, CertificateError> {
        let certificate = Certificate::from_der(certificate)?;
        if certificate.public()? != key.public() {
            return Err(CertificateError::Key);
        }
        Ok(Self { certificate, key })
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The key that signs.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// `authorityKeyIdentifier` for a certificate that it is to issue. RFC 5280 section 4.2.1.1 wants it, and so do OpenSSL's
    /// strict checks; Entra's device certificates have none.
    pub fn key_identifier(&self) -> Result<Extension, CertificateError> {
        Extension::authority_key_identifier(&self.certificate)
    }

    /// Issues a certificate with a random 128-bit serial number.
    pub fn issue(&self, leaf: &Leaf<'_>, rng: &mut dyn Random) -> Result<Certificate, CertificateError> {
        Certificate::from_der(&sign(leaf, &self.certificate.subject(), &self.key, rng)?)
    }
}

fn sign(leaf: &Leaf<'_>, issuer: &Name, key: &SigningKey, rng: &mut dyn Random) -> Result<Vec<u8>, CertificateError> {
    let signature_algorithm = match key.algorithm() {
        SignatureAlgorithm::RsaSha256 => {
            AlgorithmIdentifierOwned { oid: oid::SHA256_WITH_RSA, parameters: Some(Any::from(Null)) }
        }
        _ => AlgorithmIdentifierOwned { oid: oid::ECDSA_WITH_SHA256, parameters: None },
    };
    let spki = leaf.public.to_spki();
    let tbs = TbsCertificate {
        version: Version::V3,
        serial_number: serial(rng)?,
        signature: signature_algorithm.clone(),
        issuer: issuer.to_x509()?,
        validity: X509Validity { not_before: time(leaf.validity.from)?, not_after: time(leaf.validity.to)? },
        subject: leaf.subject.to_x509()?,
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&spki).map_err(|_| CertificateError::Key)?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(leaf.extensions.iter().map(|each| each.0.clone()).collect()),
    };
    let signed = tbs.to_der().map_err(|_| CertificateError::Field)?;
    let signature = key.sign(&signed).map_err(|_| CertificateError::Signing)?;
    let signature = BitString::from_bytes(&signature).map_err(|_| CertificateError::Field)?;
    CertificateInner { tbs_certificate: tbs, signature_algorithm, signature }
        .to_der()
        .map_err(|_| CertificateError::Field)
}

/// A positive serial number: the top bit is cleared and the next one set, so that its length is always 16 bytes.
fn serial(rng: &mut dyn Random) -> Result<SerialNumber, CertificateError> {
    let mut bytes: [u8; 16] = random_bytes(rng);
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    SerialNumber::new(&bytes).map_err(|_| CertificateError::Field)
}

/// UTCTime through 2049, GeneralizedTime after it (RFC 5280 section 4.1.2.5).
fn time(at: Timestamp) -> Result<Time, CertificateError> {
    let seconds = u64::try_from(at.as_second()).map_err(|_| CertificateError::Field)?;
    let date =
        DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).map_err(|_| CertificateError::Field)?;
    match UtcTime::from_date_time(date) {
        Ok(utc) => Ok(Time::UtcTime(utc)),
        Err(_) => Ok(Time::GeneralTime(GeneralizedTime::from_date_time(date))),
    }
}
