//! Distinguished names.

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Any, Ia5StringRef, ObjectIdentifier, PrintableStringRef, SetOfVec, Utf8StringRef};
use x509_cert::der::{Encode as _, Tag, Tagged as _};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use super::{CertificateError, oid};

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

/// A distinguished name; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(RdnSequence);

impl Name {
    /// The name without any part, which EK and AIK certificates have as subject.
    pub fn empty() -> Self {
        Self(RdnSequence(Vec::new()))
    }

    /// `CN=<text>`.
    pub fn common_name(text: &str, kind: Text) -> Result<Self, CertificateError> {
        Self::from_rdns(&[&[(oid::COMMON_NAME, kind, text)]])
    }

    /// A name of relative names in order; each is a set of one or more attributes.
    pub fn from_rdns(rdns: &[&[(ObjectIdentifier, Text, &str)]]) -> Result<Self, CertificateError> {
        let rdns: Result<Vec<_>, CertificateError> = rdns.iter().map(|rdn| relative(rdn)).collect();
        Ok(Self(RdnSequence(rdns?)))
    }

    pub(super) fn from_x509(name: RdnSequence) -> Self {
        Self(name)
    }

    pub(super) fn to_x509(&self) -> RdnSequence {
        self.0.clone()
    }

    /// Whether the name has no part.
    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// The first text under the attribute type `id`.
    pub fn text(&self, id: ObjectIdentifier) -> Option<String> {
        let attribute = self.0.0.iter().flat_map(|rdn| rdn.0.iter()).find(|each| each.oid == id)?;
        match attribute.value.tag() {
            Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
                std::str::from_utf8(attribute.value.value()).ok().map(str::to_owned)
            }
            _ => None,
        }
    }

    /// DER, by which two names are compared.
    pub fn to_der(&self) -> Result<Vec<u8>, CertificateError> {
        self.0.to_der().map_err(|_| CertificateError::Field)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() { f.write_str("(empty)") } else { self.0.fmt(f) }
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
