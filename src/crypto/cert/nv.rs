//! EK certificates as TPMs keep them: NV indices have a size, and vendors fill up what the certificate leaves.

use super::{Certificate, CertificateError, LARGEST_CERTIFICATE, der};

/// What was behind a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Padding {
    /// The byte that is repeated: 0x00 or 0xFF.
    pub byte: u8,
    /// How often.
    pub count: usize,
}

/// A certificate that was read from NV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromNv {
    /// The certificate, without what was behind it.
    pub certificate: Certificate,
    /// What was cut off.
    pub padding: Option<Padding>,
}

impl Certificate {
    /// Reads what a TPM keeps in an NV index: a certificate, and behind it nothing, zeros, or 0xFF to the end. The certificate
    /// says itself how long it is.
    ///
    /// # Errors
    /// [`CertificateError::TrailingBytes`] if anything else follows, and whatever [`Self::from_der`] finds.
    pub fn from_nv(bytes: &[u8]) -> Result<FromNv, CertificateError> {
        if bytes.len() > LARGEST_CERTIFICATE {
            return Err(CertificateError::too_large(bytes.len()));
        }
        let length = der::announced(bytes)?;
        let (der, behind) = bytes.split_at_checked(length).ok_or(CertificateError::Truncated)?;
        let padding = match behind {
            [] => None,
            [byte @ (0 | 0xff), rest @ ..] if rest.iter().all(|each| each == byte) => {
                Some(Padding { byte: *byte, count: behind.len() })
            }
            _ => return Err(CertificateError::TrailingBytes { count: behind.len() }),
        };
        Ok(FromNv { certificate: Self::from_der(der)?, padding })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::OsRng;
    use crate::crypto::SigningKey;
    use crate::crypto::cert::{Authority, Name, Text, Validity};

    fn certificate() -> Certificate {
        let name = Name::common_name("EK", Text::Utf8).unwrap();
        let validity = Validity::days_from("2026-01-01T00:00:00Z".parse().unwrap(), 1);
        let key = SigningKey::generate_p256().unwrap();
        Authority::root(name, key, validity, &mut OsRng).unwrap().certificate().clone()
    }

    #[test]
    fn padding_is_cut_and_told() {
        let certificate = certificate();
        let bare = Certificate::from_nv(certificate.der()).unwrap();
        assert_eq!(bare, FromNv { certificate: certificate.clone(), padding: None });
        for byte in [0, 0xff] {
            let index = [certificate.der(), &[byte; 700]].concat();
            assert_eq!(Certificate::from_der(&index).err(), Some(CertificateError::TrailingBytes { count: 700 }));
            let read = Certificate::from_nv(&index).unwrap();
            assert_eq!(read.padding, Some(Padding { byte, count: 700 }));
            assert_eq!(read.certificate, certificate);
        }
    }

    #[test]
    fn whatever_else_follows_is_refused() {
        let certificate = certificate();
        for behind in [&[1][..], &[0, 0xff], &[0xff, 0], &[0x30, 0], &[0, 0, 1]] {
            let index = [certificate.der(), behind].concat();
            let expected = CertificateError::TrailingBytes { count: behind.len() };
            assert_eq!(Certificate::from_nv(&index), Err(expected), "{behind:x?}");
        }
    }

    #[test]
    fn an_empty_cut_or_overlong_index_is_refused() {
        let der = certificate().der().to_vec();
        assert_eq!(Certificate::from_nv(&[]), Err(CertificateError::Truncated));
        assert_eq!(Certificate::from_nv(&[0; 100]), Err(CertificateError::NotDer));
        assert_eq!(Certificate::from_nv(&[0xff; 100]), Err(CertificateError::NotDer));
        assert_eq!(Certificate::from_nv(&der[..der.len() - 1]), Err(CertificateError::Truncated));
        let mut long = [der, vec![0; LARGEST_CERTIFICATE]].concat();
        assert!(Certificate::from_nv(&long[..LARGEST_CERTIFICATE]).is_ok());
        long.truncate(LARGEST_CERTIFICATE + 1);
        assert_eq!(Certificate::from_nv(&long), Err(CertificateError::too_large(long.len())));
    }
}
