//! SQL in paths, queries and JSON; and in what may be anything, which is kept to the letter.

use serde_json::{Value, json};
use whfb::entra::Rules;
use whfb::wire::encoding::from_base64;
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::join::JoinRequest;
use whfb::wire::lab::{AIK_CERTIFICATE_PATH, AIK_CHALLENGE_PATH, AikCertificateRequest, AikChallengeRequest};
use whfb::wire::oauth::{TokenReply, decode_form, field};
use whfb::wire::token::{DRS_AUDIENCE, GRAPH_AUDIENCE};

use crate::client::*;
use crate::hostile::refuses;
use crate::injection::{SQL, shape};
use crate::software_tpm::{aik_area, attested, statement};

/// A segment of a path in which nothing means anything.
fn segment(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn sql_in_a_path_or_query_is_refused_by_name() {
    run(async {
        let (lab, device, _) = Lab::provisioned(Rules::entra()).await;
        let before = shape(&lab).await;
        let token = lab.token(ALICE, GRAPH_AUDIENCE).await;
        let der = from_base64(&device.certificate).unwrap();
        let methods = "authentication/windowsHelloForBusinessMethods";
        for sql in SQL.map(segment) {
            let get = |host: &str, target: String| Request::new(Method::Get, host, target).bearer(&token);
            for (request, status, name) in [
                (get(host::GRAPH, format!("/v1.0/users/{sql}/{methods}")), 404, "GraphUserUnknown"),
                (get(host::GRAPH, format!("/v1.0/me/{methods}/{sql}")), 400, "GraphMethodIdMalformed"),
                (get(host::GRAPH, format!("/v1.0/devices/{sql}")), 400, "GraphDeviceIdMalformed"),
                (get(host::GRAPH, format!("/v1.0/devices(deviceId='{sql}')")), 400, "GraphDeviceIdMalformed"),
                (get(host::GRAPH, format!("/v1.0/me?$select={sql}")), 400, "GraphSelectUnknown"),
                (get(host::GRAPH, format!("/{sql}/me")), 400, "GraphVersionUnknown"),
                (get(host::REGISTRATION, format!("/{sql}/Discover")), 400, "DiscoveryTenantUnknown"),
                (get(host::REGISTRATION, format!("/EnrollmentServer/nonce/{sql}/")), 400, "DiscoveryTenantUnknown"),
                (get(host::LOGIN, format!("/{sql}/UserRealm/a")), 400, "TenantUnknown"),
                (get(host::LOGIN, format!("/{sql}/oauth2/authorize")), 400, "TenantUnknown"),
                (get(host::LOGIN, format!("/common/{sql}")), 404, "PathUnknown"),
            ] {
                refuses(&lab, request, status, name).await;
            }
            let leave = Request::new(Method::Delete, host::REGISTRATION, format!("/EnrollmentServer/device/{sql}"));
            lab.refuses_client(leave, Some(&der), 403, "LeaveOtherDevice").await;
            let delete = Request::new(Method::Delete, host::GRAPH, format!("/v1.0/me/{methods}/{sql}")).bearer(&token);
            refuses(&lab, delete, 400, "GraphMethodIdMalformed").await;
            let realm = lab.send(get(host::LOGIN, format!("/common/UserRealm/{sql}"))).await;
            assert_eq!(realm.json::<Value>().unwrap()["account_type"], "Unknown");
        }
        assert_eq!(shape(&lab).await, before);
    });
}

#[test]
fn sql_in_json_is_refused_by_name() {
    type Change = fn(&mut JoinRequest, String);
    let joins: [(Change, &str); 3] = [
        (|body, sql| body.certificate_request.kind = sql, "JoinRequestKind"),
        (|body, sql| body.certificate_request.data = sql, "JoinRequestMalformed"),
        (|body, sql| body.transport_key = sql, "JoinTransportKeyInvalid"),
    ];
    run(async {
        let (lab, _, session) = Lab::provisioned(Rules::entra()).await;
        let before = shape(&lab).await;
        let (token, fresh) = (lab.token(ALICE, DRS_AUDIENCE).await, lab.ngcmfa(&session).await);
        for sql in SQL {
            refuses(&lab, register(&fresh, &json!({ "kngc": sql })), 400, "KngcNotBase64").await;
            let made = statement(sql, &[]);
            refuses(&lab, register(&fresh, &attested(user_key(), &made)), 400, "AttestationNonceForeign").await;
            for (change, name) in joins {
                let mut body = join_body();
                change(&mut body, sql.to_owned());
                refuses(&lab, join(&token, &body), 400, name).await;
            }
            let answer = AikCertificateRequest { ticket: sql.into(), secret: Vec::new() };
            refuses(&lab, Request::json(host::AIK, AIK_CERTIFICATE_PATH, &answer), 400, "AikTicketForeign").await;
            let (ek_public, aik_public) = (aik_area(), aik_area());
            let ask = AikChallengeRequest { ek_public, ek_certificate: Some(sql.into()), aik_public };
            refuses(&lab, Request::json(host::AIK, AIK_CHALLENGE_PATH, &ask), 400, "EkCertificateMalformed").await;
        }
        assert_eq!(shape(&lab).await, before);
    });
}

#[test]
fn what_may_be_anything_is_kept_to_the_letter() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let before = shape(&lab).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        for sql in SQL {
            let mut body = join_body();
            (body.device_display_name, body.device_type, body.os_version) = (sql.into(), sql.into(), sql.into());
            assert_eq!(lab.send(join(&token, &body)).await.status, 200);
            let listed = Request::new(Method::Get, host::GRAPH, "/v1.0/devices");
            let listed = lab.send(listed.bearer(&lab.token(ALICE, GRAPH_AUDIENCE).await)).await;
            let devices = listed.json::<Value>().unwrap()["value"].clone();
            let device = devices.as_array().unwrap().iter().find(|device| device["displayName"] == sql).unwrap();
            assert_eq!((&device["operatingSystem"], &device["operatingSystemVersion"]), (&json!(sql), &json!(sql)));

            let device = lab.join(ALICE).await;
            let session = lab.session(&device, ALICE).await;
            let credential = credential(&session, &lab.nonce().await, Kdf::V2);
            let redirected = lab.send(authorize(&credential, &[("state", sql), ("client_id", sql)])).await;
            let location = redirected.header("Location").unwrap();
            let query = decode_form(location.split_once('?').unwrap().1.as_bytes());
            assert_eq!(field(&query, "state"), Some(sql));
            let code = field(&query, "code").unwrap();
            let fields =
                [("grant_type", "authorization_code"), ("client_id", sql), ("redirect_uri", REDIRECT), ("code", code)];
            let token: TokenReply = lab.send(Request::form(host::LOGIN, TOKEN_PATH, &fields)).await.json().unwrap();
            assert_eq!(payload(&token.access_token)["appid"], sql);
        }
        let snapshot = lab.snapshot().await;
        assert!(SQL.iter().all(|sql| snapshot.devices.iter().any(|device| device.display_name == *sql)));
        assert_eq!(shape(&lab).await, before);
    });
}
