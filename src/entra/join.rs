//! Device join: a certificate for the device key, and a place in the directory.

use crate::base::{OsRng, Uuid, random_guid};
use crate::crypto::PublicKey;
use crate::crypto::cert::CertificateError;
use crate::crypto::cert::{Certificate, Extension, Leaf, Name, SignedRequest, Text, Validity, oid};
use crate::wire::blob;
use crate::wire::encoding::{base64, from_base64};
use crate::wire::http::Request;
use crate::wire::join::{
    JOIN_TYPE_ENTRA, JOIN_TYPE_REGISTERED, JoinCertificate, JoinReply, JoinRequest, JoinUser, MembershipChange,
    REQUEST_SUBJECT,
};
use crate::wire::json;
use crate::wire::oauth::field;
use crate::wire::token::DRS_AUDIENCE;

use super::directory::{Device, User};
use super::refusal::{Failure, Refusal};
use super::{Entra, join_attestation, tokens};

/// Lifetime of a device certificate: ten years (protocol.md 3.6).
const CERTIFICATE_DAYS: i64 = 3652;
/// The local group of administrators.
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// Role template of the tenant's device administrators, the same in every tenant.
const DEVICE_ADMINISTRATORS: Uuid = Uuid::from_u128(0x9f06_204d_73c1_4d4c_880a_6edb_9060_6fd8);

/// What a join request asks for, checked.
struct Wanted {
    request: JoinRequest,
    key: PublicKey,
    transport: PublicKey,
}

/// Answers `POST /EnrollmentServer/device/` (protocol.md 3.4). Checks in this order: api-version, token, user, body, type,
/// name, certification request, transport key, attestation.
pub(crate) async fn join(entra: &Entra, request: &Request) -> Result<JoinReply, Failure> {
    check_version(request)?;
    let user = joining_user(entra, request).await?;
    let wanted = read(&request.body)?;
    join_attestation::judge(entra, &wanted.request, &wanted.transport)?;
    let id = random_guid(&mut OsRng);
    let certificate = certify(entra, &user, &wanted, id)?;
    let device = Device {
        id,
        owner: user.id,
        display_name: wanted.request.device_display_name,
        os: wanted.request.device_type,
        os_version: wanted.request.os_version,
        trust_type: if wanted.request.join_type == JOIN_TYPE_ENTRA { "AzureAd" } else { "Workplace" }.to_owned(),
        enabled: true,
        thumbprint: certificate.thumbprint(),
        certificate: base64(certificate.der()),
        transport_key: wanted.request.transport_key,
        created: entra.now().as_second(),
    };
    entra.directory().add_device(entra.tenant().id, &device).await?;
    Ok(JoinReply {
        certificate: JoinCertificate { thumbprint: device.thumbprint, raw_body: device.certificate },
        user: JoinUser { upn: user.upn },
        membership_changes: vec![MembershipChange {
            local_sid: ADMINISTRATORS.to_owned(),
            add_sids: vec![sid(DEVICE_ADMINISTRATORS), sid(user.id)],
        }],
    })
}

fn check_version(request: &Request) -> Result<(), Refusal> {
    match field(&request.query(), "api-version") {
        None => Err(Refusal::JoinApiVersionMissing),
        Some("1.0" | "2.0") => Ok(()),
        Some(_) => Err(Refusal::JoinApiVersionUnsupported),
    }
}

async fn joining_user(entra: &Entra, request: &Request) -> Result<User, Failure> {
    let bearer = request.bearer_token().ok_or(Refusal::JoinTokenMissing)?;
    let claims = tokens::admit(bearer, entra.keys(), entra.tenant().id, DRS_AUDIENCE, entra.now())
        .map_err(Refusal::join_token)?;
    let upn = claims.upn.as_deref().unwrap_or_default();
    Ok(entra.directory().user_by_upn(upn).await?.ok_or(Refusal::JoinUserUnknown)?)
}

fn read(body: &[u8]) -> Result<Wanted, Refusal> {
    let request: JoinRequest = json::object(body).map_err(|_| Refusal::JoinBodyMalformed)?;
    if ![JOIN_TYPE_ENTRA, JOIN_TYPE_REGISTERED].contains(&request.join_type) {
        return Err(Refusal::JoinTypeUnsupported);
    }
    let length = |text: &str| text.chars().count();
    let longest = length(&request.device_type).max(length(&request.os_version));
    if !(1..=256).contains(&length(&request.device_display_name)) || longest > 256 {
        return Err(Refusal::JoinNameInvalid);
    }
    let key = certified_key(&request)?;
    let transport = from_base64(&request.transport_key).ok().and_then(|blob| blob::read(&blob).ok());
    let transport = transport.filter(|key| key.bits() == 2048).ok_or(Refusal::JoinTransportKeyInvalid)?;
    Ok(Wanted { request, key, transport: PublicKey::Rsa(transport) })
}

fn certified_key(request: &JoinRequest) -> Result<PublicKey, Refusal> {
    if request.certificate_request.kind != "pkcs10" {
        return Err(Refusal::JoinRequestKind);
    }
    let der = from_base64(&request.certificate_request.data).map_err(|_| Refusal::JoinRequestMalformed)?;
    let signed = SignedRequest::from_der(&der).map_err(|error| match error {
        CertificateError::Signature => Refusal::JoinRequestSignature,
        CertificateError::Key => Refusal::JoinRequestKey,
        _ => Refusal::JoinRequestMalformed,
    })?;
    if signed.public.rsa().is_none_or(|key| key.bits() != 2048) {
        return Err(Refusal::JoinRequestKey);
    }
    // The sample of MS-DVRJ has a stray NUL at the end of the name.
    let subject = signed.subject.text(oid::COMMON_NAME).unwrap_or_default();
    if subject.trim_end_matches('\0') != REQUEST_SUBJECT {
        return Err(Refusal::JoinRequestSubject);
    }
    Ok(signed.public)
}

/// The device certificate (protocol.md 3.6).
fn certify(entra: &Entra, user: &User, wanted: &Wanted, id: Uuid) -> Result<Certificate, CertificateError> {
    let joined: &[u8] = if wanted.request.join_type == JOIN_TYPE_ENTRA { b"1" } else { b"0" };
    let leaf = Leaf {
        subject: Name::common_name(&id.to_string(), Text::Printable)?,
        public: &wanted.key,
        validity: Validity::days_from(entra.now(), CERTIFICATE_DAYS),
        extensions: vec![
            Extension::basic_constraints(false)?,
            Extension::extended_key_usage(true, &[oid::CLIENT_AUTH])?,
            Extension::entra(oid::DEVICE_ID, &id.to_bytes_le())?,
            Extension::entra(oid::DEVICE_USER, &user.id.to_bytes_le())?,
            Extension::entra(oid::DEVICE_TENANT, &entra.tenant().id.to_bytes_le())?,
            Extension::entra(oid::DEVICE_JOIN_TYPE, joined)?,
            Extension::entra(oid::DEVICE_REGION, entra.tenant().region.as_bytes())?,
        ],
    };
    entra.keys().devices.issue(&leaf, &mut OsRng)
}

/// The SID of an object of Entra: `S-1-12-1` and its GUID as four little-endian numbers.
fn sid(object: Uuid) -> String {
    let bytes = object.to_bytes_le();
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().fold("S-1-12-1".to_owned(), |sid, each| format!("{sid}-{}", u32::from_le_bytes(*each)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_the_guid_in_four_numbers() {
        let object: Uuid = "73d664e4-0886-4a73-b745-c694da45ddb4".parse().unwrap();
        assert_eq!(sid(object), "S-1-12-1-1943430372-1249052806-2496021943-3034400218");
    }
}
