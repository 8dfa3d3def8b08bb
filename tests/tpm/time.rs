//! Lockout in the TPM's own time, to the second: swtpm under `libfaketime`, whose clock is a file (behaviour.md 11.4).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use whfb::base::{OsRng, secret_slice};
use whfb::device::tpm::manufacture::{Owned, manufacture};
use whfb::device::tpm::swtpm::Swtpm;
use whfb::device::tpm::{Direct, Gate, Lockout, LockoutLimits, Ownership, SealedBlob, Tpm as _, TpmError};

use crate::support::{missing, secret, tempdir, token_certificate};

/// A TPM whose clock the test sets. Fields drop in order.
struct Timed {
    tpm: Direct,
    protector: SealedBlob,
    directory: TempDir,
}

/// Where Debian keeps the library: the folder is named after the machine.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    folders.flatten().map(|entry| entry.path().join("faketime/libfaketime.so.1")).find(|path| path.is_file())
}

impl Timed {
    fn new() -> Option<Self> {
        let library = library().or_else(|| missing("lockout in the TPM's time", "libfaketime"))?;
        let directory = tempdir();
        let (clock, program) = (directory.path().join("clock"), directory.path().join("swtpm"));
        set(&clock, 0);
        // The monotonic clock is faked, too: it is the one that lockout follows.
        let script = format!(
            "#!/bin/sh\nLD_PRELOAD='{}' FAKETIME_TIMESTAMP_FILE='{}' FAKETIME_NO_CACHE=1 exec swtpm \"$@\"\n",
            library.display(),
            clock.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let mut swtpm = Swtpm::start(&directory.path().join("tpm"), &program).unwrap();
        let Owned { pins, .. } = manufacture(&mut swtpm, &mut OsRng, &token_certificate).unwrap();
        let mut tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&pins), Box::new(OsRng)).unwrap();
        let protector = tpm.seal(&secret_slice(vec![7; 96]), Gate::Counted(&secret(1))).unwrap();
        Some(Self { tpm, protector, directory })
    }

    /// Sets the clock to that many seconds after the start.
    fn at(&self, seconds: u64) {
        set(&self.directory.path().join("clock"), seconds);
    }

    fn unlock(&mut self, byte: u8) -> Result<(), TpmError> {
        self.tpm.unseal(&self.protector, Gate::Counted(&secret(byte))).map(drop)
    }

    fn lockout(&mut self) -> Lockout {
        self.tpm.facts().unwrap().lockout
    }

    fn lock_out(&mut self) {
        for attempt in 1..=LockoutLimits::WINDOWS.max_tries {
            assert!(matches!(self.unlock(2), Err(TpmError::WrongCounted)), "{attempt}");
        }
        assert!(self.lockout().locked_out);
    }
}

/// libfaketime takes a file with an absolute time, in the local zone; without an `@` before it the clock stands still.
fn set(clock: &Path, seconds: u64) {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Written beside and renamed: the emulator reads it at any moment.
    let beside = clock.with_extension("new");
    fs::write(&beside, format!("2026-11-22 {hours:02}:{minutes:02}:{seconds:02}\n")).unwrap();
    fs::rename(&beside, clock).unwrap();
}

#[test]
fn thirty_two_failures_lock_for_ten_minutes_and_one_more_locks_again() {
    let Some(mut timed) = Timed::new() else { return };
    timed.lock_out();
    timed.at(599);
    assert!(matches!(timed.unlock(1), Err(TpmError::LockedOut)), "locked, whether right or wrong");
    timed.at(600);
    assert_eq!(timed.lockout().count, 31);
    assert!(matches!(timed.unlock(2), Err(TpmError::WrongCounted)));
    assert!(matches!(timed.unlock(1), Err(TpmError::LockedOut)), "one more locks again");
}

#[test]
fn the_right_pin_after_ten_minutes_opens_and_leaves_the_count() {
    let Some(mut timed) = Timed::new() else { return };
    timed.lock_out();
    timed.at(600);
    timed.unlock(1).unwrap();
    assert_eq!(timed.lockout().count, 31);
    timed.at(1199);
    assert_eq!(timed.lockout().count, 31);
    timed.at(1200);
    assert_eq!(timed.lockout().count, 30);
}

#[test]
fn three_hundred_and_twenty_minutes_without_failure_forget_all() {
    let Some(mut timed) = Timed::new() else { return };
    timed.lock_out();
    timed.at(19_199);
    assert_eq!(timed.lockout().count, 1);
    timed.at(19_200);
    let lockout = timed.lockout();
    assert_eq!((lockout.count, lockout.locked_out), (0, false));
    timed.unlock(1).unwrap();
}
