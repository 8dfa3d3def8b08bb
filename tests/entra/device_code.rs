//! Device codes.

use serde_json::{Value, json};
use whfb::entra::Rules;
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::oauth::TokenReply;
use whfb::wire::token::DRS_AUDIENCE;

use crate::browser::Browser;
use crate::client::*;

const CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

fn ask(more: &[(&str, &str)]) -> Request {
    let mut fields = vec![("client_id", CLIENT), ("resource", DRS_AUDIENCE)];
    fields.extend_from_slice(more);
    Request::form(host::LOGIN, "/common/oauth2/devicecode", &fields)
}

/// A poll, as version 1 of the endpoint takes it.
fn poll(code: &str) -> Request {
    let fields =
        [("client_id", CLIENT), ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("code", code)];
    Request::form(host::LOGIN, TOKEN_PATH, &fields)
}

async fn asked(lab: &Lab, more: &[(&str, &str)]) -> (String, String) {
    let reply: Value = lab.send(ask(more)).await.json().unwrap();
    let text = |name: &str| reply[name].as_str().unwrap().to_owned();
    (text("device_code"), text("user_code"))
}

#[test]
fn each_version_of_the_endpoint_has_its_own_names_and_types() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let reply: Value = lab.send(ask(&[])).await.json().unwrap();
        for name in ["user_code", "device_code", "verification_url", "expires_in", "interval", "message"] {
            assert!(reply[name].is_string(), "{name}");
        }
        let scope = format!("{DRS_AUDIENCE}/.default openid");
        let fields = [("client_id", CLIENT), ("scope", &scope)];
        let request = Request::form(host::LOGIN, "/common/oauth2/v2.0/devicecode", &fields);
        let reply: Value = lab.send(request).await.json().unwrap();
        assert!(
            reply["verification_uri"].is_string() && reply["expires_in"].is_number() && reply["interval"].is_number()
        );
        assert!(reply["message"].as_str().unwrap().contains(reply["user_code"].as_str().unwrap()));
    });
}

#[test]
fn a_code_that_nobody_approves_pends_until_it_expires() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let (code, _) = asked(&lab, &[]).await;
        let body = lab.refuses(poll(&code), 400, "DeviceCodePending").await;
        assert_eq!((&body["error"], &body["error_codes"]), (&json!("authorization_pending"), &json!([70_016])));
        lab.wait(900);
        lab.refuses(poll(&code), 400, "DeviceCodePending").await;
        lab.wait(1);
        let body = lab.refuses(poll(&code), 400, "DeviceCodeExpired").await;
        assert_eq!(body["error"], "expired_token");
        let (_, user_code) = asked(&lab, &[]).await;
        lab.wait(901);
        let mut browser = Browser::new(&lab);
        browser.open("/common/oauth2/deviceauth").await;
        browser.refused(&[("otc", &user_code)], "DeviceCodeExpired").await;
    });
}

#[test]
fn a_person_approves_a_code_with_fresh_mfa_once() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let (code, user_code) = asked(&lab, &[("amr_values", "ngcmfa")]).await;
        let mut browser = Browser::new(&lab);
        browser.open("/common/oauth2/deviceauth").await;
        // As people type it.
        browser.submit(&[("otc", &format!(" {} ", user_code.to_lowercase()))]).await;
        browser.submit(&[("loginfmt", ALICE), ("passwd", PASSWORD)]).await;
        lab.refuses(poll(&code), 400, "DeviceCodePending").await;
        browser.submit(&[("answer", "approve")]).await;
        assert!(browser.page().contains(CLIENT), "the page says who waits");
        lab.refuses(poll(&code), 400, "DeviceCodePending").await;
        browser.submit(&[("answer", "continue")]).await;
        assert!(browser.page().contains("You have signed in on your device"));
        let token: TokenReply = lab.send(poll(&code)).await.json().unwrap();
        let claims = payload(&token.access_token);
        assert_eq!((&claims["upn"], &claims["aud"]), (&json!(ALICE), &json!(DRS_AUDIENCE)));
        assert_eq!((&claims["amr"], &claims["mfa_time"]), (&json!(["pwd", "mfa", "ngcmfa"]), &json!(lab.now())));
        assert!(claims.get("deviceid").is_none(), "no device was proven");
        lab.refuses(poll(&code), 400, "DeviceCodeRedeemed").await;
        let mut again = Browser::new(&lab);
        again.open(&format!("/common/oauth2/deviceauth?otc={user_code}")).await;
        again.refused(&[("otc", &user_code)], "DeviceCodeAnswered").await;
    });
}

#[test]
fn a_person_declines_a_code() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let (code, user_code) = asked(&lab, &[]).await;
        let mut browser = Browser::new(&lab);
        browser.open("/common/oauth2/deviceauth").await;
        browser.submit(&[("otc", &user_code)]).await;
        browser.submit(&[("loginfmt", CAROL), ("passwd", PASSWORD)]).await;
        browser.submit(&[("answer", "cancel")]).await;
        let body = lab.refuses(poll(&code), 400, "DeviceCodeDeclined").await;
        assert_eq!(body["error"], "authorization_declined");
    });
}

#[test]
fn a_user_without_a_second_factor_approves_nothing_that_needs_one() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let (code, user_code) = asked(&lab, &[("amr_values", "ngcmfa")]).await;
        let mut browser = Browser::new(&lab);
        browser.open("/common/oauth2/deviceauth").await;
        browser.submit(&[("otc", &user_code)]).await;
        browser.submit(&[("loginfmt", CAROL), ("passwd", PASSWORD)]).await;
        browser.refused(&[("answer", "continue")], "MfaEnrolmentRequired").await;
        lab.refuses(poll(&code), 400, "DeviceCodePending").await;
    });
}

#[test]
fn codes_are_approved_at_once_where_the_server_was_told_to() {
    run(async {
        let lab = Lab::approving(ALICE).await;
        let (code, _) = asked(&lab, &[("amr_values", "ngcmfa")]).await;
        let token: TokenReply = lab.send(poll(&code)).await.json().unwrap();
        assert_eq!(payload(&token.access_token)["amr"], json!(["pwd", "mfa", "ngcmfa"]));
        lab.refuses(poll(&code), 400, "DeviceCodeRedeemed").await;
    });
}

#[test]
fn refuses_requests_and_polls_by_name() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        lab.refuses(ask(&[("claims", "[")]), 400, "ClaimsMalformed").await;
        let mut elsewhere = ask(&[]);
        elsewhere.target = "/fabrikam.example/oauth2/devicecode".into();
        lab.refuses(elsewhere, 400, "TenantUnknown").await;
        let fields = [("client_id", CLIENT), ("resource", "urn:other")];
        let unknown = Request::form(host::LOGIN, "/common/oauth2/devicecode", &fields);
        lab.refuses(unknown, 400, "ResourceUnknown").await;
        let nobody = Request::form(host::LOGIN, "/common/oauth2/devicecode", &[("resource", DRS_AUDIENCE)]);
        lab.refuses(nobody, 400, "ParameterMissing").await;

        let (code, _) = asked(&lab, &[]).await;
        lab.refuses(poll(""), 400, "ParameterMissing").await;
        lab.refuses(poll(&code[1..]), 400, "DeviceCodeUnknown").await;
        let mut other = poll(&code);
        other.body = String::from_utf8(other.body.to_vec()).unwrap().replace(CLIENT, "other").into_bytes().into();
        lab.refuses(other, 400, "DeviceCodeOfAnotherClient").await;

        let mut browser = Browser::new(&lab);
        browser.open("/common/oauth2/deviceauth").await;
        browser.refused(&[("otc", "BCDFGHJKL")], "UserCodeUnknown").await;
        browser.refused(&[("otc", "  ")], "UserCodeMissing").await;
        let page = Request::new(Method::Get, host::LOGIN, "/fabrikam.example/oauth2/deviceauth");
        lab.refuses(page.header("Accept", "text/html"), 400, "TenantUnknown").await;
    });
}
