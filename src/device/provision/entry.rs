//! The two entries: by Windows at the start of a session, and by the user.

use crate::base::Timestamp;
use crate::device::events::{Activity, Event};
use crate::device::exchange::domain_of;
use crate::device::flow::Machine;
use crate::device::prereq::{EntraUser, PreReqResult, Prerequisites, SessionFacts};
use crate::device::stop::Stop;

/// The first state: the prerequisites were looked at, and the entry may go on.
#[derive(Debug)]
pub struct Cleared {
    upn: String,
    since: Timestamp,
    report: Prerequisites,
}

impl Cleared {
    /// The report; a warning, when the user started.
    pub fn report(&self) -> &Prerequisites {
        &self.report
    }

    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    pub(super) fn into_upn(self) -> String {
        self.upn
    }
}

/// Looks at the prerequisites of a session of `upn`. Changes nothing and logs nothing.
pub fn check_prerequisites(machine: &Machine<'_>, upn: &str, remote: bool, now: Timestamp) -> Prerequisites {
    let user = machine.state.user(upn);
    let has_prt = match machine.switches.entra_user {
        EntraUser::Prt => user.and_then(|user| user.prt.as_ref()).is_some_and(|prt| now < prt.facts.expires),
        EntraUser::Account => user.is_some(),
    };
    Prerequisites::check(SessionFacts {
        device_joined: machine.state.registration.is_some(),
        has_prt,
        policy_enabled: machine.policy.use_passport_for_work.value,
        post_logon_enabled: !machine.policy.disable_post_logon_provisioning.value,
        hardware: machine.hardware_decision(),
        remote,
        ngc_set: user.is_some_and(|user| user.container.is_some()),
    })
}

/// The automatic entry: event 358 and on, or event 360, nothing started and no code.
pub fn begin_automatically(
    machine: &mut Machine<'_>,
    upn: &str,
    remote: bool,
    now: Timestamp,
) -> Result<Cleared, Stop> {
    domain_of(upn)?;
    let report = check_prerequisites(machine, upn, remote, now);
    let passed = report.result() == PreReqResult::WillProvision;
    machine.events.record(Event::prerequisites(now, &report, passed));
    if passed {
        Ok(Cleared { upn: upn.to_owned(), since: now, report })
    } else {
        Err(Stop::WillNotProvision(Box::new(report)))
    }
}

/// The user's entry: the report is a warning, and container creation has the last word.
pub fn begin_by_user(machine: &Machine<'_>, upn: &str, now: Timestamp) -> Result<Cleared, Stop> {
    domain_of(upn)?;
    let report = check_prerequisites(machine, upn, false, now);
    Ok(Cleared { upn: upn.to_owned(), since: now, report })
}

/// The user cancels what started by itself: event 6045, and the next session asks again.
///
/// Answers [`Stop::Cancelled`] when it was cancelled; [`Stop::NoCancel`] during OOBE on a device that Intune manages, where the page has
/// no cancel, and nothing changes.
pub fn cancel(machine: &mut Machine<'_>, cleared: Cleared, oobe: bool, now: Timestamp) -> Stop {
    if oobe && machine.managed_by_intune {
        return Stop::NoCancel;
    }
    machine.events.record(Event::started(cleared.since(), Activity::Processing));
    machine.events.record(Event::cancelled(now, Activity::Processing, cleared.since()));
    machine.state.user_mut(&cleared.into_upn()).cancelled = Some(now);
    Stop::Cancelled
}
