//! Requests under a PRT's session key: tokens by PRT, and its renewal (MS-OAPXBC section 3.2.5.1.3).

use serde_json::Value;

use crate::base::OsRng;
use crate::wire::jwe::seal_reply;
use crate::wire::jws::Jws;
use crate::wire::oauth::SessionRequest;

use super::grant::Authorization;
use super::refusal::{Broken, Failure, Refusal};
use super::sts::Form;
use super::{Entra, authorize, resource, signin, sts};

/// Answers a request, encrypted under the session key. With the scope `aza` the PRT is renewed; otherwise a token for the
/// resource is issued.
pub(crate) async fn redeem(entra: &Entra, jws: &Jws, form: &Form) -> Result<String, Failure> {
    let claims: SessionRequest = jws.claims().map_err(|_| Refusal::SignedRequestMalformed)?;
    let (mut prt, user) = authorize::prove(entra, jws, &claims.refresh_token, claims.request_nonce.as_deref()).await?;
    if claims.grant_type != "refresh_token" {
        return Err(Refusal::GrantTypeUnsupported.into());
    }
    let scopes: Vec<&str> = claims.scope.split(' ').collect();
    if !scopes.contains(&"openid") {
        return Err(Refusal::ScopeWrong.into());
    }
    // Version 3 of the protocol names the resource among the scopes.
    let resource = match claims.resource.as_deref().filter(|resource| !resource.is_empty()) {
        Some(resource) => Some(resource::audience(resource)?),
        None => resource::in_scopes(&claims.scope)?,
    };
    let reply = match (scopes.contains(&"aza"), resource) {
        // The session key and the proof stay, and so does the older PRT until it expires.
        (true, None) => to_json(signin::reissue(entra, &user, &mut prt, &claims.client_id).await?)?,
        (_, Some(resource)) => {
            let proof = sts::asked_proof(entra, form, prt.proof.clone())?;
            let authorization = Authorization::at_once(user.id, Some(prt.device), claims.client_id, resource, proof);
            to_json(sts::issue(entra, &user, authorization).await?)?
        }
        (false, None) => return Err(Refusal::ParameterMissing.into()),
    };
    let text = zeroize::Zeroizing::new(serde_json::to_vec(&reply).map_err(|_| Broken::Encoding)?);
    Ok(seal_reply(&prt.session_key, &text, &mut OsRng))
}

fn to_json(reply: impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(reply).map_err(|_| Broken::Encoding.into())
}
