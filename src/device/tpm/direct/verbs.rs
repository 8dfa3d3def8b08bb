//! The verbs of [`Tpm`], each a command or a few.

use tpm2_protocol::data::TpmCc;

use super::{Direct, Loaded, Ownership};
use crate::base::{ExposeSecret as _, Secret32, SecretSlice};
use crate::device::tpm::commands::scheme_of;
use crate::device::tpm::frame::{Auth, Entity, malformed};
use crate::device::tpm::marshal::Malformed;
use crate::device::tpm::primary::{ENDORSEMENT, LOCKOUT};
use crate::device::tpm::template::{self, Primary};
use crate::device::tpm::{
    Certification, CertifyAuthority, Credential, Endorsement, Facts, Gate, KeyBlob, KeyHandle, KeyKind, Pins,
    RawSignature, SealedBlob, Tpm, TpmError, Usage, policy,
};

/// The bytes of an authorization value that may be none.
fn bytes(auth: Option<&Secret32>) -> &[u8] {
    auth.map_or(&[], |auth| auth.expose_secret())
}

fn unbuildable(_: Malformed) -> TpmError {
    TpmError::NotReady("a template cannot be built")
}

impl Tpm for Direct {
    fn facts(&mut self) -> Result<Facts, TpmError> {
        self.channel.facts()
    }

    fn pins(&mut self) -> Result<Pins, TpmError> {
        Ok(self.pins.clone())
    }

    fn endorsement(&mut self, kind: KeyKind) -> Result<Endorsement, TpmError> {
        let held = self.channel.primary(Primary::Endorsement(kind), None)?;
        self.channel.release(&held)?;
        let certificate = self.channel.certificate(kind)?;
        Ok(Endorsement { public: held.public, certificate })
    }

    fn create(&mut self, kind: KeyKind, usage: Usage, auth: Option<&Secret32>) -> Result<KeyBlob, TpmError> {
        let template = template::key(kind, usage).map_err(unbuildable)?;
        self.channel.create(&self.storage.entity, &template, bytes(auth), &[])
    }

    fn load(&mut self, blob: &KeyBlob) -> Result<KeyHandle, TpmError> {
        let scheme = scheme_of(&blob.public).map_err(|_| malformed("TPM2_Load"))?;
        let entity = self.channel.load(&self.storage.entity, blob, "key")?;
        let handle = entity.handle;
        self.loaded.insert(handle, Loaded { entity, scheme });
        Ok(KeyHandle(handle))
    }

    fn unload(&mut self, key: KeyHandle) -> Result<(), TpmError> {
        self.entity(&key, "TPM2_FlushContext")?;
        self.loaded.remove(&key.0);
        self.channel.flush(key.0)
    }

    fn sign(&mut self, key: &KeyHandle, auth: Option<&Secret32>, digest: &[u8; 32]) -> Result<RawSignature, TpmError> {
        let Loaded { entity, scheme } = self.entity(key, "TPM2_Sign")?;
        let (entity, scheme) = (entity.clone(), *scheme);
        self.channel.sign(&entity, bytes(auth), scheme, digest)
    }

    fn decrypt(
        &mut self,
        key: &KeyHandle,
        auth: Option<&Secret32>,
        ciphertext: &[u8],
    ) -> Result<SecretSlice<u8>, TpmError> {
        let entity = self.entity(key, "TPM2_RSA_Decrypt")?.entity.clone();
        self.channel.decrypt(&entity, bytes(auth), ciphertext)
    }

    fn seal(&mut self, data: &SecretSlice<u8>, gate: Gate<'_>) -> Result<SealedBlob, TpmError> {
        let (counted, auth) = match gate {
            Gate::Open => (false, None),
            Gate::Counted(auth) => (true, Some(auth)),
        };
        let template = template::sealed(counted).map_err(unbuildable)?;
        self.channel.create(&self.storage.entity, &template, bytes(auth), data.expose_secret()).map(SealedBlob)
    }

    fn unseal(&mut self, blob: &SealedBlob, gate: Gate<'_>) -> Result<SecretSlice<u8>, TpmError> {
        let auth = match gate {
            Gate::Open => None,
            Gate::Counted(auth) => Some(auth),
        };
        let object = self.channel.load(&self.storage.entity, &blob.0, "sealed data")?;
        let outcome = self.channel.unseal(&object, bytes(auth));
        let flushed = self.channel.flush(object.handle);
        let data = outcome?;
        flushed?;
        Ok(data)
    }

    fn certify(
        &mut self,
        key: &KeyHandle,
        aik: &KeyHandle,
        authority: CertifyAuthority<'_>,
        extra_data: &[u8],
    ) -> Result<Certification, TpmError> {
        let subject = self.entity(key, "TPM2_Certify")?.entity.clone();
        let signer = self.entity(aik, "TPM2_Certify")?.entity.clone();
        match authority {
            CertifyAuthority::Value(auth) => {
                let subject = (&subject, Auth::Session(auth.expose_secret()));
                self.channel.certify(subject, (&signer, Auth::Empty), extra_data)
            }
            CertifyAuthority::Policy => self.with_policy(|tpm, policy| {
                tpm.channel.policy_command_code(policy, TpmCc::Certify.value())?;
                tpm.channel.policy_or(policy, &policy::branches())?;
                tpm.channel.certify((&subject, Auth::Policy(policy)), (&signer, Auth::Session(&[])), extra_data)
            }),
        }
    }

    fn change_auth(
        &mut self,
        key: &KeyHandle,
        public: &[u8],
        old: &Secret32,
        new: &Secret32,
    ) -> Result<KeyBlob, TpmError> {
        let entity = self.entity(key, "TPM2_ObjectChangeAuth")?.entity.clone();
        let (old, new) = (old.expose_secret(), new.expose_secret());
        let private = self.channel.change_auth(&entity, &self.storage.entity, old, new)?;
        Ok(KeyBlob { public: public.to_vec(), private })
    }

    fn activate(
        &mut self,
        aik: &KeyHandle,
        kind: KeyKind,
        credential: &Credential,
    ) -> Result<SecretSlice<u8>, TpmError> {
        let aik = self.entity(aik, "TPM2_ActivateCredential")?.entity.clone();
        let held = self.channel.primary(Primary::Endorsement(kind), None)?;
        let outcome = self.with_policy(|tpm, policy| {
            let hierarchy = Entity::permanent(ENDORSEMENT, "endorsement hierarchy");
            tpm.channel.policy_secret(&hierarchy, policy)?;
            tpm.channel.activate(&aik, (&held.entity, policy), credential)
        });
        let released = self.channel.release(&held);
        let secret = outcome?;
        released?;
        Ok(secret)
    }

    fn reset_lockout(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError> {
        if self.ownership == Ownership::Guest {
            return Err(TpmError::Guest("resetting the lockout"));
        }
        let lockout = Entity::permanent(LOCKOUT, "lockout hierarchy");
        self.channel.reset_lockout(&lockout, lockout_auth)
    }

    fn shutdown(&mut self) -> Result<(), TpmError> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        let keys = std::mem::take(&mut self.loaded);
        // Every step is tried; the first error is told.
        let mut outcome = Ok(());
        for handle in keys.into_keys() {
            outcome = outcome.and(self.channel.flush(handle));
        }
        outcome = outcome.and(self.channel.end_session());
        outcome = outcome.and(self.channel.release(&self.storage));
        if self.ownership == Ownership::Ours {
            outcome = outcome.and(self.channel.shut_down());
        }
        outcome
    }
}
