//! The steps between two exchanges: each consumes a state and yields the next one, or the request that leads to it.

use super::{Claimed, Gated, Keyed, Proven, Provision, Registered, Stage};
use crate::base::{ExposeSecret as _, Timestamp, Uuid};
use crate::device::attest;
use crate::device::container::Draft;
use crate::device::exchange::{Exchange, ask_nonce, endpoint};
use crate::device::flow::Machine;
use crate::device::hardware::{self, Provider};
use crate::device::keys::KeyError;
use crate::device::pin::AcceptedPin;
use crate::device::stop::{ReplyFault, Stop};
use crate::device::tpm::KeyBlob;
use crate::wire::blob;
use crate::wire::discovery::DrsNonceReply;
use crate::wire::encoding::base64;
use crate::wire::http::{Method, Reply, Request};
use crate::wire::kpp::{KeyReply, KeyRequest};
use crate::wire::lab::LabAttestation;

impl Provision {
    pub(super) fn start(&mut self, machine: &Machine<'_>, now: Timestamp) -> Result<Request, Stop> {
        let tenant = machine.registration()?.tenant_id;
        let user = machine.state.user(&self.upn);
        if user.is_some_and(|user| user.container.is_some()) {
            return Err(Stop::ContainerExists);
        }
        let prt = user.and_then(|user| user.prt.as_ref()).ok_or(Stop::NoPrt)?;
        if prt.facts.expires <= now {
            return Err(Stop::PrtExpired);
        }
        self.stage = Stage::Nonce;
        Ok(ask_nonce(tenant))
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
    pub(super) fn after_keyed(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        keyed: Keyed,
    ) -> Result<Request, Stop> {
        if keyed.draft.key.provider() == Provider::Software {
            return self.register(machine, now, keyed, None);
        }
        if machine.state.aik.as_ref().is_some_and(|aik| aik.is_current(now)) {
            return self.ask_attestation_nonce(machine, keyed);
        }
        let (aik, request) = attest::ask_challenge(&mut machine.keys)?;
        self.stage = Stage::AikChallenge { keyed, aik };
        Ok(request)
    }

    pub(super) fn answer_challenge(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        keyed: Keyed,
        aik: KeyBlob,
        reply: &Reply,
    ) -> Result<Request, Stop> {
        match attest::answer_challenge(&mut machine.keys, &aik, reply) {
            Ok(request) => {
                self.stage = Stage::AikCertificate { keyed, aik };
                Ok(request)
            }
            Err(stop) => self.without_aik(machine, now, keyed, stop),
        }
    }

    pub(super) fn take_certificate(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        keyed: Keyed,
        aik: KeyBlob,
        reply: &Reply,
    ) -> Result<Request, Stop> {
        match attest::read_certificate(aik, reply) {
            Ok(aik) => {
                machine.state.aik = Some(aik);
                self.ask_attestation_nonce(machine, keyed)
            }
            Err(stop) => self.without_aik(machine, now, keyed, stop),
        }
    }

    pub(super) fn without_aik(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        keyed: Keyed,
        stop: Stop,
    ) -> Result<Request, Stop> {
        let refused = matches!(stop, Stop::Server(_));
        if refused && machine.switches.register_unattested {
            self.register(machine, now, keyed, None)
        } else {
            Err(stop)
        }
    }

    pub(super) fn ask_attestation_nonce(&mut self, machine: &Machine<'_>, keyed: Keyed) -> Result<Request, Stop> {
        let url = &machine.registration()?.nonce_service;
        let (host, path) = endpoint(url).ok_or(Exchange::Discovery.fault(ReplyFault::Endpoint))?;
        let request = Request::new(Method::Get, host, format!("{path}?api-version=1.0"));
        let request = request.header("Accept", "application/json");
        self.stage = Stage::AttestationNonce { keyed };
        Ok(request)
    }

    pub(super) fn claim(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        keyed: Keyed,
        reply: &Reply,
    ) -> Result<Request, Stop> {
        let nonce: DrsNonceReply = Exchange::AttestationNonce.read(reply)?;
        let aik = machine.state.aik.as_ref().ok_or(Stop::Over)?;
        let statement = attest::statement(&mut machine.keys, &keyed.draft.key, aik, &nonce.value)?;
        self.register(machine, now, keyed, Some(statement))
    }

    /// `Keyed` to `Claimed`, and the request that makes it `Registered`.
    pub(super) fn register(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        keyed: Keyed,
        attestation: Option<LabAttestation>,
    ) -> Result<Request, Stop> {
        let url = &machine.registration()?.key_service;
        let (host, path) = endpoint(url).ok_or(Exchange::Discovery.fault(ReplyFault::Endpoint))?;
        let Keyed { proven, draft } = keyed;
        let key = draft.key.public()?;
        let blob = blob::write(&key);
        let software = draft.key.provider() == Provider::Software;
        let body = KeyRequest { key, blob: blob.clone(), attestation, software }.to_json();
        let request = Request::json(host, format!("{path}?api-version=1.0"), &body);
        let request = request.bearer(proven.token.expose_secret()).header("User-Agent", "Dsreg/10.0 (whfb)");
        self.trace.registration_started(machine, now);
        self.stage = Stage::Key { claimed: Claimed { draft, blob } };
        Ok(request)
    }

    pub(super) fn finish(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        claimed: Claimed,
        reply: &Reply,
    ) -> Result<Registered, Stop> {
        let exchange = Exchange::KeyRegistration;
        let answer: KeyReply = exchange.read(reply)?;
        let key_id = Uuid::parse_str(&answer.kid).map_err(|_| exchange.fault(ReplyFault::NotAGuid))?;
        if !answer.upn.eq_ignore_ascii_case(&self.upn) {
            return Err(exchange.fault(ReplyFault::OtherUser));
        }
        let kid = base64(&blob::key_id(&claimed.blob));
        let container = claimed.draft.registered(key_id, kid.clone(), answer.attestation_level.clone(), now);
        let registered = Registered {
            upn: self.upn.clone(),
            key_id,
            kid,
            container_id: container.id,
            provider: container.provider(),
            attestation: answer.attestation_level,
            registered: now,
        };
        let user = machine.state.user_mut(&self.upn);
        (user.container, user.cancelled) = (Some(container), None);
        self.trace.registered(machine, now, &registered, reply);
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
