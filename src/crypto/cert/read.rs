//! Reads certificates: every field once, in order, nothing left over.

use super::der::{BIT_STRING, CONTEXT, CONTEXT_PRIMITIVE, Element, INTEGER, Reader, SEQUENCE};
use super::parts::{Envelope, check_algorithm, check_extensions, check_name, piece};
use super::{Certificate, CertificateError, LARGEST_CERTIFICATE, Name, Places, Validity};
use crate::crypto::PublicKey;

impl Certificate {
    /// Reads DER; trailing bytes are refused.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > LARGEST_CERTIFICATE {
            return Err(CertificateError::too_large(der.len()));
        }
        let (mut envelope, mut fields) = Envelope::open(der)?;
        let version_3 = version(&mut fields)? == 2;
        let serial = fields.take(INTEGER)?;
        serial.integer()?;
        envelope.take_algorithm(&mut fields)?;
        let issuer = name(&mut fields)?;
        let validity = validity(&fields.take(SEQUENCE)?)?;
        let subject = name(&mut fields)?;
        let spki = public_key_info(&mut fields)?;
        // issuerUniqueID and subjectUniqueID, which nobody uses.
        for tag in [CONTEXT_PRIMITIVE + 1, CONTEXT_PRIMITIVE + 2] {
            if let Some(id) = fields.optional(tag)? {
                check_unique_id(&id)?;
            }
        }
        let extensions = match fields.optional(CONTEXT + 3)? {
            Some(extensions) => check_extensions(&Element::only_inside(&extensions, SEQUENCE)?)?,
            None => 0..0,
        };
        fields.end()?;
        let public = PublicKey::from_spki(piece(der, &spki)).ok();
        let places = Places {
            envelope,
            serial: serial.inside(),
            issuer: issuer.place(),
            subject: subject.place(),
            spki,
            extensions,
        };
        Ok(Self { der: der.to_vec(), places, version_3, validity, public })
    }
}

/// Version 1 is the default, which DER leaves out.
fn version(fields: &mut Reader<'_>) -> Result<u8, CertificateError> {
    let Some(version) = fields.optional(CONTEXT)? else { return Ok(0) };
    match Element::only_inside(&version, INTEGER)?.integer()? {
        [version @ 1..=2] => Ok(*version),
        [0] => Err(CertificateError::NotDer),
        _ => Err(CertificateError::Structure),
    }
}

fn name<'a>(fields: &mut Reader<'a>) -> Result<Element<'a>, CertificateError> {
    let name = fields.take(SEQUENCE)?;
    check_name(&name).map(|()| name)
}

fn validity(times: &Element<'_>) -> Result<Validity, CertificateError> {
    let mut times = times.open();
    let (from, to) = (times.any()?.time()?, times.any()?.time()?);
    times.end().map(|()| Validity { from, to })
}

/// `SubjectPublicKeyInfo`, whatever the key is.
fn public_key_info(fields: &mut Reader<'_>) -> Result<std::ops::Range<usize>, CertificateError> {
    let info = fields.take(SEQUENCE)?;
    let mut inside = info.open();
    check_algorithm(&inside.take(SEQUENCE)?)?;
    inside.take(BIT_STRING)?.bits()?;
    inside.end().map(|()| info.place())
}

/// An implicitly tagged BIT STRING.
fn check_unique_id(id: &Element<'_>) -> Result<(), CertificateError> {
    match id.value {
        [0, ..] => Ok(()),
        [1..8, _, ..] => Ok(()),
        _ => Err(CertificateError::NotDer),
    }
}

/// The first directory name of a `subjectAltName`.
pub(super) fn directory_name(names: &[u8]) -> Result<Option<Name>, CertificateError> {
    let mut names = Element::only(names, SEQUENCE)?.open();
    let mut found = None;
    while !names.is_empty() {
        let each = names.any()?;
        if !(0x80..=0xa8).contains(&each.tag) {
            return Err(CertificateError::Structure);
        }
        if each.tag == CONTEXT + 4 && found.is_none() {
            let name = Element::only(each.value, SEQUENCE)?;
            check_name(&name)?;
            found = Some(Name::checked(name.whole));
        }
    }
    Ok(found)
}
