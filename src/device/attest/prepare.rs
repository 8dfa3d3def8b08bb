//! What a statement needs before the key comes in: an attestation key that is current, and a nonce.

use std::mem;

use super::Enrol;
use crate::base::Timestamp;
use crate::device::exchange::{Exchange, endpoint};
use crate::device::flow::{Flow, Machine, Step};
use crate::device::stop::{ReplyFault, Stop};
use crate::wire::discovery::DrsNonceReply;
use crate::wire::http::{Method, Reply, Request};

/// Sees to an attestation key that is current and asks the registration service for a nonce, as a flow. It ends with the nonce;
/// make the [statement](super::statement) over it at once, as it does not last.
pub struct Prepare(Stage);

/// Whose reply is awaited.
enum Stage {
    Enrolling(Enrol),
    Nonce,
    Over,
}

impl Default for Prepare {
    fn default() -> Self {
        Self::new()
    }
}

impl Prepare {
    /// Enrols only if the attestation key that is kept is not current.
    pub fn new() -> Self {
        Self(Stage::Enrolling(Enrol::new()))
    }
}

impl Flow for Prepare {
    type Output = String;

    fn next(&mut self, machine: &mut Machine<'_>, now: Timestamp, reply: Option<Reply>) -> Result<Step<String>, Stop> {
        match (mem::replace(&mut self.0, Stage::Over), reply) {
            (Stage::Enrolling(mut enrol), reply) => match enrol.next(machine, now, reply)? {
                Step::Ask(request) => {
                    self.0 = Stage::Enrolling(enrol);
                    Ok(Step::Ask(request))
                }
                Step::Done(_) => {
                    let request = ask_nonce(machine)?;
                    self.0 = Stage::Nonce;
                    Ok(Step::Ask(request))
                }
            },
            (Stage::Nonce, Some(reply)) => {
                Exchange::AttestationNonce.read(&reply).map(|nonce: DrsNonceReply| Step::Done(nonce.value))
            }
            _ => Err(Stop::Over),
        }
    }
}

/// Asks the nonce service that discovery named.
fn ask_nonce(machine: &Machine<'_>) -> Result<Request, Stop> {
    let url = &machine.registration()?.nonce_service;
    let (host, path) = endpoint(url).ok_or(Exchange::Discovery.fault(ReplyFault::Endpoint))?;
    let request = Request::new(Method::Get, host, format!("{path}?api-version=1.0"));
    Ok(request.header("Accept", "application/json"))
}
