//! What certificates and revocation lists are made of alike: the signed envelope, names, algorithms, extensions.

use std::ops::Range;

use super::der::{self, BIT_STRING, BOOLEAN, Element, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET};
use super::signature::{IssuerKey, Scheme};
use super::{Certificate, CertificateError, MOST_EXTENSIONS, SignatureFault};

/// The bytes in a place that was found in them.
pub(super) fn piece<'a>(der: &'a [u8], place: &Range<usize>) -> &'a [u8] {
    der.get(place.clone()).unwrap_or_default()
}

/// `SIGNED{..}` of RFC 5280: what was signed, with which algorithm, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope {
    signed: Range<usize>,
    algorithm: Range<usize>,
    /// The algorithm as what was signed names it.
    signed_algorithm: Range<usize>,
    signature: Range<usize>,
    /// Bits of the signature's last byte that do not count.
    unused: u8,
}

impl Envelope {
    /// Opens the envelope; answers what was signed, opened too.
    pub(super) fn open(bytes: &[u8]) -> Result<(Self, Reader<'_>), CertificateError> {
        let mut outer = Element::only(bytes, SEQUENCE)?.open();
        let signed = outer.take(SEQUENCE)?;
        let algorithm = outer.take(SEQUENCE)?;
        check_algorithm(&algorithm)?;
        let signature = outer.take(BIT_STRING)?;
        let (unused, bits) = signature.bits()?;
        outer.end()?;
        let end = signature.place().end;
        let envelope = Self {
            signed: signed.place(),
            algorithm: algorithm.place(),
            signed_algorithm: 0..0,
            signature: end - bits.len()..end,
            unused,
        };
        Ok((envelope, signed.open()))
    }

    /// Reads the algorithm inside of what was signed.
    pub(super) fn take_algorithm(&mut self, signed: &mut Reader<'_>) -> Result<(), CertificateError> {
        let algorithm = signed.take(SEQUENCE)?;
        check_algorithm(&algorithm)?;
        self.signed_algorithm = algorithm.place();
        Ok(())
    }

    /// Checks the signature over the bytes as they were received.
    pub(super) fn verify(&self, der: &[u8], issuer: &Certificate) -> Result<(), SignatureFault> {
        let algorithm = piece(der, &self.algorithm);
        if algorithm != piece(der, &self.signed_algorithm) {
            return Err(SignatureFault::AlgorithmsDiffer);
        }
        let scheme = Scheme::read(algorithm)?;
        if self.unused != 0 {
            return Err(SignatureFault::Invalid);
        }
        let key = IssuerKey::read(issuer.spki()).ok_or(SignatureFault::Key)?;
        key.verify(scheme, piece(der, &self.signed), piece(der, &self.signature))
    }
}

/// `AlgorithmIdentifier`: an identifier and perhaps parameters of any kind.
pub(super) fn check_algorithm(algorithm: &Element<'_>) -> Result<(), CertificateError> {
    let mut inside = algorithm.open();
    inside.take(OBJECT_IDENTIFIER)?.oid()?;
    if !inside.is_empty() {
        inside.any()?;
    }
    inside.end()
}

/// `Name`: a sequence of sets of attributes. Sets may be out of order and values of any kind, as vendors' are.
pub(super) fn check_name(name: &Element<'_>) -> Result<(), CertificateError> {
    let mut rdns = name.open();
    while !rdns.is_empty() {
        let mut attributes = rdns.take(SET)?.open();
        while !attributes.is_empty() {
            let mut attribute = attributes.take(SEQUENCE)?.open();
            attribute.take(OBJECT_IDENTIFIER)?.oid()?;
            attribute.any()?;
            attribute.end()?;
        }
    }
    Ok(())
}

/// One extension where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    /// The contents of its OBJECT IDENTIFIER.
    pub(super) id: &'a [u8],
    pub(super) critical: bool,
    /// What its OCTET STRING holds.
    pub(super) value: &'a [u8],
}

/// The extensions of a certificate, a list or an entry, one by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extensions<'a>(Reader<'a>);

impl<'a> Extensions<'a> {
    /// What [`check_extensions`] let pass.
    pub(super) fn checked(contents: &'a [u8]) -> Self {
        Self(Reader::new(contents))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        read_extension(&mut self.0, Identifiers::Checked).ok()
    }
}

/// Reads each extension once and answers where they stand.
pub(super) fn check_extensions(extensions: &Element<'_>) -> Result<Range<usize>, CertificateError> {
    let mut inside = extensions.open();
    let mut count = 0;
    while !inside.is_empty() {
        count += 1;
        if count > MOST_EXTENSIONS {
            return Err(CertificateError::TooManyExtensions);
        }
        read_extension(&mut inside, Identifiers::Unchecked)?;
    }
    Ok(extensions.inside())
}

/// Whether identifiers are known to be well-formed. That is asked once, when a certificate is read, and not for each extension
/// that is passed over in looking for another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Identifiers {
    Checked,
    Unchecked,
}

fn read_extension<'a>(reader: &mut Reader<'a>, identifiers: Identifiers) -> Result<Part<'a>, CertificateError> {
    let mut inside = reader.take(SEQUENCE)?.open();
    let id = inside.take(OBJECT_IDENTIFIER)?;
    if identifiers == Identifiers::Unchecked {
        id.oid()?;
    }
    let critical = match inside.optional(BOOLEAN)?.map(|flag| flag.value) {
        None => false,
        Some([0xff]) => true,
        // `FALSE` is the default, which DER leaves out.
        Some(_) => return Err(CertificateError::NotDer),
    };
    let value = inside.take(OCTET_STRING)?.value;
    inside.end()?;
    Ok(Part { id: id.value, critical, value })
}

/// `keyIdentifier` of an authorityKeyIdentifier (RFC 5280 section 4.2.1.1), if it has one and can be read.
pub(super) fn authority_key_id(extension: &[u8]) -> Option<&[u8]> {
    let mut inside = Element::only(extension, SEQUENCE).ok()?.open();
    inside.optional(der::CONTEXT_PRIMITIVE).ok().flatten().map(|id| id.value)
}
