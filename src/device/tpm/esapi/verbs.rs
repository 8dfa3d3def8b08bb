//! The verbs of [`Tpm`] by the library's commands.

use tss_esapi::Context;
use tss_esapi::constants::{CommandCode, StartupType};
use tss_esapi::handles::{AuthHandle, KeyHandle as Object, ObjectHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    Auth, Data, Digest, DigestList, EncryptedSecret, HashScheme, HashcheckTicket, IdObject, Name, Nonce, Private,
    Public, PublicKeyRsa, RsaDecryptionScheme, SensitiveData, Signature, SignatureScheme,
};
use tss_esapi::traits::{Marshall as _, UnMarshall as _};
use tss_esapi::tss2_esys::TPMT_TK_HASHCHECK;

use super::context::{Inner, Loaded};
use super::creation::creation;
use super::fault::fault;
use super::{CERTIFY_CREATION, LIMIT_LOCKOUT, NAME, READ_CLOCK, RESET_LOCKOUT};
use crate::base::{ExposeSecret as _, Secret32, SecretSlice, secret_slice};
use crate::device::tpm::commands::{Scheme, object_name, scheme_of, signature};
use crate::device::tpm::frame::malformed;
use crate::device::tpm::marshal::Reader;
use crate::device::tpm::primary::{certificate_index, without_padding};
use crate::device::tpm::session::without_trailing_zeros;
use crate::device::tpm::template::{self, Primary};
use crate::device::tpm::verb::{self, Verb};
use crate::device::tpm::{
    Certification, CertifyAuthority, Created, Credential, Endorsement, Facts, Gate, KeyBlob, KeyHandle, KeyKind,
    LockoutLimits, Ownership, Pins, RawSignature, SealedBlob, Tpm, TpmClock, TpmError, Usage, policy, response,
    with_key,
};

/// The bytes of an authorization value that may be none.
fn bytes(auth: Option<&Secret32>) -> &[u8] {
    auth.map_or(&[], |auth| auth.expose_secret())
}

/// Turns the library's refusal to build a structure into that of the command that it is for.
pub(super) fn built<T>(verb: Verb, value: Result<T, tss_esapi::Error>) -> Result<T, TpmError> {
    value.map_err(|error| fault(verb.name, error))
}

fn gap<T>(verb: &'static str) -> Result<T, TpmError> {
    Err(TpmError::Gap { backend: NAME, verb })
}

/// A signature by way of its `TPMT_SIGNATURE`.
fn raw(verb: Verb, made: &Signature) -> Result<RawSignature, TpmError> {
    let marshalled = built(verb, made.marshall())?;
    signature(&mut Reader::new(&marshalled)).map_err(|_| malformed(verb.name))
}

fn sha256_scheme(scheme: Scheme) -> SignatureScheme {
    let hash_scheme = HashScheme::new(HashingAlgorithm::Sha256);
    match scheme {
        Scheme::Rsassa => SignatureScheme::RsaSsa { hash_scheme },
        Scheme::Ecdsa => SignatureScheme::EcDsa { hash_scheme },
    }
}

impl Inner {
    fn parent(&self) -> Result<Object, TpmError> {
        self.storage.as_ref().map(|storage| storage.handle).ok_or(TpmError::Cleared)
    }

    fn allow(&self, what: &'static str) -> Result<(), TpmError> {
        if self.ownership == Ownership::Guest { Err(TpmError::Guest(what)) } else { Ok(()) }
    }

    fn key(&self, key: &KeyHandle, command: &'static str) -> Result<Loaded, TpmError> {
        const RC_HANDLE: u32 = 0x08B;
        let absent = || TpmError::Refused { command, code: RC_HANDLE, words: "the key is not loaded here".to_owned() };
        self.loaded.get(&key.0).cloned().ok_or_else(absent)
    }

    /// Makes an object below the storage root key.
    fn make(&mut self, template: &[u8], auth: &[u8], data: Option<&[u8]>) -> Result<Created, TpmError> {
        let parent = self.parent()?;
        let public = built(verb::CREATE, Public::unmarshall(template))?;
        let made = self.in_session(verb::CREATE, |context, session| {
            let auth = Some(Auth::try_from(without_trailing_zeros(auth))?);
            let data = data.map(SensitiveData::try_from).transpose()?;
            context.execute_with_session(Some(session), |context| {
                context.create(parent, public.clone(), auth, data, None, None)
            })
        })?;
        let creation = creation(made.creation_data, &made.creation_hash, made.creation_ticket)?;
        let public = built(verb::CREATE, made.out_public.marshall())?;
        Ok(Created { key: KeyBlob { public, private: made.out_private.value().to_vec() }, creation })
    }

    /// Loads an object and insists that it is the one of this public area.
    fn take_in(&mut self, blob: &KeyBlob) -> Result<Object, TpmError> {
        let (parent, expected) = (self.parent()?, object_name(&blob.public).map_err(|_| malformed(verb::LOAD.name))?);
        let public = built(verb::LOAD, Public::unmarshall(&blob.public))?;
        let private = built(verb::LOAD, Private::try_from(blob.private.as_slice()))?;
        let object = self.in_session(verb::LOAD, |context, session| {
            context.execute_with_session(Some(session), |context| context.load(parent, private.clone(), public.clone()))
        })?;
        match self.context.tr_get_name(object.into()) {
            Ok(name) if name.value() == expected => Ok(object),
            _ => {
                drop(self.flush(object.into()));
                Err(malformed(verb::LOAD.name))
            }
        }
    }
}

impl Tpm for Inner {
    fn facts(&mut self) -> Result<Facts, TpmError> {
        Inner::facts(self)
    }

    fn pins(&mut self) -> Result<Pins, TpmError> {
        Ok(self.pins.clone())
    }

    fn endorsement(&mut self, kind: KeyKind) -> Result<Endorsement, TpmError> {
        let held = self.primary(Primary::Endorsement(kind), None)?;
        self.release(&held)?;
        let certificate = self.nv_read(certificate_index(kind))?.map(without_padding);
        Ok(Endorsement { public: held.public, certificate })
    }

    fn create_key(&mut self, kind: KeyKind, usage: Usage, auth: Option<&Secret32>) -> Result<Created, TpmError> {
        let template = template::key(kind, usage).map_err(|_| malformed(verb::CREATE.name))?;
        self.make(&template, bytes(auth), None)
    }

    fn load(&mut self, blob: &KeyBlob) -> Result<KeyHandle, TpmError> {
        let scheme = scheme_of(&blob.public).map_err(|_| malformed(verb::LOAD.name))?;
        let handle = self.take_in(blob)?;
        self.loaded.insert(handle.value(), Loaded { handle, scheme });
        Ok(KeyHandle(handle.value()))
    }

    fn unload(&mut self, key: KeyHandle) -> Result<(), TpmError> {
        let loaded = self.key(&key, verb::FLUSH_CONTEXT.name)?;
        self.loaded.remove(&key.0);
        self.flush(loaded.handle.into())
    }

    fn sign(&mut self, key: &KeyHandle, auth: Option<&Secret32>, digest: &[u8; 32]) -> Result<RawSignature, TpmError> {
        let Loaded { handle, scheme } = self.key(key, verb::SIGN.name)?;
        self.authorize(handle.into(), bytes(auth))?;
        let signature = self.in_session(verb::SIGN, |context, session| {
            let (digest, ticket) = (Digest::try_from(digest.as_slice())?, no_ticket()?);
            context.execute_with_session(Some(session), |context| {
                context.sign(handle, digest, sha256_scheme(scheme), ticket)
            })
        })?;
        raw(verb::SIGN, &signature)
    }

    fn decrypt(
        &mut self,
        key: &KeyHandle,
        auth: Option<&Secret32>,
        ciphertext: &[u8],
    ) -> Result<SecretSlice<u8>, TpmError> {
        let handle = self.key(key, verb::RSA_DECRYPT.name)?.handle;
        self.authorize(handle.into(), bytes(auth))?;
        let plain = self.in_session(verb::RSA_DECRYPT, |context, session| {
            let ciphertext = PublicKeyRsa::try_from(ciphertext)?;
            let scheme = RsaDecryptionScheme::Oaep(HashScheme::new(HashingAlgorithm::Sha1));
            context.execute_with_session(Some(session), |context| {
                context.rsa_decrypt(handle, ciphertext, scheme, Data::default())
            })
        })?;
        Ok(secret_slice(plain.value().to_vec()))
    }

    fn seal(&mut self, data: &SecretSlice<u8>, gate: Gate<'_>) -> Result<SealedBlob, TpmError> {
        let (counted, auth) = match gate {
            Gate::Open => (false, None),
            Gate::Counted(auth) => (true, Some(auth)),
        };
        let template = template::sealed(counted).map_err(|_| malformed(verb::CREATE.name))?;
        self.make(&template, bytes(auth), Some(data.expose_secret())).map(|made| SealedBlob(made.key))
    }

    fn unseal(&mut self, blob: &SealedBlob, gate: Gate<'_>) -> Result<SecretSlice<u8>, TpmError> {
        let auth = match gate {
            Gate::Open => None,
            Gate::Counted(auth) => Some(auth),
        };
        let object = ObjectHandle::from(self.take_in(&blob.0)?);
        let outcome = self.authorize(object, bytes(auth)).and_then(|()| {
            self.in_session(verb::UNSEAL, |context, session| {
                context.execute_with_session(Some(session), |context| context.unseal(object))
            })
        });
        let flushed = self.flush(object);
        let data = outcome?;
        flushed?;
        Ok(secret_slice(data.value().to_vec()))
    }

    fn certify(
        &mut self,
        key: &KeyHandle,
        aik: &KeyHandle,
        authority: CertifyAuthority<'_>,
        extra_data: &[u8],
    ) -> Result<Certification, TpmError> {
        let (subject, signer) = (self.key(key, verb::CERTIFY.name)?.handle, self.key(aik, verb::CERTIFY.name)?.handle);
        let extra_data = built(verb::CERTIFY, Data::try_from(extra_data))?;
        // The scheme is NULL: an attestation key brings its own.
        let certify =
            |context: &mut Context| context.certify(subject.into(), signer, extra_data.clone(), SignatureScheme::Null);
        self.authorize(signer.into(), &[])?;
        let (attest, signature) = match authority {
            CertifyAuthority::Value(auth) => {
                self.authorize(subject.into(), auth.expose_secret())?;
                self.in_session(verb::CERTIFY, |context, session| {
                    context.execute_with_sessions((Some(session), Some(AuthSession::Password), None), certify)
                })?
            }
            CertifyAuthority::Policy => self.with_policy(|inner, session| {
                let branches = policy::branches();
                let wrap = |error| fault(verb::POLICY_OR.name, error);
                let branches = branches.iter().map(|branch| Digest::try_from(branch.as_slice()));
                let mut list = DigestList::new();
                for branch in branches {
                    list.add(branch.map_err(wrap)?).map_err(wrap)?;
                }
                let prepared = inner.context.execute_without_session(|context| {
                    context.policy_command_code(session, CommandCode::Certify)?;
                    context.policy_or(session, list)
                });
                prepared.map_err(wrap)?;
                inner.in_session(verb::CERTIFY, |context, ours| {
                    context.execute_with_sessions((Some(session.into()), Some(ours), None), certify)
                })
            })?,
            CertifyAuthority::Creation(_) => return gap(CERTIFY_CREATION),
        };
        let attest = built(verb::CERTIFY, attest.marshall())?;
        Ok(Certification { attest, signature: raw(verb::CERTIFY, &signature)? })
    }

    fn change_auth(
        &mut self,
        key: &KeyHandle,
        public: &[u8],
        old: &Secret32,
        new: &Secret32,
    ) -> Result<KeyBlob, TpmError> {
        let (parent, handle) = (self.parent()?, self.key(key, verb::OBJECT_CHANGE_AUTH.name)?.handle);
        self.authorize(handle.into(), old.expose_secret())?;
        let private = self.in_session(verb::OBJECT_CHANGE_AUTH, |context, session| {
            let new = Auth::try_from(without_trailing_zeros(new.expose_secret()))?;
            context.execute_with_session(Some(session), |context| {
                context.object_change_auth(handle.into(), parent.into(), new)
            })
        })?;
        Ok(KeyBlob { public: public.to_vec(), private: private.value().to_vec() })
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
        let held = self.primary(Primary::Endorsement(kind), None)?;
        let made = Name::try_from(name.to_vec()).and_then(|name| {
            let secret = Digest::try_from(secret.expose_secret())?;
            self.context.execute_without_session(|context| context.make_credential(held.handle, secret, name))
        });
        self.release(&held)?;
        let (blob, secret) = built(verb::MAKE_CREDENTIAL, made)?;
        Ok(Credential { blob: blob.value().to_vec(), secret: secret.value().to_vec() })
    }

    fn activate(
        &mut self,
        aik: &KeyHandle,
        kind: KeyKind,
        credential: &Credential,
    ) -> Result<SecretSlice<u8>, TpmError> {
        let aik = self.key(aik, verb::ACTIVATE_CREDENTIAL.name)?.handle;
        self.authorize(aik.into(), &[])?;
        let held = self.primary(Primary::Endorsement(kind), None)?;
        let outcome = self.with_policy(|inner, session| {
            inner.in_session(verb::POLICY_SECRET, |context, ours| {
                context.execute_with_session(Some(ours), |context| {
                    let (nonce, none) = (Nonce::default(), Digest::default());
                    context.policy_secret(session, AuthHandle::Endorsement, nonce.clone(), none, nonce, None)
                })
            })?;
            inner.in_session(verb::ACTIVATE_CREDENTIAL, |context, ours| {
                let blob = IdObject::try_from(credential.blob.as_slice())?;
                let secret = EncryptedSecret::try_from(credential.secret.as_slice())?;
                context.execute_with_sessions((Some(ours), Some(session.into()), None), |context| {
                    context.activate_credential(aik, held.handle, blob, secret)
                })
            })
        });
        let released = self.release(&held);
        let secret = outcome?;
        released?;
        Ok(secret_slice(secret.value().to_vec()))
    }

    fn nv_read(&mut self, index: u32) -> Result<Option<Vec<u8>>, TpmError> {
        match self.with_index(index, Self::nv_pieces) {
            Err(error) if response::is_absent(&error) => Ok(None),
            outcome => outcome,
        }
    }

    fn nv_store(&mut self, index: u32, contents: &[u8]) -> Result<(), TpmError> {
        self.allow("defining an NV index")?;
        self.define_and_write(index, contents)
    }

    fn nv_remove(&mut self, index: u32) -> Result<(), TpmError> {
        self.allow("removing an NV index")?;
        self.undefine(index)
    }

    fn persist(&mut self, key: &KeyHandle, handle: u32) -> Result<(), TpmError> {
        self.allow("keeping a key at a persistent handle")?;
        let object = self.key(key, verb::EVICT_CONTROL.name)?.handle;
        self.evict_control(object.into(), handle)
    }

    fn evict(&mut self, handle: u32) -> Result<(), TpmError> {
        self.allow("removing a persistent key")?;
        let held = self.persistent_object(handle)?;
        let evicted = self.evict_control(held.handle.into(), handle);
        if evicted.is_err() {
            self.release(&held)?;
        }
        evicted
    }

    fn clock(&mut self) -> Result<TpmClock, TpmError> {
        gap(READ_CLOCK)
    }

    fn limit_lockout(&mut self, _lockout_auth: &Secret32, _limits: LockoutLimits) -> Result<(), TpmError> {
        self.allow("changing how wrong authorizations are counted")?;
        gap(LIMIT_LOCKOUT)
    }

    fn reset_lockout(&mut self, _lockout_auth: &Secret32) -> Result<(), TpmError> {
        self.allow("resetting the lockout")?;
        gap(RESET_LOCKOUT)
    }

    fn clear(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError> {
        self.allow("clearing it")?;
        self.authorize(AuthHandle::Lockout.into(), lockout_auth.expose_secret())?;
        self.in_session(verb::CLEAR, |context, session| {
            context.execute_with_session(Some(session), |context| context.clear(AuthHandle::Lockout))
        })?;
        self.loaded.clear();
        self.storage = None;
        self.end_session()
    }

    fn shutdown(&mut self) -> Result<(), TpmError> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        let mut outcome = Ok(());
        for (_, loaded) in std::mem::take(&mut self.loaded) {
            outcome = outcome.and(self.flush(loaded.handle.into()));
        }
        outcome = outcome.and(self.end_session());
        if let Some(storage) = self.storage.take() {
            outcome = outcome.and(self.release(&storage));
        }
        if self.ownership == Ownership::Ours {
            let told = self.context.execute_without_session(|context| context.shutdown(StartupType::Clear));
            outcome = outcome.and(built(verb::SHUTDOWN, told));
        }
        outcome
    }
}

/// What says that the TPM did not hash the data itself.
fn no_ticket() -> Result<HashcheckTicket, tss_esapi::Error> {
    const ST_HASHCHECK: u16 = 0x8024;
    const NULL: u32 = 0x4000_0007;
    HashcheckTicket::try_from(TPMT_TK_HASHCHECK { tag: ST_HASHCHECK, hierarchy: NULL, digest: Default::default() })
}

impl Drop for Inner {
    fn drop(&mut self) {
        // There is nobody left to tell.
        drop(self.shutdown());
    }
}
