//! The authorization endpoint: a code for whoever holds a PRT and its session key.

use serde::{Deserialize, Serialize};

use crate::base::{ExposeSecret as _, OsRng, Uuid, random_guid};
use crate::crypto::digest::{equal, hmac_sha256};
use crate::crypto::kdf::{SessionKdf, session_derived_key};
use crate::wire::encoding::{from_base64, from_base64url};
use crate::wire::host;
use crate::wire::http::Request;
use crate::wire::jws::Jws;
use crate::wire::oauth::{HEADER_DEVICE, HEADER_PRT, PrtCredential, field};

use super::directory::User;
use super::grant::{self, Authorization, Kind, Proof, Prt};
use super::nonce::Purpose;
use super::page::Page;
use super::refusal::{Broken, Failure, Refusal};
use super::resource::{wanted, wants_ngcmfa};
use super::rules::Rules;
use super::{Entra, device_proof, login, mfa, sts};

/// Sends the client to its own address with a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    location: String,
}

impl Redirect {
    /// The address; visible ASCII.
    pub(crate) fn location(&self) -> &str {
        &self.location
    }
}

/// How an authorization request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// At the client's address.
    Redirect(Redirect),
    /// By a page.
    Page(Page),
}

impl From<Page> for Outcome {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

/// What an authorization request asks for, checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    client_id: String,
    redirect_uri: String,
    resource: String,
    state: Option<String>,
    challenge: Option<String>,
    form_post: bool,
    /// Whether fresh multi-factor authentication is wanted.
    pub(crate) fresh: bool,
}

impl Asked {
    fn read(query: &sts::Form) -> Result<Self, Refusal> {
        if sts::required(query, "response_type")? != "code" {
            return Err(Refusal::ResponseTypeUnsupported);
        }
        let redirect_uri = sts::required(query, "redirect_uri")?.to_owned();
        check_redirect(&redirect_uri)?;
        Ok(Self {
            client_id: sts::required(query, "client_id")?.to_owned(),
            redirect_uri,
            resource: wanted(query)?,
            state: field(query, "state").map(str::to_owned),
            challenge: challenge(query)?,
            form_post: match field(query, "response_mode") {
                None | Some("" | "query") => false,
                Some("form_post") => true,
                Some(_) => return Err(Refusal::ResponseModeUnsupported),
            },
            fresh: wants_ngcmfa(query)?,
        })
    }
}

/// The challenge of Proof Key for Code Exchange (RFC 7636 section 4.3); `plain` protects nothing and is not taken.
fn challenge(query: &sts::Form) -> Result<Option<String>, Refusal> {
    let Some(challenge) = field(query, "code_challenge").filter(|text| !text.is_empty()) else { return Ok(None) };
    let of_sha256 = from_base64url(challenge).is_ok_and(|bytes| bytes.len() == 32);
    if of_sha256 && field(query, "code_challenge_method") == Some("S256") {
        Ok(Some(challenge.to_owned()))
    } else {
        Err(Refusal::ChallengeMethodUnsupported)
    }
}

/// Answers `GET authorize`: query first, then the PRT credential, the device, and fresh MFA if it is asked for.
///
/// MS-OAPXBC section 3.2.5.2.1.1 has a server ignore a bad credential and show a sign-in page. Here the credential's own fault is
/// the answer; the page comes to a browser without one. A browser whose credential has no nonce is sent back with one.
pub(crate) async fn authorize(entra: &Entra, tenant: &str, request: &Request) -> Result<Outcome, Failure> {
    entra.check_tenant(tenant)?;
    let query = sts::each_once(request.query())?;
    let asked = Asked::read(&query)?;
    let Some(compact) = credential(request) else { return ask_to_sign_in(entra, request, &query, asked).await };
    let jws = Jws::parse(compact).map_err(|_| Refusal::CredentialMalformed)?;
    let claims: PrtCredential = jws.claims().map_err(|_| Refusal::CredentialMalformed)?;
    if claims.request_nonce.is_none() && request.wants_page() && field(&query, "sso_nonce").is_none() {
        let nonce = entra.issue_nonce(Purpose::Token);
        let location = format!("https://{}{}&sso_nonce={nonce}", host::LOGIN, request.target);
        return Ok(Outcome::Redirect(Redirect { location }));
    }
    let (prt, user) = prove(entra, &jws, &claims.refresh_token, claims.request_nonce.as_deref()).await?;
    let proof = if asked.fresh { mfa::fresh(&user, &prt.proof, entra.now())? } else { prt.proof };
    Ok(hand_over(entra, &asked, &user, Some(prt.device), proof)?)
}

/// The sign-in page, for who can see one. A device that proves itself stays proven behind it.
async fn ask_to_sign_in(entra: &Entra, request: &Request, query: &sts::Form, asked: Asked) -> Result<Outcome, Failure> {
    if !request.wants_page() || field(query, "prompt") == Some("none") {
        return Err(Refusal::NobodySignedIn.into());
    }
    let device = match request.header_value(HEADER_DEVICE) {
        Some(compact) => Some(device_proof::by_header(entra, compact).await?.id),
        None => None,
    };
    let hint = field(query, "login_hint").unwrap_or_default();
    Ok(login::start(entra, login::Purpose::Authorize(asked), device, hint)?.into())
}

/// Hands a code to the client, the way it asked for.
pub(crate) fn hand_over(
    entra: &Entra,
    asked: &Asked,
    user: &User,
    device: Option<Uuid>,
    proof: Proof,
) -> Result<Outcome, Broken> {
    let exp = entra.now().as_second().saturating_add(entra.rules().code_lifetime.as_secs());
    let authorization = Authorization {
        user: user.id,
        device,
        client_id: asked.client_id.clone(),
        redirect_uri: asked.redirect_uri.clone(),
        resource: asked.resource.clone(),
        challenge: asked.challenge.clone(),
        proof,
        exp,
        jti: random_guid(&mut OsRng),
    };
    let code = grant::write(&entra.keys().sealing, Kind::Code, &authorization)?;
    if asked.form_post {
        let (action, state) = (asked.redirect_uri.clone(), asked.state.clone());
        return Ok(Page::Submit { action, code, state }.into());
    }
    Ok(Outcome::Redirect(Redirect { location: location(&asked.redirect_uri, &code, asked.state.as_deref()) }))
}

/// An absolute URI of visible ASCII characters without a fragment (RFC 6749 section 3.1.2), which no browser takes for a script or
/// a document: it becomes a link and the address of a form.
fn check_redirect(uri: &str) -> Result<(), Refusal> {
    let scheme = uri.split_once("://").map_or("", |(scheme, _)| scheme);
    let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|each| each.is_ascii_alphanumeric() || "+-.".contains(each));
    let clean = uri.chars().all(|each| each.is_ascii_graphic() && !"\"<>\\^`{|}#".contains(each));
    let runs = ["javascript", "vbscript", "data", "blob", "file"].iter().any(|each| scheme.eq_ignore_ascii_case(each));
    if named && clean && !runs { Ok(()) } else { Err(Refusal::RedirectInvalid) }
}

/// The code needs no escaping: it is base64url and a dot.
fn location(redirect_uri: &str, code: &str, state: Option<&str>) -> String {
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    let state =
        state.map(|state| format!("&{}", crate::wire::oauth::encode_form(&[("state", state)]))).unwrap_or_default();
    format!("{redirect_uri}{joint}code={code}{state}")
}

/// The PRT of a message that is signed under its session key, and its user. Checks in this order: PRT, signature, expiry,
/// revocation, nonce, device, user.
pub(super) async fn prove(entra: &Entra, jws: &Jws, prt: &str, nonce: Option<&str>) -> Result<(Prt, User), Failure> {
    let hash = grant::hash(prt);
    let prt: Prt = grant::read(&entra.keys().sealing, Kind::Prt, prt).map_err(|_| Refusal::PrtMalformed)?;
    check_signature(&prt, jws, entra.rules())?;
    if prt.exp <= entra.now().as_second() {
        return Err(Refusal::PrtExpired.into());
    }
    if !entra.directory().grant_stands(&hash).await? {
        return Err(Refusal::PrtRevoked.into());
    }
    let nonce = nonce.ok_or(Refusal::NonceMissing)?;
    entra.consume_nonce(Purpose::Token, nonce).await?.map_err(Refusal::from)?;
    let device = entra.directory().device(prt.device).await?.ok_or(Refusal::DeviceUnknown)?;
    if !device.enabled {
        return Err(Refusal::DeviceDisabled.into());
    }
    let user = entra.directory().user(prt.user).await?.ok_or(Refusal::UserUnknown)?;
    Ok((prt, user))
}

/// The header, or the browser's cookie of the same name.
fn credential(request: &Request) -> Option<&str> {
    let cookie = || {
        let cookies = request.header_value("Cookie")?.split(';');
        cookies
            .filter_map(|each| each.trim().split_once('='))
            .find(|(name, _)| *name == HEADER_PRT)
            .map(|(_, value)| value)
    };
    request.header_value(HEADER_PRT).or_else(cookie)
}

/// HS256 under the key derived from the session key with the header's `ctx` (protocol.md 4.6).
fn check_signature(prt: &Prt, jws: &Jws, rules: &Rules) -> Result<(), Refusal> {
    let context = jws.header.ctx.as_deref().and_then(|text| from_base64(text).ok());
    let context = context.filter(|_| jws.header.alg == "HS256").ok_or(Refusal::CredentialMalformed)?;
    let kdf = match jws.header.kdf_ver {
        None | Some(1) if !rules.accept_kdf_v1 => return Err(Refusal::KdfVersionRefused),
        None | Some(1) => SessionKdf::V1,
        Some(2) => SessionKdf::V2 { payload: &jws.payload },
        Some(_) => return Err(Refusal::KdfVersionUnknown),
    };
    let key = session_derived_key(&prt.session_key, &context, kdf);
    let wanted = hmac_sha256(key.expose_secret(), &[jws.signing_input.as_bytes()]);
    if equal(&wanted, &jws.signature) { Ok(()) } else { Err(Refusal::SessionKeyWrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_redirect_addresses_of_public_clients_and_no_others() {
        for uri in [
            "ms-appx-web://Microsoft.AAD.BrokerPlugin/dd762716-544d-4aeb-a526-687b73838a22",
            "msauth://Microsoft.AAD.BrokerPlugin",
            "https://login.microsoftonline.com/common/oauth2/nativeclient?a=b",
        ] {
            assert_eq!(check_redirect(uri), Ok(()), "{uri}");
        }
        for uri in [
            "",
            "nativeclient",
            "://x",
            "1a://x",
            "a b://x",
            "https://x/\r\nSet-Cookie: a=b",
            "https://x/#f",
            "https://x/\"",
            "https://x/é",
            "javascript://x/%0aalert(1)",
            "JavaScript://x",
            "data://text/html,x",
        ] {
            assert_eq!(check_redirect(uri), Err(Refusal::RedirectInvalid), "{uri:?}");
        }
    }

    #[test]
    fn a_location_carries_code_and_state() {
        assert_eq!(location("msauth://x?a=1", "1.code", Some("s t")), "msauth://x?a=1&code=1.code&state=s+t");
    }
}
