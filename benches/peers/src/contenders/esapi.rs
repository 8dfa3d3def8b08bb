//! tss-esapi on libtss2, with the three kinds of session that it offers, each on a TPM of its own.
//!
//! The keys are those of whfb's own backend: made by it, loaded here, and the model for new ones.

use anyhow::{Result, anyhow};
use tss_esapi::Context;
use tss_esapi::attributes::SessionAttributesBuilder;
use tss_esapi::constants::SessionType;
use tss_esapi::constants::tss::{TPM2_RH_NULL, TPM2_ST_HASHCHECK};
use tss_esapi::handles::{KeyHandle, ObjectHandle, PersistentTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    Auth, Digest, EccSignature, HashScheme, HashcheckTicket, Private, Public, Signature, SignatureScheme,
    SymmetricDefinition,
};
use tss_esapi::tcti_ldr::TctiNameConf;
use tss_esapi::traits::UnMarshall as _;
use tss_esapi::tss2_esys::TPMT_TK_HASHCHECK;
use whfb::device::tpm::KeyKind;
use whfb::device::tpm::swtpm::Server;

use super::Contender;
use crate::bed::{AUTH, Bed, STORAGE_ROOT_KEY, digest};
use crate::operation::Operation;

/// How commands are authorized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Password,
    Hmac,
    Salted,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Password => "tss-esapi password",
            Self::Hmac => "tss-esapi HMAC",
            Self::Salted => "tss-esapi salted",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Hmac => "HMAC unsalted, reused",
            Self::Salted => "salted, encrypted, reused",
        }
    }
}

/// The fields end in this order: first the library, then the emulator, then its directory.
pub(super) struct Esapi {
    context: Context,
    kind: Kind,
    session: AuthSession,
    parent: KeyHandle,
    key: Option<KeyHandle>,
    /// What a new key looks like.
    model: Option<Public>,
    _server: Server,
    bed: Bed,
}

impl Esapi {
    pub(super) fn start(kind: Kind) -> Result<Self> {
        let bed = Bed::make()?;
        let server = bed.server()?;
        let mut context = Context::new(server.tcti().parse::<TctiNameConf>()?)?;
        let handle = TpmHandle::Persistent(PersistentTpmHandle::new(STORAGE_ROOT_KEY)?);
        let parent = KeyHandle::from(context.execute_without_session(|context| context.tr_from_tpm_public(handle))?);
        let session = match kind {
            Kind::Password => AuthSession::Password,
            Kind::Hmac => start_session(&mut context, None)?,
            Kind::Salted => start_session(&mut context, Some(parent))?,
        };
        Ok(Self { context, kind, session, parent, key: None, model: None, _server: server, bed })
    }

    /// Has the session hide what a command of this kind can hide, as whfb's does. This stays in the library.
    fn dress_session(&mut self, operation: Operation) -> Result<()> {
        let hides = self.kind == Kind::Salted;
        let (attributes, mask) = SessionAttributesBuilder::new()
            .with_continue_session(true)
            .with_decrypt(hides)
            .with_encrypt(hides && !operation.signs())
            .build();
        match self.kind {
            Kind::Password => Ok(()),
            Kind::Hmac | Kind::Salted => Ok(self.context.tr_sess_set_attributes(self.session, attributes, mask)?),
        }
    }

    fn load(&mut self, kind: KeyKind) -> Result<KeyHandle> {
        let (blob, parent) = (self.bed.key(kind), self.parent);
        let public = Public::unmarshall(&blob.public)?;
        let private = Private::try_from(blob.private.as_slice())?;
        let key = self
            .context
            .execute_with_session(Some(AuthSession::Password), |context| context.load(parent, private, public))?;
        self.context.tr_set_auth(key.into(), Auth::try_from(AUTH.as_slice())?)?;
        Ok(key)
    }

    fn sign(&mut self, kind: KeyKind) -> Result<Vec<u8>> {
        let key = self.key.ok_or_else(|| anyhow!("no key is loaded"))?;
        let (digest, ticket) = (Digest::try_from(digest().as_slice())?, no_ticket()?);
        let signature = self
            .context
            .execute_with_session(Some(self.session), |context| context.sign(key, digest, scheme(kind), ticket))?;
        bytes(&signature)
    }

    fn create(&mut self) -> Result<Vec<u8>> {
        let (parent, auth) = (self.parent, Auth::try_from(AUTH.as_slice())?);
        let public = self.model.clone().ok_or_else(|| anyhow!("there is no model"))?;
        let made = self.context.execute_with_session(Some(self.session), |context| {
            context.create(parent, public, Some(auth), None, None, None)
        })?;
        Ok(made.out_private.value().to_vec())
    }
}

impl Contender for Esapi {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn session(&self) -> &'static str {
        self.kind.description()
    }

    fn prepare(&mut self, operation: Operation) -> Result<()> {
        match operation {
            Operation::Sign(kind) => self.key = Some(self.load(kind)?),
            Operation::Create(kind) => self.model = Some(Public::unmarshall(&self.bed.key(kind).public)?),
        }
        self.dress_session(operation)
    }

    fn run(&mut self, operation: Operation) -> Result<Vec<u8>> {
        match operation {
            Operation::Sign(kind) => self.sign(kind),
            Operation::Create(_) => self.create(),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.key.take().map_or(Ok(()), |key| Ok(self.context.flush_context(ObjectHandle::from(key))?))
    }

    fn public(&mut self, kind: KeyKind) -> Result<Vec<u8>> {
        self.bed.public(kind)
    }
}

fn start_session(context: &mut Context, salted_to: Option<KeyHandle>) -> Result<AuthSession> {
    let cipher = SymmetricDefinition::AES_128_CFB;
    context
        .execute_without_session(|context| {
            context.start_auth_session(salted_to, None, None, SessionType::Hmac, cipher, HashingAlgorithm::Sha256)
        })?
        .ok_or_else(|| anyhow!("no session was started"))
}

fn scheme(kind: KeyKind) -> SignatureScheme {
    let hash_scheme = HashScheme::new(HashingAlgorithm::Sha256);
    match kind {
        KeyKind::Rsa2048 => SignatureScheme::RsaSsa { hash_scheme },
        KeyKind::P256 => SignatureScheme::EcDsa { hash_scheme },
    }
}

/// The key is not restricted, so nobody has to vouch for the digest.
fn no_ticket() -> Result<HashcheckTicket> {
    let ticket = TPMT_TK_HASHCHECK { tag: TPM2_ST_HASHCHECK, hierarchy: TPM2_RH_NULL, digest: Default::default() };
    Ok(HashcheckTicket::try_from(ticket)?)
}

fn bytes(signature: &Signature) -> Result<Vec<u8>> {
    match signature {
        Signature::RsaSsa(signature) => Ok(signature.signature().value().to_vec()),
        Signature::EcDsa(signature) => Ok(halves(signature)),
        other => Err(anyhow!("an unexpected signature: {other:?}")),
    }
}

/// `r || s`, each in 32 bytes; a TPM may leave leading zeros out.
fn halves(signature: &EccSignature) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    for half in [signature.signature_r(), signature.signature_s()] {
        let half = half.value();
        bytes.resize(bytes.len() + 32usize.saturating_sub(half.len()), 0);
        bytes.extend_from_slice(half);
    }
    bytes
}
