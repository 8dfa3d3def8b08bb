//! Microsoft Graph: a user looks at their Hello keys and devices, and deletes a key.

use serde_json::{Value, json};
use whfb::entra::Rules;
use whfb::wire::encoding::{base64, from_base64};
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::key_credential::{KeyStrength, SearchableDeviceKey};
use whfb::wire::token::{DRS_AUDIENCE, GRAPH_AUDIENCE};

use crate::client::*;

const METHODS: &str = "/v1.0/me/authentication/windowsHelloForBusinessMethods";
const OTHER: &str = "00000000-0000-4000-8000-000000000000";

/// A lab with a key of Alice's, her token for Graph, and the key's GUID.
async fn lab_with_key() -> (Lab, Joined, String, String) {
    let (lab, device, _) = Lab::provisioned(Rules::entra()).await;
    let token = lab.token(ALICE, GRAPH_AUDIENCE).await;
    let kid = lab.snapshot().await.keys[0].kid.to_string();
    (lab, device, token, kid)
}

fn ask(method: Method, token: &str, target: &str) -> Request {
    Request::new(method, host::GRAPH, target).bearer(token)
}

async fn get(lab: &Lab, token: &str, target: &str) -> Value {
    let reply = lab.send(ask(Method::Get, token, target)).await;
    assert_eq!(reply.status, 200, "{target}: {}", String::from_utf8_lossy(&reply.body));
    reply.json().unwrap()
}

#[test]
fn a_user_lists_their_hello_keys_by_every_name_of_theirs() {
    run(async {
        let (lab, _, token, kid) = lab_with_key().await;
        let list = get(&lab, &token, METHODS).await;
        let id = payload(&token)["oid"].as_str().unwrap().to_owned();
        let context = format!(
            "https://graph.microsoft.com/v1.0/$metadata#users('{id}')/authentication/windowsHelloForBusinessMethods"
        );
        let method = json!({
            "@odata.type": "#microsoft.graph.windowsHelloForBusinessAuthenticationMethod",
            "id": kid, "displayName": "LAB-01", "createdDateTime": "2026-11-22T12:00:00Z", "keyStrength": "normal",
        });
        assert_eq!(list, json!({ "@odata.context": context, "value": [method] }));
        for name in [id.as_str(), ALICE, "ALICE%40contoso.example"] {
            let target = format!("/v1.0/users/{name}/authentication/windowsHelloForBusinessMethods");
            assert_eq!(get(&lab, &token, &target).await, list, "{name}");
        }
        let beta = get(&lab, &token, &METHODS.replace("v1.0", "beta")).await;
        assert_eq!(beta["value"], list["value"]);
        assert_eq!(beta["@odata.context"], context.replace("v1.0", "beta"));
        let bob = lab.token(BOB, GRAPH_AUDIENCE).await;
        assert_eq!(get(&lab, &bob, METHODS).await["value"], json!([]));
    });
}

#[test]
fn one_key_comes_with_its_device_where_that_is_asked_for() {
    run(async {
        let (lab, device, token, kid) = lab_with_key().await;
        let plain = get(&lab, &token, &format!("{METHODS}/{kid}")).await;
        assert_eq!((&plain["id"], plain.get("device")), (&json!(kid), None));
        assert!(plain["@odata.context"].as_str().unwrap().ends_with("Methods/$entity"), "{plain}");
        let expanded = get(&lab, &token, &format!("{METHODS}/{kid}?$expand=device")).await;
        assert_eq!(expanded["device"]["deviceId"], device.id);
        assert_eq!(expanded["device"]["trustType"], "AzureAd");
        assert!(lab.entra.delete_device(device.id.parse().unwrap()).await.unwrap());
        let orphan = get(&lab, &token, &format!("{METHODS}/{kid}?%24expand=device")).await;
        assert_eq!((&orphan["displayName"], &orphan["device"]), (&Value::Null, &Value::Null));
        assert!(orphan.as_object().unwrap().contains_key("device"));
    });
}

#[test]
fn nobody_signs_in_with_a_key_that_was_deleted() {
    run(async {
        let (lab, device, token, kid) = lab_with_key().await;
        let sign_in = async || {
            let claims = assertion_claims(&lab, &lab.nonce().await);
            hello_claims(&lab.nonce().await, &assertion(&claims, user_key()))
        };
        assert_eq!(lab.send(prt_request(&device, &sign_in().await)).await.status, 200);
        let delete = || ask(Method::Delete, &token, &format!("{METHODS}/{kid}"));
        let reply = lab.send(delete()).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0));
        assert_eq!(lab.snapshot().await.keys, []);
        let body = lab.refuses(prt_request(&device, &sign_in().await), 400, "HelloKeyUnknown").await;
        assert_eq!(body["error_codes"], json!([130_004]));
        lab.refuses(delete(), 404, "GraphMethodUnknown").await;

        let session = lab.session(&device, ALICE).await;
        let fresh = lab.ngcmfa(&session).await;
        assert_eq!(lab.send(register(&fresh, &kngc(user_key()))).await.status, 200, "the key may come again");
        assert_eq!(lab.send(prt_request(&device, &sign_in().await)).await.status, 200);
    });
}

#[test]
fn devices_are_found_by_the_id_of_the_object_and_by_their_own() {
    run(async {
        let (lab, device, token, _) = lab_with_key().await;
        let list = get(&lab, &token, "/v1.0/devices").await;
        assert_eq!(list["@odata.context"], "https://graph.microsoft.com/v1.0/$metadata#devices");
        let listed = &list["value"][0];
        assert_eq!((&listed["deviceId"], &listed["accountEnabled"]), (&json!(device.id), &json!(true)));
        assert_eq!(listed["registrationDateTime"], "2026-11-22T12:00:00Z");
        let object = listed["id"].as_str().unwrap();
        assert_ne!(object, device.id);
        let by_object = get(&lab, &token, &format!("/v1.0/devices/{object}")).await;
        assert_eq!(by_object["deviceId"], device.id);
        for quote in ["'", "%27"] {
            let target = format!("/v1.0/devices(deviceId={quote}{}{quote})", device.id);
            assert_eq!(get(&lab, &token, &target).await, by_object);
        }
        let refused = async |target: String, status, name| {
            lab.refuses(ask(Method::Get, &token, &target), status, name).await;
        };
        refused(format!("/v1.0/devices/{}", device.id), 404, "GraphDeviceUnknown").await;
        refused(format!("/v1.0/devices(deviceId='{object}')"), 404, "GraphDeviceUnknown").await;
        refused("/v1.0/devices/LAB-01".into(), 400, "GraphDeviceIdMalformed").await;
        refused("/v1.0/devices(deviceId='LAB-01')".into(), 400, "GraphDeviceIdMalformed").await;
        refused(format!("/v1.0/devices(id='{object}')"), 404, "GraphPathUnknown").await;
    });
}

#[test]
fn a_user_sees_themselves_and_how_the_directory_keeps_their_keys() {
    run(async {
        let (lab, device, token, _) = lab_with_key().await;
        let me = get(&lab, &token, "/v1.0/me").await;
        assert_eq!((&me["userPrincipalName"], &me["id"]), (&json!(ALICE), &payload(&token)["oid"]));
        assert_eq!(me.get("searchableDeviceKey"), None);
        let selected = get(&lab, &token, "/v1.0/me?$select=id,searchableDeviceKey").await;
        assert_eq!(selected.as_object().unwrap().len(), 3, "{selected}");
        assert!(selected["@odata.context"].as_str().unwrap().ends_with("#users(id,searchableDeviceKey)/$entity"));
        let kept: SearchableDeviceKey = serde_json::from_value(selected["searchableDeviceKey"][0].clone()).unwrap();
        assert_eq!((&kept.key_identifier, &kept.device_id), (&key_id(user_key()), &device.id));
        assert_eq!(kept.key_material, base64(&rsa1(user_key())));
        let strength = kept.read().unwrap().custom.map(|custom| custom.strength());
        assert_eq!(
            (strength, from_base64(&kept.custom_key_information).unwrap().len()),
            (Some(KeyStrength::Normal), 15)
        );
    });
}

#[test]
fn refuses_to_write_a_user_as_the_attack_on_searchable_device_key_does() {
    run(async {
        let (lab, _, token, _) = lab_with_key().await;
        let planted = json!({ "searchableDeviceKey": [{ "usage": "NGC" }] });
        for target in ["/v1.0/me".to_owned(), format!("/beta/users/{ALICE}"), format!("/v1.0/users/{BOB}")] {
            let mut request = ask(Method::Patch, &token, &target);
            request.body = planted.to_string().into_bytes().into();
            lab.refuses(request, 400, "GraphPropertyReadOnly").await;
        }
        lab.refuses(Request::new(Method::Patch, host::GRAPH, "/v1.0/me"), 401, "GraphTokenMissing").await;
        lab.refuses(Request::new(Method::Patch, host::LOGIN, "/v1.0/me"), 404, "PathUnknown").await;
    });
}

#[test]
fn refuses_keys_of_others_and_keys_that_are_not_there() {
    run(async {
        let (lab, _, alice, kid) = lab_with_key().await;
        let bob = lab.token(BOB, GRAPH_AUDIENCE).await;
        let of_alice = format!("/v1.0/users/{ALICE}/authentication/windowsHelloForBusinessMethods");
        let of_nobody = of_alice.replace(ALICE, "mallory@contoso.example");
        let cases = [
            (Method::Get, &bob, of_alice.clone(), 403, "GraphUserDiffers"),
            (Method::Get, &bob, format!("{of_alice}/{kid}"), 403, "GraphUserDiffers"),
            (Method::Delete, &bob, format!("{of_alice}/{kid}"), 403, "GraphUserDiffers"),
            (Method::Get, &bob, format!("{METHODS}/{kid}"), 404, "GraphMethodUnknown"),
            (Method::Delete, &bob, format!("{METHODS}/{kid}"), 404, "GraphMethodUnknown"),
            (Method::Get, &alice, of_nobody, 404, "GraphUserUnknown"),
            (Method::Get, &alice, of_alice.replace(ALICE, OTHER), 404, "GraphUserUnknown"),
            (Method::Get, &alice, format!("{METHODS}/{OTHER}"), 404, "GraphMethodUnknown"),
            (Method::Delete, &alice, format!("{METHODS}/LAB-01"), 400, "GraphMethodIdMalformed"),
        ];
        for (method, token, target, status, name) in cases {
            lab.refuses(ask(method, token, &target), status, name).await;
        }
    });
}

#[test]
fn refuses_paths_and_options_that_graph_does_not_have_here() {
    run(async {
        let (lab, _, token, kid) = lab_with_key().await;
        let cases = [
            (Method::Get, "/v2.0/me".to_owned(), "GraphVersionUnknown"),
            (Method::Get, "/me".to_owned(), "GraphVersionUnknown"),
            (Method::Get, "/v1.0".to_owned(), "GraphPathUnknown"),
            (Method::Get, "/v1.0/users".to_owned(), "GraphPathUnknown"),
            (
                Method::Get,
                "/v1.0/groups/x/authentication/windowsHelloForBusinessMethods".to_owned(),
                "GraphPathUnknown",
            ),
            (Method::Post, METHODS.to_owned(), "GraphPathUnknown"),
            (Method::Delete, METHODS.to_owned(), "GraphPathUnknown"),
            (Method::Get, format!("{METHODS}?$top=1"), "GraphOptionUnsupported"),
            (Method::Get, format!("{METHODS}?$expand=device"), "GraphOptionUnsupported"),
            (Method::Get, format!("{METHODS}/{kid}?$expand=owner"), "GraphOptionUnsupported"),
            (Method::Get, format!("{METHODS}/{kid}?$expand=device&$expand=device"), "GraphOptionUnsupported"),
            (Method::Delete, format!("{METHODS}/{kid}?$expand=device"), "GraphOptionUnsupported"),
            (Method::Get, "/v1.0/devices?$filter=x".to_owned(), "GraphOptionUnsupported"),
            (Method::Get, "/v1.0/me?$select=id,salt".to_owned(), "GraphSelectUnknown"),
        ];
        for (method, target, name) in cases {
            let status = if name == "GraphPathUnknown" { 404 } else { 400 };
            lab.refuses(ask(method, &token, &target), status, name).await;
        }
        get(&lab, &token, &format!("{METHODS}?client-request-id=1")).await;
    });
}

#[test]
fn refuses_tokens_that_are_missing_malformed_forged_expired_or_for_another_audience() {
    run(async {
        let (lab, _, token, _) = lab_with_key().await;
        let id = "7a1b4f9e-0000-4000-8000-00000000000a";
        let bare = Request::new(Method::Get, host::GRAPH, METHODS).header("client-request-id", id);
        let error = lab.refuses(bare, 401, "GraphTokenMissing").await["error"].clone();
        assert_eq!(error["code"], "InvalidAuthenticationToken");
        assert_eq!(error["message"], "GraphTokenMissing: there is no bearer token.");
        assert_eq!(error["innerError"]["client-request-id"], id);
        assert_eq!(error["innerError"]["date"], "2026-11-22T12:00:00");
        assert!(error["innerError"]["request-id"].is_string());
        lab.refuses(ask(Method::Get, "a.b.c", METHODS), 401, "GraphTokenMalformed").await;
        let (head, _) = token.rsplit_once('.').unwrap();
        lab.refuses(ask(Method::Get, &format!("{head}.AAAA"), METHODS), 401, "GraphTokenSignature").await;
        let other = lab.token(ALICE, DRS_AUDIENCE).await;
        lab.refuses(ask(Method::Get, &other, METHODS), 401, "GraphTokenAudience").await;
        lab.refuses(ask(Method::Get, &other, "/v1.0/no/such/path"), 401, "GraphTokenAudience").await;
        lab.wait(3600);
        lab.refuses(ask(Method::Get, &token, METHODS), 401, "GraphTokenExpired").await;
    });
}
