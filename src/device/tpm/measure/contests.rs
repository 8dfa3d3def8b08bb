//! Which operations are measured, and the floor of each.

use super::contest::{Contest, Lane};
use super::{Subject, bare};
use crate::base::{Secret32, secret_slice};
use crate::device::tpm::{CertifyAuthority, Direct, Gate, KeyHandle, KeyKind, SealedBlob, Tpm as _, TpmError, Usage};

const AUTH: [u8; 32] = [7; 32];
const OTHER_AUTH: [u8; 32] = [9; 32];
const DIGEST: [u8; 32] = [1; 32];

fn auth() -> Secret32 {
    Secret32::new(Box::new(AUTH))
}

fn other_auth() -> Secret32 {
    Secret32::new(Box::new(OTHER_AUTH))
}

/// Makes a contest of one operation, with whatever it needs loaded. A TPM has three slots: run and
/// [finish](Contest::finish) it before the next is made.
pub type Maker = fn(&mut Subject) -> Result<Contest, TpmError>;

/// All of them in the order in which they are shown, and whether they ask for what our own backend alone can do.
const ALL: [(Maker, bool); 13] = [
    (|subject| sign(subject, KeyKind::P256), false),
    (|subject| sign(subject, KeyKind::Rsa2048), false),
    (session, true),
    (|subject| create(subject, KeyKind::P256), false),
    (unlock, false),
    (unlock_and_sign, false),
    (unlocked_sign, true),
    (attest, false),
    (claim, false),
    (claim_and_attest, false),
    (|subject| create(subject, KeyKind::Rsa2048), false),
    (cold, false),
    (cold_and_attest, false),
];

/// Every contest that a TPM of this backend can take part in.
pub fn contests(subject: &Subject) -> Vec<Maker> {
    let direct = matches!(subject, Subject::Direct(_));
    ALL.iter().filter(|(_, ours_alone)| direct || !ours_alone).map(|(maker, _)| *maker).collect()
}

fn key_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Rsa2048 => "RSA-2048",
        KeyKind::P256 => "P-256",
    }
}

const RSA: &str = "RSA-2048";

fn parent(tpm: &Direct) -> Result<u32, TpmError> {
    tpm.storage().map(|storage| storage.handle)
}

fn sign(subject: &mut Subject, kind: KeyKind) -> Result<Contest, TpmError> {
    let tpm = subject.tpm();
    let blob = tpm.create(kind, Usage::General, Some(&auth()))?;
    let key = tpm.load(&blob)?;
    let (auth, handle) = (auth(), key.0);
    let bare = bare::sign(handle, kind, &AUTH, &DIGEST);
    let ours =
        Box::new(move |subject: &mut Subject| subject.tpm().sign(&KeyHandle(handle), Some(&auth), &DIGEST).map(drop));
    let floor: Lane = Box::new(move |subject: &mut Subject| bare.send(subject.direct()?).map(drop));
    Ok(Contest::new("sign", key_name(kind), ours, Some(floor)).holding(&[&key]))
}

/// What a session costs that is not reused: salted and ended, beside one that is not salted.
fn session(_: &mut Subject) -> Result<Contest, TpmError> {
    let ours = Box::new(move |subject: &mut Subject| subject.direct()?.renew_session());
    let floor: Lane = Box::new(move |subject: &mut Subject| {
        let tpm = subject.direct()?;
        let session = bare::start_session().bring(tpm)?;
        bare::flush(session).send(tpm).map(drop)
    });
    let mut contest = Contest::new("session", "-", ours, Some(floor));
    contest.session = "salted, encrypted, new";
    Ok(contest)
}

fn create(subject: &mut Subject, kind: KeyKind) -> Result<Contest, TpmError> {
    let model = subject.tpm().create(kind, Usage::General, None)?;
    let auth = auth();
    let ours = Box::new(move |subject: &mut Subject| subject.tpm().create(kind, Usage::General, Some(&auth)).map(drop));
    // A key's public area asks for a key like it: what is in its unique field does not matter.
    let template = model.public;
    let floor: Lane = Box::new(move |subject: &mut Subject| {
        let tpm = subject.direct()?;
        bare::create(parent(tpm)?, &template, &AUTH, &[]).send(tpm).map(drop)
    });
    let contest = Contest::new("create", key_name(kind), ours, Some(floor));
    Ok(if kind == KeyKind::Rsa2048 { contest.slow() } else { contest })
}

fn protector(subject: &mut Subject) -> Result<SealedBlob, TpmError> {
    subject.tpm().seal(&secret_slice(vec![5; 96]), Gate::Counted(&auth()))
}

/// What a right PIN costs: load the protector, open it, flush it.
fn unlock(subject: &mut Subject) -> Result<Contest, TpmError> {
    let protector = protector(subject)?;
    let (auth, kept) = (auth(), protector.clone());
    let ours = Box::new(move |subject: &mut Subject| subject.tpm().unseal(&protector, Gate::Counted(&auth)).map(drop));
    let floor: Lane = Box::new(move |subject: &mut Subject| bare_unlock(subject.direct()?, &kept));
    Ok(Contest::new("unlock", "-", ours, Some(floor)))
}

fn bare_unlock(tpm: &mut Direct, protector: &SealedBlob) -> Result<(), TpmError> {
    let object = bare::load(parent(tpm)?, &protector.0).bring(tpm)?;
    bare::unseal(object, &AUTH).send(tpm)?;
    bare::flush(object).send(tpm).map(drop)
}

/// A sign-in from blobs: open the protector, load the key, sign, flush.
fn unlock_and_sign(subject: &mut Subject) -> Result<Contest, TpmError> {
    let protector = protector(subject)?;
    let blob = subject.tpm().create(KeyKind::Rsa2048, Usage::General, Some(&auth()))?;
    let (auth, kept) = (auth(), (protector.clone(), blob.clone()));
    let ours = Box::new(move |subject: &mut Subject| {
        let tpm = subject.tpm();
        tpm.unseal(&protector, Gate::Counted(&auth))?;
        let key = tpm.load(&blob)?;
        let signed = tpm.sign(&key, Some(&auth), &DIGEST);
        tpm.unload(key)?;
        signed.map(drop)
    });
    let floor: Lane = Box::new(move |subject: &mut Subject| {
        let tpm = subject.direct()?;
        bare_unlock(tpm, &kept.0)?;
        let key = bare::load(parent(tpm)?, &kept.1).bring(tpm)?;
        bare::sign(key, KeyKind::Rsa2048, &AUTH, &DIGEST).send(tpm)?;
        bare::flush(key).send(tpm).map(drop)
    });
    Ok(Contest::new("unlock + sign, with loads", RSA, ours, Some(floor)))
}

/// A sign-in with protector and key loaded already.
fn unlocked_sign(subject: &mut Subject) -> Result<Contest, TpmError> {
    let sealed = protector(subject)?;
    let tpm = subject.direct()?;
    let blob = tpm.create(KeyKind::Rsa2048, Usage::General, Some(&auth()))?;
    let (object, key) = (tpm.load_sealed(&sealed)?, tpm.load(&blob)?);
    let (auth, handles) = (auth(), (object.0, key.0));
    let bare = (bare::unseal(object.0, &AUTH), bare::sign(key.0, KeyKind::Rsa2048, &AUTH, &DIGEST));
    let ours = Box::new(move |subject: &mut Subject| {
        let tpm = subject.direct()?;
        tpm.unseal_loaded(&KeyHandle(handles.0), Gate::Counted(&auth))?;
        tpm.sign(&KeyHandle(handles.1), Some(&auth), &DIGEST).map(drop)
    });
    let floor: Lane = Box::new(move |subject: &mut Subject| {
        let tpm = subject.direct()?;
        bare.0.send(tpm)?;
        bare.1.send(tpm).map(drop)
    });
    Ok(Contest::new("unlock + sign, loaded", RSA, ours, Some(floor)).holding(&[&object, &key]))
}

fn aik(subject: &mut Subject) -> Result<KeyHandle, TpmError> {
    let tpm = subject.tpm();
    let blob = tpm.create(KeyKind::Rsa2048, Usage::Attestation, None)?;
    tpm.load(&blob)
}

fn attest(subject: &mut Subject) -> Result<Contest, TpmError> {
    let aik = aik(subject)?;
    let tpm = subject.tpm();
    let blob = tpm.create(KeyKind::Rsa2048, Usage::General, Some(&auth()))?;
    let key = tpm.load(&blob)?;
    let (auth, handles) = (auth(), (key.0, aik.0));
    let bare = bare::certify(key.0, &AUTH, aik.0, &DIGEST);
    let ours = Box::new(move |subject: &mut Subject| {
        let (key, aik) = (KeyHandle(handles.0), KeyHandle(handles.1));
        subject.tpm().certify(&key, &aik, CertifyAuthority::Value(&auth), &DIGEST).map(drop)
    });
    let floor: Lane = Box::new(move |subject: &mut Subject| bare.send(subject.direct()?).map(drop));
    Ok(Contest::new("attest", RSA, ours, Some(floor)).holding(&[&aik, &key]))
}

/// A key of the pool becomes somebody's.
fn claim(subject: &mut Subject) -> Result<Contest, TpmError> {
    let blob = subject.tpm().create(KeyKind::Rsa2048, Usage::General, Some(&auth()))?;
    let (old, new, kept) = (auth(), other_auth(), blob.clone());
    let ours = Box::new(move |subject: &mut Subject| {
        let tpm = subject.tpm();
        let (_, key) = tpm.claim(&blob, &old, &new)?;
        tpm.unload(key)
    });
    let floor: Lane = Box::new(move |subject: &mut Subject| {
        let tpm = subject.direct()?;
        let key = bare::claim(tpm, parent(tpm)?, &kept, &AUTH, &OTHER_AUTH)?;
        bare::flush(key).send(tpm).map(drop)
    });
    Ok(Contest::new("claim", RSA, ours, Some(floor)))
}

/// And the attestation key vouches for it.
fn claim_and_attest(subject: &mut Subject) -> Result<Contest, TpmError> {
    let aik = aik(subject)?;
    let blob = subject.tpm().create(KeyKind::Rsa2048, Usage::General, Some(&auth()))?;
    let (old, new, kept, signer) = (auth(), other_auth(), blob.clone(), aik.0);
    let ours = Box::new(move |subject: &mut Subject| {
        let tpm = subject.tpm();
        let (_, key) = tpm.claim(&blob, &old, &new)?;
        let certified = tpm.certify(&key, &KeyHandle(signer), CertifyAuthority::Value(&new), &DIGEST);
        tpm.unload(key)?;
        certified.map(drop)
    });
    let floor: Lane = Box::new(move |subject: &mut Subject| {
        let tpm = subject.direct()?;
        let key = bare::claim(tpm, parent(tpm)?, &kept, &AUTH, &OTHER_AUTH)?;
        bare::certify(key, &OTHER_AUTH, signer, &DIGEST).send(tpm)?;
        bare::flush(key).send(tpm).map(drop)
    });
    Ok(Contest::new("claim + attest", RSA, ours, Some(floor)).holding(&[&aik]))
}

/// The same without a pool: create and load.
fn cold(_: &mut Subject) -> Result<Contest, TpmError> {
    let auth = auth();
    let ours = Box::new(move |subject: &mut Subject| {
        let tpm = subject.tpm();
        let key = tpm.create(KeyKind::Rsa2048, Usage::General, Some(&auth)).and_then(|blob| tpm.load(&blob))?;
        tpm.unload(key)
    });
    Ok(Contest::new("create + load", RSA, ours, None).slow())
}

/// Create, load, and the attestation key vouches for it.
fn cold_and_attest(subject: &mut Subject) -> Result<Contest, TpmError> {
    let aik = aik(subject)?;
    let (auth, signer) = (auth(), aik.0);
    let ours = Box::new(move |subject: &mut Subject| {
        let tpm = subject.tpm();
        let key = tpm.create(KeyKind::Rsa2048, Usage::General, Some(&auth)).and_then(|blob| tpm.load(&blob))?;
        let certified = tpm.certify(&key, &KeyHandle(signer), CertifyAuthority::Value(&auth), &DIGEST);
        tpm.unload(key)?;
        certified.map(drop)
    });
    Ok(Contest::new("create + load + attest", RSA, ours, None).slow().holding(&[&aik]))
}
