//! Certificate revocation lists (RFC 5280 section 5): whole ones, by the issuer of the certificates that they name.

use std::ops::Range;

use x509_cert::der::asn1::ObjectIdentifier;

use super::der::{CONTEXT, Element, GENERALIZED_TIME, INTEGER, Reader, SEQUENCE, UTC_TIME};
use super::parts::{Envelope, Extensions, Part, authority_key_id, check_extensions, check_name, piece};
use super::{Certificate, CertificateError, Name, SignatureFault, oid};
use crate::base::Timestamp;

/// The longest revocation list that is read.
pub const LARGEST_LIST: usize = 4 * 1024 * 1024;
/// Extensions of a list that change nothing of what it says, so that they may be critical.
const KNOWN: &[ObjectIdentifier] = &[oid::AUTHORITY_KEY_IDENTIFIER, oid::CRL_NUMBER];
/// The same of an entry.
const KNOWN_OF_ENTRY: &[ObjectIdentifier] = &[oid::REASON_CODE, oid::INVALIDITY_DATE];
/// Extensions under which a list says less than all, or of other certificates, than its issuer's: critical or not.
const ALWAYS_UNKNOWN: &[ObjectIdentifier] =
    &[oid::DELTA_CRL_INDICATOR, oid::ISSUING_DISTRIBUTION_POINT, oid::CERTIFICATE_ISSUER];

/// A revocation list that was read: strict DER, every entry looked at. Nothing about its trust is implied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    der: Vec<u8>,
    envelope: Envelope,
    issuer: Range<usize>,
    this_update: Timestamp,
    next_update: Timestamp,
    /// The contents of the sequence; empty without one.
    entries: Range<usize>,
    /// The same.
    extensions: Range<usize>,
    not_understood: Option<ObjectIdentifier>,
}

impl RevocationList {
    /// Reads DER; trailing bytes are refused.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > LARGEST_LIST {
            return Err(CertificateError::TooLarge { length: der.len(), most: LARGEST_LIST });
        }
        let (mut envelope, mut fields) = Envelope::open(der)?;
        let version_2 = match fields.optional(INTEGER)? {
            Some(version) if version.integer()? == [1] => true,
            Some(_) => return Err(CertificateError::Structure),
            None => false,
        };
        envelope.take_algorithm(&mut fields)?;
        let issuer = fields.take(SEQUENCE)?;
        check_name(&issuer)?;
        let this_update = fields.any()?.time()?;
        let next_update = match fields.peek() {
            Some(UTC_TIME | GENERALIZED_TIME) => fields.any()?.time()?,
            _ => return Err(CertificateError::NoNextUpdate),
        };
        let mut not_understood = None;
        let entries = match fields.optional(SEQUENCE)? {
            Some(entries) => check_entries(&entries, version_2, &mut not_understood)?,
            None => 0..0,
        };
        let extensions = match fields.optional(CONTEXT)? {
            Some(_) if !version_2 => return Err(CertificateError::Structure),
            Some(extensions) => check_extensions(&Element::only_inside(&extensions, SEQUENCE)?)?,
            None => 0..0,
        };
        fields.end()?;
        let of_list = first_not_understood(piece(der, &extensions), KNOWN);
        let not_understood = of_list.or(not_understood);
        let issuer = issuer.place();
        let der = der.to_vec();
        Ok(Self { der, envelope, issuer, this_update, next_update, entries, extensions, not_understood })
    }

    /// The bytes it was read from.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whose certificates it names.
    pub fn issuer(&self) -> Name {
        Name::checked(self.issuer_der())
    }

    /// The issuer's DER, by which names are compared.
    pub fn issuer_der(&self) -> &[u8] {
        piece(&self.der, &self.issuer)
    }

    /// When it was issued.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// When the next one is due.
    pub fn next_update(&self) -> Timestamp {
        self.next_update
    }

    /// The key identifier in `authorityKeyIdentifier`, if there is one that can be read.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        let mut extensions = Extensions::checked(piece(&self.der, &self.extensions));
        let wanted = oid::AUTHORITY_KEY_IDENTIFIER;
        extensions.find(|each| each.id == wanted.as_bytes()).and_then(|each| authority_key_id(each.value))
    }

    /// The first extension, of the list or of an entry, without whose meaning the list cannot be used: a critical one that is not
    /// known here, or one that says that this is no whole list of its issuer's own certificates.
    pub fn not_understood(&self) -> Option<ObjectIdentifier> {
        self.not_understood
    }

    /// Since when the certificate with this serial number ([`Certificate::serial`]) is revoked.
    pub fn revoked(&self, serial: &[u8]) -> Option<Timestamp> {
        let mut entries = Reader::new(piece(&self.der, &self.entries));
        while let Ok(entry) = entries.any() {
            let mut fields = entry.open();
            if fields.any().ok()?.value == serial {
                return fields.any().ok()?.time().ok();
            }
        }
        None
    }

    /// Checks the signature with the key of the issuer's certificate, as [`Certificate::verify_issued_by`] does.
    pub fn verify_issued_by(&self, issuer: &Certificate) -> Result<(), SignatureFault> {
        self.envelope.verify(&self.der, issuer)
    }
}

/// Looks at every entry, so that none is passed over later.
fn check_entries(
    entries: &Element<'_>,
    version_2: bool,
    not_understood: &mut Option<ObjectIdentifier>,
) -> Result<Range<usize>, CertificateError> {
    let mut inside = entries.open();
    while !inside.is_empty() {
        let mut fields = inside.take(SEQUENCE)?.open();
        fields.take(INTEGER)?.integer()?;
        fields.any()?.time()?;
        if let Some(extensions) = fields.optional(SEQUENCE)? {
            if !version_2 {
                return Err(CertificateError::Structure);
            }
            check_extensions(&extensions)?;
            *not_understood = not_understood.or_else(|| first_not_understood(extensions.value, KNOWN_OF_ENTRY));
        }
        fields.end()?;
    }
    Ok(entries.inside())
}

fn first_not_understood(extensions: &[u8], known: &[ObjectIdentifier]) -> Option<ObjectIdentifier> {
    let among = |part: &Part<'_>, ids: &[ObjectIdentifier]| ids.iter().any(|id| id.as_bytes() == part.id);
    let found = Extensions::checked(extensions)
        .find(|each| among(each, ALWAYS_UNKNOWN) || (each.critical && !among(each, known)));
    found.and_then(|each| ObjectIdentifier::from_bytes(each.id).ok())
}
