//! The face of the backend: every verb becomes a job for the thread that owns the context, with copies of what it needs.

use zeroize::Zeroizing;

use super::{CERTIFY_CREATION, Esapi, NAME};
use crate::base::{ExposeSecret as _, Secret32, SecretSlice, secret_slice};
use crate::device::tpm::{
    Certification, CertifyAuthority, Created, Credential, Endorsement, Facts, Gate, KeyBlob, KeyHandle, KeyKind,
    LockoutLimits, Pins, RawSignature, SealedBlob, Tpm, TpmClock, TpmError, Usage,
};

/// A copy that wipes itself.
fn copy(secret: &Secret32) -> Secret32 {
    Secret32::new(Box::new(*secret.expose_secret()))
}

/// The authority of a certify, and the gate of a seal, as values that can move to another thread.
type OwnedAuth = Option<Secret32>;

fn gate(auth: &OwnedAuth) -> Gate<'_> {
    auth.as_ref().map_or(Gate::Open, Gate::Counted)
}

fn owned(gate: Gate<'_>) -> OwnedAuth {
    match gate {
        Gate::Open => None,
        Gate::Counted(auth) => Some(copy(auth)),
    }
}

impl Tpm for Esapi {
    fn facts(&mut self) -> Result<Facts, TpmError> {
        self.ask(Tpm::facts)
    }

    fn pins(&mut self) -> Result<Pins, TpmError> {
        self.ask(|tpm| tpm.pins())
    }

    fn endorsement(&mut self, kind: KeyKind) -> Result<Endorsement, TpmError> {
        self.ask(move |tpm| tpm.endorsement(kind))
    }

    fn create_key(&mut self, kind: KeyKind, usage: Usage, auth: Option<&Secret32>) -> Result<Created, TpmError> {
        let auth = auth.map(copy);
        self.ask(move |tpm| tpm.create_key(kind, usage, auth.as_ref()))
    }

    fn load(&mut self, blob: &KeyBlob) -> Result<KeyHandle, TpmError> {
        let blob = blob.clone();
        self.ask(move |tpm| tpm.load(&blob))
    }

    fn unload(&mut self, key: KeyHandle) -> Result<(), TpmError> {
        self.ask(move |tpm| tpm.unload(key))
    }

    fn sign(&mut self, key: &KeyHandle, auth: Option<&Secret32>, digest: &[u8; 32]) -> Result<RawSignature, TpmError> {
        let (key, auth, digest) = (KeyHandle(key.0), auth.map(copy), *digest);
        self.ask(move |tpm| tpm.sign(&key, auth.as_ref(), &digest))
    }

    fn decrypt(
        &mut self,
        key: &KeyHandle,
        auth: Option<&Secret32>,
        ciphertext: &[u8],
    ) -> Result<SecretSlice<u8>, TpmError> {
        let (key, auth, ciphertext) = (KeyHandle(key.0), auth.map(copy), ciphertext.to_vec());
        self.ask(move |tpm| tpm.decrypt(&key, auth.as_ref(), &ciphertext))
    }

    fn seal(&mut self, data: &SecretSlice<u8>, by: Gate<'_>) -> Result<SealedBlob, TpmError> {
        let (data, auth) = (secret_slice(data.expose_secret().to_vec()), owned(by));
        self.ask(move |tpm| tpm.seal(&data, gate(&auth)))
    }

    fn unseal(&mut self, blob: &SealedBlob, by: Gate<'_>) -> Result<SecretSlice<u8>, TpmError> {
        let (blob, auth) = (blob.clone(), owned(by));
        self.ask(move |tpm| tpm.unseal(&blob, gate(&auth)))
    }

    fn certify(
        &mut self,
        key: &KeyHandle,
        aik: &KeyHandle,
        authority: CertifyAuthority<'_>,
        extra_data: &[u8],
    ) -> Result<Certification, TpmError> {
        let (key, aik, extra_data) = (KeyHandle(key.0), KeyHandle(aik.0), extra_data.to_vec());
        let auth = match authority {
            CertifyAuthority::Value(auth) => Some(copy(auth)),
            CertifyAuthority::Policy => None,
            CertifyAuthority::Creation(_) => return Err(TpmError::Gap { backend: NAME, verb: CERTIFY_CREATION }),
        };
        self.ask(move |tpm| {
            let authority = auth.as_ref().map_or(CertifyAuthority::Policy, CertifyAuthority::Value);
            tpm.certify(&key, &aik, authority, &extra_data)
        })
    }

    fn change_auth(
        &mut self,
        key: &KeyHandle,
        public: &[u8],
        old: &Secret32,
        new: &Secret32,
    ) -> Result<KeyBlob, TpmError> {
        let (key, public, old, new) = (KeyHandle(key.0), public.to_vec(), copy(old), copy(new));
        self.ask(move |tpm| tpm.change_auth(&key, &public, &old, &new))
    }

    fn claim(&mut self, blob: &KeyBlob, old: &Secret32, new: &Secret32) -> Result<(KeyBlob, KeyHandle), TpmError> {
        let (blob, old, new) = (blob.clone(), copy(old), copy(new));
        self.ask(move |tpm| tpm.claim(&blob, &old, &new))
    }

    fn make_credential(
        &mut self,
        kind: KeyKind,
        name: &[u8],
        secret: &SecretSlice<u8>,
    ) -> Result<Credential, TpmError> {
        let (name, secret) = (name.to_vec(), secret_slice(secret.expose_secret().to_vec()));
        self.ask(move |tpm| tpm.make_credential(kind, &name, &secret))
    }

    fn activate(
        &mut self,
        aik: &KeyHandle,
        kind: KeyKind,
        credential: &Credential,
    ) -> Result<SecretSlice<u8>, TpmError> {
        let (aik, credential) = (KeyHandle(aik.0), credential.clone());
        self.ask(move |tpm| tpm.activate(&aik, kind, &credential))
    }

    fn nv_read(&mut self, index: u32) -> Result<Option<Vec<u8>>, TpmError> {
        self.ask(move |tpm| tpm.nv_read(index))
    }

    fn nv_store(&mut self, index: u32, contents: &[u8]) -> Result<(), TpmError> {
        let contents = Zeroizing::new(contents.to_vec());
        self.ask(move |tpm| tpm.nv_store(index, &contents))
    }

    fn nv_remove(&mut self, index: u32) -> Result<(), TpmError> {
        self.ask(move |tpm| tpm.nv_remove(index))
    }

    fn persist(&mut self, key: &KeyHandle, handle: u32) -> Result<(), TpmError> {
        let key = KeyHandle(key.0);
        self.ask(move |tpm| tpm.persist(&key, handle))
    }

    fn evict(&mut self, handle: u32) -> Result<(), TpmError> {
        self.ask(move |tpm| tpm.evict(handle))
    }

    fn clock(&mut self) -> Result<TpmClock, TpmError> {
        self.ask(|tpm| tpm.clock())
    }

    fn limit_lockout(&mut self, lockout_auth: &Secret32, limits: LockoutLimits) -> Result<(), TpmError> {
        let auth = copy(lockout_auth);
        self.ask(move |tpm| tpm.limit_lockout(&auth, limits))
    }

    fn reset_lockout(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError> {
        let auth = copy(lockout_auth);
        self.ask(move |tpm| tpm.reset_lockout(&auth))
    }

    fn clear(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError> {
        let auth = copy(lockout_auth);
        self.ask(move |tpm| tpm.clear(&auth))
    }

    fn shutdown(&mut self) -> Result<(), TpmError> {
        self.ask(|tpm| tpm.shutdown())
    }
}
