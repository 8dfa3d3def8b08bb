//! `whfb key show`: a key as the device has it, as the tenant keeps it, and after the tenant lost it.

use std::sync::Arc;

use serde_json::Value;
use whfb::base::SystemClock;
use whfb::entra::{Database, Options, Rules};
use whfb::link::{Direct, Link as _};
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::key_credential::{KeySource, KeyStrength, SearchableDeviceKey, from_attribute};
use whfb::wire::token::{CLIENT_AUTHENTICATION_BROKER, GRAPH_AUDIENCE};

use crate::life::wait_until_ready;
use crate::program::{ALICE, Guarded, PASSWORD, World};

/// Deletes a key of Alice's through Graph.
fn delete(world: &World, key_id: &str) {
    let database = Database::File(world.state().join("entra/directory.sqlite"));
    let clock = Arc::new(SystemClock);
    let link = Direct::open(Options {
        database,
        rules: Rules::entra(),
        clock,
        vendor_roots: Vec::new(),
        approve_device_codes: None,
    })
    .unwrap();
    let fields = [
        ("client_id", CLIENT_AUTHENTICATION_BROKER),
        ("grant_type", "password"),
        ("resource", GRAPH_AUDIENCE),
        ("username", ALICE),
        ("password", PASSWORD),
    ];
    let reply: Value = link.send(&Request::form(host::LOGIN, "/common/oauth2/token", &fields)).unwrap().json().unwrap();
    let target = format!("/v1.0/me/authentication/windowsHelloForBusinessMethods/{key_id}");
    let request = Request::new(Method::Delete, host::GRAPH, target).bearer(reply["access_token"].as_str().unwrap());
    assert_eq!(link.send(&request).unwrap().status, 204);
}

#[test]
fn a_key_is_shown_in_both_forms_and_missed_once_the_tenant_lost_it() {
    let world = World::new();
    world.provisioned("none");
    let shown = world.json(&["key", "show"]);
    assert_eq!(shown["device"], "pc");
    let key = &shown["keys"][0];
    let device = world.json(&["device", "show"])["device"].clone();
    let container = &device["users"][0]["container"];
    assert_eq!((&key["key_id"], &key["kid"]), (&container["key_id"], &container["kid"]));
    assert_eq!((&key["tenant"]["level"], &key["tenant"]["strength"]), (&"software".into(), &"normal".into()));
    let dn = "CN=alice,CN=Users,DC=contoso,DC=example";
    for (form, source) in [("ad", KeySource::Ad), ("azure", KeySource::AzureAd)] {
        let attribute = key["tenant"][form]["attribute"].as_str().unwrap();
        let (credential, object) = from_attribute(attribute).unwrap();
        assert_eq!((credential.source, object), (Some(source), dn));
        assert_eq!(credential.device_id.unwrap().to_string(), device["registration"]["device_id"]);
        let text = world.run(&["key", "show", "pc", "--form", form]).out;
        assert!(text.contains(attribute), "{text}");
    }
    let json: SearchableDeviceKey = serde_json::from_value(key["tenant"]["searchable_device_key"].clone()).unwrap();
    assert_eq!(
        (&json.key_identifier, json.read().unwrap().custom.unwrap().strength()),
        (&key["kid"].as_str().unwrap().to_owned(), KeyStrength::Normal)
    );
    let by_user = world.json(&["key", "show", "--user", "Alice@contoso.example"]);
    assert_eq!((&by_user["keys"][0]["tenant"], &by_user["keys"][0]["provider"]), (&key["tenant"], &Value::Null));

    delete(&world, key["key_id"].as_str().unwrap());
    let lost = world.json(&["key", "show"]);
    assert_eq!((&lost["keys"][0]["kid"], &lost["keys"][0]["tenant"]), (&key["kid"], &Value::Null));
    assert!(world.run(&["key", "show"]).out.contains("has it no more"));
    let refused = world.run(&["--json", "sign-in", "--pin-file", "PIN_FILE"]);
    assert_eq!(refused.json()["error"]["details"]["server"]["aadsts"], serde_json::json!([130_004]), "{}", refused.out);
}

#[test]
fn keys_are_shown_while_a_server_runs() {
    let world = World::new();
    world.provisioned("none");
    let alone = world.json(&["key", "show"]);
    let mut server = Guarded(world.command(&["--json", "serve", "--listen", "127.0.0.1:0"]).spawn().unwrap());
    wait_until_ready(&mut server);
    assert_eq!(world.json(&["key", "show"]), alone);
    world.json(&["sign-in", "--pin-file", "PIN_FILE"]);
}
