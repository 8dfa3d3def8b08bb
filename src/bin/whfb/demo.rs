//! `whfb demo`: the whole story over real HTTPS, with its evidence.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use whfb::base::{Clock as _, Hresult, SecretString, SystemClock};
use whfb::device::join::Join;
use whfb::device::provision::check_prerequisites;
use whfb::device::signin::{Logon, SignIn};
use whfb::device::state::TpmChoice;
use whfb::device::tpm::{Condition, KeyKind};
use whfb::entra::server::Server;
use whfb::entra::{Profile, SEEDED_DOMAIN, SEEDED_PASSWORD, SEEDED_TENANT};
use whfb::link::{Direct, Http};

use crate::args::Demo;
use crate::failure::{Class, Failure};
use crate::interrupt::Interrupt;
use crate::lab::Place;
use crate::opened::Opened;
use crate::output::Output;
use crate::story::{Evidence, Story};
use crate::{device, policy, provision};

const ALICE: &str = "alice@contoso.example";
const BOB: &str = "bob@contoso.example";
const PIN: &str = "314159";
const WRONG_PIN: &str = "271828";
const WITH_TPM: &str = "LAB-PC-1";
const WITHOUT_TPM: &str = "LAB-PC-2";

pub(crate) fn run(demo: &Demo, output: &Output) -> Result<(), Failure> {
    if matches!(demo.tpm, TpmChoice::None | TpmChoice::V12) {
        return Err(Failure::usage("the demo shows a key in a TPM 2.0, and what happens without one")
            .next("leave --tpm out, or name a TPM 2.0: --tpm device:/dev/tpmrm0"));
    }
    let interrupt = Interrupt::listen()?;
    let temporary = if demo.keep.is_some() { None } else { Some(temporary_directory()?) };
    let dir = demo.keep.as_deref().or_else(|| temporary.as_ref().map(TempDir::path));
    let place = Place::new(dir.map(Path::to_owned))?;
    check_empty(&place)?;
    place.prepare()?;
    output.line("whfb demo: Windows Hello for Business, key creation and sign-in, on this machine alone");

    let mut story = Story::new(output, interrupt);
    let outcome = tell(&mut story, &place, demo);
    let steps = story.into_steps();
    if let Some(temporary) = temporary {
        temporary.close().map_err(|error| Failure::environment(format!("the temporary directory stays: {error}")))?;
    }
    outcome.map_err(|failure| failure.details(json!({"steps_done": steps.len()})))?;
    let kept = demo.keep.as_ref().map(|_| place.dir().display().to_string());
    let closing = match &kept {
        Some(dir) => format!(
            "\n{} steps as expected; kept in {dir}: try whfb --state {dir} status --device {WITH_TPM}",
            steps.len()
        ),
        None => format!("\n{} steps as expected; nothing is left behind", steps.len()),
    };
    output.answer(&closing, &json!({"ok": true, "version": env!("CARGO_PKG_VERSION"), "kept": kept, "steps": steps}));
    Ok(())
}

fn temporary_directory() -> Result<TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("whfb-demo-")
        .tempdir()
        .map_err(|error| Failure::environment(format!("no temporary directory: {error}")))
}

/// A demo begins with nothing: it adds to no state that somebody keeps.
fn check_empty(place: &Place) -> Result<(), Failure> {
    let mut entries = match std::fs::read_dir(place.dir()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(place.trouble(place.dir(), &error)),
    };
    match entries.next() {
        None => Ok(()),
        Some(_) => {
            Err(Failure::usage(format!("{} is not empty", place.dir().display()))
                .next("name an absent or empty directory"))
        }
    }
}

fn tell(story: &mut Story<'_>, place: &Place, demo: &Demo) -> Result<(), Failure> {
    story.chapter("A device with a TPM, under RequireSecurityDevice");
    let tenant = story.step("tenant", "start a tenant", || Tenant::start(place, Profile::Entra))?;
    with_tpm(story, place, demo, &tenant.link)?;

    story.chapter("The same device without a TPM");
    let mut bare = without_tpm(story, place, &tenant.link)?;
    drop(tenant);

    story.chapter("A server that takes attested hardware keys alone");
    let tenant = story.step("strict-tenant", "restart the tenant with rules hardware-required", || {
        Tenant::start(place, Profile::HardwareRequired)
    })?;
    refuse_software_key(story, &mut bare, &tenant)
}

/// A tenant behind HTTPS. Fields drop in order: the listener ends before the directory closes.
struct Tenant {
    link: Http,
    /// Listens as long as it is held.
    _server: Server,
    entra: Direct,
}

impl Tenant {
    fn start(place: &Place, profile: Profile) -> Result<(Self, Evidence), Failure> {
        let entra = Direct::open(place.entra_options(profile.rules())?)?;
        let server = Server::start(Arc::clone(entra.entra()), ([127, 0, 0, 1], 0).into())?;
        let link = Http::new(server.address(), server.ca_pem())?;
        let evidence = vec![
            ("tenant", format!("{SEEDED_DOMAIN} ({SEEDED_TENANT})").into()),
            ("listens on", format!("https://{}", server.address()).into()),
            ("rules", profile.name().into()),
        ];
        Ok((Self { link, _server: server, entra }, evidence))
    }

    /// How many keys the directory holds.
    fn keys(&self) -> Result<usize, Failure> {
        let snapshot = self.entra.wait(self.entra.entra().snapshot());
        snapshot.map(|snapshot| snapshot.keys.len()).map_err(|error| Failure::environment(error.to_string()))
    }
}

fn with_tpm(story: &mut Story<'_>, place: &Place, demo: &Demo, link: &Http) -> Result<(), Failure> {
    let guest = matches!(demo.tpm, TpmChoice::Guest(_));
    let title = if guest { "meet the TPM, as a guest" } else { "make a device and manufacture its TPM" };
    let mut opened = story.step("device", title, || {
        let mut opened = device::create(place, WITH_TPM, &demo.tpm, Condition::Ready)?;
        let evidence = tpm_evidence(&mut opened)?;
        Ok((opened, evidence))
    })?;
    story.step("policy", "require a hardware security device", || require(&mut opened, true))?;
    story.step("join", "join the device to the tenant", || join(&mut opened, ALICE, link))?;
    story.step("logon", "sign in with the password, as a first session does", || logon(&mut opened, ALICE, link))?;
    story.step("prerequisites", "check the prerequisites of provisioning", || prerequisites(&mut opened, ALICE))?;
    story.step("provision", "PIN, TPM key, attestation, registration", || {
        let registered = provision::automatically(&mut opened, ALICE, PIN.into(), link)?;
        let evidence = vec![
            ("key id", registered.key_id.to_string().into()),
            ("kid", registered.kid.as_str().into()),
            ("provider", registered.provider.name().into()),
            ("attestation level", registered.attestation.as_deref().unwrap_or("none").into()),
        ];
        Ok(((), evidence))
    })?;
    story.step("sign-in", "sign in with the PIN", || {
        let signed_in = opened.run(SignIn::new(ALICE, PIN.into()), link)?;
        let evidence = vec![
            ("key id", signed_in.key_id.to_string().into()),
            ("PRT amr", json!(signed_in.prt.amr)),
            ("PRT user", signed_in.prt.upn.as_str().into()),
            ("PRT expires", format!("{:.0}", signed_in.prt.expires).into()),
        ];
        Ok(((), evidence))
    })?;
    if guest && !demo.i_own_this_tpm {
        // A try of somebody else's TPM is not ours to spend.
        return Ok(());
    }
    story.refused(
        "wrong-pin",
        "try a wrong PIN: the TPM counts",
        || opened.run(SignIn::new(ALICE, WRONG_PIN.into()), link),
        |failure| {
            Ok(vec![
                ("counted", failure.details["lockout"]["count"].clone()),
                ("locks at", failure.details["lockout"]["max"].clone()),
            ])
        },
    )
}

fn without_tpm(story: &mut Story<'_>, place: &Place, link: &Http) -> Result<Opened, Failure> {
    let mut opened = story.step("device-without-tpm", "make the device without a TPM and join it", || {
        let mut opened = device::create(place, WITHOUT_TPM, &TpmChoice::None, Condition::Ready)?;
        let ((), evidence) = join(&mut opened, ALICE, link)?;
        logon(&mut opened, ALICE, link)?;
        Ok((opened, evidence))
    })?;
    story.step("policy-required", "require a hardware security device", || require(&mut opened, true))?;
    story.refused(
        "automatic-entry",
        "the session's own entry: nothing starts",
        || provision::automatically(&mut opened, ALICE, PIN.into(), link),
        |failure| Ok(vec![("event", 360.into()), ("failed", failure.details["failed"].clone())]),
    )?;
    expect_event(&opened, 360)?;
    story.refused(
        "user-entry-required",
        "the user's entry, TPM required",
        || provision::by_user(&mut opened, ALICE, PIN.into(), link),
        |failure| expect_code(failure, Hresult::NTE_DEVICE_NOT_FOUND),
    )?;
    story.step("policy-preferred", "prefer a TPM, but do not require it", || require(&mut opened, false))?;
    story.step("user-entry-preferred", "the user's entry, TPM not required: a software key", || {
        let registered = provision::by_user(&mut opened, ALICE, PIN.into(), link)?;
        let evidence = vec![
            ("key id", registered.key_id.to_string().into()),
            ("provider", registered.provider.name().into()),
            ("attestation level", registered.attestation.as_deref().unwrap_or("none").into()),
        ];
        Ok(((), evidence))
    })?;
    Ok(opened)
}

fn refuse_software_key(story: &mut Story<'_>, opened: &mut Opened, tenant: &Tenant) -> Result<(), Failure> {
    let (link, before) = (&tenant.link, tenant.keys()?);
    logon(opened, BOB, link)?;
    story.refused(
        "software-key-refused",
        "register a software key for bob",
        || provision::by_user(opened, BOB, PIN.into(), link),
        |failure| expect_code(failure, Hresult::DSREG_E_ATTESTATION_FAILED),
    )?;
    if before == tenant.keys()? { Ok(()) } else { Err(Failure::new(Class::Bug, "a refused key was stored")) }
}

fn tpm_evidence(opened: &mut Opened) -> Result<Evidence, Failure> {
    let tpm = opened.tpm().ok_or_else(|| Failure::new(Class::Bug, "the device has no TPM"))?;
    let facts = tpm.facts()?;
    let certified = tpm.endorsement(KeyKind::Rsa2048)?.certificate.is_some();
    Ok(vec![
        ("TPM", format!("{} {}, firmware {}", facts.specification, facts.manufacturer, facts.firmware).into()),
        ("EK certificate", if certified { "present" } else { "absent" }.into()),
        ("lockout", format!("{} of {} failures", facts.lockout.count, facts.lockout.max).into()),
    ])
}

fn require(opened: &mut Opened, required: bool) -> Result<((), Evidence), Failure> {
    let assignment = format!("RequireSecurityDevice={required}");
    policy::set(&mut opened.device, std::slice::from_ref(&assignment))?;
    opened.device.save()?;
    Ok(((), vec![("set", assignment.into())]))
}

fn join(opened: &mut Opened, upn: &str, link: &Http) -> Result<((), Evidence), Failure> {
    let joined = opened.run(Join::new(upn, SecretString::from(SEEDED_PASSWORD)), link)?;
    let evidence = vec![
        ("device id", joined.device_id.to_string().into()),
        ("device keys in", joined.provider.name().into()),
        ("certificate", joined.thumbprint.into()),
    ];
    Ok(((), evidence))
}

fn logon(opened: &mut Opened, upn: &str, link: &Http) -> Result<((), Evidence), Failure> {
    let prt = opened.run(Logon::new(upn, SecretString::from(SEEDED_PASSWORD)), link)?;
    Ok(((), vec![("PRT amr", json!(prt.amr)), ("PRT expires", format!("{:.0}", prt.expires).into())]))
}

fn prerequisites(opened: &mut Opened, upn: &str) -> Result<((), Evidence), Failure> {
    let report = opened.work(|machine| Ok(check_prerequisites(machine, upn, false, SystemClock.now())))?;
    Ok(((), vec![("PreReqResult", report.result().word().into())]))
}

fn expect_code(failure: &Failure, code: Hresult) -> Result<Evidence, Failure> {
    if failure.hresult == Some(code) {
        return Ok(Vec::new());
    }
    Err(Failure::new(Class::Bug, format!("{code} was expected: {}", failure.message)))
}

fn expect_event(opened: &Opened, id: u16) -> Result<(), Failure> {
    let logged = opened.device.logged_events()?;
    let found: Vec<Value> = logged.iter().map(|event| event.id.into()).collect();
    if logged.iter().any(|event| event.id == id) {
        return Ok(());
    }
    Err(Failure::new(Class::Bug, format!("event {id} was expected among {found:?}")))
}
