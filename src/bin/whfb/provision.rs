//! `whfb provision`: the user's entry to a PIN-gated, attested, registered key.

use serde_json::json;
use whfb::base::{Clock as _, SecretString, SystemClock};
use whfb::device::flow::Machine;
use whfb::device::pin::PinRules;
use whfb::device::prereq::PreReqResult;
use whfb::device::provision::{Cleared, Registered, begin_automatically, begin_by_user};
use whfb::device::signin::Logon;
use whfb::link::{Link, drive};

use crate::args;
use crate::failure::{Class, Failure};
use crate::lab::Place;
use crate::opened::Opened;
use crate::output::Output;
use crate::{prompt, tenant};

pub(crate) fn run(args: &args::Provision, place: &Place, output: &Output) -> Result<(), Failure> {
    let (name, mut opened, link) = signed_in(&args.on, &args.by, place)?;
    let upn = &args.by.user;
    warn(&mut opened, upn, output)?;
    let pin = prompt::new_secret("PIN", args.pin.pin_file.as_deref())?;
    let registered = by_user(&mut opened, upn, pin, link.as_ref())?;
    output.answer(&describe(&name, &registered), &json!({"ok": true, "device": name, "registered": registered}));
    Ok(())
}

/// A device whose user has signed in with the password: its name, itself, and the way to its tenant.
pub(crate) fn signed_in(
    on: &args::OnDevice,
    by: &args::ByPassword,
    place: &Place,
) -> Result<(String, Opened, Box<dyn Link>), Failure> {
    let (name, dir) = place.choose(on.device.as_deref())?;
    let mut opened = Opened::open(&dir)?;
    let link = tenant::link(place)?;
    let password = prompt::secret("password", by.password_file.as_deref())?;
    opened.run(Logon::new(&by.user, password), link.as_ref())?;
    Ok((name, opened, link))
}

/// By the user's own entry the prerequisite report is a warning, not an end.
fn warn(opened: &mut Opened, upn: &str, output: &Output) -> Result<(), Failure> {
    let report = opened.work(|machine| Ok(begin_by_user(machine, upn, SystemClock.now())?))?;
    if report.report().result() == PreReqResult::WillNotProvision {
        let failed = report.report().failed().join(", ");
        output.remark(&format!("warning: a session would not start this by itself: {failed}"));
    }
    Ok(())
}

/// The user's own entry.
pub(crate) fn by_user(
    opened: &mut Opened,
    upn: &str,
    pin: SecretString,
    link: &dyn Link,
) -> Result<Registered, Failure> {
    opened.work(|machine| {
        let cleared = begin_by_user(machine, upn, SystemClock.now())?;
        make_key(machine, cleared, pin, link)
    })
}

/// What a session does at its start: nothing, unless every prerequisite is met.
pub(crate) fn automatically(
    opened: &mut Opened,
    upn: &str,
    pin: SecretString,
    link: &dyn Link,
) -> Result<Registered, Failure> {
    opened.work(|machine| {
        let cleared = begin_automatically(machine, upn, false, SystemClock.now())?;
        make_key(machine, cleared, pin, link)
    })
}

/// Accepts the PIN under the device's policy, then runs the flow.
pub(crate) fn make_key(
    machine: &mut Machine<'_>,
    cleared: Cleared,
    pin: SecretString,
    link: &dyn Link,
) -> Result<Registered, Failure> {
    let pin = PinRules::of(&machine.policy).accept(pin).map_err(|fault| {
        Failure::new(Class::Refused, format!("this PIN is not accepted: {fault}")).next("choose another PIN")
    })?;
    Ok(drive(cleared.with_pin(pin), machine, link, &SystemClock)?)
}

pub(crate) fn describe(device: &str, registered: &Registered) -> String {
    let level = registered.attestation.as_deref().unwrap_or("the server said nothing");
    format!(
        "{} has a Hello key on {device}\n  key id       {}\n  kid          {}\n  provider     {}\n  attestation  {level}\n  container    {}",
        registered.upn,
        registered.key_id,
        registered.kid,
        registered.provider.name(),
        registered.container_id
    )
}
