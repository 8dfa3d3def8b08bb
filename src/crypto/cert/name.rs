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
        if let Some(parts) = plain(&self.0) {
            return write_plain(f, &parts);
        }
        match RdnSequence::from_der(&self.0) {
            Ok(name) => name.fmt(f),
            Err(_) => self.0.iter().try_fold((), |(), byte| write!(f, "{byte:02x}")),
        }
    }
}

/// Attribute types by the names that RFC 4514 section 3 gives them, in their DER.
const PLAIN: &[(&[u8], &str)] =
    &[(&[0x55, 4, 3], "CN"), (&[0x55, 4, 6], "C"), (&[0x55, 4, 10], "O"), (&[0x55, 4, 11], "OU")];

/// The parts of a name like most: of few types, one in each set, of characters that every string type has and none of which is
/// escaped. `None` for all others, which take a table of types and far more time.
fn plain(name: &[u8]) -> Option<Vec<(&'static str, &str)>> {
    let is_plain = |each: u8| each.is_ascii_alphanumeric() || b" -./:()".contains(&each);
    let mut rdns = Element::only(name, SEQUENCE).ok()?.open();
    let mut parts = Vec::with_capacity(4);
    while !rdns.is_empty() {
        let attribute = Element::only_inside(&rdns.any().ok()?, SEQUENCE).ok()?;
        let mut attribute = attribute.open();
        let id = attribute.any().ok()?;
        let (_, key) = PLAIN.iter().find(|(known, _)| *known == id.value)?;
        let value = attribute.any().ok().filter(|value| TEXTS.contains(&value.tag))?.value;
        let blank_at_an_end = value.first()? == &b' ' || value.last()? == &b' ';
        if blank_at_an_end || !value.iter().all(|each| is_plain(*each)) {
            return None;
        }
        parts.push((*key, std::str::from_utf8(value).ok()?));
    }
    Some(parts)
}

/// In reverse (RFC 4514 section 2.1).
fn write_plain(f: &mut std::fmt::Formatter<'_>, parts: &[(&str, &str)]) -> std::fmt::Result {
    for (index, (key, value)) in parts.iter().rev().enumerate() {
        for each in [if index == 0 { "" } else { "," }, key, "=", value] {
            f.write_str(each)?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [ObjectIdentifier; 6] = [
        oid::COMMON_NAME,
        oid::ORGANIZATION,
        oid::ORGANIZATIONAL_UNIT,
        oid::DOMAIN_COMPONENT,
        oid::TPM_MODEL,
        ObjectIdentifier::new_unwrap("2.5.4.6"),
    ];

    /// As x509-cert writes it.
    fn by_the_table(name: &Name) -> String {
        RdnSequence::from_der(&name.0).unwrap().to_string()
    }

    #[test]
    fn a_plain_name_is_written_without_the_table_and_the_same() {
        let name = Name::from_rdns(&[
            &[(TYPES[5], Text::Printable, "DE")],
            &[(oid::ORGANIZATION, Text::Utf8, "Infineon Technologies AG")],
            &[(oid::ORGANIZATIONAL_UNIT, Text::Utf8, "OPTIGA(TM) TPM2.0")],
            &[(oid::COMMON_NAME, Text::Utf8, "Root CA/2")],
        ]);
        let name = name.unwrap();
        assert!(plain(&name.0).is_some());
        assert_eq!(name.to_string(), "CN=Root CA/2,OU=OPTIGA(TM) TPM2.0,O=Infineon Technologies AG,C=DE");
        assert_eq!(name.to_string(), by_the_table(&name));
        for odd in [" x", "x ", "#x", "a,b", "a+b", "", "\u{e9}", "a*b", "\n"] {
            let name = Name::common_name(odd, Text::Utf8).unwrap();
            assert_eq!((plain(&name.0), name.to_string()), (None, by_the_table(&name)), "{odd:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_name_is_written_as_the_table_writes_it(
            parts in proptest::collection::vec((0..6usize, 0..3usize, "[ -~]{0,4}|[a-zA-Z ]{1,6}", proptest::bool::ANY), 1..4),
        ) {
            let texts = [Text::Utf8, Text::Printable, Text::Ia5];
            let mut rdns: Vec<Vec<(ObjectIdentifier, Text, &str)>> = Vec::new();
            for (id, text, value, together) in &parts {
                let attribute = (TYPES[*id], texts[*text], value.as_str());
                match rdns.last_mut() {
                    Some(last) if *together => last.push(attribute),
                    _ => rdns.push(vec![attribute]),
                }
            }
            let rdns: Vec<&[_]> = rdns.iter().map(Vec::as_slice).collect();
            if let Ok(name) = Name::from_rdns(&rdns) {
                proptest::prop_assert_eq!(name.to_string(), by_the_table(&name));
            }
        }
    }
}
