//! Tokens with the tenant's own signature that are still not good, and a device whose row is damaged.

use whfb::entra::Rules;
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::token::{AccessClaims, GRAPH_AUDIENCE};

use crate::client::*;
use crate::theft::{self, Mint, issuer};

const OTHER: &str = "00000000-0000-0000-0000-000000000001";

type Change = fn(&mut AccessClaims);

#[test]
fn key_registration_refuses_genuine_tokens_of_other_tenants_issuers_users_and_devices() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let mint = Mint::of(&lab).await;
        let cases: [(Change, u16, &str); 7] = [
            (|claims| (claims.tid, claims.iss) = (OTHER.into(), issuer(OTHER)), 401, "KeyTokenTenant"),
            (|claims| claims.iss = issuer(OTHER), 401, "KeyTokenIssuer"),
            (|claims| claims.nbf += 1, 401, "KeyTokenEarly"),
            (|claims| claims.deviceid = Some("LAB-01".into()), 401, "KeyDeviceUnknown"),
            (|claims| claims.deviceid = Some(OTHER.into()), 401, "KeyDeviceUnknown"),
            (|claims| claims.upn = None, 401, "KeyUpnMissing"),
            (|claims| claims.upn = Some("mallory@contoso.example".into()), 400, "KeyUserUnknown"),
        ];
        for (change, status, name) in cases {
            let mut claims = theft::claims(&lab, &device);
            change(&mut claims);
            lab.refuses(register(&mint.token(&claims), &kngc(user_key())), status, name).await;
        }
        let good = mint.token(&theft::claims(&lab, &device));
        assert_eq!(lab.send(register(&good, &kngc(user_key()))).await.status, 200);
    });
}

#[test]
fn join_refuses_genuine_tokens_of_other_tenants_issuers_and_users() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let nobody = Joined { id: OTHER.into(), certificate: String::new() };
        let mint = Mint::of(&lab).await;
        let cases: [(Change, u16, &str); 4] = [
            (|claims| claims.tid = OTHER.into(), 401, "JoinTokenTenant"),
            (|claims| claims.iss = issuer(OTHER), 401, "JoinTokenIssuer"),
            (|claims| claims.nbf += 1, 401, "JoinTokenEarly"),
            (|claims| claims.upn = None, 400, "JoinUserUnknown"),
        ];
        for (change, status, name) in cases {
            let mut claims = theft::claims(&lab, &nobody);
            change(&mut claims);
            lab.refuses(join(&mint.token(&claims), &join_body()), status, name).await;
        }
        let good = mint.token(&theft::claims(&lab, &nobody));
        assert_eq!(lab.send(join(&good, &join_body())).await.status, 200);
    });
}

#[test]
fn graph_refuses_genuine_tokens_of_other_tenants_issuers_and_users() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let alice = payload(&lab.token(ALICE, GRAPH_AUDIENCE).await)["oid"].as_str().unwrap().to_owned();
        let nobody = Joined { id: OTHER.into(), certificate: String::new() };
        let good = AccessClaims { aud: GRAPH_AUDIENCE.into(), oid: alice, ..theft::claims(&lab, &nobody) };
        let mint = Mint::of(&lab).await;
        let ask =
            |claims: &AccessClaims| Request::new(Method::Get, host::GRAPH, "/v1.0/me").bearer(&mint.token(claims));
        let cases: [(Change, &str); 5] = [
            (|claims| claims.tid = OTHER.into(), "GraphTokenTenant"),
            (|claims| claims.iss = issuer(OTHER), "GraphTokenIssuer"),
            (|claims| claims.nbf += 1, "GraphTokenEarly"),
            (|claims| claims.oid = "alice".into(), "GraphTokenUserUnknown"),
            (|claims| claims.oid = OTHER.into(), "GraphTokenUserUnknown"),
        ];
        for (change, name) in cases {
            let mut claims = good.clone();
            change(&mut claims);
            lab.refuses(ask(&claims), 401, name).await;
        }
        assert_eq!(lab.send(ask(&good)).await.status, 200);
    });
}

#[test]
fn a_device_whose_transport_key_is_damaged_gets_no_prt() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        theft::damage_transport_keys(&lab).await;
        let claims = password_claims(&lab.nonce().await, ALICE, PASSWORD);
        let body = lab.refuses(prt_request(&device, &claims), 400, "TransportKeyMissing").await;
        assert_eq!(body["error_codes"], serde_json::json!([130_006]));
    });
}
