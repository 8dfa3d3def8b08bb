//! `whfb attest export`: asks the TPM for a statement and writes it in one of the forms.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use whfb::attest::Statement;
use whfb::attest::form::{KastParts, Registration, write_kast};
use whfb::base::{Clock as _, OsRng, SystemClock, random_bytes};
use whfb::crypto::PublicKey;
use whfb::crypto::cert::{Certificate, pem};
use whfb::device::attest::{Consent, Enrol, KeyStatement, Over, Prepare, identity, statement};
use whfb::device::stop::Stop;
use whfb::device::tpm::KeyKind;
use whfb::link::Link;
use whfb::wire::lab::LabAttestation;
use whfb::wire::tpm::Public;

use super::raw;
use super::roots::Trusted;
use super::verify::with_pem;
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

/// What goes where.
enum Made {
    Text(String),
    Files { statement: Vec<u8>, chain: String },
    Directory(Box<Statement>),
}

pub(super) fn run(
    on: &args::OnDevice,
    user: Option<&str>,
    wanted: &Wanted<'_>,
    place: &Place,
    output: &Output,
) -> Result<(), Failure> {
    let (name, dir) = place.choose(on.device.as_deref())?;
    if wanted.to.is_none() && matches!(wanted.format, StatementForm::Kast | StatementForm::Raw) {
        return Err(Failure::usage("this form is no text").next("say where it goes: --output FILE"));
    }
    let mut opened = Opened::open(&dir)?;
    let upn = user.map_or_else(|| only_user(&opened.device.state), |upn| Ok(upn.to_owned()))?;
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
    deliver(&made, &name, &upn, wanted, output)
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
        let nonce = self.opened.run(Prepare::new(), self.link)?;
        let made = self.over(Over::Nonce(&nonce))?;
        Ok(made.to_statement(&nonce))
    }

    fn over(&mut self, over: Over<'_>) -> Result<KeyStatement, Failure> {
        let (upn, consent) = (self.upn, &self.consent);
        self.opened.work(|machine| Ok(statement(machine, upn, over, consent, SystemClock.now())?))
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
        self.opened.run(Enrol::new(), self.link)?;
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
        self.opened.run(Enrol::new(), self.link)?;
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

fn deliver(made: &Made, device: &str, upn: &str, wanted: &Wanted<'_>, output: &Output) -> Result<(), Failure> {
    let written: Vec<String> = match (made, wanted.to) {
        (Made::Text(text), None) => {
            let object: Value = serde_json::from_str(text).unwrap_or_default();
            output.answer(text, &object);
            return Ok(());
        }
        (Made::Text(text), Some(file)) => vec![write(file, format!("{text}\n").as_bytes())?],
        (Made::Files { statement, chain }, Some(file)) => {
            vec![write(file, statement)?, write(&with_pem(file), chain.as_bytes())?]
        }
        (Made::Directory(statement), Some(directory)) => {
            raw::write(directory, statement)?;
            vec![directory.display().to_string()]
        }
        // Refused before anything was asked of the TPM.
        (Made::Files { .. } | Made::Directory(_), None) => Vec::new(),
    };
    let text = format!("the Hello key of {upn} on {device} is attested in {}", written.join(" and "));
    output.answer(&text, &json!({"ok": true, "device": device, "user": upn, "written": written}));
    Ok(())
}

/// A new file.
fn write(path: &Path, bytes: &[u8]) -> Result<String, Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    opened.and_then(|mut file| file.write_all(bytes)).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display())).next("name a file that is not there yet")
    })?;
    Ok(path.display().to_string())
}
