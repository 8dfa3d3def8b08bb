//! Which events provisioning leaves behind, and when.

use crate::base::{Hresult, Timestamp, Uuid};
use crate::device::attest::AttestationStatus;
use crate::device::events::{Activity, Event, RecordedKey, RegisteredKey};
use crate::device::flow::{Machine, Miss};
use crate::device::hardware::Provider;
use crate::device::stop::Stop;
use crate::wire::http::Reply;

/// Remembers when each activity began.
pub(crate) struct Trace {
    processing: Timestamp,
    current: Timestamp,
}

/// How a registration ended well.
#[derive(Clone, Copy)]
pub(crate) struct Outcome<'a> {
    pub(crate) upn: &'a str,
    pub(crate) key_id: Uuid,
    /// The attestation level, in the server's words.
    pub(crate) level: Option<&'a str>,
    pub(crate) status: AttestationStatus,
    pub(crate) reply: &'a Reply,
}

impl Trace {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { processing: now, current: now }
    }

    fn start(&mut self, machine: &mut Machine<'_>, now: Timestamp, activity: Activity) {
        self.current = now;
        machine.events.record(Event::started(now, activity));
    }

    fn end(&self, machine: &mut Machine<'_>, now: Timestamp, activity: Activity, stop: Option<&Stop>) {
        let outcome = stop.map_or(Ok(()), |stop| Err(code(stop)));
        machine.events.record(Event::ended(now, activity, self.current, outcome));
    }

    pub(super) fn processing_started(&mut self, machine: &mut Machine<'_>, now: Timestamp) {
        self.processing = now;
        self.start(machine, now, Activity::Processing);
    }

    pub(super) fn processing_ended(&mut self, machine: &mut Machine<'_>, now: Timestamp, stop: Option<&Stop>) {
        self.current = self.processing;
        self.end(machine, now, Activity::Processing, stop);
    }

    pub(super) fn container_started(&mut self, machine: &mut Machine<'_>, now: Timestamp) {
        self.start(machine, now, Activity::ContainerCreation);
        let event = Event::hardware_decision(now, &machine.hardware_inputs(), machine.hardware_decision());
        machine.events.record(event);
    }

    pub(super) fn container_created(&mut self, machine: &mut Machine<'_>, now: Timestamp) {
        self.end(machine, now, Activity::ContainerCreation, None);
    }

    pub(super) fn container_failed(&self, machine: &mut Machine<'_>, now: Timestamp, stop: &Stop) {
        self.end(machine, now, Activity::ContainerCreation, Some(stop));
    }

    pub(super) fn key_started(&mut self, machine: &mut Machine<'_>, now: Timestamp) {
        self.start(machine, now, Activity::KeyCreation);
    }

    pub(super) fn pool_asked(&self, machine: &mut Machine<'_>, now: Timestamp) {
        machine.events.record(Event::started(now, Activity::PoolHandOut));
    }

    pub(super) fn pool_answered(&self, machine: &mut Machine<'_>, now: Timestamp, outcome: Result<(), Hresult>) {
        machine.events.record(Event::ended(now, Activity::PoolHandOut, now, outcome));
    }

    pub(super) fn key_created(&mut self, machine: &mut Machine<'_>, now: Timestamp, provider: Provider) {
        machine.events.record(Event::key_created(now, provider));
        self.end(machine, now, Activity::KeyCreation, None);
    }

    pub(super) fn key_failed(&self, machine: &mut Machine<'_>, now: Timestamp, stop: &Stop) {
        self.end(machine, now, Activity::KeyCreation, Some(stop));
    }

    pub(crate) fn registration_started(&mut self, machine: &mut Machine<'_>, now: Timestamp) {
        self.start(machine, now, Activity::KeyRegistration);
    }

    /// No statement was made, and `stop` is why.
    pub(crate) fn attestation_failed(&self, machine: &mut Machine<'_>, now: Timestamp, stop: &Stop) {
        let (http_status, words) = match stop {
            Stop::Server(refusal) => (refusal.status, refusal.message.clone()),
            other => (0, other.to_string()),
        };
        let message = format!("{}: {words}", AttestationStatus::of(stop));
        machine.events.record(Event::request_failed(now, code(stop), http_status, &message));
    }

    /// No statement was made, as a server did not answer. Windows shows a code of its network stack for it, which the lab has not.
    pub(crate) fn attestation_missed(&self, machine: &mut Machine<'_>, now: Timestamp, miss: Miss) {
        let message = format!("{}: no answer", AttestationStatus::of_miss(miss));
        let event = Event::request_failed(now, Hresult::DSREG_E_ATTESTATION_FAILED, 0, &message);
        machine.events.record(event);
    }

    pub(crate) fn registered(&self, machine: &mut Machine<'_>, now: Timestamp, outcome: &Outcome<'_>) {
        let Outcome { upn, key_id, level, status, reply } = *outcome;
        let event = Event::key_registered(
            now,
            &RegisteredKey {
                key_id,
                upn,
                attested: level.is_some_and(|level| level.starts_with("aik")),
                server_request_id: reply.header("request-id").unwrap_or_default(),
                server_response: &body(reply),
            },
        );
        machine.events.record(event);
        let tenant = machine.state.registration.as_ref().map(|registration| registration.tenant_id);
        machine.events.record(Event::key_recorded(now, &RecordedKey { key_id, upn, tenant, level, status }));
        self.end(machine, now, Activity::KeyRegistration, None);
    }

    pub(crate) fn registration_failed(&self, machine: &mut Machine<'_>, now: Timestamp, stop: &Stop, reply: &Reply) {
        let message = match stop {
            Stop::Server(refusal) => refusal.message.clone(),
            other => other.to_string(),
        };
        let request_id = reply.header("request-id").unwrap_or_default();
        let event = Event::registration_failed(now, code(stop), request_id, &message, &body(reply));
        machine.events.record(event);
        self.end(machine, now, Activity::KeyRegistration, Some(stop));
    }
}

fn code(stop: &Stop) -> Hresult {
    stop.hresult().unwrap_or(Hresult::NTE_INTERNAL_ERROR)
}

/// The body as text, shortened: a server's error page has no place in a log.
fn body(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).chars().take(1000).collect()
}
