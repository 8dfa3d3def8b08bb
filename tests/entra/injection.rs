//! SQL in forms, on pages and in signed claims: refused by name, and no table is another for it.

use serde_json::json;
use whfb::entra::Rules;
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::jws::{Header, Unsigned};
use whfb::wire::token::{DRS_AUDIENCE, GRAPH_AUDIENCE};

use crate::browser::Browser;
use crate::client::*;
use crate::hostile::refuses;
use crate::theft::{self, Mint};

pub(crate) const SQL: [&str; 3] =
    ["' OR '1'='1' --", "alice@contoso.example'; DROP TABLE users; --", "\"); DELETE FROM keys; --\0 %00 ?1 $1 :1"];

/// The tables of the directory, and who is in it.
pub(crate) async fn shape(lab: &Lab) -> (Vec<String>, Vec<String>) {
    let tables = theft::tables(lab).await;
    (tables, lab.snapshot().await.users.into_iter().map(|user| user.upn).collect())
}

#[test]
fn sql_in_a_form_is_refused_by_name() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let before = shape(&lab).await;
        let form = |fields: &[(&str, &str)]| Request::form(host::LOGIN, TOKEN_PATH, fields);
        for sql in SQL {
            let by_code =
                [("grant_type", "authorization_code"), ("client_id", "a"), ("redirect_uri", "a"), ("code", sql)];
            let by_scope = [("grant_type", "password"), ("client_id", "a"), ("username", ALICE), ("scope", sql)];
            let by_token = [("grant_type", "refresh_token"), ("client_id", "a"), ("refresh_token", sql)];
            for (request, name) in [
                (by_password(sql, PASSWORD, DRS_AUDIENCE), "UserUnknown"),
                (by_password(ALICE, sql, DRS_AUDIENCE), "PasswordWrong"),
                (by_password(ALICE, PASSWORD, sql), "ResourceUnknown"),
                (form(&[("grant_type", sql)]), "GrantTypeUnsupported"),
                (form(&by_code), "CodeMalformed"),
                (form(&by_scope), "ScopeUnreadable"),
                (form(&by_token), "RefreshTokenMalformed"),
                (form(&[("grant_type", "device_code"), ("client_id", "a"), ("code", sql)]), "DeviceCodeUnknown"),
                (signed_form(sql), "SignedRequestMalformed"),
                (authorize_bare(&[("redirect_uri", sql)]), "RedirectInvalid"),
                (authorize_bare(&[("response_type", sql)]), "ResponseTypeUnsupported"),
                (authorize(&sql.replace('\0', ""), &[]), "CredentialMalformed"),
                (Request::form(host::LOGIN, "/common/login", &[("flow", sql)]), "LoginMalformed"),
            ] {
                refuses(&lab, request, 400, name).await;
            }
            let mut browser = Browser::new(&lab);
            browser.open("/common/oauth2/deviceauth").await;
            browser.refused(&[("otc", sql)], "UserCodeUnknown").await;
        }
        assert_eq!(shape(&lab).await, before);
    });
}

#[test]
fn sql_on_a_page_is_refused_by_name() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let before = shape(&lab).await;
        for sql in SQL {
            let mut browser = Browser::new(&lab);
            browser.go(authorize_bare(&[("login_hint", sql)])).await;
            browser.refused(&[("loginfmt", sql), ("passwd", PASSWORD)], "UserUnknown").await;
            browser.refused(&[("loginfmt", ALICE), ("passwd", sql)], "PasswordWrong").await;
            browser.submit(&[("loginfmt", ALICE), ("passwd", PASSWORD)]).await;
            browser.refused(&[("otc", sql)], "MfaCodeWrong").await;
        }
        assert_eq!(shape(&lab).await, before);
    });
}

#[test]
fn sql_in_signed_claims_is_refused_by_name() {
    run(async {
        let (lab, device, session) = Lab::provisioned(Rules::entra()).await;
        let before = shape(&lab).await;
        let mint = Mint::of(&lab).await;
        for sql in SQL {
            let good = password_claims(&lab.nonce().await, ALICE, PASSWORD);
            for (member, name) in [
                ("request_nonce", "NonceForeign"),
                ("grant_type", "GrantTypeUnsupported"),
                ("username", "UserUnknown"),
                ("password", "PasswordWrong"),
                ("scope", "ScopeWrong"),
            ] {
                let mut claims = good.clone();
                claims["request_nonce"] = lab.nonce().await.into();
                claims[member] = sql.into();
                refuses(&lab, prt_request(&device, &claims), 400, name).await;
            }
            for (member, name) in [("iss", "UserUnknown"), ("request_nonce", "NonceForeign")] {
                let mut claims = assertion_claims(&lab, &lab.nonce().await);
                claims[member] = sql.into();
                let outer = hello_claims(&lab.nonce().await, &assertion(&claims, user_key()));
                refuses(&lab, prt_request(&device, &outer), 400, name).await;
            }
            let header =
                Header { alg: "RS256".into(), kid: Some(sql.into()), usage: Some("ngc".into()), ..Header::default() };
            let inner = Unsigned::new(&header, &assertion_claims(&lab, &lab.nonce().await)).unwrap();
            let outer = hello_claims(&lab.nonce().await, &sign(inner, user_key()));
            refuses(&lab, prt_request(&device, &outer), 400, "HelloKeyUnknown").await;

            refuses(&lab, authorize(&credential(&session, sql, Kdf::V2), &[]), 400, "NonceForeign").await;
            let claims = json!({ "refresh_token": sql, "request_nonce": lab.nonce().await });
            refuses(&lab, authorize(&under_session(&session, &claims, Kdf::V2), &[]), 400, "PrtMalformed").await;

            let mut claims = theft::claims(&lab, &device);
            claims.deviceid = Some(sql.into());
            refuses(&lab, register(&mint.token(&claims), &kngc(user_key())), 401, "KeyDeviceUnknown").await;
            let mut claims = theft::claims(&lab, &device);
            claims.upn = Some(sql.into());
            refuses(&lab, register(&mint.token(&claims), &kngc(user_key())), 400, "KeyUserUnknown").await;
            refuses(&lab, join(&mint.token(&claims), &join_body()), 400, "JoinUserUnknown").await;
            (claims.aud, claims.oid) = (GRAPH_AUDIENCE.into(), sql.into());
            let me = Request::new(Method::Get, host::GRAPH, "/v1.0/me").bearer(&mint.token(&claims));
            refuses(&lab, me, 401, "GraphTokenUserUnknown").await;
        }
        assert_eq!(shape(&lab).await, before);
    });
}
