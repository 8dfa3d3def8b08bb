//! `whfb status`: the short form of `dsregcmd /status`.

use serde_json::{Map, Value, json};
use whfb::base::{Clock as _, SystemClock};
use whfb::device::refresh::software_keys_under_requirement;
use whfb::device::report::Section;
use whfb::device::status::{prerequisite_section, sections};
use whfb::device::switches::{POOL_AUTH_ON_DISK, SOFTWARE_KEY_UNDER_REQUIREMENT};

use crate::args::Status;
use crate::failure::Failure;
use crate::lab::Place;
use crate::opened::Opened;
use crate::output::Output;

pub(crate) fn run(status: &Status, place: &Place, output: &Output) -> Result<(), Failure> {
    let (name, dir) = place.choose(status.on.device.as_deref())?;
    let mut opened = Opened::open(&dir)?;
    let pool_on_disk = opened.device.pool_auth_on_disk();
    let user = opened.device.state.users.keys().next().cloned();
    let (sections, flagged) = opened.work(|machine| {
        let mut sections = sections(machine.state, user.as_deref());
        let provisioned =
            user.as_deref().and_then(|upn| machine.state.user(upn)).is_some_and(|user| user.container.is_some());
        if !provisioned {
            let upn = user.as_deref().unwrap_or_default();
            sections.push(prerequisite_section(machine, upn, false, SystemClock.now()));
        }
        Ok((sections, software_keys_under_requirement(machine.state, &machine.policy)))
    })?;
    let text: Vec<String> = sections.iter().map(ToString::to_string).collect();
    let mut warnings: Vec<(&str, String)> = Vec::new();
    if pool_on_disk {
        let end = if opened.device.switches.pool_persist { "; pool.persist says so" } else { "; it is removed now" };
        warnings.push((POOL_AUTH_ON_DISK, format!("{POOL_ON_DISK}{end}")));
    }
    for upn in flagged {
        let text = format!("the key of {upn} lives in software, and policy requires hardware now");
        warnings.push((SOFTWARE_KEY_UNDER_REQUIREMENT, text));
    }
    for (code, text) in &warnings {
        output.remark(&format!("warning {code}: {text}"));
    }
    let warnings: Vec<Value> = warnings.iter().map(|(code, text)| json!({"code": code, "text": text})).collect();
    output.answer(
        text.join("\n").trim_end(),
        &json!({"ok": true, "device": name, "status": to_json(&sections), "warnings": warnings}),
    );
    Ok(())
}

const POOL_ON_DISK: &str = "pool.json held authorization values of keys made in advance: whoever read it signs with those keys \
                            for ever, without a PIN and without lockout";

/// Sections by title, fields by name.
fn to_json(sections: &[Section]) -> Value {
    let fields = |section: &Section| -> Map<String, Value> {
        section.fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect()
    };
    sections
        .iter()
        .map(|section| (section.title.to_owned(), Value::Object(fields(section))))
        .collect::<Map<_, _>>()
        .into()
}
