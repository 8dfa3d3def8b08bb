//! Which events provisioning leaves behind, and when.

use super::Registered;
use crate::base::{Hresult, Timestamp};
use crate::device::events::{Activity, Event, RegisteredKey};
use crate::device::flow::Machine;
use crate::device::hardware::Provider;
use crate::device::stop::Stop;
use crate::wire::http::Reply;

/// Remembers when each activity began.
pub(super) struct Trace {
    processing: Timestamp,
    current: Timestamp,
}

impl Trace {
    pub(super) fn new(now: Timestamp) -> Self {
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

    pub(super) fn registration_started(&mut self, machine: &mut Machine<'_>, now: Timestamp) {
        self.start(machine, now, Activity::KeyRegistration);
    }

    pub(super) fn registered(&self, machine: &mut Machine<'_>, now: Timestamp, key: &Registered, reply: &Reply) {
        let level = key.attestation.as_deref();
        let event = Event::key_registered(
            now,
            &RegisteredKey {
                key_id: key.key_id,
                upn: &key.upn,
                attested: level.is_some_and(|level| level.starts_with("aik")),
                server_request_id: reply.header("request-id").unwrap_or_default(),
                server_response: &body(reply),
            },
        );
        machine.events.record(event);
        self.end(machine, now, Activity::KeyRegistration, None);
    }

    pub(super) fn registration_failed(&self, machine: &mut Machine<'_>, now: Timestamp, stop: &Stop, reply: &Reply) {
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
