//! The library's context: the storage root key, the one session, and what is loaded.

use std::collections::BTreeMap;

use tss_esapi::attributes::SessionAttributesBuilder;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{KeyHandle, ObjectHandle, PersistentTpmHandle, SessionHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{Auth, Public, SymmetricDefinition};
use tss_esapi::tcti_ldr::TctiNameConf;
use tss_esapi::traits::{Marshall as _, UnMarshall as _};
use tss_esapi::{Context, Error};

use super::fault::{fault, misplaced};
use crate::crypto::digest::equal;
use crate::device::tpm::commands::{Scheme, object_name};
use crate::device::tpm::frame::malformed;
use crate::device::tpm::session::without_trailing_zeros;
use crate::device::tpm::template::Primary;
use crate::device::tpm::verb::{self, Verb};
use crate::device::tpm::{KeyKind, Ownership, Pins, Tcti, TpmError, response};

/// A context and what it holds.
pub(super) struct Inner {
    pub(super) context: Context,
    pub(super) ownership: Ownership,
    /// The storage root key; none after a clear.
    pub(super) storage: Option<Held>,
    pub(super) pins: Pins,
    pub(super) loaded: BTreeMap<u32, Loaded>,
    session: Option<AuthSession>,
    pub(super) ended: bool,
}

/// A key in a slot.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) handle: KeyHandle,
    pub(super) scheme: Scheme,
}

/// A primary that can be used.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) handle: KeyHandle,
    /// Its `TPMT_PUBLIC`.
    pub(super) public: Vec<u8>,
    pub(super) name: Vec<u8>,
    /// Whether we made it in the TPM's memory and have to flush it.
    pub(super) transient: bool,
}

impl Inner {
    pub(super) fn open(tcti: &Tcti, ownership: Ownership, pins: Option<&Pins>) -> Result<Self, TpmError> {
        let absent = |error: Error| TpmError::Unavailable(format!("libtss2 finds no TPM at {tcti}: {error}"));
        let name: TctiNameConf = tcti.to_string().parse().map_err(absent)?;
        let context = Context::new(name).map_err(absent)?;
        let unpinned = Pins { ek_name: Vec::new(), srk_name: Vec::new() };
        let mut inner = Self {
            context,
            ownership,
            storage: None,
            pins: unpinned,
            loaded: BTreeMap::new(),
            session: None,
            ended: false,
        };
        // Until the Names are compared nothing but public areas is asked for.
        let storage = inner.storage(pins.map(|pins| pins.srk_name.as_slice()))?;
        let found = inner.recognize(&storage, pins);
        inner.storage = Some(storage);
        inner.pins = found?;
        Ok(inner)
    }

    fn recognize(&mut self, storage: &Held, pins: Option<&Pins>) -> Result<Pins, TpmError> {
        let endorsement =
            self.primary(Primary::Endorsement(KeyKind::Rsa2048), pins.map(|pins| pins.ek_name.as_slice()))?;
        self.release(&endorsement)?;
        let found = Pins { ek_name: endorsement.name, srk_name: storage.name.clone() };
        match pins {
            Some(pins) if !equal(&pins.ek_name, &found.ek_name) => Err(TpmError::Swapped),
            Some(pins) if !equal(&pins.srk_name, &found.srk_name) => Err(TpmError::Cleared),
            _ => Ok(found),
        }
    }

    /// The storage root key of either kind, as the other backend finds it.
    fn storage(&mut self, pinned: Option<&[u8]>) -> Result<Held, TpmError> {
        if let Some(held) = self.persistent(Primary::Storage(KeyKind::P256), pinned)? {
            return Ok(held);
        }
        let held = self.primary(Primary::Storage(KeyKind::Rsa2048), pinned)?;
        if pinned.is_none_or(|name| name == held.name) {
            return Ok(held);
        }
        self.release(&held)?;
        self.made(Primary::Storage(KeyKind::P256))
    }

    /// A persistent primary if it is the one, otherwise one that is made in memory.
    pub(super) fn primary(&mut self, primary: Primary, pinned: Option<&[u8]>) -> Result<Held, TpmError> {
        match self.persistent(primary, pinned)? {
            Some(held) => Ok(held),
            None => self.made(primary),
        }
    }

    fn persistent(&mut self, primary: Primary, pinned: Option<&[u8]>) -> Result<Option<Held>, TpmError> {
        let held = match self.persistent_object(primary.persistent_handle()) {
            Ok(held) => held,
            // Nothing is there, or somebody else's key, perhaps with algorithms that are not read.
            Err(TpmError::Untrusted { .. }) => return Ok(None),
            Err(error) if response::is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if primary.fits(&held.public) && pinned.is_none_or(|name| name == held.name) {
            return Ok(Some(held));
        }
        self.release(&held)?;
        Ok(None)
    }

    /// What is at a persistent handle, as the library will use it: this public area is the one that sessions are salted to.
    pub(super) fn persistent_object(&mut self, handle: u32) -> Result<Held, TpmError> {
        let command = verb::READ_PUBLIC.name;
        let wrap = |error| fault(command, error);
        let tpm_handle = PersistentTpmHandle::new(handle).map(TpmHandle::Persistent).map_err(|_| misplaced(command))?;
        let mut object =
            self.context.execute_without_session(|context| context.tr_from_tpm_public(tpm_handle)).map_err(wrap)?;
        let found = self.public_of(KeyHandle::from(object), false);
        if found.is_err() {
            let _first_error_counts = self.context.tr_close(&mut object);
        }
        found
    }

    fn made(&mut self, primary: Primary) -> Result<Held, TpmError> {
        let command = verb::CREATE_PRIMARY.name;
        let template = primary.template().map_err(|_| TpmError::NotReady("a template cannot be built"))?;
        let public = Public::unmarshall(&template).map_err(|error| fault(command, error))?;
        let hierarchy = match primary {
            Primary::Storage(_) => Hierarchy::Owner,
            Primary::Endorsement(_) => Hierarchy::Endorsement,
        };
        let made = self.context.execute_with_session(Some(AuthSession::Password), |context| {
            context.create_primary(hierarchy, public, None, None, None, None)
        });
        let handle = made.map_err(|error| fault(command, error))?.key_handle;
        let found = self.public_of(handle, true);
        if found.is_err() {
            let _first_error_counts = self.context.flush_context(handle.into());
        }
        found
    }

    /// The public area behind a handle; its Name is computed here and has to be the one that the library goes by.
    fn public_of(&mut self, handle: KeyHandle, transient: bool) -> Result<Held, TpmError> {
        let wrap = |error| fault(verb::READ_PUBLIC.name, error);
        let (public, ..) = self.context.execute_without_session(|context| context.read_public(handle)).map_err(wrap)?;
        let public = public.marshall().map_err(wrap)?;
        let name = object_name(&public).map_err(|_| malformed(verb::READ_PUBLIC.name))?;
        let used = self.context.tr_get_name(handle.into()).map_err(wrap)?;
        if used.value() != name {
            return Err(malformed(verb::READ_PUBLIC.name));
        }
        Ok(Held { handle, public, name, transient })
    }

    /// Gives a primary back.
    pub(super) fn release(&mut self, held: &Held) -> Result<(), TpmError> {
        let mut object = ObjectHandle::from(held.handle);
        let given =
            if held.transient { self.context.flush_context(object) } else { self.context.tr_close(&mut object) };
        given.map_err(|error| fault(verb::FLUSH_CONTEXT.name, error))
    }

    pub(super) fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// Runs `work` with our session, which hides what the command of `verb` can hide; starts it again once if the TPM lost it.
    pub(super) fn in_session<T>(
        &mut self,
        verb: Verb,
        mut work: impl FnMut(&mut Context, AuthSession) -> Result<T, Error>,
    ) -> Result<T, TpmError> {
        let session = self.session(verb)?;
        match work(&mut self.context, session).map_err(|error| fault(verb.name, error)) {
            Err(TpmError::Refused { code, .. }) if response::is_session_lost(code) => {
                drop(self.end_session());
                let session = self.session(verb)?;
                work(&mut self.context, session).map_err(|error| fault(verb.name, error))
            }
            outcome => outcome,
        }
    }

    /// The session, set up for a command.
    fn session(&mut self, verb: Verb) -> Result<AuthSession, TpmError> {
        let session = match self.session {
            Some(session) => session,
            None => self.start_session(SessionType::Hmac)?,
        };
        self.session = Some(session);
        let (attributes, mask) = SessionAttributesBuilder::new()
            .with_continue_session(true)
            .with_decrypt(verb.hides_command)
            .with_encrypt(verb.hides_answer)
            .build();
        self.context.tr_sess_set_attributes(session, attributes, mask).map_err(|error| fault(verb.name, error))?;
        Ok(session)
    }

    fn start_session(&mut self, kind: SessionType) -> Result<AuthSession, TpmError> {
        let wrap = |error| fault(verb::START_AUTH_SESSION.name, error);
        let salted_to = match kind {
            SessionType::Hmac => Some(self.storage.as_ref().ok_or(TpmError::Cleared)?.handle),
            _ => None,
        };
        let cipher = SymmetricDefinition::AES_128_CFB;
        let started = self.context.execute_without_session(|context| {
            context.start_auth_session(salted_to, None, None, kind, cipher, HashingAlgorithm::Sha256)
        });
        started.map_err(wrap)?.ok_or_else(|| malformed(verb::START_AUTH_SESSION.name))
    }

    /// Ends the session.
    pub(super) fn end_session(&mut self) -> Result<(), TpmError> {
        let Some(session) = self.session.take() else { return Ok(()) };
        self.flush(SessionHandle::from(session).into())
    }

    /// Removes an object or a session from the TPM.
    pub(super) fn flush(&mut self, handle: ObjectHandle) -> Result<(), TpmError> {
        self.context.flush_context(handle).map_err(|error| fault(verb::FLUSH_CONTEXT.name, error))
    }

    /// Runs `work` with a policy session, which is gone afterwards.
    pub(super) fn with_policy<T>(
        &mut self,
        work: impl FnOnce(&mut Self, PolicySession) -> Result<T, TpmError>,
    ) -> Result<T, TpmError> {
        let session = self.start_session(SessionType::Policy)?;
        let handle = ObjectHandle::from(SessionHandle::from(session));
        let policy = PolicySession::try_from(session).map_err(|error| fault(verb::START_AUTH_SESSION.name, error));
        // One use is what it is for: it ends with the command that it authorizes.
        let (attributes, mask) = SessionAttributesBuilder::new().with_continue_session(true).build();
        let kept = self.context.tr_sess_set_attributes(session, attributes, mask);
        let outcome =
            kept.map_err(|error| fault(verb::START_AUTH_SESSION.name, error)).and_then(|()| work(self, policy?));
        let flushed = self.flush(handle);
        let value = outcome?;
        flushed?;
        Ok(value)
    }

    /// Sets the authorization value that commands prove for an object.
    pub(super) fn authorize(&mut self, object: ObjectHandle, auth: &[u8]) -> Result<(), TpmError> {
        let wrap = |error| fault("Esys_TR_SetAuth", error);
        let auth = Auth::try_from(without_trailing_zeros(auth)).map_err(wrap)?;
        self.context.tr_set_auth(object, auth).map_err(wrap)
    }
}
