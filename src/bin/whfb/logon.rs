//! `whfb logon`: a Windows session begins.

use serde_json::{Value, json};
use whfb::base::{Clock as _, SystemClock};
use whfb::device::provision::{begin_automatically, cancel};
use whfb::device::refresh::{Finding, refresh};
use whfb::device::stop::Stop;
use whfb::device::switches::SOFTWARE_KEY_UNDER_REQUIREMENT;

use crate::args;
use crate::failure::Failure;
use crate::lab::Place;
use crate::output::Output;
use crate::{prompt, provision};

pub(crate) fn run(args: &args::Logon, place: &Place, output: &Output) -> Result<(), Failure> {
    let (name, mut opened, link) = provision::signed_in(&args.on, &args.by, place)?;
    let upn = &args.by.user;
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
    // With a credential nothing is started, whatever else the check would say.
    if opened.device.state.user(upn).is_some_and(|user| user.container.is_some()) {
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
