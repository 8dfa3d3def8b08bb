//! One TPM in one condition, on a joined device, asked by the product's own path.

use std::path::Path;

use whfb::base::{Clock as _, SecretString, SystemClock};
use whfb::device::hardware::TpmVersion;
use whfb::device::join::Join;
use whfb::device::matrix::{Case, DecisionEvent, Outcome, Row, cases, injected};
use whfb::device::pin::PinRules;
use whfb::device::policy::{FileFormat, Filing, Node, Policy, Source, Value, export, import};
use whfb::device::prereq::PreReqResult;
use whfb::device::provision::{begin_automatically, begin_by_user};
use whfb::device::signin::Logon;
use whfb::device::state::TpmChoice;
use whfb::device::stop::Stop;
use whfb::device::tpm::Condition;
use whfb::entra::{Rules, SEEDED_PASSWORD, SEEDED_TENANT};
use whfb::link::{Direct, Halt, drive};

use crate::args::MatrixSource;
use crate::device;
use crate::failure::{Class, Failure};
use crate::lab::Place;
use crate::opened::Opened;

const ALICE: &str = "alice@contoso.example";
const PIN: &str = "314159";

/// A tenant and a folder for devices.
pub(super) struct Workshop {
    place: Place,
    link: Direct,
}

impl Workshop {
    pub(super) fn open(directory: &Path, number: usize) -> Result<Self, Failure> {
        let place = Place::new(Some(directory.join(format!("worker-{number}"))))?;
        place.prepare()?;
        let link = Direct::open(place.entra_options(Rules::entra())?)?;
        Ok(Self { place, link })
    }

    /// Asks every question about one TPM; `each` is called after every answer and may end it.
    pub(super) fn ask(
        &mut self,
        tpm: TpmVersion,
        condition: Condition,
        source: MatrixSource,
        each: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Vec<Row>, Failure> {
        let mut opened = self.joined(tpm, condition)?;
        let mut rows = Vec::new();
        for case in cases(tpm, condition) {
            opened.device.policy = delivered(&case, source)?;
            rows.push(self.answer(&mut opened, case)?);
            each()?;
        }
        Ok(rows)
    }

    fn joined(&self, tpm: TpmVersion, condition: Condition) -> Result<Opened, Failure> {
        let (name, choice) = match tpm {
            TpmVersion::V20 => (format!("tpm20-{}", condition.name()), TpmChoice::Swtpm),
            TpmVersion::V12 => (format!("tpm12-{}", condition.name()), TpmChoice::V12),
            TpmVersion::None => ("no-tpm".to_owned(), TpmChoice::None),
        };
        let made = device::create(&self.place, &name, &choice, condition)?;
        let mut opened = if condition == Condition::Ready {
            made
        } else {
            drop(made);
            Opened::open(&self.place.device(&name)?)?
        };
        let password = || SecretString::from(SEEDED_PASSWORD);
        opened.run(Join::new(ALICE, password()), &self.link)?;
        opened.run(Logon::new(ALICE, password()), &self.link)?;
        Ok(opened)
    }

    /// The session's check, then the user's own entry to the end of registration; the key is forgotten afterwards.
    fn answer(&self, opened: &mut Opened, case: Case) -> Result<Row, Failure> {
        opened.work(|machine| {
            let now = SystemClock.now();
            // The user's entry goes on whatever the session's says.
            let prereq = match begin_automatically(machine, ALICE, false, now) {
                Ok(_) => PreReqResult::WillProvision,
                Err(Stop::WillNotProvision(_)) => PreReqResult::WillNotProvision,
                Err(stop) => return Err(stop.into()),
            };
            let pin = PinRules::of(&machine.policy)
                .accept(SecretString::from(PIN))
                .map_err(|fault| Failure::new(Class::Bug, format!("the PIN of the matrix is refused: {fault}")))?;
            let flow = begin_by_user(machine, ALICE, now)?.with_pin(pin);
            let (outcome, hresult) = match drive(flow, machine, &self.link, &SystemClock) {
                Ok(registered) => (registered.provider.into(), None),
                Err(Halt::Stop(Stop::Hardware(code))) => (Outcome::Blocked, Some(code)),
                // Decided, and there is no TPM 1.2 to make the key in.
                Err(Halt::Stop(Stop::NoTpm12)) => (Outcome::Hardware, None),
                Err(halt) => return Err(halt.into()),
            };
            if let Some(user) = machine.state.users.get_mut(ALICE) {
                user.container = None;
            }
            let event = DecisionEvent::last_of(machine.events.events())
                .ok_or_else(|| Failure::new(Class::Bug, "event 5555 is missing"))?;
            let (executed, injected) = (case.tpm != TpmVersion::V12, injected(case.tpm, case.condition));
            Ok(Row { case, prereq, outcome, hresult, executed, injected, event })
        })
    }
}

/// The policy of a case as a file of the source, exported and imported again: what is measured went through the source's own
/// format.
fn delivered(case: &Case, source: MatrixSource) -> Result<Policy, Failure> {
    let mut nodes: Vec<(Node, Value)> = Vec::new();
    nodes.extend(case.require_security_device.map(|require| (Node::RequireSecurityDevice, Value::Bool(require))));
    nodes.extend(case.exclude_tpm12.then_some((Node::ExcludeTpm12, Value::Bool(true))));
    let mut policy = Policy::default();
    if nodes.is_empty() {
        return Ok(policy);
    }
    let bug = |error: &dyn std::fmt::Display| Failure::new(Class::Bug, format!("the policy of the matrix: {error}"));
    let (of, format) = match source {
        MatrixSource::Csp => (Source::DeviceCsp, FileFormat::Syncml),
        MatrixSource::Gpo => (Source::ComputerGpo, FileFormat::Pol),
        MatrixSource::Intune => (Source::IntuneProfile, FileFormat::Intune),
    };
    let set = Policy::default().with(of, &nodes).map_err(|fault| bug(&fault))?;
    let bytes = export(&set, of, "", format, SEEDED_TENANT).map_err(|fault| bug(&fault))?;
    let read = import(format, &bytes, SEEDED_TENANT, Some(of)).map_err(|fault| bug(&fault))?;
    policy.file(&read, Filing { source: Some(of), ..Filing::default() }).map_err(|fault| bug(&fault))?;
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_delivers_the_same_policy() {
        for case in cases(TpmVersion::V20, Condition::Ready) {
            for source in [MatrixSource::Csp, MatrixSource::Gpo, MatrixSource::Intune] {
                let effective = delivered(&case, source).unwrap().effective(SystemClock.now(), &Default::default());
                let (required, excluded) = (effective.require_security_device.value, effective.exclude_tpm12.value);
                assert_eq!((required, excluded), (case.require_security_device == Some(true), case.exclude_tpm12));
            }
        }
    }
}
