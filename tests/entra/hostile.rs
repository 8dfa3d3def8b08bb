//! What an attacker sends instead of a token, a certificate or a key. Each is refused by its exact name and leaves nothing
//! behind, and the server answers whoever comes next.

use serde_json::{Value, json};
use whfb::base::OsRng;
use whfb::crypto::SoftwareKey;
use whfb::crypto::digest::{hmac_sha256, sha256};
use whfb::entra::Rules;
use whfb::wire::encoding::base64;
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::jws::{CertificateChain, Header, Unsigned};
use whfb::wire::lab::{AIK_CERTIFICATE_PATH, AIK_CHALLENGE_PATH};
use whfb::wire::token::DRS_AUDIENCE;

use crate::client::*;
use crate::theft::{self, Mint};

/// Refused by that name, with nothing left behind and the server alive.
pub(crate) async fn refuses(lab: &Lab, request: Request, status: u16, name: &str) {
    lab.refuses(request, status, name).await;
    assert!(!lab.nonce().await.is_empty(), "after {name}");
}

pub(crate) fn post(host: &str, target: &str, body: impl Into<Vec<u8>>) -> Request {
    let mut request = Request::json(host, target, &());
    request.body = body.into().into();
    request
}

/// Every place that takes a bearer token, with the beginning of its refusals' names.
pub(crate) fn bearers(token: &str) -> [(&'static str, Request); 3] {
    [
        ("JoinToken", join(token, &join_body())),
        ("KeyToken", register(token, &kngc(user_key()))),
        ("GraphToken", Request::new(Method::Get, host::GRAPH, "/v1.0/me").bearer(token)),
    ]
}

/// Where a browser shows the credential of its device.
pub(crate) fn by_device(credential: &str) -> Request {
    authorize_bare(&[]).header("Accept", "text/html").header("x-ms-DeviceCredential", credential)
}

fn deep() -> [String; 2] {
    const DEPTH: usize = 10_000;
    [
        format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH)),
        format!("{}1{}", "{\"a\":".repeat(DEPTH), "}".repeat(DEPTH)),
    ]
}

#[test]
fn refuses_bodies_ten_thousand_levels_deep() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        let (device, key) = ("/EnrollmentServer/device/?api-version=2.0", "{\"kngc\":\"AAAA\",\"labAttestation\":");
        for deep in deep() {
            for body in [deep.clone(), format!("{{\"CertificateRequest\":{deep}}}")] {
                refuses(&lab, post(host::REGISTRATION, device, body).bearer(&token), 400, "JoinBodyMalformed").await;
            }
            for body in [deep.clone(), format!("{{\"kngc\":{deep}}}"), format!("{key}{deep}}}")] {
                refuses(&lab, post(host::REGISTRATION, KEY_PATH, body).bearer(&token), 400, "KeyBodyNotJson").await;
            }
            for path in [AIK_CHALLENGE_PATH, AIK_CERTIFICATE_PATH] {
                for body in [deep.clone(), format!("{{\"ticket\":{deep}}}"), format!("{{\"x\":{deep}}}")] {
                    refuses(&lab, post(host::AIK, path, body), 400, "AikBodyMalformed").await;
                }
            }
            let mut claims = by_password(ALICE, PASSWORD, DRS_AUDIENCE);
            claims.body.extend_from_slice(format!("&claims={deep}").as_bytes());
            refuses(&lab, claims, 400, "ClaimsMalformed").await;
        }
    });
}

#[test]
fn refuses_tokens_ten_thousand_levels_deep() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let made =
            |header: &str, payload: &str| Unsigned::from_bytes(header.as_bytes(), payload.as_bytes()).signed(b"x");
        for deep in deep() {
            let malformed = [
                made(&deep, "{}"),
                made(&format!("{{\"alg\":{deep}}}"), "{}"),
                made("{\"alg\":\"RS256\"}", &deep),
                made("{\"alg\":\"RS256\"}", &format!("{{\"request_nonce\":{deep}}}")),
            ];
            for token in malformed {
                for (service, request) in bearers(&token) {
                    refuses(&lab, request, 401, &format!("{service}Malformed")).await;
                }
                refuses(&lab, signed_form(&token), 400, "SignedRequestMalformed").await;
                refuses(&lab, authorize(&token, &[]), 400, "CredentialMalformed").await;
                refuses(&lab, by_device(&token), 400, "CredentialMalformed").await;
                let outer = hello_claims(&lab.nonce().await, &token);
                refuses(&lab, prt_request(&device, &outer), 400, "AssertionMalformed").await;
            }
            // A member that nobody reads is skipped without recursion, and the signature is judged.
            let claims = serde_json::to_string(&theft::claims(&lab, &device)).unwrap();
            let unread = format!("{{\"alg\":\"RS256\",\"unread\":{deep}}}");
            for (service, request) in bearers(&made(&unread, &claims)) {
                refuses(&lab, request, 401, &format!("{service}Signature")).await;
            }
        }
    });
}

#[test]
fn refuses_lists_that_pass_for_objects() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        let body = join_body();
        let request = json!([body.certificate_request.kind, body.certificate_request.data]);
        let list = json!([request, body.transport_key, "contoso.example", "Windows", "10", "LAB-01", 0, {}]);
        let target = "/EnrollmentServer/device/?api-version=2.0";
        refuses(&lab, post(host::REGISTRATION, target, list.to_string()).bearer(&token), 400, "JoinBodyMalformed")
            .await;
        let answer = json!(["1.AAAA", "AAAA"]).to_string();
        refuses(&lab, post(host::AIK, AIK_CERTIFICATE_PATH, answer), 400, "AikBodyMalformed").await;
        let made = |header: Value, payload: Value| {
            Unsigned::from_bytes(header.to_string().as_bytes(), payload.to_string().as_bytes()).signed(b"x")
        };
        let header = made(json!(["RS256", "JWT", null, null, null, null, null]), json!({}));
        for (service, request) in bearers(&header) {
            refuses(&lab, request, 401, &format!("{service}Malformed")).await;
        }
        let claims = made(json!({ "alg": "HS256" }), json!(["1.AAAA", null, "true"]));
        refuses(&lab, authorize(&claims, &[]), 400, "CredentialMalformed").await;
    });
}

/// A token of that algorithm: unsigned, signed with the public key as a secret, or with a key on P-256.
fn forged(header: &Header, claims: &Value, public_key: &[u8]) -> String {
    let unsigned = Unsigned::new(header, claims).unwrap();
    let input = unsigned.signing_input().to_vec();
    let signature = match header.alg.as_str() {
        "HS256" => hmac_sha256(public_key, &[&input]).to_vec(),
        "ES256" => SoftwareKey::generate_p256(&mut OsRng).sign(&sha256(&input), &mut OsRng).unwrap(),
        _ => Vec::new(),
    };
    unsigned.signed(&signature)
}

#[test]
fn refuses_every_token_of_another_algorithm() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let of_tenant = Mint::of(&lab).await.public_key();
        let of_device = public(device_key()).to_spki();
        let claims = serde_json::to_value(theft::claims(&lab, &device)).unwrap();
        for alg in ["none", "None", "", "HS256", "ES256", "RS384"] {
            let header = Header { alg: alg.into(), typ: Some("JWT".into()), ..Header::default() };
            for (service, request) in bearers(&forged(&header, &claims, &of_tenant)) {
                refuses(&lab, request, 401, &format!("{service}Signature")).await;
            }

            let by_x5c = Header { x5c: Some(CertificateChain::Single(device.certificate.clone())), ..header.clone() };
            let password = password_claims(&lab.nonce().await, ALICE, PASSWORD);
            refuses(&lab, signed_form(&forged(&by_x5c, &password, &of_device)), 400, "SignedRequestUnsupported").await;
            let proof = json!({ "grant_type": "device_auth", "request_nonce": lab.nonce().await });
            refuses(&lab, by_device(&forged(&by_x5c, &proof, &of_device)), 400, "SignedRequestUnsupported").await;

            let hello = Header { kid: Some(key_id(user_key())), usage: Some("ngc".into()), ..header.clone() };
            let inner = forged(&hello, &assertion_claims(&lab, &lab.nonce().await), &public(user_key()).to_spki());
            let outer = hello_claims(&lab.nonce().await, &inner);
            refuses(&lab, prt_request(&device, &outer), 400, "AssertionNotForHello").await;

            // Under a session key HS256 is right, so the others alone are wrong there.
            let under_prt = Header { ctx: Some(base64(&[7; 24])), ..header };
            let credential = json!({ "refresh_token": session.prt, "request_nonce": lab.nonce().await });
            let name = if alg == "HS256" { "SessionKeyWrong" } else { "CredentialMalformed" };
            refuses(&lab, authorize(&forged(&under_prt, &credential, &of_tenant), &[]), 400, name).await;
            let renewal = json!({
                "client_id": "a", "scope": "openid aza", "grant_type": "refresh_token", "refresh_token": session.prt,
                "request_nonce": lab.nonce().await,
            });
            let name = if alg == "HS256" { "SessionKeyWrong" } else { "SignedRequestUnsupported" };
            refuses(&lab, signed_form(&forged(&under_prt, &renewal, &of_tenant)), 400, name).await;
        }
    });
}
