//! `whfb logon`: a Windows session begins.

use serde_json::{Value, json};
use whfb::base::{Clock as _, SystemClock};
use whfb::device::provision::{begin_automatically, cancel, check_prerequisites};
use whfb::device::refresh::{Finding, refresh};
use whfb::device::signin::Logon;
use whfb::device::stop::Stop;
use whfb::device::switches::SOFTWARE_KEY_UNDER_REQUIREMENT;

use crate::args;
use crate::failure::Failure;
use crate::lab::Place;
use crate::opened::Opened;
use crate::output::Output;
use crate::{prompt, provision, tenant};

pub(crate) fn run(args: &args::Logon, place: &Place, output: &Output) -> Result<(), Failure> {
    let (name, dir) = place.choose(args.on.device.as_deref())?;
    let mut opened = Opened::open(&dir)?;
    let link = tenant::link(place)?;
    let upn = &args.by.user;
    let password = prompt::secret("password", args.by.password_file.as_deref())?;
    opened.run(Logon::new(upn, password), link.as_ref())?;
    if args.esp {
        let end = opened.device.policy.last_arrival().unwrap_or(opened.policy_at);
        opened.policy_at = end.max(opened.policy_at);
    }
    let findings = opened.work(|machine| Ok(refresh(machine, SystemClock.now())))?;
    for finding in &findings {
        output.remark(&told(finding));
    }
    let session = json!({
        "device": name, "user": upn, "remote": args.remote, "oobe": args.oobe, "esp": args.esp,
        "policy_at": opened.policy_at, "refresh": findings,
    });
    if has_credential(&mut opened, args)? {
        let text = format!("{upn} has a Hello key on {name} already: nothing starts");
        output.answer(&text, &answer(session, &json!({"event": null, "registered": null})));
        return Ok(());
    }
    let begun = opened.work(|machine| Ok(begin_automatically(machine, upn, args.remote, SystemClock.now())?));
    let cleared = begun.map_err(|failure| {
        let failed = failure.details["failed"].clone();
        failure.details(json!({"event": 360, "failed": failed, "session": session.clone()}))
    })?;
    if args.cancel {
        let stop = opened.work(|machine| Ok(cancel(machine, cleared, args.oobe, SystemClock.now())))?;
        return Err(cancelled(stop));
    }
    let pin = prompt::new_secret("PIN", args.pin.pin_file.as_deref())?;
    let registered = opened.work(|machine| provision::make_key(machine, cleared, pin, link.as_ref()))?;
    let text = provision::describe(&name, &registered);
    output.answer(&text, &answer(session, &json!({"event": 358, "registered": registered})));
    Ok(())
}

/// Whether the user has a credential: then nothing is started, whatever else the check would say.
fn has_credential(opened: &mut Opened, args: &args::Logon) -> Result<bool, Failure> {
    let report =
        opened.work(|machine| Ok(check_prerequisites(machine, &args.by.user, args.remote, SystemClock.now())))?;
    Ok(report.facts().ngc_set)
}

fn cancelled(stop: Stop) -> Failure {
    let next = match stop {
        Stop::NoCancel => "go on with the PIN: leave --cancel out",
        _ => "begin the next session: whfb logon",
    };
    Failure::from(stop).next(next)
}

fn told(finding: &Finding) -> String {
    let Finding { upn, deleted } = finding;
    let what = if *deleted { "its container was deleted" } else { "it stays" };
    format!(
        "warning {SOFTWARE_KEY_UNDER_REQUIREMENT}: policy requires hardware, and the key of {upn} lives in software: {what}"
    )
}

fn answer(session: Value, outcome: &Value) -> Value {
    let mut answer = json!({"ok": true});
    if let (Value::Object(answer), Value::Object(session), Value::Object(outcome)) = (&mut answer, session, outcome) {
        answer.extend(session);
        answer.extend(outcome.clone());
    }
    answer
}
