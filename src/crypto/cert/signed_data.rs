//! CMS SignedData (RFC 5652 section 5) over data of any kind, in its plainest form: one signer, no signed attributes.

use x509_cert::der::asn1::{Null, OctetString};
use x509_cert::der::{Any, Encode, Tag, TagNumber};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::{Authority, CertificateError, oid};
use crate::crypto::SignatureAlgorithm;

/// Version of both structures: the certificates are X.509 ones, the signer is known by issuer and serial number.
const VERSION: u8 = 1;

impl Authority {
    /// `content` inside a SignedData by this authority's own key, which must be RSA, with its certificate. DER.
    ///
    /// # Errors
    /// [`CertificateError::Key`] for a key that is not RSA, [`CertificateError::Signing`] if it does not sign.
    pub fn signed_data(&self, content: &[u8]) -> Result<Vec<u8>, CertificateError> {
        if self.key().algorithm() != SignatureAlgorithm::RsaSha256 {
            return Err(CertificateError::Key);
        }
        let sha256 = AlgorithmIdentifierOwned { oid: oid::SHA256, parameters: None };
        let data = OctetString::new(content).map_err(|_| CertificateError::Field)?;
        let encapsulated = node(Tag::Sequence, &[der(&oid::CMS_DATA)?, node(context(0), &[der(&data)?])?])?;
        let signed = node(
            Tag::Sequence,
            &[
                der(&VERSION)?,
                node(Tag::Set, &[der(&sha256)?])?,
                encapsulated,
                node(context(0), &[self.certificate().der().to_vec()])?,
                node(Tag::Set, &[self.signer(&sha256, content)?])?,
            ],
        )?;
        node(Tag::Sequence, &[der(&oid::CMS_SIGNED_DATA)?, node(context(0), &[signed])?])
    }

    /// `SignerInfo`. Without signed attributes the signature is over the content itself (section 5.4).
    fn signer(&self, digest: &AlgorithmIdentifierOwned, content: &[u8]) -> Result<Vec<u8>, CertificateError> {
        let signature = self.key().sign(content).map_err(|_| CertificateError::Signing)?;
        let signature = OctetString::new(signature).map_err(|_| CertificateError::Field)?;
        let algorithm = AlgorithmIdentifierOwned { oid: oid::SHA256_WITH_RSA, parameters: Some(Any::from(Null)) };
        let certificate = self.certificate();
        let serial = node(Tag::Integer, &[certificate.serial().to_vec()])?;
        let identifier = node(Tag::Sequence, &[certificate.issuer_der().to_vec(), serial])?;
        node(Tag::Sequence, &[der(&VERSION)?, identifier, der(digest)?, der(&algorithm)?, der(&signature)?])
    }
}

fn der(value: &impl Encode) -> Result<Vec<u8>, CertificateError> {
    value.to_der().map_err(|_| CertificateError::Field)
}

fn node(tag: Tag, parts: &[Vec<u8>]) -> Result<Vec<u8>, CertificateError> {
    der(&Any::new(tag, parts.concat()).map_err(|_| CertificateError::Field)?)
}

fn context(number: u8) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber::new(number) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::OsRng;
    use crate::crypto::SigningKey;
    use crate::crypto::cert::{Name, Text, Validity};
    use x509_cert::der::Decode as _;

    fn authority(key: SigningKey) -> Authority {
        let name = Name::common_name("signer", Text::Utf8).unwrap();
        Authority::root(name, key, Validity::days_from("2026-01-01T00:00:00Z".parse().unwrap(), 1), &mut OsRng).unwrap()
    }

    /// The parts of a constructed node.
    fn parts(node: &Any) -> Vec<Any> {
        let (mut rest, mut found) = (node.value(), Vec::new());
        while !rest.is_empty() {
            let mut reader = x509_cert::der::SliceReader::new(rest).unwrap();
            let part = Any::decode(&mut reader).unwrap();
            rest = &rest[part.to_der().unwrap().len()..];
            found.push(part);
        }
        found
    }

    #[test]
    fn holds_content_certificate_and_a_signature_over_the_content() {
        let signer = authority(SigningKey::generate_rsa().unwrap());
        let content = br#"{"a":1}"#;
        let info = Any::from_der(&signer.signed_data(content).unwrap()).unwrap();
        let signed = parts(&parts(&parts(&info)[1])[0]);
        assert_eq!(signed.len(), 5);
        let data = parts(&parts(&signed[2])[1]);
        assert_eq!(data[0].value(), content);
        assert_eq!(signed[3].value(), signer.certificate().der());
        let signature = parts(&parts(&signed[4])[0])[4].value().to_vec();
        assert_eq!(signer.key().public().verify(SignatureAlgorithm::RsaSha256, content, &signature), Ok(()));
    }

    #[test]
    fn only_an_rsa_key_signs() {
        let signer = authority(SigningKey::generate_p256().unwrap());
        assert_eq!(signer.signed_data(b""), Err(CertificateError::Key));
    }
}
