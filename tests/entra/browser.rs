//! Signing in on a page, as a person does it, and as `prtenrich` drives it.

use serde_json::{Value, json};
use whfb::crypto::otp;
use whfb::entra::{Rules, SEEDED_OTP_SECRET};
use whfb::wire::host;
use whfb::wire::http::{Method, Reply, Request};
use whfb::wire::oauth::{TokenReply, decode_form, field};

use crate::client::*;

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A browser that shows one page of the lab, and submits the first form on it.
pub(crate) struct Browser<'a> {
    lab: &'a Lab,
    reply: Option<Reply>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(lab: &'a Lab) -> Self {
        Self { lab, reply: None }
    }

    pub(crate) async fn open(&mut self, target: &str) {
        self.go(Request::new(Method::Get, host::LOGIN, target)).await;
    }

    pub(crate) async fn go(&mut self, request: Request) {
        self.reply = Some(self.lab.send(request.header("Accept", ACCEPT)).await);
    }

    pub(crate) fn reply(&self) -> &Reply {
        self.reply.as_ref().unwrap()
    }

    pub(crate) fn page(&self) -> String {
        text(self.reply())
    }

    /// The form of the page, filled in: its hidden fields are sent along.
    fn filled(&self, fields: &[(&str, &str)]) -> Request {
        let page = self.page();
        let action = attribute(&page, "<form method=\"post\" action=\"").expect("the page has a form");
        let flow = attribute(&page, "name=\"flow\" value=\"");
        let mut all: Vec<(&str, &str)> = flow.iter().map(|flow| ("flow", flow.as_str())).collect();
        all.extend_from_slice(fields);
        Request::form(host::LOGIN, action, &all)
    }

    pub(crate) async fn submit(&mut self, fields: &[(&str, &str)]) {
        self.go(self.filled(fields)).await;
        let status = self.reply().status;
        assert!(status == 200 || status == 302, "{status}: {}", self.page());
    }

    /// Submits what must be refused by that name, on a page that lets the person try again.
    pub(crate) async fn refused(&mut self, fields: &[(&str, &str)], name: &str) -> Value {
        self.lab.refuses(self.filled(fields).header("Accept", ACCEPT), 400, name).await
    }

    /// The code at the end: in the address of the redirection, or in the form that submits itself.
    pub(crate) fn code(&self) -> String {
        match self.reply().header("Location") {
            Some(location) => {
                let query = decode_form(location.split_once('?').unwrap().1.as_bytes());
                field(&query, "code").unwrap().to_owned()
            }
            None => {
                let page = self.page();
                assert!(page.contains("<form name=\"hiddenform\""), "{page}");
                attribute(&page, "name=\"code\" value=\"").unwrap()
            }
        }
    }
}

/// What follows a text, to the next quotation mark. Values of the lab hold nothing that HTML escapes.
fn attribute(page: &str, before: &str) -> Option<String> {
    let (_, rest) = page.split_once(before)?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

fn target(more: &[(&str, &str)]) -> String {
    authorize_bare(more).target
}

#[test]
fn a_person_signs_in_with_password_and_second_factor() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        for (answer, value) in [("answer", "approve"), ("otc", "")] {
            let mut browser = Browser::new(&lab);
            browser.open(&target(&[("login_hint", ALICE), ("state", "s t"), ("amr_values", "ngcmfa")])).await;
            assert!(browser.page().contains(&format!("value=\"{ALICE}\"")), "the hint is filled in");
            assert_eq!(browser.reply().header("X-Frame-Options"), Some("DENY"));
            browser.submit(&[("loginfmt", ALICE), ("passwd", PASSWORD)]).await;
            let code = otp::code(SEEDED_OTP_SECRET, otp::step(lab.now()));
            browser.submit(&[(answer, if value.is_empty() { &code } else { value })]).await;
            let location = browser.reply().header("Location").unwrap().to_owned();
            assert!(location.starts_with(REDIRECT) && location.ends_with("&state=s+t"), "{location}");
            let token: TokenReply = lab.send(redeem(&browser.code())).await.json().unwrap();
            let claims = payload(&token.access_token);
            assert_eq!((&claims["upn"], &claims["amr"]), (&json!(ALICE), &json!(["pwd", "mfa", "ngcmfa"])));
            assert!(claims.get("deviceid").is_none(), "no device was proven");
            lab.wait(60);
        }
    });
}

#[test]
fn what_a_person_mistypes_is_asked_for_again() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let mut browser = Browser::new(&lab);
        browser.open(&target(&[])).await;
        browser.refused(&[("loginfmt", ALICE), ("passwd", "wrong")], "PasswordWrong").await;
        browser.refused(&[("loginfmt", "mallory@contoso.example"), ("passwd", PASSWORD)], "UserUnknown").await;
        browser.submit(&[("loginfmt", ALICE), ("passwd", PASSWORD)]).await;
        browser.refused(&[("answer", "deny")], "MfaDenied").await;
        browser.refused(&[("otc", "000000")], "MfaCodeWrong").await;
        browser.refused(&[], "MfaAnswerMissing").await;
        let code = otp::code(SEEDED_OTP_SECRET, otp::step(lab.now()));
        let again = browser.filled(&[("otc", &code)]).header("Accept", ACCEPT);
        browser.submit(&[("otc", &code)]).await;
        lab.refuses(again, 400, "MfaCodeWrong").await;
        // A code of the half minute before is taken, an older one is not.
        let mut late = Browser::new(&lab);
        late.open(&target(&[])).await;
        late.submit(&[("loginfmt", BOB), ("passwd", PASSWORD)]).await;
        let old = otp::code(SEEDED_OTP_SECRET, otp::step(lab.now()) - 2);
        late.refused(&[("otc", &old)], "MfaCodeWrong").await;
        let last = otp::code(SEEDED_OTP_SECRET, otp::step(lab.now()) - 1);
        late.submit(&[("otc", &last)]).await;
        assert_eq!(late.reply().status, 302);
    });
}

#[test]
fn a_page_is_good_for_its_own_step_and_for_ten_minutes() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let mut browser = Browser::new(&lab);
        browser.open(&target(&[])).await;
        let flow = attribute(&browser.page(), "name=\"flow\" value=\"").unwrap();
        let post = |path: &str, flow: &str, more: &[(&str, &str)]| {
            let mut fields = vec![("flow", flow)];
            fields.extend_from_slice(more);
            Request::form(host::LOGIN, path, &fields).header("Accept", ACCEPT)
        };
        lab.refuses(post("/common/login/mfa", &flow, &[("answer", "approve")]), 400, "LoginMalformed").await;
        browser.submit(&[("loginfmt", ALICE), ("passwd", PASSWORD)]).await;
        let second = attribute(&browser.page(), "name=\"flow\" value=\"").unwrap();
        lab.refuses(post("/common/login/confirm", &second, &[("answer", "continue")]), 400, "LoginMalformed").await;
        lab.refuses(post("/common/login/mfa", &second[1..], &[]), 400, "LoginMalformed").await;
        lab.refuses(post("/fabrikam.example/login", &flow, &[]), 400, "TenantUnknown").await;
        lab.wait(601);
        lab.refuses(post("/common/login/mfa", &second, &[("answer", "approve")]), 400, "LoginExpired").await;
    });
}

#[test]
fn a_browser_with_a_prt_is_given_a_nonce_and_then_the_form_of_prtenrich() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let asked = [("response_mode", "form_post"), ("amr_values", "ngcmfa"), ("windows_api_version", "2.0")];
        let old_form = json!({ "refresh_token": session.prt, "is_primary": "true", "iat": lab.now().to_string() });
        let old_form = under_session(&session, &old_form, Kdf::V2);
        let mut browser = Browser::new(&lab);
        browser.go(authorize(&old_form, &asked)).await;
        let location = browser.reply().header("Location").unwrap().to_owned();
        let nonce = location.split("&sso_nonce=").nth(1).unwrap().to_owned();
        let again = location.strip_prefix(&format!("https://{}", host::LOGIN)).unwrap();
        let with_nonce = Request::new(Method::Get, host::LOGIN, again);
        let refused = with_nonce.clone().header("x-ms-RefreshTokenCredential", old_form).header("Accept", ACCEPT);
        lab.refuses(refused, 400, "NonceMissing").await;
        let fresh = credential(&session, &nonce, Kdf::V2);
        browser.go(with_nonce.header("x-ms-RefreshTokenCredential", fresh)).await;
        let token: TokenReply = lab.send(redeem(&browser.code())).await.json().unwrap();
        let claims = payload(&token.access_token);
        assert_eq!((&claims["deviceid"], &claims["amr"]), (&json!(device.id), &json!(["pwd", "mfa", "ngcmfa"])));
    });
}

#[test]
fn a_device_that_proves_itself_stays_proven_behind_the_page() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let nonce = lab.nonce().await;
        let claims = json!({ "grant_type": "device_auth", "iss": "aad:brokerplugin", "request_nonce": nonce });
        let proof = device_credential(&device, &claims);
        let mut browser = Browser::new(&lab);
        browser.go(authorize_bare(&[]).header("x-ms-DeviceCredential", &proof)).await;
        browser.submit(&[("loginfmt", BOB), ("passwd", PASSWORD)]).await;
        browser.submit(&[("answer", "approve")]).await;
        let token: TokenReply = lab.send(redeem(&browser.code())).await.json().unwrap();
        let token = payload(&token.access_token);
        assert_eq!((&token["deviceid"], &token["upn"]), (&json!(device.id), &json!(BOB)));

        let ask = |proof: &str| authorize_bare(&[]).header("x-ms-DeviceCredential", proof).header("Accept", ACCEPT);
        lab.refuses(ask(&proof), 400, "NonceReplayed").await;
        lab.refuses(ask("a.b"), 400, "CredentialMalformed").await;
        let other = json!({ "grant_type": "password", "request_nonce": lab.nonce().await });
        lab.refuses(ask(&device_credential(&device, &other)), 400, "CredentialMalformed").await;
        let none = json!({ "grant_type": "device_auth" });
        lab.refuses(ask(&device_credential(&device, &none)), 400, "NonceMissing").await;
        // A PRT that is there as well decides alone, and one request uses its nonce once.
        let session = lab.session(&device, ALICE).await;
        let nonce = lab.nonce().await;
        let claims = json!({ "grant_type": "device_auth", "request_nonce": nonce });
        let both = authorize(&credential(&session, &nonce, Kdf::V1), &[])
            .header("x-ms-DeviceCredential", device_credential(&device, &claims));
        assert_eq!(lab.send(both).await.status, 302);
    });
}

#[test]
fn nobody_sees_a_page_who_asked_for_none() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        lab.refuses(authorize_bare(&[]), 401, "NobodySignedIn").await;
        lab.refuses(authorize_bare(&[]).header("Accept", "application/json, */*"), 401, "NobodySignedIn").await;
        lab.refuses(authorize_bare(&[("prompt", "none")]).header("Accept", ACCEPT), 401, "NobodySignedIn").await;
        lab.refuses(authorize_bare(&[("response_mode", "fragment")]), 400, "ResponseModeUnsupported").await;
    });
}

#[test]
fn a_code_with_a_challenge_needs_its_verifier() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        // RFC 7636 appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let session = lab.session(&lab.join(ALICE).await, ALICE).await;
        let pkce = [("code_challenge", challenge), ("code_challenge_method", "S256")];
        let with = |code: &str, verifier: &str| {
            let mut request = redeem(code);
            request.body.extend_from_slice(format!("&code_verifier={verifier}").as_bytes());
            request
        };
        let code = lab.code(&session, &pkce).await;
        lab.refuses(redeem(&code), 400, "CodeVerifierWrong").await;
        lab.refuses(with(&code, "another"), 400, "CodeVerifierWrong").await;
        assert_eq!(lab.send(with(&code, verifier)).await.status, 200);
        let plain = lab.code(&session, &[]).await;
        lab.refuses(with(&plain, verifier), 400, "CodeVerifierWrong").await;
        for wrong in [
            &[("code_challenge", challenge)][..],
            &[("code_challenge", challenge), ("code_challenge_method", "plain")],
            &[("code_challenge", "short"), ("code_challenge_method", "S256")],
        ] {
            lab.refuses(authorize_bare(wrong), 400, "ChallengeMethodUnsupported").await;
        }
    });
}
