//! One function per TPM command that is used: parameters in, what the answer brings out (TPM 2.0 Part 3).

use super::channel::Channel;
use super::frame::{Auth, Entity, malformed};
use super::marshal::{Malformed, Reader, Writer, decode_public};
use super::primary::{LOCKOUT, OWNER};
use super::template::left_padded;
use super::verb;
use super::{Certification, Created, Creation, Credential, KeyBlob, LockoutLimits, RawSignature, TpmClock, TpmError};
use crate::base::{Secret32, SecretSlice, secret_slice};
use crate::wire::tpm::{ALG_ECC, ALG_ECDSA, ALG_NULL, ALG_OAEP, ALG_RSA, ALG_RSASSA, ALG_SHA1, ALG_SHA256, name_of};

/// Why a well-formed answer's public area is not used: algorithms that we do not read, or another one's Name.
pub(super) const FOREIGN: &str = "its public area cannot be used";

/// How a loaded key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rsassa,
    /// ECDSA with SHA-256.
    Ecdsa,
}

/// The Name of an object: its name algorithm, then the digest of its `TPMT_PUBLIC` (Part 1, chapter 16). SHA-256 only.
pub(super) fn object_name(public: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(public);
    let (_type, name_alg) = (reader.u16()?, reader.u16()?);
    if name_alg != ALG_SHA256 {
        return Err(Malformed);
    }
    Ok(name_of(public))
}

/// What a key of this public area signs with.
pub(super) fn scheme_of(public: &[u8]) -> Result<Scheme, Malformed> {
    match Reader::new(public).u16()? {
        ALG_RSA => Ok(Scheme::Rsassa),
        ALG_ECC => Ok(Scheme::Ecdsa),
        _ => Err(Malformed),
    }
}

impl Channel<'_> {
    /// Makes a primary under a hierarchy with an empty authorization. The caller flushes it.
    pub(super) fn create_primary(
        &mut self,
        hierarchy: &Entity,
        template: &[u8],
        role: &'static str,
    ) -> Result<(Entity, Vec<u8>), TpmError> {
        let parameters = Writer::new().sized(&[0; 4]).sized(template).sized(&[]).u32(0);
        let answer = self.run(verb::CREATE_PRIMARY, &[hierarchy], &[self.empty()], parameters)?;
        let read = answer.read(|reader| {
            let public = reader.sized()?.to_vec();
            reader.rest();
            Ok((object_name(&public)?, public))
        });
        match read {
            Ok((name, public)) => Ok((Entity { handle: answer.handle, name, role }, public)),
            Err(error) => {
                drop(self.flush(answer.handle));
                Err(error)
            }
        }
    }

    /// The public area behind a handle. The Name is computed here: what the answer calls its Name must be the same.
    pub(super) fn read_public(&mut self, handle: u32, role: &'static str) -> Result<(Entity, Vec<u8>), TpmError> {
        let found = self.public_of(&Entity::unnamed(handle, role))?;
        // The Name that was found is believed only when our session, which covers it, vouches for it.
        if self.is_anchored() { self.public_of(&found.0) } else { Ok(found) }
    }

    fn public_of(&mut self, entity: &Entity) -> Result<(Entity, Vec<u8>), TpmError> {
        let answer = self.run(verb::READ_PUBLIC, &[entity], &[], Writer::new())?;
        let (public, name) = answer.read(|reader| {
            let found = (reader.sized()?.to_vec(), reader.sized()?.to_vec());
            reader.sized().map(|_qualified| found)
        })?;
        let foreign = |Malformed| TpmError::Untrusted { command: verb::READ_PUBLIC.name, reason: FOREIGN };
        decode_public(&public).map_err(foreign)?;
        if object_name(&public).map_err(foreign)? != name {
            return Err(foreign(Malformed));
        }
        Ok((Entity { handle: entity.handle, name, role: entity.role }, public))
    }

    /// Makes an object below `parent`: a key, or `data` sealed. The command carries secrets, so it is encrypted.
    pub(super) fn create(
        &mut self,
        parent: &Entity,
        template: &[u8],
        auth: &[u8],
        data: &[u8],
    ) -> Result<Created, TpmError> {
        let sensitive = Writer::new().sized(auth).sized(data).finish();
        let parameters = Writer::new().sized(&sensitive).sized(template).sized(&[]).u32(0);
        let answer = self.run(verb::CREATE, &[parent], &[Auth::Session(&[])], parameters)?;
        answer.read(|reader| {
            let (private, public) = (reader.sized()?.to_vec(), reader.sized()?.to_vec());
            decode_public(&public)?;
            Ok(Created { key: KeyBlob { public, private }, creation: Creation::read(reader)? })
        })
    }

    /// Loads an object and insists that it is the one of this public area.
    pub(super) fn load(&mut self, parent: &Entity, blob: &KeyBlob, role: &'static str) -> Result<Entity, TpmError> {
        let expected = object_name(&blob.public).map_err(|Malformed| malformed(verb::LOAD.name))?;
        let parameters = Writer::new().sized(&blob.private).sized(&blob.public);
        let answer = self.run(verb::LOAD, &[parent], &[Auth::Session(&[])], parameters)?;
        let name = answer.read(|reader| reader.sized().map(<[u8]>::to_vec));
        let loaded = name.and_then(|name| if name == expected { Ok(name) } else { Err(malformed(verb::LOAD.name)) });
        match loaded {
            Ok(name) => Ok(Entity { handle: answer.handle, name, role }),
            Err(error) => {
                drop(self.flush(answer.handle));
                Err(error)
            }
        }
    }

    /// Signs a SHA-256 digest.
    pub(super) fn sign(
        &mut self,
        key: &Entity,
        auth: &[u8],
        scheme: Scheme,
        digest: &[u8; 32],
    ) -> Result<RawSignature, TpmError> {
        const ST_HASHCHECK: u16 = 0x8024;
        let algorithm = match scheme {
            Scheme::Rsassa => ALG_RSASSA,
            Scheme::Ecdsa => ALG_ECDSA,
        };
        let parameters = Writer::new().sized(digest).u16(algorithm).u16(ALG_SHA256);
        let parameters = parameters.u16(ST_HASHCHECK).u32(super::channel::NULL).sized(&[]);
        self.run(verb::SIGN, &[key], &[Auth::Session(auth)], parameters)?.read(signature)
    }

    /// RSAES-OAEP with SHA-1 and no label.
    pub(super) fn decrypt(
        &mut self,
        key: &Entity,
        auth: &[u8],
        ciphertext: &[u8],
    ) -> Result<SecretSlice<u8>, TpmError> {
        let parameters = Writer::new().sized(ciphertext).u16(ALG_OAEP).u16(ALG_SHA1).sized(&[]);
        self.run(verb::RSA_DECRYPT, &[key], &[Auth::Session(auth)], parameters)?.read(secret)
    }

    /// Gives sealed data back.
    pub(super) fn unseal(&mut self, object: &Entity, auth: &[u8]) -> Result<SecretSlice<u8>, TpmError> {
        self.run(verb::UNSEAL, &[object], &[Auth::Session(auth)], Writer::new())?.read(secret)
    }

    /// Lets `signer`, a key without authorization, vouch for `key`.
    pub(super) fn certify(
        &mut self,
        key: (&Entity, Auth<'_>),
        signer: (&Entity, Auth<'_>),
        extra_data: &[u8],
    ) -> Result<Certification, TpmError> {
        // The scheme is NULL: an attestation key brings its own.
        let parameters = Writer::new().sized(extra_data).u16(ALG_NULL);
        let answer = self.run(verb::CERTIFY, &[key.0, signer.0], &[key.1, signer.1], parameters)?;
        answer.read(|reader| Ok(Certification { attest: reader.sized()?.to_vec(), signature: signature(reader)? }))
    }

    /// Lets `signer`, a key without authorization, vouch that this TPM made `key` as `creation` says. Asks for nothing of the
    /// key: the ticket shows that the TPM said so before.
    pub(super) fn certify_creation(
        &mut self,
        key: &Entity,
        signer: &Entity,
        creation: &Creation,
        extra_data: &[u8],
    ) -> Result<Certification, TpmError> {
        let parameters = Writer::new().sized(extra_data).sized(&creation.hash()).u16(ALG_NULL).bytes(&creation.ticket);
        let answer = self.run(verb::CERTIFY_CREATION, &[signer, key], &[Auth::Session(&[])], parameters)?;
        answer.read(|reader| Ok(Certification { attest: reader.sized()?.to_vec(), signature: signature(reader)? }))
    }

    /// The private part of `key` under a new authorization value. The loaded object keeps the old one.
    pub(super) fn change_auth(
        &mut self,
        key: &Entity,
        parent: &Entity,
        old: &[u8],
        new: &[u8],
    ) -> Result<Vec<u8>, TpmError> {
        let answer =
            self.run(verb::OBJECT_CHANGE_AUTH, &[key, parent], &[Auth::Session(old)], Writer::new().sized(new))?;
        answer.read(|reader| reader.sized().map(<[u8]>::to_vec))
    }

    /// Recovers the secret of a credential; `endorsement` is authorized by the policy session.
    pub(super) fn activate(
        &mut self,
        aik: &Entity,
        endorsement: (&Entity, u32),
        credential: &Credential,
    ) -> Result<SecretSlice<u8>, TpmError> {
        let parameters = Writer::new().sized(&credential.blob).sized(&credential.secret);
        let auths = [Auth::Session(&[]), Auth::Policy(endorsement.1)];
        self.run(verb::ACTIVATE_CREDENTIAL, &[aik, endorsement.0], &auths, parameters)?.read(secret)
    }

    /// Wraps a secret for the holder of `endorsement` and the object of that Name.
    pub(super) fn make_credential(
        &mut self,
        endorsement: &Entity,
        name: &[u8],
        secret: &SecretSlice<u8>,
    ) -> Result<Credential, TpmError> {
        use crate::base::ExposeSecret as _;
        let parameters = Writer::new().sized(secret.expose_secret()).sized(name);
        self.run(verb::MAKE_CREDENTIAL, &[endorsement], &[], parameters)?
            .read(|reader| Ok(Credential { blob: reader.sized()?.to_vec(), secret: reader.sized()?.to_vec() }))
    }

    /// Where the TPM stands in time.
    pub(super) fn clock(&mut self) -> Result<TpmClock, TpmError> {
        self.run(verb::READ_CLOCK, &[], &[], Writer::new())?.read(|reader| {
            let _milliseconds_since_start = reader.u64()?;
            let (clock_ms, reset_count, restart_count) = (reader.u64()?, reader.u32()?, reader.u32()?);
            Ok(TpmClock { clock_ms, reset_count, restart_count, safe: reader.u8()? != 0 })
        })
    }

    /// Keeps a loaded object at a persistent handle, or removes a persistent one when both handles are the same.
    pub(super) fn evict(&mut self, object: &Entity, handle: u32) -> Result<(), TpmError> {
        let owner = Entity::permanent(OWNER, "owner hierarchy");
        let parameters = Writer::new().u32(handle);
        self.run(verb::EVICT_CONTROL, &[&owner, object], &[Auth::Session(&[])], parameters)?.read(|_| Ok(()))
    }

    /// Sets how wrong authorizations are counted.
    pub(super) fn limit_lockout(&mut self, auth: &[u8], limits: LockoutLimits) -> Result<(), TpmError> {
        let lockout = Entity::permanent(LOCKOUT, "lockout hierarchy");
        let LockoutLimits { max_tries, heal_seconds, recovery_seconds } = limits;
        let parameters = Writer::new().u32(max_tries).u32(heal_seconds).u32(recovery_seconds);
        self.run(verb::DA_PARAMETERS, &[&lockout], &[Auth::Session(auth)], parameters)?.read(|_| Ok(()))
    }

    /// Clears the TPM; our session ends with it.
    pub(super) fn clear(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError> {
        use crate::base::ExposeSecret as _;
        let lockout = Entity::permanent(LOCKOUT, "lockout hierarchy");
        // The answer is computed after the deed: by then the lockout authorization is empty.
        let auth = Auth::Replacing { old: lockout_auth.expose_secret(), new: &[] };
        self.run(verb::CLEAR, &[&lockout], &[auth], Writer::new())?.read(|_| Ok(()))
    }

    /// Lets a policy session stand for one command only.
    pub(super) fn policy_command_code(&mut self, policy: u32, code: u32) -> Result<(), TpmError> {
        let session = Entity::permanent(policy, "policy session");
        self.run(verb::POLICY_COMMAND_CODE, &[&session], &[], Writer::new().u32(code))?.read(|_| Ok(()))
    }

    /// Widens a policy session to the choice that it is a branch of.
    pub(super) fn policy_or(&mut self, policy: u32, branches: &[[u8; 32]]) -> Result<(), TpmError> {
        let session = Entity::permanent(policy, "policy session");
        let count = u32::try_from(branches.len()).unwrap_or(u32::MAX);
        let parameters = branches.iter().fold(Writer::new().u32(count), |writer, branch| writer.sized(branch));
        self.run(verb::POLICY_OR, &[&session], &[], parameters)?.read(|_| Ok(()))
    }

    /// Shows a policy session that the (empty) authorization of `entity` is known.
    pub(super) fn policy_secret(&mut self, entity: &Entity, policy: u32) -> Result<(), TpmError> {
        let session = Entity::permanent(policy, "policy session");
        // No nonce, no cpHash, no reference, no expiration.
        let parameters = Writer::new().sized(&[]).sized(&[]).sized(&[]).u32(0);
        let answer = self.run(verb::POLICY_SECRET, &[entity, &session], &[Auth::Session(&[])], parameters)?;
        answer.read(|reader| {
            reader.rest();
            Ok(())
        })
    }

    /// Forgets all counted failures.
    pub(super) fn reset_lockout(&mut self, auth: &Secret32) -> Result<(), TpmError> {
        use crate::base::ExposeSecret as _;
        let lockout = Entity::permanent(LOCKOUT, "lockout hierarchy");
        let auths = [Auth::Session(auth.expose_secret())];
        self.run(verb::DA_LOCK_RESET, &[&lockout], &auths, Writer::new())?.read(|_| Ok(()))
    }

    /// Writes the volatile state that survives, so that the next start counts no failure.
    pub(super) fn shut_down(&mut self) -> Result<(), TpmError> {
        const SU_CLEAR: u16 = 0;
        self.run(verb::SHUTDOWN, &[], &[], Writer::new().u16(SU_CLEAR))?.read(|_| Ok(()))
    }
}

/// A `TPMT_SIGNATURE` over SHA-256.
pub(super) fn signature(reader: &mut Reader<'_>) -> Result<RawSignature, Malformed> {
    let (algorithm, hash) = (reader.u16()?, reader.u16()?);
    match (algorithm, hash) {
        (ALG_RSASSA, ALG_SHA256) => Ok(RawSignature::Rsa(reader.sized()?.to_vec())),
        (ALG_ECDSA, ALG_SHA256) => {
            let (r, s) = (left_padded(reader.sized()?)?, left_padded(reader.sized()?)?);
            let mut both = [0; 64];
            both.iter_mut().zip(r.iter().chain(&s)).for_each(|(to, from)| *to = *from);
            Ok(RawSignature::P256(both))
        }
        _ => Err(Malformed),
    }
}

fn secret(reader: &mut Reader<'_>) -> Result<SecretSlice<u8>, Malformed> {
    reader.sized().map(|bytes| secret_slice(bytes.to_vec()))
}
