//! The loop that joins a device's flow to a link.

use super::{Link, LinkError};
use crate::base::Clock;
use crate::device::attest::AttestationStatus;
use crate::device::flow::{Flow, Machine, Step};
use crate::device::stop::Stop;

/// Why a flow did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The flow may not go on: policy, server, PIN, TPM.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The server was not reached, or its reply was not.
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl Halt {
    /// What an attempt to attest came to that halted there.
    pub fn attestation_status(&self) -> AttestationStatus {
        match self {
            Self::Stop(stop) => AttestationStatus::of(stop),
            Self::Link(error) => AttestationStatus::of_miss(error.miss()),
        }
    }
}

/// Runs `flow` to its end: sends what it asks for, hands it the reply, and asks the clock before each of its steps.
///
/// A flow that halts has changed neither registration nor containers of the machine's state.
pub fn drive<F: Flow>(
    mut flow: F,
    machine: &mut Machine<'_>,
    link: &dyn Link,
    clock: &dyn Clock,
) -> Result<F::Output, Halt> {
    let mut step = flow.next(machine, clock.now(), None)?;
    loop {
        step = match step {
            Step::Done(output) => return Ok(output),
            Step::Ask(request) => match link.send(&request) {
                Ok(reply) => flow.next(machine, clock.now(), Some(reply))?,
                // A flow that can do without the reply goes on.
                Err(error) => flow.missed(machine, clock.now(), error.miss())?.ok_or(error)?,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ManualClock, OsRng, Timestamp};
    use crate::device::flow::Miss;
    use crate::device::home::Device;
    use crate::device::state::{Description, TpmChoice};
    use crate::wire::http::{Method, Reply, Request};

    /// Asks once, and goes on without a reply if it may.
    struct Asking {
        bears: Option<Miss>,
        missed: Vec<Miss>,
    }

    impl Flow for Asking {
        type Output = Vec<Miss>;

        fn next(&mut self, _: &mut Machine<'_>, _: Timestamp, _: Option<Reply>) -> Result<Step<Vec<Miss>>, Stop> {
            Ok(Step::Ask(Request::new(Method::Get, "host.example", "/")))
        }

        fn missed(&mut self, _: &mut Machine<'_>, _: Timestamp, miss: Miss) -> Result<Option<Step<Vec<Miss>>>, Stop> {
            self.missed.push(miss);
            Ok((self.bears == Some(miss)).then(|| Step::Done(std::mem::take(&mut self.missed))))
        }
    }

    /// Never answers, for the reason that its maker gives.
    struct Dead(fn() -> LinkError);

    impl Link for Dead {
        fn send(&self, _: &Request) -> Result<Reply, LinkError> {
            Err(self.0())
        }
    }

    const AWAY: (Miss, AttestationStatus) = (Miss::Away, AttestationStatus::TemporaryFailure);
    const BROKEN: (Miss, AttestationStatus) = (Miss::Broken, AttestationStatus::UnknownError);

    #[test]
    fn a_flow_learns_why_no_reply_comes_and_may_go_on_without_it() {
        let dir = tempfile::tempdir().unwrap();
        let description = Description { name: "LAB-1".into(), tpm: TpmChoice::None, condition: Default::default() };
        let mut device = Device::create(dir.path(), description).unwrap();
        let mut rng = OsRng;
        let mut machine = device.machine(None, &mut rng, Timestamp::UNIX_EPOCH).unwrap();
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let reasons: [(fn() -> LinkError, _); 4] = [
            (|| LinkError::Unreachable { host: "h".into(), reason: "r".into() }, AWAY),
            (|| LinkError::Timeout { host: "h".into() }, AWAY),
            (|| LinkError::Tls { host: "h".into(), reason: "r".into() }, BROKEN),
            (|| LinkError::Malformed("m".into()), BROKEN),
        ];
        for (reason, (miss, status)) in reasons {
            let bearing = Asking { bears: Some(miss), missed: Vec::new() };
            assert_eq!(drive(bearing, &mut machine, &Dead(reason), &clock).unwrap(), [miss]);
            let halt = drive(Asking { bears: None, missed: Vec::new() }, &mut machine, &Dead(reason), &clock);
            let halt = halt.unwrap_err();
            assert_eq!(halt.attestation_status(), status, "{halt}");
            assert!(matches!(&halt, Halt::Link(error) if error.to_string() == reason().to_string()), "{halt}");
        }
        assert_eq!(Halt::Stop(Stop::SoftwareKey).attestation_status(), AttestationStatus::NotSupported);
    }
}
