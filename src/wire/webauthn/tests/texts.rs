//! Client data, registration response, export.

use super::*;

#[test]
fn client_data_is_written_to_the_letter_of_the_specification() {
    let written = |data: &ClientData| String::from_utf8(data.to_bytes()).unwrap();
    let mut data = ClientData::new(&[0xfb, 0xff], ORIGIN);
    assert_eq!(
        written(&data),
        r#"{"type":"webauthn.create","challenge":"-_8","origin":"https://login.example","crossOrigin":false}"#
    );
    // Section 5.8.1.1: no short escapes but those two; everything above a space as it is.
    data.origin = "a\"b\\c/\n\u{1f}\u{7f}\u{e9}\u{1f600}".into();
    data.cross_origin = true;
    let text = written(&data);
    assert!(
        text.ends_with("\"origin\":\"a\\\"b\\\\c/\\u000a\\u001f\u{7f}\u{e9}\u{1f600}\",\"crossOrigin\":true}"),
        "{text}"
    );
    assert_eq!(ClientData::from_bytes(text.as_bytes()), Ok(data));
}

#[test]
fn client_data_of_a_browser_is_read() {
    // As old Windows wrote it, and as Chromium does at times, lest somebody compare texts.
    let old = "{\r\n\t\"type\" : \"webauthn.create\",\r\n\t\"challenge\" : \"-_8\",\r\n\t\"origin\" : \"https://login.example\",\r\n\t\
               \"tokenBinding\" : \r\n\t{\r\n\t\t\"status\" : \"supported\"\r\n\t}\r\n}";
    assert_eq!(ClientData::from_bytes(old.as_bytes()), Ok(ClientData::new(&[0xfb, 0xff], ORIGIN)));
}

#[test]
fn refuses_client_data_by_name() {
    let good = String::from_utf8(ClientData::new(&[0xfb, 0xff], ORIGIN).to_bytes()).unwrap();
    let refused = |text: &str| ClientData::from_bytes(text.as_bytes()).unwrap_err();
    let document = Document::ClientData;
    let get = refused(&good.replace("create", "get"));
    assert_eq!(get, WebauthnFormat::ClientDataType("webauthn.get".into()));
    for challenge in ["-_8=", "+/8", "-_9", "-"] {
        let fault = WebauthnFormat::NotBase64Url { document, member: "challenge" };
        assert_eq!(refused(&good.replace("-_8", challenge)), fault, "{challenge}");
    }
    let json = |text: &str, says: &str| {
        let WebauthnFormat::Json { document: found, why } = refused(text) else { panic!("{text}") };
        assert_eq!(found, document);
        assert!(why.contains(says) && why.len() <= 80, "{why}");
    };
    json(&good.replace(",\"origin\":\"https://login.example\"", ""), "missing field `origin`");
    json(&good.replace("false", "null"), "invalid type: null");
    json(&good.replace("\"crossOrigin\"", "\"type\":\"webauthn.create\",\"crossOrigin\""), "duplicate field `type`");
    json(&format!("{good}x"), "trailing characters");
    json("[\"webauthn.create\",\"\",\"\",false]", "invalid type: sequence");
    json(&good.replace("webauthn.create", "\u{0}"), "control character");
    let long = ClientData::from_bytes(&vec![b' '; 65_537]);
    assert_eq!(long, Err(WebauthnFormat::TextTooLong { document, length: 65_537 }));
    let mut longest = ClientData::new(&[0xfb, 0xff], ORIGIN).to_bytes();
    longest.resize(65_536, b' ');
    assert!(ClientData::from_bytes(&longest).is_ok());
}

#[test]
fn the_export_has_the_shape_that_libraries_take() {
    let mut export = export();
    export.credential = RegistrationResponse::of_platform(&[0xfb, 0xff], b"{}", &[0xa0]);
    assert_eq!(
        export.to_json(),
        concat!(
            r#"{"credential":{"id":"-_8","rawId":"-_8","type":"public-key","response":{"clientDataJSON":"e30","#,
            r#""attestationObject":"oA","transports":["internal"]},"authenticatorAttachment":"platform","#,
            r#""clientExtensionResults":{}},"challenge":"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s","#,
            r#""rp_id":"login.example","origin":"https://login.example","roots_pem":["#,
            r#""-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]}"#
        )
    );
    assert_eq!(WebauthnExport::from_json(export.to_json().as_bytes()), Ok(export.clone()));
    assert_eq!(serde_json::to_string(&export).unwrap(), export.to_json());
    let credential = export.credential;
    assert_eq!(RegistrationResponse::from_json(credential.to_json().as_bytes()), Ok(credential));
}

#[test]
fn a_response_of_a_browser_may_have_more_and_less() {
    let text = br#"{"rawId":"-_8","id":"-_8","type":"public-key","clientExtensionResults":{"credProps":{"rk":true}},
        "response":{"attestationObject":"oA","clientDataJSON":"e30","authenticatorData":"","publicKeyAlgorithm":-257}}"#;
    let read = RegistrationResponse::from_json(text).unwrap();
    assert_eq!((read.id.as_slice(), read.transports.len(), &read.attachment), (&[0xfb, 0xff][..], 0, &None));
    assert!(!read.to_json().contains("authenticatorAttachment"));
}

#[test]
fn refuses_a_response_or_an_export_by_name() {
    let mut export = export();
    export.credential = RegistrationResponse::of_platform(&[0xfb, 0xff], b"{}", &[0xa0]);
    let good = export.to_json();
    let refused = |from: &str, to: &str| WebauthnExport::from_json(good.replacen(from, to, 1).as_bytes()).unwrap_err();
    assert_eq!(refused("public-key", "password"), WebauthnFormat::CredentialType("password".into()));
    assert_eq!(refused("\"-_8\"", "\"-_w\""), WebauthnFormat::IdDiffers);
    let document = Document::Registration;
    for (from, to, member) in [
        ("\"id\":\"-_8\"", "\"id\":\"-_8=\"", "id"),
        ("\"rawId\":\"-_8\"", "\"rawId\":\"+/8\"", "rawId"),
        ("e30", "e3", "clientDataJSON"),
        ("oA", "oB", "attestationObject"),
    ] {
        assert_eq!(refused(from, to), WebauthnFormat::NotBase64Url { document, member });
    }
    let challenge = WebauthnFormat::NotBase64Url { document: Document::Export, member: "challenge" };
    assert_eq!(refused("-_v7-_s", "-_v7-_s="), challenge);
    for (from, to) in [
        ("\"rp_id\"", "\"rpId\""),
        ("\"rp_id\"", "\"more\":1,\"rp_id\""),
        ("\"rp_id\"", "\"origin\":\"\",\"rp_id\""),
        ("[\"internal\"]", "\"internal\""),
        ("[\"-----", "[1,\"-----"),
        ("\"clientExtensionResults\":{}", "\"clientExtensionResults\":[]"),
    ] {
        assert!(matches!(refused(from, to), WebauthnFormat::Json { document: Document::Export, .. }), "{to}");
    }
    let list = WebauthnExport::from_json(b"[{},\"\",\"\",\"\",[]]");
    assert!(matches!(list, Err(WebauthnFormat::Json { .. })));
}
