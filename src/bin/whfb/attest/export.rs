//! `whfb attest export`: asks the TPM for a statement and writes it in one of the forms.

use std::path::Path;

use serde_json::json;
use whfb::attest::Statement;
use whfb::attest::form::{KastParts, Registration, write_kast};
use whfb::base::{Clock as _, OsRng, SystemClock, random_bytes};
use whfb::crypto::PublicKey;
use whfb::crypto::cert::{Certificate, pem};
use whfb::device::attest::{AttestationStatus, Consent, Enrol, KeyStatement, Over, Prepare, identity, statement};
use whfb::device::flow::Flow;
use whfb::device::hardware::Provider;
use whfb::device::state::DeviceState;
use whfb::device::stop::Stop;
use whfb::device::tpm::KeyKind;
use whfb::link::{Halt, Link, drive};
use whfb::wire::lab::LabAttestation;
use whfb::wire::tpm::Public;

use super::deliver::{Made, check, deliver};
use super::roots::Trusted;
use crate::args::{self, StatementForm};
use crate::failure::Failure;
use crate::lab::Place;
use crate::opened::Opened;
use crate::output::Output;
use crate::sign_in::only_user;
use crate::{prompt, tenant};

/// The relying party of an exported WebAuthn registration: the lab itself. Ours.
const RP_ID: &str = "lab.whfb.test";
const ORIGIN: &str = "https://lab.whfb.test";

pub(super) struct Wanted<'a> {
    pub(super) format: StatementForm,
    pub(super) to: Option<&'a Path>,
    pub(super) pin_file: Option<&'a Path>,
}

pub(super) fn run(
    on: &args::OnDevice,
    user: Option<&str>,
    wanted: &Wanted<'_>,
    place: &Place,
    output: &Output,
) -> Result<(), Failure> {
    let (name, dir) = place.choose(on.device.as_deref())?;
    check(wanted.format, wanted.to)?;
    let mut opened = Opened::open(&dir)?;
    let upn = user.map_or_else(|| only_user(&opened.device.state), |upn| Ok(upn.to_owned()))?;
    must_be_in_a_tpm(&opened.device.state, &upn).map_err(|stop| attempted(stop.into()))?;
    let consent = match wanted.pin_file {
        None => Consent::Policy,
        Some(file) => Consent::Pin(prompt::secret("PIN", Some(file))?),
    };
    let link = tenant::link(place)?;
    let mut source = Source { opened: &mut opened, link: link.as_ref(), upn: &upn, consent };
    let made = match wanted.format {
        StatementForm::Lab => source.lab()?,
        StatementForm::Kast => source.kast()?,
        StatementForm::Webauthn => source.webauthn(place)?,
        StatementForm::Raw => source.raw()?,
    };
    deliver(&made, wanted.to, (&upn, &name), output)
}

/// What a device can say without asking a service.
fn must_be_in_a_tpm(state: &DeviceState, upn: &str) -> Result<(), Stop> {
    let container = state.user(upn).and_then(|user| user.container.as_ref()).ok_or(Stop::NoContainer)?;
    if container.provider() == Provider::Hardware { Ok(()) } else { Err(Stop::SoftwareKey) }
}

/// A failure with what the attempt came to, in the words of KeyCredential; in the text where they say more than that it failed.
fn attempted(halt: Halt) -> Failure {
    let status = halt.attestation_status();
    let software = matches!(halt, Halt::Stop(Stop::SoftwareKey));
    let mut failure = Failure::from(halt);
    if status != AttestationStatus::UnknownError {
        failure.message = format!("{} ({status})", failure.message);
    }
    match status {
        _ if software => {
            failure = failure.next("make a key on a device with a TPM; see whfb status for where this one is")
        }
        AttestationStatus::TemporaryFailure => failure = failure.next("try again once the service answers: whfb serve"),
        _ => {}
    }
    if !failure.details.is_object() {
        failure.details = json!({});
    }
    failure.details["attestation_status"] = json!({"name": status, "number": status.number()});
    failure
}

/// Whose statement it is, and the ways to the TPM and to the services.
struct Source<'a> {
    opened: &'a mut Opened,
    link: &'a dyn Link,
    upn: &'a str,
    consent: Consent,
}

impl Source<'_> {
    /// Over a nonce of the registration service, with a current attestation key.
    fn nonced(&mut self) -> Result<Statement, Failure> {
        let nonce = self.ask(Prepare::new())?;
        let made = self.over(Over::Nonce(&nonce))?;
        Ok(made.to_statement(&nonce))
    }

    fn ask<F: Flow>(&mut self, flow: F) -> Result<F::Output, Failure> {
        let link = self.link;
        self.opened.work(|machine| drive(flow, machine, link, &SystemClock).map_err(attempted))
    }

    fn over(&mut self, over: Over<'_>) -> Result<KeyStatement, Failure> {
        let (upn, consent) = (self.upn, &self.consent);
        let made = |stop: Stop| attempted(stop.into());
        self.opened.work(|machine| statement(machine, upn, over, consent, SystemClock.now()).map_err(made))
    }

    fn lab(&mut self) -> Result<Made, Failure> {
        let member = LabAttestation::from(&self.nonced()?);
        serde_json::to_string_pretty(&member).map(Made::Text).map_err(|error| Failure::environment(error.to_string()))
    }

    fn raw(&mut self) -> Result<Made, Failure> {
        let mut statement = self.nonced()?;
        // As it is in the TPM's memory, where padding may follow it.
        let endorsement = self.opened.tpm().map(|tpm| tpm.endorsement(KeyKind::Rsa2048)).transpose()?;
        if let Some(bytes) = endorsement.and_then(|endorsement| endorsement.certificate) {
            let read = Certificate::from_nv(&bytes);
            statement.ek_chain = read.map(|read| read.certificate.der().to_vec()).into_iter().collect();
        }
        Ok(Made::Directory(Box::new(statement)))
    }

    fn kast(&mut self) -> Result<Made, Failure> {
        self.ask(Enrol::new())?;
        let made = self.over(Over::Bytes(&[]))?;
        let mut statement = made.to_statement("");
        let claim = self.opened.work(|machine| match identity(machine, &[], SystemClock.now()) {
            Ok(claim) => Ok(Some(claim)),
            Err(Stop::NoCreationClaim) => Ok(None),
            Err(stop) => Err(stop.into()),
        })?;
        statement.aik_creation = claim.map(|claim| claim.to_claim());
        let parts = KastParts { private: &made.private, with_authority: true };
        let bytes = write_kast(&statement, parts).map_err(|fault| Failure::environment(fault.to_string()))?;
        Ok(Made::Files { statement: bytes, chain: statement.aik_chain.iter().map(|der| pem(der)).collect() })
    }

    fn webauthn(&mut self, place: &Place) -> Result<Made, Failure> {
        self.ask(Enrol::new())?;
        // Certified twice: the public areas are needed before what is certified over is known.
        let keys = self.over(Over::Bytes(&[]))?;
        let challenge: [u8; 32] = random_bytes(&mut OsRng);
        let trouble = |fault: String| Failure::environment(fault);
        let (key, aik) = (key_of(&keys.public)?, key_of(&keys.aik_public)?);
        let registration =
            Registration::new(&key, &aik, RP_ID, ORIGIN, &challenge).map_err(|fault| trouble(fault.to_string()))?;
        let made = self.over(Over::Bytes(&registration.extra_data()))?;
        let roots = Trusted::lab(place)?.roots.iter().map(|root| pem(root.der())).collect();
        let export = registration.export(&made.to_statement(""), roots).map_err(|fault| trouble(fault.to_string()))?;
        serde_json::to_string_pretty(&export).map(Made::Text).map_err(|error| trouble(error.to_string()))
    }
}

fn key_of(public: &[u8]) -> Result<PublicKey, Failure> {
    Public::from_bytes(public)
        .and_then(|public| public.to_public_key())
        .map_err(|fault| Failure::environment(fault.to_string()))
}
