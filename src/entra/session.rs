//! Requests under a PRT's session key: tokens by PRT, and its renewal (MS-OAPXBC section 3.2.5.1.3).

use serde_json::Value;

use crate::base::{OsRng, Uuid, random_guid};
use crate::wire::jwe::seal_reply;
use crate::wire::jws::Jws;
use crate::wire::oauth::{RenewalReply, SessionRequest};

use super::directory::{NewGrant, User};
use super::grant::{self, Authorization, Kind, Prt};
use super::refusal::{Broken, Failure, Refusal};
use super::{Entra, authorize, signin, sts};

/// Answers a request, encrypted under the session key. With the scope `aza` the PRT is renewed; otherwise a token for the
/// resource is issued.
pub(crate) async fn redeem(entra: &Entra, jws: &Jws) -> Result<String, Failure> {
    let claims: SessionRequest = jws.claims().map_err(|_| Refusal::SignedRequestMalformed)?;
    let (mut prt, user) = authorize::prove(entra, jws, &claims.refresh_token, claims.request_nonce.as_deref()).await?;
    if claims.grant_type != "refresh_token" {
        return Err(Refusal::GrantTypeUnsupported.into());
    }
    let scopes: Vec<&str> = claims.scope.split(' ').collect();
    if !scopes.contains(&"openid") {
        return Err(Refusal::ScopeWrong.into());
    }
    let reply = match (scopes.contains(&"aza"), claims.resource.as_deref().filter(|resource| !resource.is_empty())) {
        (true, None) => renew(entra, &user, &mut prt, &claims.client_id).await?,
        (_, Some(resource)) => token(entra, &user, &prt, claims.client_id, resource).await?,
        (false, None) => return Err(Refusal::ParameterMissing.into()),
    };
    let text = zeroize::Zeroizing::new(serde_json::to_vec(&reply).map_err(|_| Broken::Encoding)?);
    Ok(seal_reply(&prt.session_key, &text, &mut OsRng))
}

/// A PRT in the place of an older one: the same session key and proof, a new time. The older one stays good until it expires.
async fn renew(entra: &Entra, user: &User, prt: &mut Prt, client: &str) -> Result<Value, Failure> {
    let now = entra.now().as_second();
    let lifetime = entra.rules().prt_lifetime.as_secs();
    let exp = now.saturating_add(lifetime);
    let id_token = signin::id_token(entra, user, client, &prt.proof.amr, exp)?;
    (prt.iat, prt.exp, prt.jti) = (now, exp, random_guid(&mut OsRng));
    let refresh_token = grant::write(&entra.keys().sealing, Kind::Prt, prt)?;
    let row = NewGrant {
        hash: grant::hash(&refresh_token),
        kind: Kind::Prt.name(),
        owner: user.id,
        device: Some(prt.device),
        issued: now,
        expires: exp,
    };
    entra.directory().add_grant(&row).await?;
    let reply = RenewalReply {
        token_type: "Bearer".to_owned(),
        refresh_token,
        refresh_token_expires_in: lifetime,
        id_token,
        expires_in: lifetime.to_string(),
        ext_expires_in: "0".to_owned(),
        expires_on: exp.to_string(),
        client_info: Some(signin::client_info(entra, user)),
    };
    serde_json::to_value(reply).map_err(|_| Broken::Encoding.into())
}

async fn token(entra: &Entra, user: &User, prt: &Prt, client_id: String, resource: &str) -> Result<Value, Failure> {
    let authorization = Authorization {
        user: user.id,
        device: Some(prt.device),
        client_id,
        redirect_uri: String::new(),
        resource: sts::audience(resource)?,
        proof: prt.proof.clone(),
        exp: 0,
        jti: Uuid::nil(),
    };
    let reply = sts::issue(entra, user, authorization).await?;
    serde_json::to_value(reply).map_err(|_| Broken::Encoding.into())
}
