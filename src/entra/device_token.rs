//! Tokens for a device alone, without a user \[client: roadtx `deviceauth`\].

use crate::wire::oauth::{PrtRequest, TokenReply};
use crate::wire::token::{AccessClaims, DRS_AUDIENCE};

use super::directory::Device;
use super::refusal::{Failure, Refusal};
use super::{Entra, resource, tokens};

/// The resources that take such a token; which ones Entra's are is not published. \[inferred\]
const TAKERS: [&str; 2] = [DRS_AUDIENCE, "https://enrollment.manage.microsoft.com"];

/// Issues a token whose subject is the device. There is no refresh token: the device asks again.
pub(crate) fn issue(entra: &Entra, device: &Device, claims: &PrtRequest) -> Result<TokenReply, Failure> {
    let audience = resource::audience(claims.resource.as_deref().ok_or(Refusal::ParameterMissing)?)?;
    if !TAKERS.contains(&audience.as_str()) {
        return Err(Refusal::DeviceTokenUnsupported.into());
    }
    let (now, lifetime) = (entra.now().as_second(), entra.rules().access_token_lifetime.as_secs());
    let exp = now.saturating_add(lifetime);
    let access = AccessClaims {
        aud: audience.clone(),
        iss: tokens::issuer(entra.tenant().id),
        iat: now,
        nbf: now,
        exp,
        amr: vec!["rsa".to_owned()],
        appid: claims.client_id.clone(),
        deviceid: Some(device.id.to_string()),
        name: None,
        oid: device.id.to_string(),
        scp: String::new(),
        tid: entra.tenant().id.to_string(),
        upn: None,
        ver: "1.0".to_owned(),
        mfa_time: None,
    };
    Ok(TokenReply {
        token_type: "Bearer".to_owned(),
        expires_in: lifetime,
        ext_expires_in: lifetime,
        expires_on: exp,
        scope: String::new(),
        resource: Some(audience),
        access_token: tokens::sign(entra.keys(), &access)?,
        refresh_token: None,
        id_token: None,
    })
}
