//! Distinguished names.

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Any, Ia5StringRef, ObjectIdentifier, PrintableStringRef, SetOfVec, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use super::der::{Element, Reader, SEQUENCE};
use super::{CertificateError, oid};

/// Tags of the strings that are bytes of UTF-8: UTF8String, PrintableString, IA5String.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];

/// How a text is encoded in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// UTF8String.
    Utf8,
    /// PrintableString.
    Printable,
    /// IA5String, which domain components are.
    Ia5,
}

/// A distinguished name as its DER, by which names are compared; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(Vec<u8>);

impl Name {
    /// The name without any part, which EK and AIK certificates have as subject.
    pub fn empty() -> Self {
        Self(vec![SEQUENCE, 0])
    }

    /// `CN=<text>`.
    pub fn common_name(text: &str, kind: Text) -> Result<Self, CertificateError> {
        Self::from_rdns(&[&[(oid::COMMON_NAME, kind, text)]])
    }

    /// A name of relative names in order; each is a set of one or more attributes.
    pub fn from_rdns(rdns: &[&[(ObjectIdentifier, Text, &str)]]) -> Result<Self, CertificateError> {
        let rdns: Result<Vec<_>, CertificateError> = rdns.iter().map(|rdn| relative(rdn)).collect();
        Self::from_x509(&RdnSequence(rdns?))
    }

    /// What [`super::parts::check_name`] let pass.
    pub(super) fn checked(der: &[u8]) -> Self {
        Self(der.to_vec())
    }

    pub(super) fn from_x509(name: &RdnSequence) -> Result<Self, CertificateError> {
        name.to_der().map(Self).map_err(|_| CertificateError::Field)
    }

    /// The name to be written into another structure, which has to be the same bytes there: not so where a vendor's set is out
    /// of order.
    pub(super) fn to_x509(&self) -> Result<RdnSequence, CertificateError> {
        let name = RdnSequence::from_der(&self.0).map_err(|_| CertificateError::Field)?;
        if Self::from_x509(&name)? == *self { Ok(name) } else { Err(CertificateError::Field) }
    }

    /// Whether the name has no part.
    pub fn is_empty(&self) -> bool {
        self.0 == [SEQUENCE, 0]
    }

    /// The first text under the attribute type `id`.
    pub fn text(&self, id: ObjectIdentifier) -> Option<String> {
        let mut rdns = Element::only(&self.0, SEQUENCE).ok()?.open();
        while let Ok(rdn) = rdns.any() {
            let mut attributes = rdn.open();
            while let Ok(attribute) = attributes.any() {
                if let Some(value) = value_of(attribute.open(), id) {
                    let text = std::str::from_utf8(value.value).ok().filter(|_| TEXTS.contains(&value.tag));
                    return text.map(str::to_owned);
                }
            }
        }
        None
    }

    /// DER, by which two names are compared.
    pub fn to_der(&self) -> Result<Vec<u8>, CertificateError> {
        Ok(self.0.clone())
    }
}

/// The value of an attribute of this type.
fn value_of(mut attribute: Reader<'_>, id: ObjectIdentifier) -> Option<Element<'_>> {
    let found = attribute.any().ok()?.value == id.as_bytes();
    attribute.any().ok().filter(|_| found)
}

/// As RFC 4514 writes it, or in hexadecimal where it cannot be written so.
impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() {
            return f.write_str("(empty)");
        }
        match RdnSequence::from_der(&self.0) {
            Ok(name) => name.fmt(f),
            Err(_) => self.0.iter().try_fold((), |(), byte| write!(f, "{byte:02x}")),
        }
    }
}

fn relative(attributes: &[(ObjectIdentifier, Text, &str)]) -> Result<RelativeDistinguishedName, CertificateError> {
    let mut set = SetOfVec::new();
    for (oid, kind, text) in attributes {
        let value = encode(*kind, text).map_err(|_| CertificateError::Field)?;
        set.insert(AttributeTypeAndValue { oid: *oid, value }).map_err(|_| CertificateError::Field)?;
    }
    Ok(RelativeDistinguishedName(set))
}

fn encode(kind: Text, text: &str) -> Result<Any, x509_cert::der::Error> {
    match kind {
        Text::Utf8 => Any::encode_from(&Utf8StringRef::new(text)?),
        Text::Printable => Any::encode_from(&PrintableStringRef::new(text)?),
        Text::Ia5 => Any::encode_from(&Ia5StringRef::new(text)?),
    }
}
