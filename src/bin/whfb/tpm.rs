//! `whfb tpm`: ask a TPM about itself, see a pool of keys at work, reset its lockout, clear it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use whfb::base::{OsRng, Secret32, SystemClock};
use whfb::crypto::cipher::random_secret;
use whfb::device::container::pool::KeyPool;
use whfb::device::state::TpmChoice;
use whfb::device::stop::Stop;
use whfb::device::tpm::get_tpm::{GetTpm, Warning, algorithm_name};
use whfb::device::tpm::{Address, Facts, Found, KeyKind, Lockout, Ownership, Tpm, find, open};

use crate::args;
use crate::failure::{Class, Failure};
use crate::lab::Place;
use crate::opened::Opened;
use crate::output::Output;
use crate::{prompt, trace};

pub(crate) fn run(command: &args::Tpm, place: &Place, output: &Output) -> Result<(), Failure> {
    match command {
        args::Tpm::Info(on) => info(&Subject::choose(on, place)?, output),
        args::Tpm::Lockout { on, reset: false, .. } => lockout(&Subject::choose(on, place)?, output),
        args::Tpm::Lockout { on, owner, .. } => reset(&Subject::choose(on, place)?, owner, output),
        args::Tpm::Pool(on) => pool(&Subject::choose(on, place)?, output),
        args::Tpm::Clear { on, owner } => clear(&Subject::choose(on, place)?, owner, output),
    }
}

/// Whose TPM it is.
enum Subject {
    /// A device's, in its directory.
    Device { name: String, dir: PathBuf },
    /// One outside of any device.
    Outside(Address),
}

impl Subject {
    fn choose(on: &args::OnTpm, place: &Place) -> Result<Self, Failure> {
        match &on.tpm {
            Some(TpmChoice::Guest(address)) => Ok(Self::Outside(address.clone())),
            // A swtpm is always a device's, and has its state there.
            Some(choice) => Err(Failure::usage(format!("--tpm {choice} is not a TPM outside of a device"))
                .next("name a TPM of this machine: --tpm device:/dev/tpmrm0, or a device: --device NAME")),
            None => place.choose(on.on.device.as_deref()).map(|(name, dir)| Self::Device { name, dir }),
        }
    }
}

fn absent() -> Failure {
    let code = whfb::base::Hresult::TBS_E_TPM_NOT_FOUND;
    Failure::environment("the device has no TPM that commands can be sent to").coded(code)
}

/// Facts and the kinds of the endorsement certificates, `None` where the TPM is not ready to be asked.
fn ask(subject: &Subject) -> Result<(Facts, Option<Vec<Value>>), Failure> {
    match subject {
        Subject::Device { dir, .. } => {
            let mut opened = Opened::open(dir)?;
            match (opened.device.not_ready.take(), opened.tpm()) {
                (Some(facts), _) => Ok((*facts, None)),
                (None, Some(tpm)) => ask_tpm(tpm),
                (None, None) => Err(absent()),
            }
        }
        Subject::Outside(address) => match find(address, Ownership::Guest, None, Box::new(OsRng), trace::current())? {
            Found::Ready(mut tpm) => ask_tpm(&mut *tpm),
            Found::NotReady(facts) => Ok((*facts, None)),
        },
    }
}

fn ask_tpm(tpm: &mut dyn Tpm) -> Result<(Facts, Option<Vec<Value>>), Failure> {
    let facts = tpm.facts()?;
    let mut certificates = Vec::new();
    for (name, kind) in [("RSA-2048", KeyKind::Rsa2048), ("P-256", KeyKind::P256)] {
        if let Some(der) = tpm.endorsement(kind)?.certificate {
            certificates.push(json!({"key": name, "bytes": der.len()}));
        }
    }
    Ok((facts, Some(certificates)))
}

fn info(subject: &Subject, output: &Output) -> Result<(), Failure> {
    let (facts, certificates) = ask(subject)?;
    let warnings = Warning::of(&facts, certificates.as_ref().map(Vec::len));
    let told: Vec<Value> = warnings
        .iter()
        .map(|warning| json!({"code": warning.code(), "text": warning.text(), "next": warning.next()}))
        .collect();
    let algorithms: Vec<String> = facts.algorithms.iter().copied().map(algorithm_name).collect();
    let object = json!({"ok": true, "tpm": facts, "get_tpm": GetTpm::of(&facts), "ek_certificates": certificates,
        "algorithms": algorithms, "warnings": told});
    let mut text = describe(&facts, certificates.as_deref(), &algorithms);
    for warning in warnings {
        text.push_str(&format!("\n\nwarning {}: {}\n   next: {}", warning.code(), warning.text(), warning.next()));
    }
    output.answer(&text, &object);
    Ok(())
}

fn describe(facts: &Facts, certificates: Option<&[Value]>, algorithms: &[String]) -> String {
    let none_or = |list: Vec<String>| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let handles: Vec<String> = facts.persistent.iter().map(|handle| format!("0x{handle:08X}")).collect();
    let certificates = certificates.map_or("not asked: the TPM is not ready".to_owned(), |list| {
        let words = |each: &Value| format!("{} ({} bytes)", each["key"].as_str().unwrap_or_default(), each["bytes"]);
        none_or(list.iter().map(words).collect())
    });
    let injected = if facts.injected.is_empty() { "" } else { " (laid over the TPM's own answer)" };
    let lockout = &facts.lockout;
    let rows = [
        ("manufacturer", format!("{} (id:{:08X}), {}", facts.manufacturer, facts.manufacturer_id, facts.vendor)),
        ("specification", facts.specification.clone()),
        ("firmware", facts.firmware.clone()),
        ("ready", yes(facts.ready)),
        ("self-test", if facts.self_test { "passed" } else { "FAILED" }.to_owned()),
        ("FIPS mode", format!("{}{injected}", yes(facts.fips))),
        ("lockout", counted(lockout)),
        ("healing", healing(lockout)),
        ("lockout reset", protected(lockout)),
        ("clear", if facts.clear_disabled { "disabled" } else { "by the lockout authorization" }.to_owned()),
        ("EK certificates", certificates),
        ("persistent", none_or(handles)),
        ("algorithms", wrapped(&algorithms.join(" "))),
    ];
    rows.map(|(name, value)| format!("{name:>15}  {value}")).join("\n")
}

/// Breaks a long list into lines below each other.
fn wrapped(words: &str) -> String {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 80 => line.push_str(&format!("{word} ")),
            _ => lines.push(format!("{word} ")),
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join(&format!("\n{:17}", ""))
}

fn counted(lockout: &Lockout) -> String {
    let state = if lockout.locked_out { "LOCKED OUT" } else { "open" };
    format!("{state}, {} of {} failures counted", lockout.count, lockout.max)
}

fn healing(lockout: &Lockout) -> String {
    let Lockout { heal_seconds, recovery_seconds, .. } = lockout;
    format!("one failure every {heal_seconds} s; a wrong reset blocks resets for {recovery_seconds} s")
}

fn protected(lockout: &Lockout) -> String {
    if lockout.reset_protected { "needs its authorization" } else { "NOT PROTECTED: anybody can reset" }.to_owned()
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn lockout(subject: &Subject, output: &Output) -> Result<(), Failure> {
    let lockout = ask(subject)?.0.lockout;
    let text = format!("{}\n{}\nreset: {}", counted(&lockout), healing(&lockout), protected(&lockout));
    output.answer(&text, &json!({"ok": true, "lockout": lockout}));
    Ok(())
}

/// Shows a pool at work. Nothing of it is kept: it ends with this process, as every pool does.
fn pool(subject: &Subject, output: &Output) -> Result<(), Failure> {
    match subject {
        Subject::Device { dir, .. } => {
            let mut opened = Opened::open(dir)?;
            show_pool(opened.tpm().ok_or_else(absent)?, output)
        }
        Subject::Outside(address) => {
            show_pool(&mut *open(address, Ownership::Guest, None, Box::new(OsRng), trace::current())?, output)
        }
    }
}

fn show_pool(tpm: &mut dyn Tpm, output: &Output) -> Result<(), Failure> {
    /// Enough to see that making keys scatters.
    const KEYS: usize = 3;
    let (pool, mut made) = (KeyPool::of(KEYS), Vec::new());
    while pool.wants_more() {
        let begun = Instant::now();
        pool.make_one(tpm, &mut OsRng, &SystemClock)?;
        made.push(begun.elapsed());
        let took = milliseconds(made.last().copied().unwrap_or_default());
        output.line(&format!("made     {took:8.1} ms  key {} of {KEYS}, in memory", made.len()));
    }
    let key = pool.take().ok_or_else(|| Failure::new(Class::Bug, "a full pool hands out no key"))?;
    let begun = Instant::now();
    let (_, handle) = tpm.claim(&key.blob, &key.auth, &random_secret(&mut OsRng))?;
    let claimed = begun.elapsed();
    tpm.unload(handle)?;
    let text = format!(
        "claimed  {:8.1} ms  one of them: its authorization was replaced\n{} keys end with this process; nothing of them is on disk",
        milliseconds(claimed),
        KEYS
    );
    let made: Vec<f64> = made.into_iter().map(milliseconds).collect();
    output.answer(&text, &json!({"ok": true, "made_ms": made, "claimed_ms": milliseconds(claimed), "kept": false}));
    Ok(())
}

/// To a thousandth.
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

fn reset(subject: &Subject, owner: &args::Owner, output: &Output) -> Result<(), Failure> {
    let what = "forgets every counted wrong authorization";
    let after = change(subject, owner, output, what, |tpm, auth| tpm.reset_lockout(auth))?;
    output.answer(&format!("lockout reset: {}", counted(&after)), &json!({"ok": true, "lockout": after}));
    Ok(())
}

fn clear(subject: &Subject, owner: &args::Owner, output: &Output) -> Result<(), Failure> {
    let what = "clears it: every key below its storage root key is lost for ever, every persistent key and every NV index of the \
                owner is removed, and the lockout authorization becomes empty";
    let after = change(subject, owner, output, what, |tpm, auth| tpm.clear(auth))?;
    let next = match subject {
        Subject::Device { name, .. } => format!(
            "\nthe device will find a cleared TPM; to begin anew: whfb device remove {name}, then whfb device create {name}"
        ),
        Subject::Outside(_) => "\nprovision it again with the system's own tools, or use it as it is".to_owned(),
    };
    output.answer(&format!("cleared{next}"), &json!({"ok": true, "cleared": true, "lockout": after}));
    Ok(())
}

/// Does to a TPM what only its owner may do, saying so first.
fn change(
    subject: &Subject,
    owner: &args::Owner,
    output: &Output,
    what: &str,
    deed: impl FnOnce(&mut dyn Tpm, &Secret32) -> Result<(), whfb::device::tpm::TpmError>,
) -> Result<Lockout, Failure> {
    let given = owner.lockout_auth_file.as_deref().map(lockout_auth).transpose()?;
    match subject {
        Subject::Device { name, dir } => {
            let mut opened = Opened::open(dir)?;
            if let TpmChoice::Guest(address) = &opened.device.state.description.tpm {
                return Err(Failure::usage(format!("the TPM of {name} is one that whfb did not start"))
                    .next(format!("say so by its address: --tpm {address} --i-own-this-tpm")));
            }
            let kept = opened.work(|machine| machine.lockout_auth().map_err(|error| Stop::from(error).into()))?;
            let auth = given.or(kept).ok_or_else(no_auth)?;
            output.remark(&format!("on the TPM of {name}, whfb {what}"));
            let tpm = opened.tpm().ok_or_else(absent)?;
            deed(tpm, &auth)?;
            let lockout = tpm.facts()?.lockout;
            Ok(lockout)
        }
        Subject::Outside(address) if !owner.i_own_this_tpm => {
            Err(Failure::usage(format!("on the TPM at {address}, which whfb did not start, this {what}"))
                .next("if it is yours and you mean it, add --i-own-this-tpm"))
        }
        Subject::Outside(address) => {
            // Trailing zeros do not count: 32 zero bytes are the empty authorization.
            let auth = given.unwrap_or_else(|| Secret32::new(Box::new([0; 32])));
            let mut tpm = open(address, Ownership::Allowed, None, Box::new(OsRng), trace::current())?;
            output.remark(&format!("on the TPM at {address}, whfb {what}"));
            deed(&mut *tpm, &auth)?;
            Ok(tpm.facts()?.lockout)
        }
    }
}

fn no_auth() -> Failure {
    Failure::environment("no lockout authorization of this TPM is kept").next("give it: --lockout-auth-file FILE")
}

/// Reads 32 bytes in hexadecimal.
fn lockout_auth(path: &Path) -> Result<Secret32, Failure> {
    use whfb::base::ExposeSecret as _;
    let text = prompt::secret("lockout authorization", Some(path))?;
    let digits = text.expose_secret().trim().as_bytes();
    let mut bytes = Box::new([0u8; 32]);
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut whole = digits.len() == 64;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        match pair {
            [high, low] => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => whole = false,
            },
            _ => whole = false,
        }
    }
    if whole {
        Ok(Secret32::new(bytes))
    } else {
        Err(Failure::usage(format!("{} does not hold 64 hexadecimal digits in its first line", path.display())))
    }
}
