//! Certificates, revocation lists, bundles of both and certification requests, which come from strangers: in `x5c`, in a join, in a
//! TPM's statement, from a vendor's page.

use whfb::crypto::PublicKey;
use whfb::crypto::cert::{
    Certificate, CertificateError, MOST_EXTENSIONS, Name, RevocationList, SignedRequest, pem, read_bundle,
};
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode as _, Encode as _};

use super::{check_growth, must, same, taken};

/// What another reader takes and writes to the same bytes is taken here too, and says the same; a request is checked over what is
/// written again, so only what is written to the same bytes may be taken.
pub(super) fn judge(bytes: &[u8]) -> Result<bool, String> {
    let read = Certificate::from_der(bytes);
    if let Some(other) = other_reader::<x509_cert::Certificate>(bytes)
        && let Err(fault) = &read
    {
        let extensions = other.tbs_certificate.extensions.map_or(0, |extensions| extensions.len());
        same(fault, &CertificateError::TooManyExtensions, "the fault of what another reads")?;
        same(&(extensions > MOST_EXTENSIONS), &true, "too many extensions")?;
    }
    let certificate = taken(read)?;
    if let Some(certificate) = &certificate {
        check_certificate(certificate)?;
        compare(certificate)?;
    }
    check_nv(bytes, certificate.as_ref())?;
    let request = taken(SignedRequest::from_der(bytes))?;
    if let Some(request) = &request {
        let written = must(x509_cert::request::CertReq::from_der(bytes).and_then(|read| read.to_der()), "a request")?;
        same(written.as_slice(), bytes, "a request written")?;
        check_key(&request.public)?;
        check_name(&request.subject, bytes.len())?;
    }
    Ok(certificate.is_some() || request.is_some())
}

/// Revocation lists: every entry that another reader finds is found, and nothing is found that is not there.
pub(super) fn list(bytes: &[u8]) -> Result<bool, String> {
    let Some(list) = taken(RevocationList::from_der(bytes))? else { return Ok(false) };
    check_name(&list.issuer(), bytes.len())?;
    same(list.der(), bytes, "the bytes of a list")?;
    let _ = (list.authority_key_id(), list.not_understood());
    if let Some(other) = other_reader::<CertificateList>(bytes) {
        let entries = other.tbs_cert_list.revoked_certificates.unwrap_or_default();
        for entry in &entries {
            same(&list.revoked(entry.serial_number.as_bytes()).is_some(), &true, "an entry is found")?;
        }
        let absent = [0x55; 60];
        same(&list.revoked(&absent), &None, "a number that no entry has")?;
    }
    Ok(true)
}

/// Bundles: what is read is read again from the PEM of what was read, and nothing is there twice.
pub(super) fn bundle(bytes: &[u8]) -> Result<bool, String> {
    let Some(bundle) = taken(read_bundle(bytes))? else { return Ok(false) };
    let text: String = bundle.certificates.iter().map(|each| pem(each.der())).collect();
    if !bundle.certificates.is_empty() {
        let again = must(read_bundle(text.as_bytes()), "a bundle written")?;
        same(&again.certificates, &bundle.certificates, "a bundle written and read")?;
    }
    let read: usize = bundle.certificates.iter().map(|each| each.der().len()).sum();
    let lists: usize = bundle.crls.iter().map(|each| each.der().len()).sum();
    check_growth(read + lists, bytes.len(), 1, "a bundle")?;
    Ok(true)
}

/// What the crate `x509-cert` reads and writes to the same bytes.
fn other_reader<T: for<'a> x509_cert::der::Decode<'a> + x509_cert::der::Encode>(bytes: &[u8]) -> Option<T> {
    let read = T::from_der(bytes).ok()?;
    let written = read.to_der().ok()?;
    (written == bytes).then_some(read)
}

/// Where both read a certificate they read the same.
fn compare(certificate: &Certificate) -> Result<(), String> {
    let Some(other) = other_reader::<x509_cert::Certificate>(certificate.der()) else { return Ok(()) };
    let other = other.tbs_certificate;
    let written = |name: &x509_cert::name::Name| must(name.to_der(), "a name");
    same(certificate.subject_der(), written(&other.subject)?.as_slice(), "the subject")?;
    same(certificate.issuer_der(), written(&other.issuer)?.as_slice(), "the issuer")?;
    same(certificate.serial(), other.serial_number.as_bytes(), "the serial number")?;
    same(&certificate.is_v3(), &(other.version == x509_cert::Version::V3), "the version")?;
    for extension in other.extensions.unwrap_or_default() {
        same(&certificate.extension(extension.extn_id).is_some(), &true, "an extension is there")?;
    }
    Ok(())
}

/// Padding changes nothing about a certificate, and only padding passes for it.
fn check_nv(bytes: &[u8], certificate: Option<&Certificate>) -> Result<(), String> {
    let read = taken(Certificate::from_nv(bytes))?;
    if let Some(read) = &read {
        let length = read.certificate.der().len();
        let behind = read.padding.map_or(0, |padding| padding.count);
        same(&(length + behind), &bytes.len(), "what is read from NV")?;
    }
    let Some(certificate) = certificate else { return Ok(()) };
    same(&read.map(|read| read.certificate).as_ref(), &Some(certificate), "a certificate from NV")?;
    let padded = [certificate.der(), &[0xff; 9]].concat();
    if let Some(read) = taken(Certificate::from_nv(&padded))? {
        same(&read.certificate, certificate, "a certificate from NV with padding")?;
    }
    Ok(())
}

fn check_certificate(certificate: &Certificate) -> Result<(), String> {
    let length = certificate.der().len();
    if let Some(key) = taken(certificate.public())? {
        check_key(key)?;
    }
    check_name(&certificate.subject(), length)?;
    check_name(&certificate.issuer(), length)?;
    if let Some(name) = taken(certificate.san_directory_name())?.flatten() {
        check_name(&name, length)?;
    }
    same(&certificate.thumbprint().len(), &40, "a thumbprint")?;
    check_growth(pem(certificate.der()).len(), length, 2, "PEM")?;
    taken(certificate.validity())?;
    taken(certificate.verify_issued_by(certificate))?;
    taken(certificate.is_authority())?;
    taken(certificate.may_sign_certificates())?;
    taken(certificate.may_sign_crls())?;
    taken(certificate.key_uses())?;
    taken(certificate.path_length())?;
    let ids = [certificate.subject_key_id(), certificate.authority_key_id()];
    check_growth(ids.iter().flatten().map(|id| id.len()).sum(), length, 1, "key identifiers")?;
    let usages = taken(certificate.extended_key_usage())?.unwrap_or_default();
    let policies = taken(certificate.policies())?.unwrap_or_default();
    check_growth(usages.len() + policies.len(), length, 1, "usages and policies")?;
    for critical in certificate.critical_extensions() {
        let found = certificate.criticality(critical).is_some() && certificate.extension(critical).is_some();
        same(&found, &true, "a critical extension is there")?;
    }
    Ok(())
}

fn check_key(key: &PublicKey) -> Result<(), String> {
    same(&must(PublicKey::from_spki(&key.to_spki()), "reading a key")?, key, "a key written and read")
}

fn check_name(name: &Name, length: usize) -> Result<(), String> {
    check_growth(must(name.to_der(), "a name")?.len(), length, 1, "a name")?;
    // Attributes that have no text are shown as hexadecimal, and each character may have an escape before it.
    check_growth(name.to_string().len(), length, 8, "a name that is shown")?;
    let text = name.text(whfb::crypto::cert::oid::COMMON_NAME).unwrap_or_default();
    check_growth(text.len(), length, 1, "a common name")
}
