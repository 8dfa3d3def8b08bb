//! Access tokens: issued by the tenant's signing key, and verified.

use std::ops::Deref;

use crate::base::{Timestamp, Uuid};
use crate::crypto::{PublicKey, SignatureAlgorithm};
use crate::wire::jws::{Header, Jws, Unsigned};
use crate::wire::token::AccessClaims;

use super::refusal::Broken;
use super::tenant::TenantKeys;

/// What is wrong with an access token, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    /// Not a compact JWS with the claims of an access token.
    #[error("the token is malformed")]
    Malformed,
    /// Not signed by the tenant's key with RS256.
    #[error("the token's signature does not verify")]
    Signature,
    /// `tid` is another one.
    #[error("the token is of another tenant")]
    Tenant,
    /// `iss` is another one.
    #[error("the token is of another issuer")]
    Issuer,
    /// `aud` is another one.
    #[error("the token is for another audience")]
    Audience,
    /// `nbf` lies ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
}

/// What somebody sent; nothing in it is proven.
pub(crate) struct Unverified<T> {
    jws: Jws,
    claims: T,
}

/// What was proven. Only [`Unverified::verify`] makes it.
#[derive(Debug)]
pub(crate) struct Verified<T>(T);

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Who must have issued a token, and for whom.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) key: &'a PublicKey,
    pub(crate) tenant: Uuid,
    pub(crate) audience: &'a str,
    pub(crate) now: Timestamp,
}

impl Unverified<AccessClaims> {
    /// Takes a token apart.
    pub(crate) fn parse(compact: &str) -> Result<Self, TokenFault> {
        let jws = Jws::parse(compact).map_err(|_| TokenFault::Malformed)?;
        let claims = jws.claims().map_err(|_| TokenFault::Malformed)?;
        Ok(Self { jws, claims })
    }

    /// Checks, in this order: signature, tenant, issuer, audience, `nbf`, `exp` (RFC 7519 section 4.1).
    pub(crate) fn verify(self, expected: Expected<'_>) -> Result<Verified<AccessClaims>, TokenFault> {
        let Self { jws, claims } = self;
        if jws.header.alg != "RS256" {
            return Err(TokenFault::Signature);
        }
        expected
            .key
            .verify(SignatureAlgorithm::RsaSha256, jws.signing_input.as_bytes(), &jws.signature)
            .map_err(|_| TokenFault::Signature)?;
        let now = expected.now.as_second();
        let faults = [
            (claims.tid != expected.tenant.to_string(), TokenFault::Tenant),
            (claims.iss != issuer(expected.tenant), TokenFault::Issuer),
            (claims.aud != expected.audience, TokenFault::Audience),
            (claims.nbf > now, TokenFault::NotYetValid),
            (claims.exp <= now, TokenFault::Expired),
        ];
        match faults.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, fault)) => Err(fault),
            None => Ok(Verified(claims)),
        }
    }
}

/// `iss` of a tenant's version 1.0 tokens.
pub(crate) fn issuer(tenant: Uuid) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

/// Signs a token.
pub(crate) fn sign(keys: &TenantKeys, claims: &AccessClaims) -> Result<String, Broken> {
    let header = Header {
        alg: "RS256".to_owned(),
        typ: Some("JWT".to_owned()),
        kid: Some(keys.kid.clone()),
        ..Header::default()
    };
    let unsigned = Unsigned::new(&header, claims)?;
    let signature = keys.signing.sign(unsigned.signing_input())?;
    Ok(unsigned.signed(&signature))
}

/// The claims of a token's bearer, if it verifies.
pub(crate) fn admit(
    bearer: &str,
    keys: &TenantKeys,
    tenant: Uuid,
    audience: &str,
    now: Timestamp,
) -> Result<Verified<AccessClaims>, TokenFault> {
    Unverified::parse(bearer)?.verify(Expected { key: keys.signing.public(), tenant, audience, now })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entra::SEEDED_TENANT;
    use crate::wire::encoding::base64url;
    use crate::wire::token::DRS_AUDIENCE;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn claims() -> AccessClaims {
        let now = now().as_second();
        AccessClaims {
            aud: DRS_AUDIENCE.into(),
            iss: issuer(SEEDED_TENANT),
            iat: now,
            nbf: now,
            exp: now + 3600,
            amr: vec!["pwd".into()],
            appid: "app".into(),
            deviceid: None,
            name: None,
            oid: "oid".into(),
            scp: String::new(),
            tid: SEEDED_TENANT.to_string(),
            upn: None,
            ver: "1.0".into(),
            mfa_time: None,
        }
    }

    #[test]
    fn names_each_fault_and_takes_what_it_signed() {
        let keys = TenantKeys::shared();
        let stranger = TenantKeys::generate(now()).unwrap();
        let check = |token: &str, at: i64| {
            let at = Timestamp::from_second(now().as_second() + at).unwrap();
            admit(token, keys, SEEDED_TENANT, DRS_AUDIENCE, at).map(|claims| claims.0)
        };
        let good = sign(keys, &claims()).unwrap();
        assert_eq!(check(&good, 0), Ok(claims()));
        assert_eq!(check(&good, 3599), Ok(claims()));
        assert_eq!(check(&good, 3600), Err(TokenFault::Expired));
        assert_eq!(check(&good, -1), Err(TokenFault::NotYetValid));
        assert_eq!(check(&sign(&stranger, &claims()).unwrap(), 0), Err(TokenFault::Signature));
        let other = Uuid::from_u128(7);
        for (changed, fault) in [
            (AccessClaims { tid: other.to_string(), iss: issuer(other), ..claims() }, TokenFault::Tenant),
            (AccessClaims { iss: issuer(other), ..claims() }, TokenFault::Issuer),
            (AccessClaims { aud: "https://graph.microsoft.com".into(), ..claims() }, TokenFault::Audience),
        ] {
            assert_eq!(check(&sign(keys, &changed).unwrap(), 0), Err(fault));
        }
        for text in ["", "a.b.c", "e30.e30.e30"] {
            assert_eq!(check(text, 0), Err(TokenFault::Malformed), "{text:?}");
        }
    }

    #[test]
    fn refuses_a_token_without_a_signature_or_with_another_algorithm() {
        let keys = TenantKeys::shared();
        let payload = serde_json::to_vec(&claims()).unwrap();
        for algorithm in ["none", "HS256", "RS512"] {
            let token = Unsigned::from_bytes(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes(), &payload).signed(&[]);
            let fault = admit(&token, keys, SEEDED_TENANT, DRS_AUDIENCE, now()).unwrap_err();
            assert_eq!(fault, TokenFault::Signature, "{algorithm}");
        }
        let good = sign(keys, &claims()).unwrap();
        let (head, signature) = good.rsplit_once('.').unwrap();
        let (header, _) = head.split_once('.').unwrap();
        let richer = AccessClaims { amr: vec!["ngcmfa".into()], ..claims() };
        let forged = format!("{header}.{}.{signature}", base64url(&serde_json::to_vec(&richer).unwrap()));
        assert_eq!(admit(&forged, keys, SEEDED_TENANT, DRS_AUDIENCE, now()).unwrap_err(), TokenFault::Signature);
    }
}
