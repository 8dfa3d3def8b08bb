//! Joins the device to the user's tenant: token, discovery, two keys, a certificate.

use std::collections::BTreeMap;
use std::mem;

use crate::base::{ExposeSecret as _, SecretString, Timestamp, Uuid};
use crate::crypto::PublicKey;
use crate::crypto::cert::{Certificate, Name, Text, UnsignedRequest, oid};
use crate::crypto::digest::sha256;
use crate::device::attest::{self, Enrol};
use crate::device::exchange::{Exchange, domain_of, endpoint, read_token};
use crate::device::flow::{Flow, Machine, Step};
use crate::device::hardware::Provider;
use crate::device::keys::{Lock, Role, StoredKey};
use crate::device::state::Registration;
use crate::device::stop::{ReplyFault, Stop};
use crate::wire::discovery::Discovery;
use crate::wire::encoding::{base64, from_base64};
use crate::wire::http::{Method, Reply, Request};
use crate::wire::join::{CertificateRequest, JOIN_TYPE_ENTRA, JoinReply, JoinRequest, REQUEST_SUBJECT};
use crate::wire::token::{CLIENT_AUTHENTICATION_BROKER, DRS_AUDIENCE};
use crate::wire::{blob, host};

/// Version of Windows that the device says it runs.
pub(crate) const OS_VERSION: &str = "10.0.26100.1";

/// The join, as a flow.
pub struct Join {
    upn: String,
    password: SecretString,
    stage: Stage,
}

enum Stage {
    Start,
    Token,
    Discovery { token: SecretString },
    Enrolling { token: SecretString, found: Box<Found>, enrol: Enrol },
    Joining(Box<Pending>),
    Over,
}

/// What discovery said, checked.
struct Found {
    tenant_id: Uuid,
    discovery: Discovery,
}

/// What waits for the certificate.
struct Pending {
    tenant_id: Uuid,
    discovery: Discovery,
    device_key: StoredKey,
    transport_key: StoredKey,
}

/// What a join ends with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Joined {
    /// Device id.
    pub device_id: Uuid,
    /// Tenant id.
    pub tenant_id: Uuid,
    /// Tenant's display name.
    pub tenant_name: String,
    /// Thumbprint of the device certificate.
    pub thumbprint: String,
    /// Where device and transport key live.
    pub provider: Provider,
    /// First instant of the certificate.
    pub valid_from: Timestamp,
    /// Last instant of the certificate.
    pub valid_to: Timestamp,
}

impl Join {
    /// Joins as `upn`, with the password.
    pub fn new(upn: &str, password: SecretString) -> Self {
        Self { upn: upn.to_owned(), password, stage: Stage::Start }
    }

    fn ask_token(&self, machine: &Machine<'_>) -> Result<Request, Stop> {
        let domain = domain_of(&self.upn)?;
        if machine.state.registration.is_some() {
            return Err(Stop::AlreadyJoined);
        }
        let fields = [
            ("grant_type", "password"),
            ("client_id", CLIENT_AUTHENTICATION_BROKER),
            ("resource", DRS_AUDIENCE),
            ("scope", "openid"),
            ("username", &self.upn),
            ("password", self.password.expose_secret()),
        ];
        Ok(Request::form(host::LOGIN, format!("/{domain}/oauth2/token"), &fields))
    }

    fn ask_discovery(&self, token: &SecretString) -> Result<Request, Stop> {
        let target = format!("/{}/Discover?api-version=1.9&managed=True", domain_of(&self.upn)?);
        let request = Request::new(Method::Get, host::REGISTRATION, target);
        Ok(request.header("Accept", "application/json").bearer(token.expose_secret()))
    }

    /// Reads what discovery says. By switch a TPM attests its transport key, for which it needs a current attestation key first.
    fn after_discovery(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        token: SecretString,
        reply: &Reply,
    ) -> Result<Request, Stop> {
        let fault = |fault| Exchange::Discovery.fault(fault);
        let discovery: Discovery = Exchange::Discovery.read(reply)?;
        let tenant_id = Uuid::parse_str(&discovery.tenant_info.tenant_id).map_err(|_| fault(ReplyFault::NotAGuid))?;
        let (join, keys, nonces) =
            (&discovery.device_join_service, &discovery.key_provisioning_service, &discovery.nonce_service);
        for url in [&join.endpoint, &keys.endpoint, &nonces.endpoint] {
            endpoint(url).ok_or_else(|| fault(ReplyFault::Endpoint))?;
        }
        let found = Box::new(Found { tenant_id, discovery });
        if machine.switches.join_attest && machine.hardware.join_provider() == Provider::Hardware {
            return self.enrol(machine, now, token, found, Enrol::new(), None);
        }
        self.ask_join(machine, &token, *found, None)
    }

    fn enrol(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        token: SecretString,
        found: Box<Found>,
        mut enrol: Enrol,
        reply: Option<Reply>,
    ) -> Result<Request, Stop> {
        match enrol.next(machine, now, reply)? {
            Step::Ask(request) => {
                self.stage = Stage::Enrolling { token, found, enrol };
                Ok(request)
            }
            Step::Done(_) => self.ask_join(machine, &token, *found, Some(now)),
        }
    }

    /// Makes both keys and asks for the certificate; with a statement about the transport key if there is a time for it.
    fn ask_join(
        &mut self,
        machine: &mut Machine<'_>,
        token: &SecretString,
        found: Found,
        attested: Option<Timestamp>,
    ) -> Result<Request, Stop> {
        let Found { tenant_id, discovery } = found;
        let service = &discovery.device_join_service;
        let (host, path) = endpoint(&service.endpoint).ok_or(Exchange::Discovery.fault(ReplyFault::Endpoint))?;

        let provider = machine.hardware.join_provider();
        let device_key = machine.keys.create(provider, Role::Device, Lock::Device)?;
        let transport_key = machine.keys.create(provider, Role::Transport, Lock::Device)?;
        let certification = certification_request(machine, &device_key)?;
        let statement =
            attested.map(|now| attest::for_join(machine, &transport_key, &certification, now)).transpose()?;
        let (aik_certificate, attestation_data) = statement.unzip();
        let body = JoinRequest {
            certificate_request: CertificateRequest { kind: "pkcs10".to_owned(), data: base64(&certification) },
            transport_key: base64(&blob::write(&transport_key.public()?)),
            target_domain: domain_of(&self.upn)?.to_owned(),
            device_type: "Windows".to_owned(),
            os_version: OS_VERSION.to_owned(),
            device_display_name: machine.state.description.name.clone(),
            join_type: JOIN_TYPE_ENTRA,
            attributes: BTreeMap::from([("ReturnClientSid".to_owned(), "true".to_owned())]),
            aik_certificate,
            attestation_data,
        };
        let target = format!("{path}?api-version={}", version(&service.version));
        let request = Request::json(host, target, &body).bearer(token.expose_secret());
        self.stage = Stage::Joining(Box::new(Pending { tenant_id, discovery, device_key, transport_key }));
        Ok(request)
    }

    fn finish(
        &self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        pending: Pending,
        reply: &Reply,
    ) -> Result<Joined, Stop> {
        let reply: JoinReply = Exchange::Join.read(reply)?;
        let fault = |fault| Exchange::Join.fault(fault);
        let der = from_base64(&reply.certificate.raw_body).map_err(|_| fault(ReplyFault::Certificate))?;
        let certificate = Certificate::from_der(&der).map_err(|_| fault(ReplyFault::Certificate))?;
        if certificate.public().map(PublicKey::to_spki).ok().as_ref() != Some(&pending.device_key.spki) {
            return Err(fault(ReplyFault::OtherKey));
        }
        if !certificate.thumbprint().eq_ignore_ascii_case(&reply.certificate.thumbprint) {
            return Err(fault(ReplyFault::Certificate));
        }
        let subject = certificate.subject().text(oid::COMMON_NAME).unwrap_or_default();
        let device_id = Uuid::parse_str(&subject).map_err(|_| fault(ReplyFault::NotAGuid))?;
        let validity = certificate.validity().map_err(|_| fault(ReplyFault::Certificate))?;
        let Pending { tenant_id, discovery, device_key, transport_key } = pending;
        let joined = Joined {
            device_id,
            tenant_id,
            tenant_name: discovery.tenant_info.display_name.clone(),
            thumbprint: certificate.thumbprint(),
            provider: device_key.provider(),
            valid_from: validity.from,
            valid_to: validity.to,
        };
        machine.state.registration = Some(Registration {
            tenant_id,
            tenant_name: discovery.tenant_info.display_name,
            device_id,
            upn: self.upn.clone(),
            joined: now,
            key_service: discovery.key_provisioning_service.endpoint,
            nonce_service: discovery.nonce_service.endpoint,
            certificate: der,
            device_key,
            transport_key,
        });
        Ok(joined)
    }
}

impl Flow for Join {
    type Output = Joined;

    fn next(&mut self, machine: &mut Machine<'_>, now: Timestamp, reply: Option<Reply>) -> Result<Step<Joined>, Stop> {
        match (mem::replace(&mut self.stage, Stage::Over), reply) {
            (Stage::Start, None) => {
                let request = self.ask_token(machine)?;
                self.stage = Stage::Token;
                Ok(Step::Ask(request))
            }
            (Stage::Token, Some(reply)) => {
                let token = read_token(Exchange::Password, &reply)?;
                let request = self.ask_discovery(&token)?;
                self.stage = Stage::Discovery { token };
                Ok(Step::Ask(request))
            }
            (Stage::Discovery { token }, Some(reply)) => {
                self.after_discovery(machine, now, token, &reply).map(Step::Ask)
            }
            (Stage::Enrolling { token, found, enrol }, Some(reply)) => {
                self.enrol(machine, now, token, found, enrol, Some(reply)).map(Step::Ask)
            }
            (Stage::Joining(pending), Some(reply)) => self.finish(machine, now, *pending, &reply).map(Step::Done),
            _ => Err(Stop::Over),
        }
    }
}

/// The service's version is part of a query, so it has to be one.
fn version(text: &str) -> &str {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { text } else { "2.0" }
}

fn certification_request(machine: &mut Machine<'_>, key: &StoredKey) -> Result<Vec<u8>, Stop> {
    let subject = Name::common_name(REQUEST_SUBJECT, Text::Printable).map_err(|_| Stop::Encoding)?;
    let request = UnsignedRequest::new(&subject, &PublicKey::Rsa(key.public()?)).map_err(|_| Stop::Encoding)?;
    let signature = machine.keys.sign(key, Lock::Device, &sha256(request.to_sign()))?;
    request.signed(&signature).map_err(|_| Stop::Encoding)
}
