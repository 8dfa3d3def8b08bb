//! The steps between two exchanges: each consumes a state and yields the next one, or the request that leads to it.

use super::events::Outcome;
use super::{Claimed, Gated, Keyed, Proven, Provision, Registered, Stage};
use crate::base::Timestamp;
use crate::device::attest::{self, Attempts, AttestationStatus, Prepare};
use crate::device::authorize::FreshToken;
use crate::device::container::Draft;
use crate::device::flow::{Flow as _, Machine, Step};
use crate::device::hardware::{self, Provider};
use crate::device::keys::KeyError;
use crate::device::pin::AcceptedPin;
use crate::device::register::{self, Accepted};
use crate::device::stop::Stop;
use crate::wire::blob;
use crate::wire::encoding::base64;
use crate::wire::http::{Reply, Request};
use crate::wire::lab::LabAttestation;

impl Provision {
    pub(super) fn start(&mut self, machine: &mut Machine<'_>, now: Timestamp) -> Result<Request, Stop> {
        machine.registration()?;
        if machine.state.user(&self.upn).is_some_and(|user| user.container.is_some()) {
            return Err(Stop::ContainerExists);
        }
        self.prove(machine, now, FreshToken::new(&self.upn), None)
    }

    /// To `Proven`, and on to `Keyed`.
    pub(super) fn prove(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        mut token: FreshToken,
        reply: Option<Reply>,
    ) -> Result<Request, Stop> {
        match token.next(machine, now, reply)? {
            Step::Ask(request) => {
                self.stage = Stage::Token(token);
                Ok(request)
            }
            Step::Done(token) => {
                let keyed = self.make_key(machine, now, Proven { token })?;
                self.after_keyed(machine, now, keyed)
            }
        }
    }

    /// `Proven` to `Gated` to `Keyed`: decides where the key lives, then makes container and key.
    pub(super) fn make_key(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        proven: Proven,
    ) -> Result<Keyed, Stop> {
        let gated = Gated { proven, pin: self.pin.take().ok_or(Stop::Over)? };
        self.trace.container_started(machine, now);
        let provider = decide(machine).inspect_err(|stop| self.trace.container_failed(machine, now, stop))?;
        self.trace.container_created(machine, now);
        let draft = self.draft(machine, now, provider, &gated.pin);
        let draft = draft.inspect_err(|stop| self.trace.key_failed(machine, now, stop))?;
        self.trace.key_created(machine, now, draft.key.provider());
        Ok(Keyed { proven: gated.proven, draft })
    }

    pub(super) fn draft(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        provider: Provider,
        pin: &AcceptedPin,
    ) -> Result<Draft, Stop> {
        self.trace.key_started(machine, now);
        if provider == Provider::Hardware
            && let Some(draft) = self.draft_from_pool(machine, now, pin)
        {
            return Ok(draft);
        }
        let error = match Draft::create(&mut machine.keys, provider, pin, now) {
            Ok(draft) => return Ok(draft),
            Err(error) if provider == Provider::Hardware => error,
            Err(error) => return Err(error.into()),
        };
        let required = machine.hardware_inputs().required;
        match hardware::after_creation_failure(required, error.hresult(), &machine.switches.hardware) {
            Ok(provider) => Ok(Draft::create(&mut machine.keys, provider, pin, now)?),
            Err(_) => Err(error.into()),
        }
    }

    /// A draft with a key that was made in advance; `None` when there is none, or none that this TPM takes: then one is made
    /// on demand.
    fn draft_from_pool(&self, machine: &mut Machine<'_>, now: Timestamp, pin: &AcceptedPin) -> Option<Draft> {
        let pooled = machine.pool.take()?;
        self.trace.pool_asked(machine, now);
        let claimed = Draft::claim(&mut machine.keys, pooled, pin, now);
        self.trace.pool_answered(machine, now, claimed.as_ref().map(|_| ()).map_err(KeyError::hresult));
        claimed.ok()
    }

    /// After `Keyed`: a key of the TPM gets its statement, for which the TPM may need an attestation key first.
    fn after_keyed(&mut self, machine: &mut Machine<'_>, now: Timestamp, keyed: Keyed) -> Result<Request, Stop> {
        match keyed.draft.key.provider() {
            Provider::Software => self.register(machine, now, keyed, Err(AttestationStatus::NotSupported)),
            Provider::Hardware => self.attest(machine, now, keyed, Prepare::new(), None),
        }
    }

    pub(super) fn attest(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        keyed: Keyed,
        mut prepare: Prepare,
        reply: Option<Reply>,
    ) -> Result<Request, Stop> {
        let statement = match prepare.next(machine, now, reply) {
            Ok(Step::Ask(request)) => {
                self.stage = Stage::Attestation { keyed, prepare };
                return Ok(request);
            }
            Ok(Step::Done(nonce)) => attest::for_registration(machine, &keyed.draft.key, &nonce),
            Err(stop) => Err(stop),
        };
        match statement {
            Ok(statement) => self.register(machine, now, keyed, Ok(statement)),
            Err(stop) => self.without_statement(machine, now, keyed, stop),
        }
    }

    /// A server that refuses or is away need not end it; what this device cannot do does.
    fn without_statement(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        keyed: Keyed,
        stop: Stop,
    ) -> Result<Request, Stop> {
        self.trace.attestation_failed(machine, now, &stop);
        let refused = matches!(stop, Stop::Server(_));
        if refused && machine.switches.register_unattested {
            self.register(machine, now, keyed, Err(AttestationStatus::of(&stop)))
        } else {
            Err(stop)
        }
    }

    /// `Keyed` to `Claimed`, and the request that makes it `Registered`.
    pub(super) fn register(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        keyed: Keyed,
        attestation: Result<LabAttestation, AttestationStatus>,
    ) -> Result<Request, Stop> {
        let Keyed { proven, draft } = keyed;
        let status = attestation.as_ref().err().copied().unwrap_or(AttestationStatus::Success);
        let (blob, request) = register::ask(machine, &proven.token, &draft.key, attestation.ok())?;
        self.trace.registration_started(machine, now);
        self.stage = Stage::Key { claimed: Claimed { draft, blob, status } };
        Ok(request)
    }

    pub(super) fn finish(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        claimed: Claimed,
        reply: &Reply,
    ) -> Result<Registered, Stop> {
        let Accepted { key_id, level } = register::read(&self.upn, reply)?;
        let Claimed { draft, blob, status } = claimed;
        let kid = base64(&blob::key_id(&blob));
        let container = draft.registered(key_id, kid.clone(), level.clone(), now);
        let registered = Registered {
            upn: self.upn.clone(),
            key_id,
            kid,
            container_id: container.id,
            provider: container.provider(),
            attestation: level,
            registered: now,
        };
        let user = machine.state.user_mut(&self.upn);
        (user.container, user.cancelled) = (Some(container), None);
        user.attestation = Some(Attempts::first(status));
        let level = registered.attestation.as_deref();
        self.trace.registered(machine, now, &Outcome { upn: &self.upn, key_id, level, status, reply });
        Ok(registered)
    }
}

/// Where the key is made; container creation refuses with the code that the decision answers.
fn decide(machine: &Machine<'_>) -> Result<Provider, Stop> {
    if !machine.policy.use_passport_for_work.value {
        return Err(Stop::Disabled(machine.switches.disabled));
    }
    let provider = machine.hardware_decision().map_err(Stop::Hardware)?;
    let has_tpm2 = machine.hardware.version == hardware::TpmVersion::V20;
    if provider == Provider::Hardware && !has_tpm2 { Err(Stop::NoTpm12) } else { Ok(provider) }
}
