//! The token endpoint and the authorization endpoint.

use serde_json::{Value, json};
use whfb::entra::Rules;
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::oauth::TokenReply;
use whfb::wire::token::DRS_AUDIENCE;

use crate::client::*;

#[test]
fn a_password_token_has_the_types_that_clients_need() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let reply: Value = lab.send(by_password(ALICE, PASSWORD, DRS_AUDIENCE)).await.json().unwrap();
        for name in ["token_type", "access_token", "refresh_token", "id_token", "scope"] {
            assert!(reply[name].is_string(), "{name}");
        }
        for name in ["expires_in", "ext_expires_in", "expires_on"] {
            assert!(reply[name].is_number(), "{name}");
        }
        let claims = payload(reply["access_token"].as_str().unwrap());
        assert_eq!((&claims["upn"], &claims["amr"]), (&json!(ALICE), &json!(["pwd", "mfa"])));
        assert!(claims.get("deviceid").is_none(), "no device was proven");
        let carol = payload(&lab.token(CAROL, DRS_AUDIENCE).await);
        assert_eq!(carol["amr"], json!(["pwd"]));
        assert!(carol.get("mfa_time").is_none());
    });
}

#[test]
fn refuses_wrong_passwords_unknown_users_and_resources() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let body = lab.refuses(by_password(ALICE, "Passw0rd", DRS_AUDIENCE), 400, "PasswordWrong").await;
        assert_eq!((&body["error"], &body["error_codes"]), (&json!("invalid_grant"), &json!([50126])));
        assert!(body["error_description"].as_str().unwrap().starts_with("AADSTS50126: "));
        let body =
            lab.refuses(by_password("mallory@contoso.example", PASSWORD, DRS_AUDIENCE), 400, "UserUnknown").await;
        assert_eq!(body["error_codes"], json!([50034]));
        lab.refuses(by_password("alice' OR '1'='1", PASSWORD, DRS_AUDIENCE), 400, "UserUnknown").await;
        let body = lab.refuses(by_password(ALICE, PASSWORD, "urn:other"), 400, "ResourceUnknown").await;
        assert_eq!(body["error"], "invalid_resource");
    });
}

#[test]
fn refuses_forms_that_are_none_by_name() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let post = |target: &str, body: &str| {
            let mut request = Request::new(Method::Post, host::LOGIN, target);
            request.body = body.as_bytes().to_vec().into();
            request
        };
        for (body, name) in [
            ("", "GrantTypeMissing"),
            ("\u{fffd}\0=&&&", "GrantTypeMissing"),
            ("grant_type=implicit", "GrantTypeUnsupported"),
            ("grant_type=password", "ParameterMissing"),
            ("grant_type=password&client_id=a&resource=&username=a&password=b", "ParameterMissing"),
            ("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&request=a.b", "SignedRequestMalformed"),
            ("grant_type=authorization_code&code=1.AAAA", "CodeMalformed"),
        ] {
            lab.refuses(post(TOKEN_PATH, body), 400, name).await;
        }
        lab.refuses(post("/fabrikam.example/oauth2/token", "grant_type=srv_challenge"), 400, "TenantUnknown").await;
    });
}

#[test]
fn every_path_is_found_in_any_case_and_no_other() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        for target in ["/common/oauth2/token", "/Contoso.Example/oAuth2/Token/"] {
            let mut request = Request::new(Method::Post, "LOGIN.microsoftonline.com:8443", target);
            request.body = b"grant_type=srv_challenge".to_vec().into();
            assert_eq!(lab.send(request).await.status, 200, "{target}");
        }
        for (method, host, target, name) in [
            (Method::Get, host::LOGIN, "/", "PathUnknown"),
            (Method::Get, host::LOGIN, TOKEN_PATH, "PathUnknown"),
            (Method::Delete, host::REGISTRATION, "/EnrollmentServer/key/1", "PathUnknown"),
            (Method::Post, host::REGISTRATION, "/EnrollmentServer//key", "PathUnknown"),
            (Method::Get, "example.org", "/", "HostUnknown"),
            (Method::Get, "", "/", "HostUnknown"),
        ] {
            lab.refuses(Request::new(method, host, target), 404, name).await;
        }
    });
}

#[test]
fn refuses_a_body_above_one_mebibyte() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let mut request = Request::new(Method::Post, host::LOGIN, TOKEN_PATH);
        request.body = vec![b'a'; (1 << 20) + 1].into();
        lab.refuses(request, 413, "BodyTooLarge").await;
    });
}

#[test]
fn a_request_id_comes_back_only_if_it_is_one() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let id = "6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11";
        let echoed = lab.send(by_password(ALICE, "no", DRS_AUDIENCE).header("client-request-id", id)).await;
        assert_eq!(echoed.header("client-request-id"), Some(id));
        assert_eq!(echoed.json::<Value>().unwrap()["correlation_id"], id);
        let dropped = lab.send(by_password(ALICE, "no", DRS_AUDIENCE).header("client-request-id", "<b>")).await;
        assert_eq!(dropped.header("client-request-id"), None);
    });
}

#[test]
fn a_code_is_good_once_for_its_client_and_address_in_its_time() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let code = lab.code(&session, &[]).await;
        let with = |name: &str, value: &str| {
            let mut form: Vec<(&str, &str)> = vec![
                ("grant_type", "authorization_code"),
                ("client_id", whfb::wire::token::CLIENT_REGISTRATION),
                ("redirect_uri", REDIRECT),
                ("code", &code),
            ];
            form.retain(|(each, _)| *each != name);
            form.push((name, value));
            Request::form(host::LOGIN, TOKEN_PATH, &form)
        };
        lab.refuses(with("client_id", "other"), 400, "CodeOfAnotherClient").await;
        lab.refuses(with("redirect_uri", "msauth://other"), 400, "CodeRedirectDiffers").await;
        lab.refuses(with("resource", "https://graph.microsoft.com"), 400, "CodeResourceDiffers").await;
        lab.refuses(with("code", &session.prt), 400, "CodeMalformed").await;
        assert_eq!(lab.send(redeem(&code)).await.status, 200);
        lab.refuses(redeem(&code), 400, "CodeRedeemed").await;
        let late = lab.code(&session, &[]).await;
        lab.wait(601);
        lab.refuses(redeem(&late), 400, "CodeExpired").await;
    });
}

#[test]
fn a_prt_is_taken_from_header_or_cookie_under_both_derivations() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        for kdf in [Kdf::V1, Kdf::V2] {
            let header = authorize(&credential(&session, &lab.nonce().await, kdf), &[]);
            assert_eq!(lab.send(header).await.status, 302);
            let cookie = format!("a=b; x-ms-RefreshTokenCredential={}", credential(&session, &lab.nonce().await, kdf));
            let reply = lab.send(authorize_bare(&[("state", "x y")]).header("Cookie", cookie)).await;
            assert_eq!(reply.status, 302);
            let location = reply.header("Location").unwrap().to_owned();
            assert!(location.starts_with(REDIRECT) && location.ends_with("&state=x+y"), "{location}");
            let page = String::from_utf8(reply.body.to_vec()).unwrap();
            assert!(page.contains(&format!("<a href=\"{}\">", location.replace('&', "&amp;"))), "{page}");
        }
    });
}

#[test]
fn refuses_prt_credentials_by_name() {
    run(async {
        let lab = Lab::new(Rules::strict()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        lab.refuses(authorize_bare(&[]), 401, "NobodySignedIn").await;
        lab.refuses(authorize("no.jws.here", &[]), 400, "CredentialMalformed").await;
        let v1 = credential(&session, &lab.nonce().await, Kdf::V1);
        let body = lab.refuses(authorize(&v1, &[]), 400, "KdfVersionRefused").await;
        assert_eq!(body["error_codes"], json!([5_000_611]));

        let v3 = credential(&session, &lab.nonce().await, Kdf::V3);
        lab.refuses(authorize(&v3, &[]), 400, "KdfVersionUnknown").await;

        let other = lab.session(&device, BOB).await;
        let mixed = Session { prt: session.prt.clone(), key: other.key, reply: session.reply.clone() };
        let wrong_key = credential(&mixed, &lab.nonce().await, Kdf::V2);
        lab.refuses(authorize(&wrong_key, &[]), 400, "SessionKeyWrong").await;

        let foreign = Session { prt: format!("{}A", session.prt), key: mixed.key, reply: mixed.reply };
        let foreign = credential(&foreign, &lab.nonce().await, Kdf::V2);
        lab.refuses(authorize(&foreign, &[]), 400, "PrtMalformed").await;

        let nonce = lab.nonce().await;
        assert_eq!(lab.send(authorize(&credential(&session, &nonce, Kdf::V2), &[])).await.status, 302);
        lab.refuses(authorize(&credential(&session, &nonce, Kdf::V2), &[]), 400, "NonceReplayed").await;

        let good = credential(&session, &lab.nonce().await, Kdf::V2);
        for (field, value, name) in [
            ("response_type", "token", "ResponseTypeUnsupported"),
            ("redirect_uri", "javascript:alert(1)", "RedirectInvalid"),
            ("resource", "urn:other", "ResourceUnknown"),
            ("client_id", "", "ParameterMissing"),
        ] {
            lab.refuses(authorize(&good, &[(field, value)]), 400, name).await;
        }
        lab.wait(15 * 86_400);
        let late = credential(&session, &lab.nonce().await, Kdf::V2);
        lab.refuses(authorize(&late, &[]), 400, "PrtExpired").await;
    });
}

#[test]
fn a_prt_ends_with_its_device() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let id = device.id.parse().unwrap();
        lab.entra.enable_device(id, false).await.unwrap();
        let disabled = credential(&session, &lab.nonce().await, Kdf::V2);
        lab.refuses(authorize(&disabled, &[]), 400, "DeviceDisabled").await;
        lab.entra.enable_device(id, true).await.unwrap();
        assert!(!lab.code(&session, &[]).await.is_empty());
        lab.entra.delete_device(id).await.unwrap();
        let deleted = credential(&session, &lab.nonce().await, Kdf::V2);
        lab.refuses(authorize(&deleted, &[]), 400, "PrtRevoked").await;
    });
}

#[test]
fn carol_cannot_prove_herself_afresh() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(CAROL).await;
        let session = lab.session(&device, CAROL).await;
        let credential = credential(&session, &lab.nonce().await, Kdf::V2);
        let body = lab.refuses(authorize(&credential, &[("amr_values", "ngcmfa")]), 400, "MfaEnrolmentRequired").await;
        assert_eq!((&body["error"], &body["error_codes"]), (&json!("interaction_required"), &json!([50079])));
        let token: TokenReply = lab.send(redeem(&lab.code(&session, &[]).await)).await.json().unwrap();
        assert_eq!(payload(&token.access_token)["amr"], json!(["pwd"]));
    });
}

#[test]
fn a_realm_is_managed_for_the_tenants_domain_and_unknown_elsewhere() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        for (user, kind, domain) in [
            (ALICE, "Managed", "contoso.example"),
            ("Alice%40Contoso.Example", "Managed", "contoso.example"),
            ("a+b@contoso.example", "Managed", "contoso.example"),
            ("nobody@contoso.example", "Managed", "contoso.example"),
            ("alice@fabrikam.example", "Unknown", "fabrikam.example"),
            ("alice", "Unknown", ""),
        ] {
            let target = format!("/common/UserRealm/{user}?api-version=1.0");
            let reply: Value = lab.send(Request::new(Method::Get, host::LOGIN, target)).await.json().unwrap();
            assert_eq!((&reply["account_type"], &reply["domain_name"]), (&json!(kind), &json!(domain)), "{user}");
        }
        let other = Request::new(Method::Get, host::LOGIN, "/fabrikam.example/UserRealm/alice@contoso.example");
        lab.refuses(other, 400, "TenantUnknown").await;
    });
}

/// A password form of version 2 of the endpoint.
fn by_scope(scope: &str, more: &[(&str, &str)]) -> Request {
    let mut fields =
        vec![("client_id", "app"), ("grant_type", "password"), ("username", ALICE), ("password", PASSWORD)];
    fields.push(("scope", scope));
    fields.extend(more);
    Request::form(host::LOGIN, "/organizations/oauth2/v2.0/token", &fields)
}

#[test]
fn the_second_version_takes_one_resource_among_the_scopes() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        for scope in [
            "urn:ms-drs:enterpriseregistration.windows.net/.default openid offline_access",
            "openid 01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9/.default",
        ] {
            let reply: Value = lab.send(by_scope(scope, &[])).await.json().unwrap();
            let claims = payload(reply["access_token"].as_str().unwrap());
            assert_eq!((&claims["aud"], &claims["amr"]), (&json!(DRS_AUDIENCE), &json!(["pwd", "mfa"])), "{scope}");
        }
        for (scope, name) in [
            ("openid profile", "ScopeUnreadable"),
            ("User.Read", "ScopeUnreadable"),
            ("https://graph.microsoft.com/.default https://management.azure.com/.default", "ScopeUnreadable"),
            ("urn:other/.default", "ResourceUnknown"),
        ] {
            lab.refuses(by_scope(scope, &[]), 400, name).await;
        }
    });
}

#[test]
fn fresh_mfa_is_asked_for_by_claims() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let scope = "urn:ms-drs:enterpriseregistration.windows.net/.default";
        let wanted = r#"{"access_token": {"amr": {"values": ["ngcmfa", "mfa"]}}}"#;
        let reply: Value = lab.send(by_scope(scope, &[("claims", wanted)])).await.json().unwrap();
        let claims = payload(reply["access_token"].as_str().unwrap());
        assert_eq!((&claims["amr"], &claims["mfa_time"]), (&json!(["pwd", "mfa", "ngcmfa"]), &json!(lab.now())));
        assert!(claims.get("deviceid").is_none(), "no device was proven");
        let plain = r#"{"access_token": {"xms_cc": {"values": ["cp1"]}}}"#;
        let reply: Value = lab.send(by_scope(scope, &[("claims", plain)])).await.json().unwrap();
        assert_eq!(payload(reply["access_token"].as_str().unwrap())["amr"], json!(["pwd", "mfa"]));
        for text in ["{", "[]", "ngcmfa"] {
            lab.refuses(by_scope(scope, &[("claims", text)]), 400, "ClaimsMalformed").await;
        }
        let mut carol = by_scope(scope, &[("claims", wanted)]);
        carol.body = String::from_utf8(carol.body.to_vec()).unwrap().replace("alice", "carol").into_bytes().into();
        lab.refuses(carol, 400, "MfaEnrolmentRequired").await;
    });
}

#[test]
fn a_refresh_token_is_good_for_its_client_and_makes_nothing_fresh() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let first: TokenReply = lab.send(by_password(ALICE, PASSWORD, DRS_AUDIENCE)).await.json().unwrap();
        let token = first.refresh_token.unwrap();
        let client = whfb::wire::token::CLIENT_AUTHENTICATION_BROKER;
        let refresh = |client: &str, token: &str, more: &[(&str, &str)]| {
            let mut fields = vec![("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
            fields.extend(more);
            Request::form(host::LOGIN, TOKEN_PATH, &fields)
        };
        let mfa_time = payload(&first.access_token)["mfa_time"].clone();
        lab.wait(1000);
        let same: TokenReply = lab.send(refresh(client, &token, &[])).await.json().unwrap();
        let claims = payload(&same.access_token);
        assert_eq!((&claims["aud"], &claims["mfa_time"]), (&json!(DRS_AUDIENCE), &mfa_time));
        let graph = [("resource", "https://graph.microsoft.com")];
        let other: TokenReply = lab.send(refresh(client, &token, &graph)).await.json().unwrap();
        assert_eq!(payload(&other.access_token)["aud"], "https://graph.microsoft.com");

        lab.refuses(refresh("other", &token, &[]), 400, "RefreshTokenOfAnotherClient").await;
        lab.refuses(refresh(client, &token, &[("resource", "urn:other")]), 400, "ResourceUnknown").await;
        lab.refuses(refresh(client, &token[1..], &[]), 400, "RefreshTokenMalformed").await;
        let code = lab.code(&lab.session(&lab.join(ALICE).await, ALICE).await, &[]).await;
        lab.refuses(refresh(client, &code, &[]), 400, "RefreshTokenMalformed").await;
        let device = lab.join(ALICE).await;
        let bound = lab.code(&lab.session(&device, ALICE).await, &[]).await;
        let bound: TokenReply = lab.send(redeem(&bound)).await.json().unwrap();
        let (client_of_code, bound) = (whfb::wire::token::CLIENT_REGISTRATION, bound.refresh_token.unwrap());
        assert_eq!(lab.send(refresh(client_of_code, &bound, &[])).await.status, 200);
        lab.entra.delete_device(device.id.parse().unwrap()).await.unwrap();
        lab.refuses(refresh(client_of_code, &bound, &[]), 400, "RefreshTokenRevoked").await;
        lab.wait(1_209_600);
        lab.refuses(refresh(client, &token, &[]), 400, "RefreshTokenExpired").await;
    });
}

#[test]
fn fresh_mfa_without_a_person_is_as_fresh_as_the_one_there_was() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let wanted = [("claims", r#"{"access_token": {"amr": {"values": ["ngcmfa", "mfa"]}}}"#)];
        let refresh = |token: &str| {
            let mut fields = vec![("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token)];
            fields.extend_from_slice(&wanted);
            Request::form(host::LOGIN, "/common/oauth2/v2.0/token", &fields)
        };
        let scope = "urn:ms-drs:enterpriseregistration.windows.net/.default offline_access";
        let first: TokenReply = lab.send(by_scope(scope, &[])).await.json().unwrap();
        let (token, mfa_time) = (first.refresh_token.unwrap(), lab.now());
        lab.wait(600);
        let again: TokenReply = lab.send(refresh(&token)).await.json().unwrap();
        let claims = payload(&again.access_token);
        assert_eq!((&claims["amr"], &claims["mfa_time"]), (&json!(["pwd", "mfa", "ngcmfa"]), &json!(mfa_time)));
        lab.wait(1);
        let body = lab.refuses(refresh(&token), 400, "MfaExpired").await;
        assert_eq!((&body["error"], &body["error_codes"]), (&json!("interaction_required"), &json!([50_078])));

        let mut carol = by_scope(scope, &[]);
        carol.body = String::from_utf8(carol.body.to_vec()).unwrap().replace("alice", "carol").into_bytes().into();
        let carol: TokenReply = lab.send(carol).await.json().unwrap();
        let body = lab.refuses(refresh(&carol.refresh_token.unwrap()), 400, "MfaRequired").await;
        assert_eq!(body["error_codes"], json!([50_076]));
    });
}

#[test]
fn a_code_by_prt_becomes_a_token_with_device_and_fresh_mfa() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let mut v2 = authorize(&credential(&session, &lab.nonce().await, Kdf::V2), &[]);
        let scope = form_urlencoded("urn:ms-drs:enterpriseregistration.windows.net/.default openid");
        v2.target = v2.target.replace("/oauth2/authorize", "/oauth2/v2.0/authorize").replace("&resource=", "&old=")
            + &format!("&scope={scope}");
        let reply = lab.send(v2).await;
        let location = reply.header("Location").unwrap();
        let code = location.split("code=").nth(1).unwrap();
        let mut request = redeem(code);
        let claims = form_urlencoded(r#"{"access_token":{"amr":{"values":["ngcmfa"]}}}"#);
        request.body.extend_from_slice(format!("&scope={scope}&claims={claims}").as_bytes());
        let token: TokenReply = lab.send(request).await.json().unwrap();
        let claims = payload(&token.access_token);
        assert_eq!((&claims["deviceid"], &claims["amr"]), (&json!(device.id), &json!(["pwd", "mfa", "ngcmfa"])));
        assert_eq!(lab.send(register(&token.access_token, &kngc(user_key()))).await.status, 200);
    });
}

fn form_urlencoded(text: &str) -> String {
    whfb::wire::oauth::encode_form(&[("", text)])[1..].to_owned()
}

#[test]
fn the_endpoints_and_the_key_of_tokens_are_published() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let get = |target: &str| Request::new(Method::Get, host::LOGIN, target);
        let tenant = "6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11";
        for (named, version) in [("common", ""), (tenant, ""), ("contoso.example", "/v2.0")] {
            let at = format!("/{named}{version}/.well-known/openid-configuration");
            let found: Value = lab.send(get(&at)).await.json().unwrap();
            let base = format!("https://{}/{named}/oauth2{version}", host::LOGIN);
            assert_eq!(found["token_endpoint"], format!("{base}/token"));
            assert_eq!(found["authorization_endpoint"], format!("{base}/authorize"));
            assert!(found["issuer"].as_str().unwrap().contains(tenant), "{found}");
            assert_eq!(found["capabilities"], json!(["kdf_ver2"]));
            let keys = found["jwks_uri"].as_str().unwrap().strip_prefix(&format!("https://{}", host::LOGIN)).unwrap();
            let keys: Value = lab.send(get(keys)).await.json().unwrap();
            assert!(verifies(&keys["keys"][0], &lab.token(ALICE, DRS_AUDIENCE).await));
        }
        lab.refuses(get("/fabrikam.example/.well-known/openid-configuration"), 400, "TenantUnknown").await;
        lab.refuses(get("/fabrikam.example/discovery/keys"), 400, "TenantUnknown").await;
    });
}

/// Whether a published key verifies a token, with nothing else known.
fn verifies(key: &Value, token: &str) -> bool {
    use whfb::crypto::{PublicKey, RsaPublic, SignatureAlgorithm};
    use whfb::wire::{encoding::from_base64url, jws::Jws};
    let number = |name: &str| from_base64url(key[name].as_str().unwrap()).unwrap();
    let jws = Jws::parse(token).unwrap();
    assert_eq!(jws.header.kid.as_deref(), key["kid"].as_str());
    let public = PublicKey::Rsa(RsaPublic::new(&number("n"), &number("e")).unwrap());
    public.verify(SignatureAlgorithm::RsaSha256, jws.signing_input.as_bytes(), &jws.signature).is_ok()
}
