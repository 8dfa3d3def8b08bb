//! Replies that are not what they should be: each is named, and the device stays as it was.

use serde_json::json;

use super::scripted::{TENANT, UPN, discovery, password, prt_reply, reply};
use super::{Bench, bench};
use crate::base::Hresult;
use crate::device::join::Join;
use crate::device::signin::Logon;
use crate::device::state::DeviceState;
use crate::device::stop::{ReplyFault, Stop};
use crate::wire::encoding::base64;

#[test]
fn a_refused_registration_leaves_no_container_and_writes_event_301() {
    let mut bench = Bench::logged_on();
    let before = bench.device.state.clone();
    let body = json!({"code": "AttestationRequired", "message": "a software key", "hresult": "0x801C03EE"});
    bench.server.instead.push_back(("/EnrollmentServer/key/", reply(400, body)));
    let stop = bench.provision().unwrap_err();
    assert_eq!(stop.hresult(), Some(Hresult::DSREG_E_ATTESTATION_FAILED));
    assert_eq!(bench.device.state, before);
    let ids = bench.device.events.ids();
    assert_eq!(ids[ids.len() - 3..], [301, 7510, 7045]);
    bench.provision().unwrap();
}

#[test]
fn the_four_codes_of_attestation_reach_the_user_and_those_of_a_key_the_event_log() {
    let mut bench = Bench::logged_on();
    for code in ["0x801C03EE", "0x801C03EF", "0x801C0010"] {
        let body = json!({"code": "Attestation", "message": code, "hresult": code});
        bench.server.instead.push_back(("/EnrollmentServer/key/", reply(400, body)));
        let stop = bench.provision().unwrap_err();
        assert_eq!(stop.hresult().map(|code| code.to_string()).as_deref(), Some(code));
        let last = bench.device.events.events().iter().rev().find(|event| event.id == 301).unwrap();
        assert_eq!(last.field("ExitCode"), Some(code), "{last:?}");
    }
    let mut fresh = super::bench();
    for code in ["0x801C0010", "0x801C0011"] {
        let body = json!({"ErrorType": "AttestationInvalid", "Message": "no", "hresult": code});
        fresh.server.instead.push_back(("/EnrollmentServer/device/", reply(400, body)));
        let stop = fresh.server.run(Join::new(UPN, password()), &mut fresh.device, None).unwrap_err();
        assert_eq!(stop.hresult().map(|code| code.to_string()).as_deref(), Some(code));
        assert!(fresh.device.state.registration.is_none());
    }
}

#[test]
fn every_reply_that_is_not_what_it_should_be_leaves_the_device_as_it_was() {
    let odd = [
        reply(200, json!({})),
        reply(200, json!([])),
        reply(200, json!({"kid": "not-a-guid", "upn": UPN})),
        reply(200, json!({"kid": TENANT, "upn": "bob@contoso.example"})),
        reply(500, json!({})),
    ];
    let mut bench = Bench::logged_on();
    let before = bench.device.state.clone();
    for part in ["/oauth2/token", "/oauth2/authorize", "/EnrollmentServer/key/"] {
        for odd in &odd {
            bench.server.instead.push_back((part, odd.clone()));
            let stop = bench.provision().unwrap_err();
            assert!(matches!(stop, Stop::Reply { .. } | Stop::Server(_)), "{part}: {stop}");
            assert_eq!(bench.device.state, before, "{part}: {stop}");
        }
    }
}

#[test]
fn a_join_takes_a_certificate_only_for_its_own_key_and_a_sane_discovery() {
    let other = crate::crypto::SigningKey::generate_rsa().unwrap();
    let mut bench = bench();
    let foreign = bench.server.issue(TENANT, other.public());
    let body = |raw: &str| json!({"Certificate": {"Thumbprint": "", "RawBody": raw}, "User": {"Upn": UPN}, "MembershipChanges": []});
    let mut wandering = discovery();
    wandering["DeviceJoinService"]["JoinEndpoint"] = "http://evil.example/".into();
    let cases = [
        ("/EnrollmentServer/device/", reply(200, body(&base64(foreign.der()))), ReplyFault::OtherKey),
        ("/EnrollmentServer/device/", reply(200, body("AAAA")), ReplyFault::Certificate),
        ("/EnrollmentServer/device/", reply(200, json!({})), ReplyFault::Shape),
        ("/Discover", reply(200, wandering), ReplyFault::Endpoint),
        ("/Discover", reply(200, json!({})), ReplyFault::Shape),
    ];
    let before: DeviceState = bench.device.state.clone();
    for (part, odd, expected) in cases {
        bench.server.instead.push_back((part, odd));
        let stop = bench.server.run(Join::new(UPN, password()), &mut bench.device, None).unwrap_err();
        assert!(matches!(stop, Stop::Reply { fault, .. } if fault == expected), "{stop}");
        assert_eq!(bench.device.state, before);
    }
    bench.server.run(Join::new(UPN, password()), &mut bench.device, None).unwrap();
    let again = bench.server.run(Join::new(UPN, password()), &mut bench.device, None).unwrap_err();
    assert!(matches!(again, Stop::AlreadyJoined));
}

#[test]
fn a_prt_for_somebody_else_or_another_device_is_not_kept() {
    let mut bench = Bench::joined();
    let stranger = crate::crypto::SoftwareKey::generate_rsa(&mut crate::base::OsRng).unwrap().public().unwrap();
    let key = crate::crypto::cipher::random_secret(&mut crate::base::OsRng);
    let other = crate::wire::jwe::wrap_session_key(&key, stranger.rsa().unwrap(), &mut crate::base::OsRng).unwrap();
    let before = bench.device.state.clone();
    for (body, expected) in [
        (prt_reply("a.b.c.d.e", UPN, TENANT), ReplyFault::SessionKey),
        (prt_reply(&other, UPN, TENANT), ReplyFault::SessionKey),
        (prt_reply(&other, "bob@contoso.example", TENANT), ReplyFault::OtherUser),
        (prt_reply(&other, UPN, "00000000-0000-0000-0000-000000000001"), ReplyFault::OtherUser),
    ] {
        let nonce = reply(200, json!({"Nonce": "nonce-0"}));
        bench.server.instead.extend([("/oauth2/token", nonce), ("/oauth2/token", reply(200, body))]);
        let stop = bench.server.run(Logon::new(UPN, password()), &mut bench.device, None).unwrap_err();
        assert!(matches!(stop, Stop::Reply { fault, .. } if fault == expected), "{stop}");
        assert_eq!(bench.device.state, before);
    }
}
