//! Device join.

use whfb::base::OsRng;
use whfb::crypto::SoftwareKey;
use whfb::crypto::cert::{Certificate, Name, Text, UnsignedRequest, oid};
use whfb::crypto::digest::sha256;
use whfb::entra::Rules;
use whfb::wire::encoding::{base64, from_base64};
use whfb::wire::host;
use whfb::wire::http::Request;
use whfb::wire::join::{JoinReply, JoinRequest, REQUEST_SUBJECT};
use whfb::wire::token::DRS_AUDIENCE;

use crate::client::*;

#[test]
fn a_device_certificate_has_entras_shape() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        let reply: JoinReply = lab.send(join(&token, &join_body())).await.json().unwrap();
        let certificate = Certificate::from_der(&from_base64(&reply.certificate.raw_body).unwrap()).unwrap();
        assert_eq!(reply.certificate.thumbprint, certificate.thumbprint());
        assert_eq!(certificate.public(), Ok(&public(device_key())));
        assert_eq!(certificate.issuer().text(oid::COMMON_NAME).as_deref(), Some("MS-Organization-Access"));
        assert_eq!(certificate.is_authority(), Ok(Some(false)));
        assert_eq!(certificate.criticality(oid::EXTENDED_KEY_USAGE), Some(true));
        assert_eq!(certificate.extended_key_usage().unwrap(), [oid::CLIENT_AUTH]);

        let snapshot = lab.snapshot().await;
        let device = &snapshot.devices[0];
        assert_eq!(certificate.subject().text(oid::COMMON_NAME), Some(device.id.to_string()));
        let long_form = |bytes: &[u8]| [&[0x04, 0x81, bytes.len() as u8], bytes].concat();
        let extension = |id| certificate.extension(id).unwrap().to_vec();
        assert_eq!(extension(oid::DEVICE_ID), long_form(&device.id.to_bytes_le()));
        assert_eq!(extension(oid::DEVICE_USER), long_form(&device.owner.to_bytes_le()));
        assert_eq!(extension(oid::DEVICE_TENANT), long_form(&snapshot.tenant.to_bytes_le()));
        assert_eq!(extension(oid::DEVICE_JOIN_TYPE), long_form(b"1"));
        assert_eq!((device.trust_type.as_str(), device.enabled), ("AzureAd", true));
        assert_eq!(reply.user.upn, ALICE);
        assert_eq!(reply.membership_changes[0].local_sid, "S-1-5-32-544");
        assert_eq!(reply.membership_changes[0].add_sids.len(), 2);
    });
}

#[test]
fn refuses_join_requests_by_name() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        let changed = |change: &dyn Fn(&mut JoinRequest)| {
            let mut body = join_body();
            change(&mut body);
            join(&token, &body)
        };
        let small = SoftwareKey::Rsa(Box::new(rsa::RsaPrivateKey::new(&mut OsRng, 1024).unwrap()));
        type Change<'a> = &'a dyn Fn(&mut JoinRequest);
        let cases: [(Change<'_>, &str); 12] = [
            (&|body| body.join_type = 6, "JoinTypeUnsupported"),
            (&|body| body.device_display_name.clear(), "JoinNameInvalid"),
            (&|body| body.device_display_name = "x".repeat(257), "JoinNameInvalid"),
            (&|body| body.device_type = "x".repeat(257), "JoinNameInvalid"),
            (&|body| body.os_version = "x".repeat(900_000), "JoinNameInvalid"),
            (&|body| body.certificate_request.kind = "pkcs7".into(), "JoinRequestKind"),
            (&|body| body.certificate_request.data = "!".into(), "JoinRequestMalformed"),
            (&|body| body.certificate_request.data = base64(b"no request"), "JoinRequestMalformed"),
            (&|body| body.certificate_request.data = csr(REQUEST_SUBJECT, stranger_key()), "JoinRequestSignature"),
            (&|body| body.certificate_request.data = csr("LAB-01", device_key()), "JoinRequestSubject"),
            (&|body| body.transport_key = base64(&rsa1(&small)), "JoinTransportKeyInvalid"),
            (&|body| body.transport_key.clear(), "JoinTransportKeyInvalid"),
        ];
        for (change, name) in cases {
            lab.refuses(changed(change), 400, name).await;
        }
    });
}

#[test]
fn refuses_device_keys_of_another_size() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        let large = SoftwareKey::Rsa(Box::new(rsa::RsaPrivateKey::new(&mut OsRng, 3072).unwrap()));
        let subject = Name::common_name(REQUEST_SUBJECT, Text::Printable).unwrap();
        let unsigned = UnsignedRequest::new(&subject, &public(&large)).unwrap();
        let signature = large.sign(&sha256(unsigned.to_sign()), &mut OsRng).unwrap();
        let mut body = join_body();
        body.certificate_request.data = base64(&unsigned.signed(&signature).unwrap());
        lab.refuses(join(&token, &body), 400, "JoinRequestKey").await;
    });
}

/// A request for the device key, signed by `signer`.
fn csr(subject: &str, signer: &SoftwareKey) -> String {
    let subject = Name::common_name(subject, Text::Printable).unwrap();
    let unsigned = UnsignedRequest::new(&subject, &public(device_key())).unwrap();
    let signature = signer.sign(&sha256(unsigned.to_sign()), &mut OsRng).unwrap();
    base64(&unsigned.signed(&signature).unwrap())
}

#[test]
fn refuses_joins_without_version_token_or_body() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        let at = |target: &str| Request::json(host::REGISTRATION, target, &join_body());
        let path = "/EnrollmentServer/device/?api-version=2.0";
        lab.refuses(at("/EnrollmentServer/device/").bearer(&token), 400, "JoinApiVersionMissing").await;
        lab.refuses(at("/EnrollmentServer/device?api-version=9").bearer(&token), 400, "JoinApiVersionUnsupported")
            .await;
        lab.refuses(at(path), 401, "JoinTokenMissing").await;
        lab.refuses(at(path).bearer("a.b.c"), 401, "JoinTokenMalformed").await;
        let graph = lab.token(ALICE, "https://graph.microsoft.com").await;
        lab.refuses(at(path).bearer(&graph), 401, "JoinTokenAudience").await;
        let stranger = Lab::stranger().await.token(ALICE, DRS_AUDIENCE).await;
        lab.refuses(at(path).bearer(&stranger), 401, "JoinTokenSignature").await;
        let mut empty = at(path).bearer(&token);
        empty.body.clear();
        let body = lab.refuses(empty, 400, "JoinBodyMalformed").await;
        for name in ["ErrorType", "Message", "TraceId", "Time"] {
            assert!(body[name].is_string(), "{name}");
        }
        lab.wait(3601);
        lab.refuses(at(path).bearer(&token), 401, "JoinTokenExpired").await;
    });
}
