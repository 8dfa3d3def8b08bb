//! What a request to the token service asks for: an audience, and perhaps fresh multi-factor authentication.

use serde_json::Value;

use crate::wire::oauth::field;
use crate::wire::token::{DRS_APPLICATION, DRS_AUDIENCE};

use super::refusal::Refusal;
use super::sts::Form;

/// The pseudo resource of a code that is good for a PRT alone \[client\]: it names no service.
const UPDATE_PRT: &str = "urn:aad:tb:update:prt";

/// Application id of the Azure portal, for which libhimmelblau asks by device code \[client\].
const AZURE_PORTAL: &str = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c";

/// The audience that a resource stands for, if the tenant knows it.
pub(crate) fn audience(resource: &str) -> Result<String, Refusal> {
    const OTHERS: &[&str] = &[
        AZURE_PORTAL,
        "https://graph.microsoft.com",
        "https://graph.windows.net",
        "https://management.azure.com",
        "https://enrollment.manage.microsoft.com",
        UPDATE_PRT,
    ];
    let resource = resource.trim_end_matches('/');
    match resource {
        DRS_AUDIENCE | DRS_APPLICATION => Ok(DRS_AUDIENCE.to_owned()),
        other if OTHERS.contains(&other) => Ok(other.to_owned()),
        _ => Err(Refusal::ResourceUnknown),
    }
}

/// The audience that a form or query asks for: `resource` of version 1, or the one resource among the scopes of version 2.
pub(crate) fn wanted(form: &Form) -> Result<String, Refusal> {
    if let Some(resource) = field(form, "resource").filter(|resource| !resource.is_empty()) {
        return audience(resource);
    }
    in_scopes(field(form, "scope").ok_or(Refusal::ParameterMissing)?)?.ok_or(Refusal::ScopeUnreadable)
}

/// As [`wanted`], or nothing where a token or code before it says it already.
pub(crate) fn wanted_again(form: &Form) -> Result<Option<String>, Refusal> {
    match field(form, "resource").filter(|resource| !resource.is_empty()) {
        Some(resource) => audience(resource).map(Some),
        None => field(form, "scope").map_or(Ok(None), in_scopes),
    }
}

/// The audience of the one scope that names a resource, as `RESOURCE/.default`.
pub(crate) fn in_scopes(scope: &str) -> Result<Option<String>, Refusal> {
    const NO_RESOURCE: [&str; 6] = ["openid", "profile", "offline_access", "email", "aza", "ugs"];
    let mut resources = scope.split(' ').filter(|each| !each.is_empty() && !NO_RESOURCE.contains(each));
    match (resources.next(), resources.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => audience(only.strip_suffix(".default").ok_or(Refusal::ScopeUnreadable)?).map(Some),
        (Some(_), Some(_)) => Err(Refusal::ScopeUnreadable),
    }
}

/// Whether fresh multi-factor authentication is asked for: by the `claims` parameter (OpenID Connect Core section 5.5), or by
/// `amr_values` (MS-OAPX).
pub(crate) fn wants_ngcmfa(form: &Form) -> Result<bool, Refusal> {
    let by_values =
        field(form, "amr_values").is_some_and(|values| values.split([' ', ',']).any(|each| each == "ngcmfa"));
    let Some(claims) = field(form, "claims").filter(|claims| !claims.is_empty()) else { return Ok(by_values) };
    let claims: Value = serde_json::from_str(claims).map_err(|_| Refusal::ClaimsMalformed)?;
    let claims = claims.as_object().ok_or(Refusal::ClaimsMalformed)?;
    let values = claims.get("access_token").and_then(|token| token.get("amr")?.get("values")?.as_array());
    Ok(by_values || values.is_some_and(|values| values.iter().any(|value| value == "ngcmfa")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_known_by_each_of_its_names() {
        for name in [DRS_AUDIENCE, DRS_APPLICATION] {
            assert_eq!(audience(name).as_deref(), Ok(DRS_AUDIENCE));
        }
        assert_eq!(audience("https://graph.microsoft.com/").as_deref(), Ok("https://graph.microsoft.com"));
        assert_eq!(audience("urn:ms-drs:example.org"), Err(Refusal::ResourceUnknown));
    }

    #[test]
    fn scopes_name_one_resource_or_none() {
        assert_eq!(in_scopes("openid aza"), Ok(None));
        assert_eq!(in_scopes(&format!("openid {DRS_APPLICATION}/.default")), Ok(Some(DRS_AUDIENCE.to_owned())));
        assert_eq!(in_scopes("https://graph.microsoft.com/User.Read"), Err(Refusal::ScopeUnreadable));
        let two = "https://graph.microsoft.com/.default https://graph.windows.net/.default";
        assert_eq!(in_scopes(two), Err(Refusal::ScopeUnreadable));
    }

    #[test]
    fn fresh_authentication_is_asked_for_in_two_ways() {
        let form = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let claims = r#"{"access_token":{"amr":{"values":["ngcmfa","mfa"]}}}"#;
        for (form, answer) in [
            (form("claims", claims), Ok(true)),
            (form("amr_values", "ngcmfa"), Ok(true)),
            (form("amr_values", "mfa ngcmfa"), Ok(true)),
            (form("amr_values", "ngcmfas"), Ok(false)),
            (form("claims", "{}"), Ok(false)),
            (form("claims", "[]"), Err(Refusal::ClaimsMalformed)),
            (Vec::new(), Ok(false)),
        ] {
            assert_eq!(wants_ngcmfa(&form), answer, "{form:?}");
        }
    }
}
