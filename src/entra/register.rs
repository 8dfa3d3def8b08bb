//! Key registration (MS-KPP section 3.1.5.1.1.3): 400 for the request, 401 for the token, 400 for the user and the key.

use crate::base::{OsRng, Uuid, random_guid};
use crate::crypto::has_roca_fingerprint;
use crate::wire::blob;
use crate::wire::encoding::base64;
use crate::wire::http::Request;
use crate::wire::kpp::{KeyReply, KeyRequest, ProvisioningContext};
use crate::wire::lab::EK_ALREADY_KNOWN;
use crate::wire::token::DRS_AUDIENCE;

use super::directory::{Endorsement, Key, Stored, User};
use super::refusal::{Broken, Failure, Refusal};
use super::rules::{DuplicateKey, Pctx, WeakKey};
use super::verdict::{Judged, judge, statement};
use super::{Entra, mfa, tokens};

/// Who registers, from where.
struct Registrant {
    upn: String,
    device: Uuid,
}

/// Answers `POST /EnrollmentServer/key/`.
pub(crate) async fn register(entra: &Entra, request: &Request) -> Result<KeyReply, Failure> {
    check_version(request)?;
    check_accept(request)?;
    let wanted = KeyRequest::parse(&request.body).map_err(Refusal::from)?;
    if wanted.key.bits() != 2048 {
        return Err(Refusal::KngcKeySize.into());
    }
    let statement = wanted.attestation.as_ref().map(statement).transpose()?;
    let registrant = registrant(entra, request).await?;
    let user = entra.directory().user_by_upn(&registrant.upn).await?.ok_or(Refusal::KeyUserUnknown)?;
    let strength = strength(entra, &wanted)?;
    let judged = judge(entra, &wanted, statement.as_ref())?;
    let endorsement = judged.endorsement(entra, registrant.device).await?;
    judged.consume_nonce(entra).await?;
    let key = key(entra, &user, registrant.device, &wanted, &judged, strength);
    let stored = store(entra, &key, endorsement.as_ref()).await?;
    let told = statement.is_some() || wanted.software;
    Ok(KeyReply {
        kid: stored.key.kid.to_string(),
        upn: user.upn,
        pctx: context(entra)?,
        attestation_level: told.then_some(stored.key.level),
        attestation_warnings: if stored.ek_known { vec![EK_ALREADY_KNOWN.to_owned()] } else { Vec::new() },
    })
}

/// The signed context of AD FS. The lab has no domain controller; the name says where one would be.
fn context(entra: &Entra) -> Result<Option<String>, Broken> {
    match entra.rules().pctx {
        Pctx::Absent => Ok(None),
        Pctx::Signed => {
            let context = ProvisioningContext { domain_controller: format!("dc.{}", entra.tenant().domain) };
            let json = serde_json::to_vec(&context).map_err(|_| Broken::Encoding)?;
            Ok(Some(base64(&entra.keys().devices.signed_data(&json)?)))
        }
    }
}

/// `api-version` is given once, in the query or as a header, and is 1.0.
fn check_version(request: &Request) -> Result<(), Refusal> {
    let query = request.query();
    let in_query = query.iter().filter(|(name, _)| name == "api-version").map(|(_, value)| value);
    let in_headers =
        request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("api-version")).map(|(_, value)| value);
    let mut given = in_query.chain(in_headers);
    match (given.next().map(String::as_str), given.next()) {
        (None, _) => Err(Refusal::KeyApiVersionMissing),
        (Some(_), Some(_)) => Err(Refusal::KeyApiVersionTwice),
        (Some("1.0"), None) => Ok(()),
        (Some(_), None) => Err(Refusal::KeyApiVersionUnsupported),
    }
}

/// The Accept header is there and admits JSON (RFC 9110 section 12.5.1).
fn check_accept(request: &Request) -> Result<(), Refusal> {
    let mut ranges = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Accept"))
        .flat_map(|(_, value)| value.split(','))
        .peekable();
    if ranges.peek().is_none() {
        return Err(Refusal::KeyAcceptMissing);
    }
    if ranges.any(admits_json) { Ok(()) } else { Err(Refusal::KeyAcceptNotJson) }
}

fn admits_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let named = ["application/json", "application/*", "*/*"].iter().any(|each| kind.eq_ignore_ascii_case(each));
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
    named && weight.is_ok_and(|weight| weight > 0.0)
}

/// Token, device, UPN, `ngcmfa`, freshness: each fault is a 401.
async fn registrant(entra: &Entra, request: &Request) -> Result<Registrant, Failure> {
    let bearer = request.bearer_token().ok_or(Refusal::KeyTokenMissing)?;
    let claims = tokens::admit(bearer, entra.keys(), entra.tenant().id, DRS_AUDIENCE, entra.now())
        .map_err(Refusal::key_token)?;
    let device = claims.deviceid.as_deref().ok_or(Refusal::KeyDeviceIdMissing)?;
    let device = Uuid::parse_str(device).map_err(|_| Refusal::KeyDeviceUnknown)?;
    let device = entra.directory().device(device).await?.ok_or(Refusal::KeyDeviceUnknown)?;
    if !device.enabled {
        return Err(Refusal::KeyDeviceDisabled.into());
    }
    let upn = claims.upn.clone().ok_or(Refusal::KeyUpnMissing)?;
    mfa::check_fresh(&claims.amr, claims.mfa_time, entra.rules(), entra.now())?;
    Ok(Registrant { upn, device: device.id })
}

/// What Graph calls keyStrength. That Entra's `weak` is this weakness is inferred.
fn strength(entra: &Entra, wanted: &KeyRequest) -> Result<&'static str, Refusal> {
    match (has_roca_fingerprint(&wanted.key), entra.rules().weak_key) {
        (false, _) => Ok("normal"),
        (true, WeakKey::StoreAsWeak) => Ok("weak"),
        (true, WeakKey::Refuse) => Err(Refusal::KeyWeak),
    }
}

fn key(entra: &Entra, user: &User, device: Uuid, wanted: &KeyRequest, judged: &Judged, strength: &str) -> Key {
    Key {
        kid: random_guid(&mut OsRng),
        owner: user.id,
        device,
        key_id: base64(&blob::key_id(&wanted.blob)),
        blob: base64(&wanted.blob),
        created: entra.now().as_second(),
        level: judged.level.to_string(),
        report: judged.report.to_string(),
        strength: strength.to_owned(),
    }
}

async fn store(entra: &Entra, key: &Key, endorsement: Option<&Endorsement>) -> Result<Stored, Failure> {
    let slot = match entra.rules().duplicate_key {
        DuplicateKey::Idempotent => format!("{}/{}/{}", key.owner, key.device, key.key_id),
        DuplicateKey::Append => key.kid.to_string(),
    };
    let stored = entra.directory().add_key(key, &slot, endorsement).await?.ok_or(Refusal::EkAlreadyKnown)?;
    if stored.ek_known {
        tracing::warn!(target: "whfb::entra", device = %key.device, key = %stored.key.kid, EK_ALREADY_KNOWN);
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http::Method;

    fn request(target: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::new(Method::Post, "h", target);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        request
    }

    #[test]
    fn the_version_is_given_exactly_once() {
        for (target, headers, answer) in [
            ("/key?api-version=1.0", &[][..], Ok(())),
            ("/key", &[("API-Version", "1.0")], Ok(())),
            ("/key", &[], Err(Refusal::KeyApiVersionMissing)),
            ("/key?api-version=1.0", &[("api-version", "1.0")], Err(Refusal::KeyApiVersionTwice)),
            ("/key?api-version=1.0&api-version=1.0", &[], Err(Refusal::KeyApiVersionTwice)),
            ("/key?api-version=2.0", &[], Err(Refusal::KeyApiVersionUnsupported)),
            ("/key?api-version=", &[], Err(Refusal::KeyApiVersionUnsupported)),
        ] {
            assert_eq!(check_version(&request(target, headers)), answer, "{target} {headers:?}");
        }
    }

    #[test]
    fn accept_must_admit_json() {
        for (value, answer) in [
            ("application/json", Ok(())),
            ("application/json, text/plain, */*", Ok(())),
            ("text/html, application/*;q=0.1", Ok(())),
            ("APPLICATION/JSON;charset=utf-8", Ok(())),
            ("text/html", Err(Refusal::KeyAcceptNotJson)),
            ("application/json;q=0", Err(Refusal::KeyAcceptNotJson)),
            ("", Err(Refusal::KeyAcceptNotJson)),
        ] {
            assert_eq!(check_accept(&request("/", &[("accept", value)])), answer, "{value:?}");
        }
        assert_eq!(check_accept(&request("/", &[])), Err(Refusal::KeyAcceptMissing));
    }
}
