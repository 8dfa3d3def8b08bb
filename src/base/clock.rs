//! Time comes in as an argument; this is the only file that asks the machine for it.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

/// Tells the time in UTC.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved: what tests and scenarios run on.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Starts at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock by `by`, which may be negative. Saturates at the ends of the calendar.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *now = now.saturating_add(by).unwrap_or(*now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Seconds between 1601-01-01 and 1970-01-01.
const EPOCH_GAP: i128 = 11_644_473_600;

/// Windows file time: 100-nanosecond ticks since 1601-01-01 UTC (MS-DTYP section 2.3.3).
///
/// Instants before 1601 answer 0.
pub fn filetime(at: Timestamp) -> u64 {
    let ticks = at.as_nanosecond() / 100 + EPOCH_GAP * 10_000_000;
    u64::try_from(ticks).unwrap_or(0)
}

/// The instant of a Windows file time; `None` behind the year 9999.
pub fn from_filetime(ticks: u64) -> Option<Timestamp> {
    Timestamp::from_nanosecond((i128::from(ticks) - EPOCH_GAP * 10_000_000) * 100).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filetime_of_the_key_credential_sample() {
        let at: Timestamp = "2016-02-22T22:02:11Z".parse().unwrap();
        assert_eq!(filetime(at), 131_006_521_310_000_000);
        assert_eq!(from_filetime(filetime(at)), Some(at));
        assert_eq!(from_filetime(u64::MAX), None);
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        clock.advance(SignedDuration::from_secs(601));
        assert_eq!(clock.now().as_second(), 601);
    }
}
