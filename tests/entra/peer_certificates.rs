//! Peer-to-peer certificates.

use serde_json::{Value, json};
use whfb::base::OsRng;
use whfb::crypto::SoftwareKey;
use whfb::crypto::cert::{Certificate, Name, Text, UnsignedRequest, oid};
use whfb::crypto::digest::sha256;
use whfb::entra::Rules;
use whfb::wire::encoding::{base64, from_base64};
use whfb::wire::oauth::PeerCertificateReply;

use crate::client::*;

fn request_of(key: &SoftwareKey) -> String {
    let subject = Name::common_name("pc", Text::Utf8).unwrap();
    let unsigned = UnsignedRequest::new(&subject, &key.public().unwrap()).unwrap();
    let signature = key.sign(&sha256(unsigned.to_sign()), &mut OsRng).unwrap();
    base64(&unsigned.signed(&signature).unwrap())
}

fn claims(nonce: String) -> Value {
    json!({
        "client_id": "38aa3b87-a06d-4817-b275-7a316988d93b", "request_nonce": nonce, "grant_type": "device_auth",
        "cert_token_use": "device_cert", "netbios_name": "pc", "dns_names": ["pc", "pc.contoso.example"],
        "csr_type": "http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10",
        "csr": request_of(device_key()),
    })
}

#[test]
fn a_device_gets_a_certificate_for_its_own_key_for_a_day() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let reply: PeerCertificateReply =
            lab.send(prt_request(&device, &claims(lab.nonce().await))).await.json().unwrap();
        let certificate = Certificate::from_der(&from_base64(&reply.x5c).unwrap()).unwrap();
        let authority = Certificate::from_der(&from_base64(&reply.x5c_ca).unwrap()).unwrap();
        assert_eq!(certificate.public(), Ok(&public(device_key())));
        assert_eq!(certificate.subject().text(oid::COMMON_NAME), Some(device.id.clone()));
        certificate.verify_issued_by(&authority).unwrap();
        assert_eq!(certificate.validity().unwrap().to.as_second(), lab.now() + 86_400);
        // It is none that signs in.
        let peer = Joined { id: device.id.clone(), certificate: reply.x5c };
        let claims = password_claims(&lab.nonce().await, ALICE, PASSWORD);
        lab.refuses(prt_request(&peer, &claims), 400, "CertificateForeign").await;
    });
}

#[test]
fn refuses_other_uses_keys_and_names() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let damaged = request_of(device_key()).replace('A', "B");
        for (member, value, name) in [
            ("cert_token_use", json!("user_cert"), "PeerRequestUnsupported"),
            ("csr_type", json!("CMC"), "PeerRequestUnsupported"),
            ("csr", json!("!"), "PeerRequestMalformed"),
            ("csr", json!(damaged), "PeerRequestMalformed"),
            ("csr", json!(request_of(stranger_key())), "PeerRequestOtherKey"),
            ("dns_names", json!([]), "PeerNamesInvalid"),
            ("dns_names", json!(["pc\u{0}"]), "PeerNamesInvalid"),
            ("dns_names", json!(vec!["pc"; 17]), "PeerNamesInvalid"),
            ("dns_names", json!("pc"), "SignedRequestMalformed"),
        ] {
            let mut claims = claims(lab.nonce().await);
            claims[member] = value;
            lab.refuses(prt_request(&device, &claims), 400, name).await;
        }
    });
}
