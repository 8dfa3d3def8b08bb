//! Hello assertions: which user one proves, under which key, from which device.

use crate::crypto::{PublicKey, SignatureAlgorithm};
use crate::wire::blob;
use crate::wire::encoding::from_base64;
use crate::wire::jws::{Header, Jws};
use crate::wire::oauth::HelloAssertion;

use super::directory::{Device, Key, User};
use super::nonce::Purpose;
use super::refusal::{Failure, Refusal};
use super::rules::{AssertionAudience, AssertionNonce};
use super::{Entra, tokens};

/// The user of a Hello assertion (MS-OAPXBC section 3.2.5.1.2.3): user by `iss`, key by `kid`, signature, device of the
/// key, times, nonce.
pub(crate) async fn user(entra: &Entra, compact: &str, outer_nonce: &str, device: &Device) -> Result<User, Failure> {
    let jws = Jws::parse(compact).map_err(|_| Refusal::AssertionMalformed)?;
    let assertion: HelloAssertion = jws.claims().map_err(|_| Refusal::AssertionMalformed)?;
    let kid = hello_kid(&jws.header)?;
    let user = entra.directory().user_by_upn(&assertion.iss).await?.ok_or(Refusal::UserUnknown)?;
    let keys = entra.directory().keys_of(user.id, kid).await?;
    let key = keys.iter().find(|key| key.device == device.id).or(keys.first()).ok_or(Refusal::HelloKeyUnknown)?;
    verify(key, &jws)?;
    check_device_of(entra, key, device).await?;
    check_times(entra, &assertion)?;
    match (assertion.request_nonce.as_deref(), entra.rules().assertion_nonce) {
        (None, AssertionNonce::Optional) => {}
        (None, _) => Err(Refusal::NonceMissing)?,
        // The specification wants one nonce in both places, public clients use two: one request uses a nonce up once.
        (Some(nonce), _) if nonce == outer_nonce => {}
        (Some(_), AssertionNonce::Same) => Err(Refusal::AssertionNonceDiffers)?,
        (Some(nonce), _) => entra.consume_nonce(Purpose::Token, nonce).await?.map_err(Refusal::from)?,
    }
    Ok(user)
}

fn hello_kid(header: &Header) -> Result<&str, Refusal> {
    let is_hello = header.alg == "RS256" && header.usage.as_deref() == Some("ngc");
    header.kid.as_deref().filter(|_| is_hello).ok_or(Refusal::AssertionNotForHello)
}

fn verify(key: &Key, jws: &Jws) -> Result<(), Refusal> {
    let public = from_base64(&key.blob).ok().and_then(|blob| blob::read(&blob).ok());
    let public = PublicKey::Rsa(public.ok_or(Refusal::HelloKeyUnknown)?);
    public
        .verify(SignatureAlgorithm::RsaSha256, jws.signing_input.as_bytes(), &jws.signature)
        .map_err(|_| Refusal::HelloSignatureWrong)
}

async fn check_device_of(entra: &Entra, key: &Key, device: &Device) -> Result<(), Failure> {
    if key.device == device.id {
        return Ok(());
    }
    if entra.rules().require_same_device {
        return Err(Refusal::HelloDeviceDiffers.into());
    }
    match entra.directory().device(key.device).await? {
        Some(registered) if registered.enabled => Ok(()),
        Some(_) => Err(Refusal::HelloDeviceDisabled.into()),
        None => Err(Refusal::HelloDeviceNotFound.into()),
    }
}

fn check_times(entra: &Entra, assertion: &HelloAssertion) -> Result<(), Refusal> {
    let (now, rules) = (entra.now().as_second(), entra.rules());
    let (from, to) = (assertion.iat.0, assertion.exp.0);
    let too_wide = rules.assertion_window.is_some_and(|window| to.saturating_sub(from) > window.as_secs());
    let (audience, tenant) = (assertion.aud.as_str(), entra.tenant().id);
    let is_for_us = match rules.assertion_audience {
        AssertionAudience::Any => true,
        AssertionAudience::Tenant => audience.eq_ignore_ascii_case("common") || audience == tenant.to_string(),
        AssertionAudience::Issuer => audience == tokens::issuer(tenant),
    };
    let faults = [
        (from > now, Refusal::AssertionNotYetValid),
        (to <= now, Refusal::AssertionExpired),
        (too_wide, Refusal::AssertionWindowTooWide),
        (!is_for_us, Refusal::AssertionAudienceWrong),
    ];
    faults.into_iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, refusal)| Err(refusal))
}
