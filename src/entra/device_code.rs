//! Device codes (RFC 8628): a client without a browser asks, a person approves on a page, the client polls.

use crate::base::{OsRng, Uuid, random_bytes};
use crate::wire::encoding::base64url;
use crate::wire::host;
use crate::wire::http::Request;
use crate::wire::oauth::{DeviceCodeReply, DeviceCodeReplyV1, DeviceCodeReplyV2, TokenReply, decode_form, field};

use super::directory::{DeviceCode, User};
use super::grant::{self, Authorization, Proof};
use super::refusal::{Broken, Failure, Refusal};
use super::resource::{wanted, wants_ngcmfa};
use super::sts::{self, Form, required};
use super::{Entra, mfa};

/// Seconds between two polls \[spec: RFC 8628 section 3.5\].
const INTERVAL: i64 = 5;
/// What a person types: no vowels, which make words, and no letters that look like digits.
const ALPHABET: &[u8; 28] = b"BCDFGHJKLMNPQRSTVWXYZ2345679";
const LETTERS: usize = 9;

/// Which of the two endpoints was asked; they differ in the names and types of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// `/oauth2/devicecode`.
    V1,
    /// `/oauth2/v2.0/devicecode`.
    V2,
}

/// Answers `POST devicecode`: a code for the client, and one for its user.
pub(crate) async fn begin(
    entra: &Entra,
    tenant: &str,
    request: &Request,
    version: Version,
) -> Result<DeviceCodeReply, Failure> {
    entra.check_tenant(tenant)?;
    let form = sts::each_once(decode_form(&request.body))?;
    let (client, resource) = (required(&form, "client_id")?.to_owned(), wanted(&form)?);
    let fresh = wants_ngcmfa(&form)?;
    let now = entra.now().as_second();
    let lifetime = entra.rules().device_code_lifetime.as_secs();
    let device_code = base64url(&random_bytes::<32>(&mut OsRng));
    let code = DeviceCode {
        hash: grant::hash(&device_code),
        user_code: user_code(),
        client,
        resource,
        fresh,
        expires: now.saturating_add(lifetime),
        declined: false,
        proof: String::new(),
        owner: None,
    };
    entra.directory().add_device_code(&code, now).await?;
    if let Some(user) = entra.approver() {
        let user = entra.directory().user(user).await?.ok_or(Refusal::UserUnknown)?;
        approve(entra, &code, &user, mfa::by_password(&user, entra.now())).await?;
    }
    Ok(reply(code.user_code, device_code, lifetime, version))
}

fn reply(user_code: String, device_code: String, lifetime: i64, version: Version) -> DeviceCodeReply {
    let page = format!("https://{}/common/oauth2/deviceauth", host::LOGIN);
    let message = format!("To sign in, open the page {page} in a browser and enter the code {user_code} there.");
    match version {
        Version::V1 => DeviceCodeReply::V1(DeviceCodeReplyV1 {
            user_code,
            device_code,
            verification_url: page,
            expires_in: lifetime.to_string(),
            interval: INTERVAL.to_string(),
            message,
        }),
        Version::V2 => DeviceCodeReply::V2(DeviceCodeReplyV2 {
            user_code,
            device_code,
            verification_uri: page,
            expires_in: lifetime,
            interval: INTERVAL,
            message,
        }),
    }
}

fn user_code() -> String {
    let mut code = String::with_capacity(LETTERS);
    while code.len() < LETTERS {
        let [byte] = random_bytes::<1>(&mut OsRng);
        // The largest multiple of 28 below 256 is 252: bytes above it would make some letters more frequent.
        if byte < 252 {
            code.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        }
    }
    code
}

/// The code that a person typed, if it can still be answered.
pub(crate) async fn open(entra: &Entra, user_code: &str) -> Result<DeviceCode, Failure> {
    let typed: String = user_code.chars().filter(|each| !each.is_whitespace()).collect();
    if typed.is_empty() {
        return Err(Refusal::UserCodeMissing.into());
    }
    let found = entra.directory().device_code_of(&typed.to_uppercase()).await?.ok_or(Refusal::UserCodeUnknown)?;
    if found.expires < entra.now().as_second() {
        return Err(Refusal::DeviceCodeExpired.into());
    }
    if found.declined || found.owner.is_some() {
        return Err(Refusal::DeviceCodeAnswered.into());
    }
    Ok(found)
}

/// A user approves; fresh multi-factor authentication comes with it where the client asked for it.
pub(crate) async fn approve(entra: &Entra, code: &DeviceCode, user: &User, proof: Proof) -> Result<(), Failure> {
    let proof = if code.fresh { mfa::fresh(user, &proof, entra.now())? } else { proof };
    let proof = serde_json::to_string(&proof).map_err(|_| Broken::Encoding)?;
    answer(entra, code, Some((user.id, &proof))).await
}

/// The user declines.
pub(crate) async fn decline(entra: &Entra, code: &DeviceCode) -> Result<(), Failure> {
    answer(entra, code, None).await
}

async fn answer(entra: &Entra, code: &DeviceCode, answer: Option<(Uuid, &str)>) -> Result<(), Failure> {
    let first = entra.directory().answer_device_code(&code.hash, answer, entra.now().as_second()).await?;
    if first { Ok(()) } else { Err(Refusal::DeviceCodeAnswered.into()) }
}

/// Answers a poll (RFC 8628 section 3.4): a token once the code is approved, and once alone.
pub(crate) async fn redeem(entra: &Entra, form: &Form) -> Result<TokenReply, Failure> {
    // Version 1 of the endpoint calls it `code` [client: roadtx].
    let text = field(form, "device_code").or(field(form, "code")).filter(|text| !text.is_empty());
    let hash = grant::hash(text.ok_or(Refusal::ParameterMissing)?);
    let code = entra.directory().device_code(&hash).await?.ok_or(Refusal::DeviceCodeUnknown)?;
    if required(form, "client_id")? != code.client {
        return Err(Refusal::DeviceCodeOfAnotherClient.into());
    }
    let now = entra.now().as_second();
    if code.expires < now {
        return Err(Refusal::DeviceCodeExpired.into());
    }
    if code.declined {
        return Err(Refusal::DeviceCodeDeclined.into());
    }
    let owner = code.owner.ok_or(Refusal::DeviceCodePending)?;
    let user = entra.directory().user(owner).await?.ok_or(Refusal::UserUnknown)?;
    let proof: Proof = serde_json::from_str(&code.proof).map_err(|_| Broken::Encoding)?;
    if !entra.directory().consume(&hash, code.expires, now).await? {
        return Err(Refusal::DeviceCodeRedeemed.into());
    }
    sts::issue(entra, &user, Authorization::at_once(user.id, None, code.client, code.resource, proof)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_code_is_nine_letters_that_nobody_misreads() {
        let codes: std::collections::HashSet<String> = (0..50).map(|_| user_code()).collect();
        assert_eq!(codes.len(), 50);
        assert!(codes.iter().all(|code| code.len() == LETTERS && code.bytes().all(|byte| ALPHABET.contains(&byte))));
    }
}
