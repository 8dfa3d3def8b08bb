//! What travels to a TPM is hidden, and what comes back is checked.

use whfb::base::{ExposeSecret as _, OsRng, secret_slice};
use whfb::device::tpm::manufacture::Owned;
use whfb::device::tpm::{
    CertifyAuthority, Direct, Gate, KeyBlob, KeyKind, Ownership, Tpm as _, TpmError, Usage, with_key,
};

use crate::support::{Eavesdropper, code, manufactured, secret, tempdir};

#[test]
fn no_secret_travels_in_the_clear() {
    let directory = tempdir();
    let (swtpm, Owned { pins, lockout_auth, .. }) = manufactured(directory.path());
    let (transport, commands) = Eavesdropper::new(swtpm, |_, _| {});
    let mut tpm = Direct::open(Box::new(transport), Ownership::Ours, Some(&pins), Box::new(OsRng)).unwrap();
    let sealed = tpm.seal(&secret_slice(vec![0xA1; 32]), Gate::Counted(&secret(0xA2))).unwrap();
    tpm.unseal(&sealed, Gate::Counted(&secret(0xA2))).unwrap();
    let blob = tpm.create(KeyKind::P256, Usage::General, Some(&secret(0xA3))).unwrap();
    with_key(&mut tpm, &blob, |tpm, key| tpm.change_auth(key, &blob.public, &secret(0xA3), &secret(0xA4))).unwrap();
    tpm.reset_lockout(&lockout_auth).unwrap();
    drop(tpm);
    let sent = commands.lock().unwrap().concat();
    let seen = |bytes: &[u8]| sent.windows(bytes.len()).any(|window| window == bytes);
    assert!(seen(&blob.public), "a public area is no secret: this test can see");
    for byte in [0xA1, 0xA2, 0xA3, 0xA4] {
        assert!(!seen(&[byte; 8]), "{byte:x}");
    }
    assert!(!seen(&lockout_auth.expose_secret()[..8]));
}

#[test]
fn an_answer_that_was_changed_on_its_way_is_not_believed() {
    const CREATE: u32 = 0x153;
    const LOAD: u32 = 0x157;
    const UNSEAL: u32 = 0x15E;
    // Parameter, nonce and HMAC of three commands; one of them brings a handle.
    let changes: [fn(u32, &mut Vec<u8>); 5] = [
        |code, answer| {
            if code == UNSEAL {
                answer[20] ^= 1
            }
        },
        |code, answer| {
            if code == UNSEAL {
                *answer.last_mut().unwrap() ^= 1
            }
        },
        |code, answer| {
            if code == LOAD {
                *answer.last_mut().unwrap() ^= 1
            }
        },
        |code, answer| {
            if code == LOAD {
                answer.truncate(20)
            }
        },
        |code, answer| {
            if code == CREATE {
                answer[40] ^= 1
            }
        },
    ];
    let directory = tempdir();
    let (mut swtpm, Owned { pins, .. }) = manufactured(directory.path());
    for (number, change) in changes.into_iter().enumerate() {
        let (transport, _) = Eavesdropper::new(swtpm, change);
        let mut tpm = Direct::open(Box::new(transport), Ownership::Ours, Some(&pins), Box::new(OsRng)).unwrap();
        let outcome = tpm.seal(&secret_slice(vec![1; 32]), Gate::Open).and_then(|blob| tpm.unseal(&blob, Gate::Open));
        assert!(matches!(outcome, Err(TpmError::Untrusted { .. })), "change {number}: {outcome:?}");
        assert_eq!(tpm.leftovers().unwrap(), [0u32; 0], "change {number}");
        drop(tpm);
        swtpm = crate::support::start(directory.path());
    }
}

#[test]
fn a_public_area_whose_hmac_is_wrong_is_refused_and_no_key_made_in_its_place() {
    const CREATE_PRIMARY: u32 = 0x131;
    let directory = tempdir();
    let (swtpm, Owned { pins, .. }) = manufactured(directory.path());
    // Only what our session vouches for: the question that is asked before says what we then ask about by Name.
    let (transport, commands) = Eavesdropper::new(swtpm, |code, answer| {
        if code == 0x173 && answer.starts_with(&[0x80, 0x02]) {
            *answer.last_mut().unwrap() ^= 1;
        }
    });
    let mut tpm = Direct::open(Box::new(transport), Ownership::Ours, Some(&pins), Box::new(OsRng)).unwrap();
    let outcome = tpm.endorsement(KeyKind::Rsa2048);
    assert!(matches!(outcome, Err(TpmError::Untrusted { command: "TPM2_ReadPublic", .. })), "{outcome:?}");
    assert!(!commands.lock().unwrap().iter().any(|command| code(command) == CREATE_PRIMARY));
}

#[test]
fn our_session_vouches_for_every_answer_that_it_can() {
    const FLUSH_CONTEXT: u32 = 0x165;
    const READ_PUBLIC: u32 = 0x173;
    const NV_READ_PUBLIC: u32 = 0x169;
    const START_AUTH_SESSION: u32 = 0x176;
    let directory = tempdir();
    let (swtpm, Owned { pins, .. }) = manufactured(directory.path());
    let (transport, commands) = Eavesdropper::new(swtpm, |_, _| {});
    let mut tpm = Direct::open(Box::new(transport), Ownership::Ours, Some(&pins), Box::new(OsRng)).unwrap();
    commands.lock().unwrap().clear();
    tpm.facts().unwrap();
    tpm.clock().unwrap();
    tpm.endorsement(KeyKind::Rsa2048).unwrap();
    let key = tpm.create(KeyKind::P256, Usage::General, Some(&secret(1))).unwrap();
    let aik = tpm.create(KeyKind::P256, Usage::Attestation, None).unwrap();
    for authority in [CertifyAuthority::Policy, CertifyAuthority::Value(&secret(1))] {
        with_key(&mut tpm, &key, |tpm, key| with_key(tpm, &aik, |tpm, aik| tpm.certify(key, aik, authority, b"")))
            .unwrap();
    }
    tpm.nv_store(0x0180_0001, &[7; 600]).unwrap();
    tpm.nv_remove(0x0180_0001).unwrap();
    let sent = commands.lock().unwrap().clone();
    let bare = sent.iter().filter(|command| command[..2] == [0x80, 0x01]).map(|command| code(command));
    let others: Vec<u32> = bare.filter(|code| *code != FLUSH_CONTEXT).collect();
    // The session itself; then handles whose Names were not known, each asked for a second time in the session.
    let named = [[READ_PUBLIC].as_slice(), &[NV_READ_PUBLIC; 4]].concat();
    assert_eq!(others, [&[START_AUTH_SESSION], named.as_slice()].concat(), "{others:x?}");
    for code_asked_twice in [READ_PUBLIC, NV_READ_PUBLIC] {
        let asked = sent.iter().filter(|command| code(command) == code_asked_twice);
        let (bare, vouched): (Vec<_>, Vec<_>) = asked.partition(|command| command[..2] == [0x80, 0x01]);
        assert_eq!(bare.len(), vouched.len(), "{code_asked_twice:x}");
    }
}

#[test]
fn a_lockout_counter_that_was_changed_on_its_way_is_not_believed() {
    const GET_CAPABILITY: u32 = 0x17A;
    let directory = tempdir();
    let (swtpm, Owned { pins, .. }) = manufactured(directory.path());
    let (transport, _) = Eavesdropper::new(swtpm, |code, answer| {
        if code == GET_CAPABILITY {
            answer[24] ^= 1;
        }
    });
    let mut tpm = Direct::open(Box::new(transport), Ownership::Ours, Some(&pins), Box::new(OsRng)).unwrap();
    let facts = tpm.facts();
    assert!(matches!(facts, Err(TpmError::Untrusted { reason: "its HMAC is wrong", .. })), "{facts:?}");
}

#[test]
fn a_public_area_that_is_not_that_of_its_name_is_not_used() {
    const READ_PUBLIC: u32 = 0x173;
    let directory = tempdir();
    let (swtpm, Owned { pins, .. }) = manufactured(directory.path());
    // The answer ends with Name and qualified Name, 34 bytes each behind their lengths.
    let (transport, _) = Eavesdropper::new(swtpm, |code, answer| {
        let inside_the_name = answer.len().saturating_sub(40);
        if code == READ_PUBLIC {
            answer[inside_the_name] ^= 1;
        }
    });
    let mut tpm = Direct::open(Box::new(transport), Ownership::Guest, None, Box::new(OsRng)).unwrap();
    assert_eq!(tpm.facts().unwrap().loaded.len(), 1, "a primary in memory serves instead of the persistent one");
    assert_eq!(tpm.pins().unwrap(), pins, "no Name is pinned that was only claimed");
    tpm.create(KeyKind::P256, Usage::General, None).unwrap();
}

#[test]
fn a_lost_session_is_started_again() {
    let directory = tempdir();
    let (swtpm, Owned { pins, .. }) = manufactured(directory.path());
    let mut tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&pins), Box::new(OsRng)).unwrap();
    tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    // TPM2_FlushContext of the one session that is there, behind the backend's back.
    let flush = [0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65, 0x02, 0, 0, 0];
    assert_eq!(tpm.transmit_raw(&flush).unwrap()[6..10], [0; 4]);
    tpm.create(KeyKind::P256, Usage::General, None).unwrap();
    assert_eq!(tpm.leftovers().unwrap(), [0u32; 0]);
}

proptest::proptest! {
    #[test]
    fn no_public_area_makes_the_reader_stumble(public in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        let blob = KeyBlob { public, private: vec![] };
        proptest::prop_assert!(blob.public_key().is_err());
        drop(blob.name());
    }
}
