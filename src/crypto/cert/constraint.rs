//! What a certificate says about its place in a path and about its key, read for whoever builds paths.

use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use super::der::{Element, OCTET_STRING};
use super::parts::authority_key_id;
use super::{Certificate, CertificateError, Extension, oid};

/// `keyUsage`, as far as this crate asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUses {
    /// digitalSignature.
    pub signature: bool,
    /// keyEncipherment.
    pub encipherment: bool,
    /// keyAgreement.
    pub agreement: bool,
}

impl Certificate {
    /// `basicConstraints`: the CA flag, or `None` without the extension.
    pub fn is_authority(&self) -> Result<Option<bool>, CertificateError> {
        Ok(self.typed::<BasicConstraints>()?.map(|constraints| constraints.ca))
    }

    /// Whether `keyUsage` allows signing certificates; `None` without the extension.
    pub fn may_sign_certificates(&self) -> Result<Option<bool>, CertificateError> {
        Ok(self.typed::<KeyUsage>()?.map(|usage| usage.key_cert_sign()))
    }

    /// Whether `keyUsage` allows signing revocation lists; `None` without the extension.
    pub fn may_sign_crls(&self) -> Result<Option<bool>, CertificateError> {
        Ok(self.typed::<KeyUsage>()?.map(|usage| usage.crl_sign()))
    }

    /// `subjectKeyIdentifier`, if there is one that can be read.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        let id = Element::only(self.extension(oid::SUBJECT_KEY_IDENTIFIER)?, OCTET_STRING);
        id.ok().map(|id| id.value)
    }

    /// The key identifier in `authorityKeyIdentifier`, if there is one that can be read.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.extension(oid::AUTHORITY_KEY_IDENTIFIER).and_then(authority_key_id)
    }

    /// `pathLenConstraint`: how many intermediates may follow; `None` without limit or extension.
    pub fn path_length(&self) -> Result<Option<u8>, CertificateError> {
        Ok(self.typed::<BasicConstraints>()?.and_then(|constraints| constraints.path_len_constraint))
    }

    /// `keyUsage`; `None` without the extension.
    pub fn key_uses(&self) -> Result<Option<KeyUses>, CertificateError> {
        Ok(self.typed::<KeyUsage>()?.map(|usage| KeyUses {
            signature: usage.digital_signature(),
            encipherment: usage.key_encipherment(),
            agreement: usage.key_agreement(),
        }))
    }

    /// Whether an extension is there twice, which RFC 5280 section 4.2 forbids: readers disagree on which one counts.
    pub fn repeats_an_extension(&self) -> bool {
        let mut each = self.extensions();
        while let Some(first) = each.next() {
            if each.clone().any(|other| other.id == first.id) {
                return true;
            }
        }
        false
    }
}

impl Extension {
    /// The same extension, critical: whoever does not know it must refuse the certificate.
    pub fn marked_critical(mut self) -> Self {
        self.0.critical = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Authority, Leaf, Name, Text, Validity};
    use super::*;
    use crate::base::{OsRng, Timestamp};
    use crate::crypto::SigningKey;

    fn issued(extensions: Vec<Extension>) -> Certificate {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let validity = Validity::days_from(now, 30);
        let name = Name::common_name("Lab root", Text::Utf8).unwrap();
        let root = Authority::root(name.clone(), SigningKey::generate_p256().unwrap(), validity, &mut OsRng).unwrap();
        let leaf = Leaf { subject: name, public: root.key().public(), validity, extensions };
        root.issue(&leaf, &mut OsRng).unwrap()
    }

    #[test]
    fn reads_path_length_and_key_usage() {
        let limited = issued(vec![
            Extension::opaque(oid::BASIC_CONSTRAINTS, &[0x30, 6, 1, 1, 0xff, 2, 1, 3]),
            Extension::key_usage_agreement().unwrap(),
        ]);
        assert_eq!(limited.path_length(), Ok(Some(3)));
        let uses = KeyUses { signature: false, encipherment: false, agreement: true };
        assert_eq!(limited.key_uses(), Ok(Some(uses)));
        let bare = issued(vec![Extension::basic_constraints(true).unwrap()]);
        assert_eq!((bare.path_length(), bare.key_uses()), (Ok(None), Ok(None)));
        assert_eq!((bare.may_sign_certificates(), bare.may_sign_crls()), (Ok(None), Ok(None)));
        assert_eq!((bare.is_authority(), limited.is_authority()), (Ok(Some(true)), Ok(Some(true))));
        let authority = issued(vec![Extension::key_usage_authority().unwrap()]);
        assert_eq!(authority.is_authority(), Ok(None));
        assert_eq!((authority.may_sign_certificates(), authority.may_sign_crls()), (Ok(Some(true)), Ok(Some(true))));
        assert_eq!((limited.may_sign_certificates(), limited.may_sign_crls()), (Ok(Some(false)), Ok(Some(false))));
    }

    #[test]
    fn an_extension_can_be_made_critical() {
        let critical = Extension::opaque(oid::DEVICE_ID, &[4, 0]).marked_critical();
        assert!(issued(vec![critical]).critical_extensions().eq([oid::DEVICE_ID]));
    }

    #[test]
    fn sees_an_extension_that_is_there_twice() {
        let once = Extension::basic_constraints(false).unwrap();
        assert!(!issued(vec![once.clone(), Extension::key_usage_signature().unwrap()]).repeats_an_extension());
        assert!(issued(vec![once.clone(), once]).repeats_an_extension());
    }
}
