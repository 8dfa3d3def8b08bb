//! PRT requests: signed by the device key, for a user who proves to be there by password or Hello key.

use serde_json::json;

use crate::base::{OsRng, Uuid, random_guid};
use crate::crypto::cipher::random_secret;
use crate::wire::blob;
use crate::wire::encoding::{base64url, from_base64};
use crate::wire::jwe::wrap_session_key;
use crate::wire::jws::{Header, Jws, Unsigned};
use crate::wire::oauth::{
    GRANT_JWT_BEARER, PeerCertificateReply, PeerCertificateRequest, PrtReply, PrtRequest, TokenReply,
};
use crate::wire::token::IdClaims;

use super::directory::{Device, NewGrant, User};
use super::grant::{self, Kind, Proof, Prt};
use super::nonce::{NonceFault, Purpose};
use super::refusal::{Broken, Failure, Refusal};
use super::rules::PrtTokenType;
use super::{Entra, device_proof, device_token, hello, mfa, p2p, sts, tokens};

impl From<NonceFault> for Refusal {
    /// Nonces of the token service; registration has names of its own.
    fn from(fault: NonceFault) -> Self {
        match fault {
            NonceFault::Foreign => Self::NonceForeign,
            NonceFault::Expired => Self::NonceExpired,
            NonceFault::Replayed => Self::NonceReplayed,
        }
    }
}

/// The answer to a request that a device key signed.
pub(crate) enum Signed {
    /// A PRT.
    Prt(Box<PrtReply>),
    /// A token for the device alone.
    Device(Box<TokenReply>),
    /// A certificate for the device's key.
    Peer(PeerCertificateReply),
}

/// Answers a request that a device key signed (MS-OAPXBC section 3.2.5.1.2). Checks in this order: form, certificate, signature,
/// device, nonce, scope, user.
pub(crate) async fn redeem(entra: &Entra, jws: &Jws) -> Result<Signed, Failure> {
    let claims: PrtRequest = jws.claims().map_err(|_| Refusal::SignedRequestMalformed)?;
    let (device, certificate) = device_proof::signer(entra, jws, claims.grant_type == GRANT_JWT_BEARER).await?;
    let nonce = claims.request_nonce.as_deref().ok_or(Refusal::NonceMissing)?;
    entra.consume_nonce(Purpose::Token, nonce).await?.map_err(Refusal::from)?;
    match claims.grant_type.as_str() {
        "device_token" => {
            return device_token::issue(entra, &device, &claims).map(|reply| Signed::Device(Box::new(reply)));
        }
        "device_auth" => {
            let wanted: PeerCertificateRequest = jws.claims().map_err(|_| Refusal::SignedRequestMalformed)?;
            return p2p::issue(entra, &device, certificate.public()?, &wanted).map(Signed::Peer);
        }
        _ => {}
    }
    if !["aza", "openid"].iter().all(|wanted| claims.scope.split(' ').any(|each| each == *wanted)) {
        return Err(Refusal::ScopeWrong.into());
    }
    let (user, proof) = user(entra, &claims, nonce, &device).await?;
    Ok(Signed::Prt(Box::new(issue(entra, &user, &device, proof, &claims.client_id).await?)))
}

/// Who asks for a PRT, and what proves it.
async fn user(entra: &Entra, claims: &PrtRequest, nonce: &str, device: &Device) -> Result<(User, Proof), Failure> {
    match claims.grant_type.as_str() {
        "password" => {
            let name = claims.username.as_deref().ok_or(Refusal::ParameterMissing)?;
            let password = claims.password.as_deref().ok_or(Refusal::ParameterMissing)?;
            let user = sts::authenticate(entra, name, password).await?;
            let proof = mfa::by_password(&user, entra.now());
            Ok((user, proof))
        }
        "refresh_token" => {
            let text = claims.refresh_token.as_deref().ok_or(Refusal::ParameterMissing)?;
            by_refresh_token(entra, text, &claims.client_id, device).await
        }
        GRANT_JWT_BEARER => {
            let assertion = claims.assertion.as_deref().ok_or(Refusal::AssertionMissing)?;
            let user = hello::user(entra, assertion, nonce, device).await?;
            Ok((user, mfa::by_hello_key(entra.now())))
        }
        _ => Err(Refusal::GrantTypeUnsupported.into()),
    }
}

/// The user of a refresh token, which no other device may have got. What it proves is as old as it was.
async fn by_refresh_token(entra: &Entra, text: &str, client: &str, device: &Device) -> Result<(User, Proof), Failure> {
    let granted = sts::refreshable(entra, text, client)?;
    if granted.device.is_some_and(|id| id != device.id) {
        return Err(Refusal::RefreshTokenOfAnotherDevice.into());
    }
    sts::check_stands(entra, text).await?;
    let user = entra.directory().user(granted.user).await?.ok_or(Refusal::UserUnknown)?;
    Ok((user, granted.proof))
}

/// A PRT with a new session key, which leaves wrapped to the device's transport key.
pub(crate) async fn issue(
    entra: &Entra,
    user: &User,
    device: &Device,
    proof: Proof,
    client: &str,
) -> Result<PrtReply, Failure> {
    let transport = from_base64(&device.transport_key).ok().and_then(|blob| blob::read(&blob).ok());
    let transport = transport.ok_or(Refusal::TransportKeyMissing)?;
    let session_key = random_secret(&mut OsRng);
    let session_key_jwe =
        wrap_session_key(&session_key, &transport, &mut OsRng).map_err(|_| Refusal::TransportKeyMissing)?;
    let (user_id, device_id) = (user.id, device.id);
    // Time and identity come with the issue.
    let mut prt = Prt { user: user_id, device: device_id, session_key, proof, iat: 0, exp: 0, jti: Uuid::nil() };
    let reply = reissue(entra, user, &mut prt, client).await?;
    Ok(PrtReply { session_key_jwe: Some(session_key_jwe), ..reply })
}

/// Stamps a PRT with a new time and identity, and writes it down. The reply has no session key.
pub(crate) async fn reissue(entra: &Entra, user: &User, prt: &mut Prt, client: &str) -> Result<PrtReply, Failure> {
    let now = entra.now().as_second();
    let lifetime = entra.rules().prt_lifetime.as_secs();
    let exp = now.saturating_add(lifetime);
    let id_token = id_token(entra, user, client, &prt.proof.amr, exp)?;
    (prt.iat, prt.exp, prt.jti) = (now, exp, random_guid(&mut OsRng));
    let refresh_token = grant::write(&entra.keys().sealing, Kind::Prt, prt)?;
    let row = NewGrant {
        hash: grant::hash(&refresh_token),
        kind: Kind::Prt.name(),
        owner: prt.user,
        device: Some(prt.device),
        issued: now,
        expires: exp,
    };
    entra.directory().add_grant(&row).await?;
    Ok(PrtReply {
        token_type: token_type(entra.rules().prt_token_type),
        refresh_token,
        refresh_token_expires_in: lifetime,
        session_key_jwe: None,
        id_token,
        expires_in: lifetime.to_string(),
        ext_expires_in: "0".to_owned(),
        expires_on: exp.to_string(),
        client_info: Some(client_info(entra, user)),
    })
}

fn token_type(rule: PrtTokenType) -> String {
    match rule {
        PrtTokenType::Bearer => "Bearer".to_owned(),
        PrtTokenType::Pop => "pop".to_owned(),
    }
}

fn client_info(entra: &Entra, user: &User) -> String {
    base64url(json!({ "uid": user.id, "utid": entra.tenant().id }).to_string().as_bytes())
}

/// An ID token, not signed (protocol.md 4.4).
pub(crate) fn id_token(entra: &Entra, user: &User, client: &str, amr: &[String], exp: i64) -> Result<String, Broken> {
    let header = Header { alg: "none".to_owned(), typ: Some("JWT".to_owned()), ..Header::default() };
    let tenant = entra.tenant().id;
    let claims = IdClaims {
        aud: client.to_owned(),
        iss: tokens::issuer(tenant),
        iat: entra.now().as_second(),
        exp,
        amr: amr.to_vec(),
        name: user.display_name.clone(),
        oid: user.id.to_string(),
        preferred_username: user.upn.clone(),
        tid: tenant.to_string(),
        upn: user.upn.clone(),
        ver: "1.0".to_owned(),
    };
    Ok(Unsigned::new(&header, &claims)?.signed(&[]))
}
