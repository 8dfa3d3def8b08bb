//! `make bench-fleet`: virtual devices by the thousand: each is made, joins, provisions, signs in and sleeps.
//!
//! Shows what a sleeping device takes, and that it wakes. Without `--bench`, as `cargo test` runs it, four devices live.

#![allow(clippy::print_stdout, reason = "a bench tells what it measured")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use whfb::base::{Clock as _, OsRng, SystemClock};
use whfb::device::home::Device;
use whfb::device::join::Join;
use whfb::device::pin::PinRules;
use whfb::device::provision::begin_by_user;
use whfb::device::signin::{Logon, SignIn};
use whfb::device::state::{Condition, Description, TpmChoice};
use whfb::device::tpm::fleet::{AWAKE, Fleet};
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::owner::Owner;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{Direct, Ownership, Pins, Tpm, TpmError};
use whfb::entra::{Database, Options, Rules, SEEDED_PASSWORD};
use whfb::link::{self, drive};

use support::Outcome;

const ALICE: &str = "alice@contoso.example";
const PIN: &str = "314159";
/// As many at a time as there are clients here.
const CLIENTS: usize = 2;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let judged = arguments.iter().any(|argument| argument == "--bench");
    let named = arguments.iter().find_map(|argument| argument.strip_prefix("--devices="));
    let devices: usize = named.map_or(Ok(if judged { 1000 } else { 4 }), str::parse)?;
    let directory = tempfile::tempdir()?;
    let lab = Lab::new(directory.path())?;
    println!("{:>8} {:>12} {:>16} {:>10}", "devices", "memory KiB", "KiB per device", "seconds");
    let (begun, step) = (Instant::now(), devices.div_ceil(10).max(1));
    // The first ones also pay for what all of them share.
    lab.grow(0, step)?;
    let mut points = vec![(step, lab.asleep()?)];
    tell(points[0], points[0], begun);
    for from in (step..devices).step_by(step) {
        let to = devices.min(from + step);
        lab.grow(from, to)?;
        points.push((to, lab.asleep()?));
        tell(points[0], points[points.len() - 1], begun);
    }
    lab.wake_some(devices)?;
    println!("{} of them woke and signed in again", devices.min(20));
    Ok(())
}

/// The tenant and its devices.
struct Lab {
    fleet: Fleet,
    entra: link::Direct,
    root: PathBuf,
}

impl Lab {
    fn new(root: &Path) -> Outcome<Self> {
        let entra = link::Direct::open(Options {
            database: Database::File(root.join("directory.sqlite")),
            rules: Rules::entra(),
            clock: Arc::new(SystemClock),
            vendor_roots: Vec::new(),
            approve_device_codes: None,
        })?;
        Ok(Self { fleet: Fleet::within(CLIENTS * AWAKE), entra, root: root.to_owned() })
    }

    fn device(&self, number: usize) -> PathBuf {
        self.root.join(format!("pc-{number}"))
    }

    /// Makes the devices of these numbers, two at a time.
    fn grow(&self, from: usize, to: usize) -> Outcome<()> {
        let next = AtomicUsize::new(from);
        let lives = std::thread::scope(|scope| {
            let client = || -> Result<(), String> {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= to {
                        return Ok(());
                    }
                    self.live(number).map_err(|error| format!("device {number}: {error}"))?;
                }
            };
            let threads: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(Err("panicked".to_owned()))).collect::<Vec<_>>()
        });
        Ok(lives.into_iter().collect::<Result<(), String>>()?)
    }

    /// A device from its making to its first sign-in with the PIN.
    fn live(&self, number: usize) -> Outcome<()> {
        let (name, dir) = (format!("pc-{number}"), self.device(number));
        let description = Description { name: name.clone(), tpm: TpmChoice::Swtpm, condition: Condition::Ready };
        drop(Device::create(&dir, description)?);
        let pins = {
            let mut swtpm = Swtpm::start(&dir.join("tpm"), Path::new(PROGRAM))?;
            manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_, _, _| Ok(None))?.pins
        };
        self.fleet.add(name, sleeper(dir.join("tpm"), pins));
        self.use_device(number, |device, tpm| {
            let mut rng = OsRng;
            let mut machine = device.machine(Some(tpm), &mut rng, SystemClock.now())?;
            drive(Join::new(ALICE, SEEDED_PASSWORD.into()), &mut machine, &self.entra, &SystemClock)?;
            drive(Logon::new(ALICE, SEEDED_PASSWORD.into()), &mut machine, &self.entra, &SystemClock)?;
            let pin = PinRules::of(&machine.policy).accept(PIN.into()).map_err(|_| "the PIN is refused")?;
            let flow = begin_by_user(&machine, ALICE, SystemClock.now())?.with_pin(pin);
            drive(flow, &mut machine, &self.entra, &SystemClock)?;
            drive(SignIn::new(ALICE, PIN.into()), &mut machine, &self.entra, &SystemClock)?;
            Ok(())
        })
    }

    /// Works on a device, whose TPM is woken for it, and writes what changed.
    fn use_device(
        &self,
        number: usize,
        work: impl FnOnce(&mut Device, &mut (dyn Tpm + 'static)) -> Outcome<()>,
    ) -> Outcome<()> {
        let mut device = Device::open(&self.device(number))?;
        self.fleet.with(&format!("pc-{number}"), |tpm| work(&mut device, tpm))??;
        device.save()?;
        Ok(())
    }

    /// Puts all of them to sleep; resident memory of this process in KiB.
    fn asleep(&self) -> Outcome<usize> {
        self.fleet.sleep();
        assert_eq!(self.fleet.awake(), 0, "all sleep");
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.split_whitespace().next().ok_or("no VmRSS")?.parse()?)
    }

    /// Wakes devices spread over all of them.
    fn wake_some(&self, devices: usize) -> Outcome<()> {
        let some = devices.min(20);
        for number in (0..some).map(|index| index * devices / some) {
            self.use_device(number, |device, tpm| {
                let mut rng = OsRng;
                let mut machine = device.machine(Some(tpm), &mut rng, SystemClock.now())?;
                drive(SignIn::new(ALICE, PIN.into()), &mut machine, &self.entra, &SystemClock)?;
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// A TPM of ours that is opened when it is used.
fn sleeper(directory: PathBuf, pins: Pins) -> Owner {
    let open = move || -> Result<Box<dyn Tpm>, TpmError> {
        let swtpm = Swtpm::start(&directory, Path::new(PROGRAM))?;
        Ok(Box::new(Direct::open(Box::new(swtpm), Ownership::Ours, Some(&pins), Box::new(OsRng))?))
    };
    Owner::new(Box::new(open), None, None)
}

fn tell(first: (usize, usize), last: (usize, usize), begun: Instant) {
    let (more, grown) = (last.0 - first.0, last.1.saturating_sub(first.1));
    let each = if more == 0 { "-".to_owned() } else { format!("{:.2}", grown as f64 / more as f64) };
    println!("{:>8} {:>12} {each:>16} {:>10.0}", last.0, last.1, begun.elapsed().as_secs_f64());
}
