//! A device that deletes itself, over a TLS connection that its certificate proves.

use serde_json::json;
use whfb::entra::Rules;
use whfb::wire::encoding::from_base64;
use whfb::wire::host;
use whfb::wire::http::{Method, Request};

use crate::client::*;

fn leave(id: &str) -> Request {
    Request::new(Method::Delete, host::REGISTRATION, format!("/EnrollmentServer/device/{id}"))
}

#[test]
fn a_device_leaves_and_takes_its_prt_with_it() {
    run(async {
        let (lab, device, session) = Lab::provisioned(Rules::entra()).await;
        let der = from_base64(&device.certificate).unwrap();
        assert_eq!(lab.send_from(&leave(&device.id), &der).await.status, 200);
        let left = lab.snapshot().await;
        assert!(left.devices.is_empty());
        assert_eq!(left.keys.len(), 1, "a key outlives its device");
        lab.refuses(authorize(&credential(&session, &lab.nonce().await, Kdf::V2), &[]), 400, "PrtRevoked").await;
        let made = assertion(&assertion_claims(&lab, &lab.nonce().await), user_key());
        let hello = prt_request(&device, &hello_claims(&lab.nonce().await, &made));
        let body = lab.refuses(hello, 400, "HelloDeviceNotFound").await;
        assert_eq!(body["error_codes"], json!([130_008]));
        lab.refuses_client(leave(&device.id), Some(&der), 404, "LeaveDeviceUnknown").await;
    });
}

#[test]
fn only_the_device_itself_may_leave() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let (device, other) = (lab.join(ALICE).await, lab.join(ALICE).await);
        let der = from_base64(&device.certificate).unwrap();
        lab.refuses(leave(&device.id), 401, "LeaveCertificateMissing").await;
        lab.refuses_client(leave(&device.id), Some(b"none"), 401, "LeaveCertificateMalformed").await;
        lab.refuses_client(leave(&other.id), Some(&der), 403, "LeaveOtherDevice").await;
        lab.refuses_client(leave("not-a-guid"), Some(&der), 403, "LeaveOtherDevice").await;

        let foreign = lab.forged(&device);
        lab.refuses_client(leave(&device.id), Some(&foreign), 401, "LeaveCertificateForeign").await;

        lab.wait(3653 * 86_400);
        lab.refuses_client(leave(&device.id), Some(&der), 401, "LeaveCertificateExpired").await;
    });
}
