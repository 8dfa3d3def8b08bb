//! The verbs of [`Tpm`], each a command or a few.

use tpm2_protocol::data::TpmCc;

use super::{Direct, Loaded, Ownership};
use crate::base::{ExposeSecret as _, Secret32, SecretSlice};
use crate::device::tpm::commands::scheme_of;
use crate::device::tpm::frame::{Auth, Entity, malformed};
use crate::device::tpm::marshal::Malformed;
use crate::device::tpm::primary::{ENDORSEMENT, OWNER};
use crate::device::tpm::template::{self, Primary};
use crate::device::tpm::{
    Certification, CertifyAuthority, Created, Credential, Endorsement, Facts, Gate, KeyBlob, KeyHandle, KeyKind,
    LockoutLimits, Pins, RawSignature, SealedBlob, Tpm, TpmClock, TpmError, Usage, policy, with_key,
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
        let mut facts = self.channel.facts()?;
        if self.fips {
            facts.fips = true;
            facts.injected.push("TPM_PT_MODES");
        }
        Ok(facts)
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

    fn create_key(&mut self, kind: KeyKind, usage: Usage, auth: Option<&Secret32>) -> Result<Created, TpmError> {
        let template = template::key(kind, usage).map_err(unbuildable)?;
        self.channel.create(&self.storage()?, &template, bytes(auth), &[])
    }

    fn load(&mut self, blob: &KeyBlob) -> Result<KeyHandle, TpmError> {
        let scheme = scheme_of(&blob.public).map_err(|_| malformed("TPM2_Load"))?;
        let entity = self.channel.load(&self.storage()?, blob, "key")?;
        Ok(self.hold(entity, Some(scheme)))
    }

    fn unload(&mut self, key: KeyHandle) -> Result<(), TpmError> {
        self.entity(&key, "TPM2_FlushContext")?;
        self.loaded.remove(&key.0);
        self.channel.flush(key.0)
    }

    fn sign(&mut self, key: &KeyHandle, auth: Option<&Secret32>, digest: &[u8; 32]) -> Result<RawSignature, TpmError> {
        let Loaded { entity, scheme } = self.entity(key, "TPM2_Sign")?;
        let (entity, scheme) = (entity.clone(), scheme.ok_or_else(|| malformed("TPM2_Sign"))?);
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
        let template = template::sealed(matches!(gate, Gate::Counted(_))).map_err(unbuildable)?;
        self.channel
            .create(&self.storage()?, &template, gate.value(), data.expose_secret())
            .map(|made| SealedBlob(made.key))
    }

    fn unseal(&mut self, blob: &SealedBlob, gate: Gate<'_>) -> Result<SecretSlice<u8>, TpmError> {
        let object = self.channel.load(&self.storage()?, &blob.0, "sealed data")?;
        let outcome = self.channel.unseal(&object, gate.value());
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
            CertifyAuthority::Creation(creation) => {
                self.channel.certify_creation(&subject, &signer, creation, extra_data)
            }
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
        let private = self.channel.change_auth(&entity, &self.storage()?, old, new)?;
        Ok(KeyBlob { public: public.to_vec(), private })
    }

    fn claim(&mut self, blob: &KeyBlob, old: &Secret32, new: &Secret32) -> Result<(KeyBlob, KeyHandle), TpmError> {
        let claimed = with_key(self, blob, |tpm, key| tpm.change_auth(key, &blob.public, old, new))?;
        let key = self.load(&claimed)?;
        Ok((claimed, key))
    }

    fn make_credential(
        &mut self,
        kind: KeyKind,
        name: &[u8],
        secret: &SecretSlice<u8>,
    ) -> Result<Credential, TpmError> {
        let held = self.channel.primary(Primary::Endorsement(kind), None)?;
        let outcome = self.channel.make_credential(&held.entity, name, secret);
        let released = self.channel.release(&held);
        let credential = outcome?;
        released?;
        Ok(credential)
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

    fn nv_read(&mut self, index: u32) -> Result<Option<Vec<u8>>, TpmError> {
        self.channel.nv_contents(index)
    }

    fn nv_store(&mut self, index: u32, contents: &[u8]) -> Result<(), TpmError> {
        /// OWNERWRITE, OWNERREAD, AUTHREAD, NO_DA.
        const ATTRIBUTES: u32 = 0x0206_0002;
        self.allow("defining an NV index")?;
        let owner = Entity::permanent(OWNER, "owner hierarchy");
        self.channel.nv_write(&owner, index, ATTRIBUTES, contents)
    }

    fn nv_remove(&mut self, index: u32) -> Result<(), TpmError> {
        self.allow("removing an NV index")?;
        self.channel.nv_remove(index)
    }

    fn persist(&mut self, key: &KeyHandle, handle: u32) -> Result<(), TpmError> {
        self.allow("keeping a key at a persistent handle")?;
        let entity = self.entity(key, "TPM2_EvictControl")?.entity.clone();
        self.channel.evict(&entity, handle)
    }

    fn evict(&mut self, handle: u32) -> Result<(), TpmError> {
        self.allow("removing a persistent key")?;
        let (entity, _) = self.channel.read_public(handle, "persistent key")?;
        self.channel.evict(&entity, handle)
    }

    fn clock(&mut self) -> Result<TpmClock, TpmError> {
        self.channel.clock()
    }

    fn limit_lockout(&mut self, lockout_auth: &Secret32, limits: LockoutLimits) -> Result<(), TpmError> {
        self.allow("changing how wrong authorizations are counted")?;
        self.channel.limit_lockout(lockout_auth.expose_secret(), limits)
    }

    fn reset_lockout(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError> {
        self.allow("resetting the lockout")?;
        self.channel.reset_lockout(lockout_auth)
    }

    fn clear(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError> {
        self.allow("clearing it")?;
        // What is below the storage root key goes with it; a key that was loaded is gone when the answer comes.
        self.channel.clear(lockout_auth)?;
        self.loaded.clear();
        self.storage = None;
        self.channel.weigh_anchor()
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
        // Whatever is asked afterwards starts no session, which nobody would end.
        outcome = outcome.and(self.channel.weigh_anchor());
        if let Some(storage) = self.storage.take() {
            outcome = outcome.and(self.channel.release(&storage));
        }
        if self.ownership == Ownership::Ours {
            outcome = outcome.and(self.channel.shut_down());
        }
        outcome
    }
}
