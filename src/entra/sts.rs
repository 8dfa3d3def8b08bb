//! The token endpoint: nonces, tokens by password and by code, and the door to signed requests.

use std::collections::HashSet;

use serde::Serialize;

use crate::base::{OsRng, random_guid};
use crate::crypto::digest::sha256;
use crate::wire::encoding::base64url;
use crate::wire::http::Request;
use crate::wire::jws::Jws;
use crate::wire::oauth::{
    GRANT_DEVICE_CODE, GRANT_JWT_BEARER, GRANT_NONCE, NonceReply, PeerCertificateReply, PrtReply, TokenReply,
    decode_form, field,
};
use crate::wire::token::AccessClaims;

use super::directory::{NewGrant, User};
use super::grant::{self, Authorization, Kind, Proof};
use super::nonce::Purpose;
use super::refusal::{Failure, Refusal};
use super::resource::{wanted, wanted_again, wants_ngcmfa};
use super::signin::Signed;
use super::{Entra, device_code, mfa, session, signin, tokens};

/// A reply of the token endpoint.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum TokenAnswer {
    /// To `srv_challenge`.
    Nonce(NonceReply),
    /// To a password or a code.
    Token(Box<TokenReply>),
    /// To a request signed by a device key.
    Prt(Box<PrtReply>),
    /// To a device that asks for a certificate.
    Peer(PeerCertificateReply),
    /// To a request signed under a session key: a JWE.
    Encrypted(String),
}

impl From<Signed> for TokenAnswer {
    fn from(signed: Signed) -> Self {
        match signed {
            Signed::Prt(reply) => Self::Prt(reply),
            Signed::Device(reply) => Self::Token(reply),
            Signed::Peer(reply) => Self::Peer(reply),
        }
    }
}

/// A decoded form.
pub(crate) type Form = [(String, String)];

/// Decides by `grant_type` alone, on the raw body: libhimmelblau sends no Content-Type with `srv_challenge`.
pub(crate) async fn token(entra: &Entra, tenant: &str, request: &Request) -> Result<TokenAnswer, Failure> {
    entra.check_tenant(tenant)?;
    let form = each_once(decode_form(&request.body))?;
    match field(&form, "grant_type").ok_or(Refusal::GrantTypeMissing)? {
        GRANT_NONCE => Ok(TokenAnswer::Nonce(NonceReply { nonce: entra.issue_nonce(Purpose::Token) })),
        "password" => Ok(TokenAnswer::Token(Box::new(by_password(entra, &form).await?))),
        "refresh_token" => Ok(TokenAnswer::Token(Box::new(by_refresh_token(entra, &form).await?))),
        "authorization_code" => Ok(TokenAnswer::Token(Box::new(by_code(entra, &form).await?))),
        GRANT_DEVICE_CODE | "device_code" => Ok(TokenAnswer::Token(Box::new(device_code::redeem(entra, &form).await?))),
        GRANT_JWT_BEARER => {
            let signed = required(&form, "request")?;
            let jws = Jws::parse(signed).map_err(|_| Refusal::SignedRequestMalformed)?;
            if jws.header.alg == "HS256" && jws.header.ctx.is_some() {
                return session::redeem(entra, &jws, &form).await.map(TokenAnswer::Encrypted);
            }
            signin::redeem(entra, &jws).await.map(TokenAnswer::from)
        }
        _ => Err(Refusal::GrantTypeUnsupported.into()),
    }
}

/// The same fields, none of which may come twice (RFC 6749 sections 3.1 and 3.2): who checks one value and who uses the other
/// might be two.
pub(crate) fn each_once(form: Vec<(String, String)>) -> Result<Vec<(String, String)>, Refusal> {
    let mut names = HashSet::with_capacity(form.len());
    if form.iter().all(|(name, _)| names.insert(name.as_str())) { Ok(form) } else { Err(Refusal::ParameterRepeated) }
}

/// A field that must be there and not empty.
pub(crate) fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, Refusal> {
    field(form, name).filter(|value| !value.is_empty()).ok_or(Refusal::ParameterMissing)
}

/// A user by name and password.
pub(crate) async fn authenticate(entra: &Entra, name: &str, password: &str) -> Result<User, Failure> {
    let user = entra.directory().user_by_upn(name).await?.ok_or(Refusal::UserUnknown)?;
    if user.has_password(password) { Ok(user) } else { Err(Refusal::PasswordWrong.into()) }
}

async fn by_password(entra: &Entra, form: &Form) -> Result<TokenReply, Failure> {
    let client_id = required(form, "client_id")?.to_owned();
    let resource = wanted(form)?;
    let fresh = wants_ngcmfa(form)?;
    let user = authenticate(entra, required(form, "username")?, required(form, "password")?).await?;
    let proof = mfa::by_password(&user, entra.now());
    let proof = if fresh { mfa::fresh(&user, &proof, entra.now())? } else { proof };
    issue(entra, &user, Authorization::at_once(user.id, None, client_id, resource, proof)).await
}

/// The token stays good after its use, as Entra's for public clients do. What it proves is as old as it was: a refresh makes no
/// authentication fresh.
async fn by_refresh_token(entra: &Entra, form: &Form) -> Result<TokenReply, Failure> {
    let text = required(form, "refresh_token")?;
    let granted = refreshable(entra, text, required(form, "client_id")?)?;
    let resource = wanted_again(form)?.unwrap_or_else(|| granted.resource.clone());
    let proof = asked_proof(entra, form, granted.proof.clone())?;
    check_stands(entra, text).await?;
    let user = entra.directory().user(granted.user).await?.ok_or(Refusal::UserUnknown)?;
    issue(entra, &user, Authorization { resource, proof, ..granted }).await
}

/// What a refresh token of this client says, if it has not expired. Whether it was revoked is [`check_stands`]' question.
pub(crate) fn refreshable(entra: &Entra, text: &str, client: &str) -> Result<Authorization, Refusal> {
    let granted: Authorization =
        grant::read(&entra.keys().sealing, Kind::Refresh, text).map_err(|_| Refusal::RefreshTokenMalformed)?;
    if granted.exp < entra.now().as_second() {
        return Err(Refusal::RefreshTokenExpired);
    }
    if client != granted.client_id {
        return Err(Refusal::RefreshTokenOfAnotherClient);
    }
    Ok(granted)
}

/// Whether a refresh token is in force still.
pub(crate) async fn check_stands(entra: &Entra, refresh_token: &str) -> Result<(), Failure> {
    if entra.directory().grant_stands(&grant::hash(refresh_token)).await? {
        Ok(())
    } else {
        Err(Refusal::RefreshTokenRevoked.into())
    }
}

/// The proof of an earlier sign-in, with `ngcmfa` where it is asked for and still deserved: nobody can be asked here.
pub(crate) fn asked_proof(entra: &Entra, form: &Form, older: Proof) -> Result<Proof, Refusal> {
    if wants_ngcmfa(form)? { mfa::still_fresh(&older, entra.rules(), entra.now()) } else { Ok(older) }
}

async fn by_code(entra: &Entra, form: &Form) -> Result<TokenReply, Failure> {
    let code = required(form, "code")?;
    let granted: Authorization =
        grant::read(&entra.keys().sealing, Kind::Code, code).map_err(|_| Refusal::CodeMalformed)?;
    let now = entra.now().as_second();
    if granted.exp < now {
        return Err(Refusal::CodeExpired.into());
    }
    if required(form, "client_id")? != granted.client_id {
        return Err(Refusal::CodeOfAnotherClient.into());
    }
    if required(form, "redirect_uri")? != granted.redirect_uri {
        return Err(Refusal::CodeRedirectDiffers.into());
    }
    // roadtx leaves the resource out here; the code remembers it.
    if wanted_again(form)?.is_some_and(|resource| resource != granted.resource) {
        return Err(Refusal::CodeResourceDiffers.into());
    }
    check_verifier(granted.challenge.as_deref(), field(form, "code_verifier"))?;
    let proof = asked_proof(entra, form, granted.proof.clone())?;
    let user = entra.directory().user(granted.user).await?.ok_or(Refusal::UserUnknown)?;
    if !entra.directory().consume(&grant::hash(code), granted.exp, now).await? {
        return Err(Refusal::CodeRedeemed.into());
    }
    issue(entra, &user, Authorization { proof, ..granted }).await
}

/// Proof Key for Code Exchange, method S256 (RFC 7636 section 4.6). A verifier without a challenge proves nothing and is refused.
fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), Refusal> {
    match (challenge, verifier.filter(|text| !text.is_empty())) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if base64url(&sha256(verifier.as_bytes())) == challenge => Ok(()),
        _ => Err(Refusal::CodeVerifierWrong),
    }
}

/// An access token and a refresh token for what was authorized.
pub(crate) async fn issue(entra: &Entra, user: &User, authorization: Authorization) -> Result<TokenReply, Failure> {
    let now = entra.now().as_second();
    let lifetime = entra.rules().access_token_lifetime.as_secs();
    let claims = claims(entra, user, &authorization, now, now.saturating_add(lifetime));
    let access_token = tokens::sign(entra.keys(), &claims)?;
    let resource = authorization.resource.clone();
    let refresh_token = refresh_token(entra, authorization, now).await?;
    Ok(TokenReply {
        token_type: "Bearer".to_owned(),
        expires_in: lifetime,
        ext_expires_in: lifetime,
        expires_on: claims.exp,
        scope: claims.scp,
        resource: Some(resource),
        access_token,
        refresh_token: Some(refresh_token),
        id_token: Some(signin::id_token(entra, user, &claims.appid, &claims.amr, claims.exp)?),
    })
}

fn claims(entra: &Entra, user: &User, authorization: &Authorization, now: i64, exp: i64) -> AccessClaims {
    let Proof { amr, mfa_time } = authorization.proof.clone();
    AccessClaims {
        aud: authorization.resource.clone(),
        iss: tokens::issuer(entra.tenant().id),
        iat: now,
        nbf: now,
        exp,
        amr,
        appid: authorization.client_id.clone(),
        deviceid: authorization.device.map(|id| id.to_string()),
        name: Some(user.display_name.clone()),
        oid: user.id.to_string(),
        scp: "user_impersonation".to_owned(),
        tid: entra.tenant().id.to_string(),
        upn: Some(user.upn.clone()),
        ver: "1.0".to_owned(),
        mfa_time,
    }
}

async fn refresh_token(entra: &Entra, authorization: Authorization, now: i64) -> Result<String, Failure> {
    let expires = now.saturating_add(entra.rules().prt_lifetime.as_secs());
    let (owner, device) = (authorization.user, authorization.device);
    let content = Authorization {
        redirect_uri: String::new(),
        challenge: None,
        exp: expires,
        jti: random_guid(&mut OsRng),
        ..authorization
    };
    let text = grant::write(&entra.keys().sealing, Kind::Refresh, &content)?;
    let kind = Kind::Refresh.name();
    let row = NewGrant { hash: grant::hash(&text), kind, owner, device, issued: now, expires };
    entra.directory().add_grant(&row).await?;
    Ok(text)
}
