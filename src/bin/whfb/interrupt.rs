//! Ctrl-C: what was begun is ended in order, and nothing stays behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use crate::failure::Failure;

/// Says whether the user wants to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    raised: AtomicBool,
    wake: Condvar,
    guard: Mutex<()>,
}

impl Interrupt {
    /// Listens for Ctrl-C, SIGTERM and SIGHUP. A second signal ends the process at once.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let interrupt = Self::default();
        let inner = Arc::clone(&interrupt.0);
        ctrlc::set_handler(move || {
            if inner.raised.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            inner.wake.notify_all();
        })
        .map_err(|error| Failure::environment(format!("signals cannot be handled: {error}")))?;
        Ok(interrupt)
    }

    /// An error once the user has asked to stop; called between steps.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.0.raised.load(Ordering::SeqCst) {
            Err(Failure::environment("interrupted; everything was cleaned up"))
        } else {
            Ok(())
        }
    }

    /// Sleeps until the user asks to stop.
    pub(crate) fn wait(&self) {
        let mut guard = self.0.guard.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while !self.0.raised.load(Ordering::SeqCst) {
            // A bounded wait: a signal between the look and the sleep costs at most this long.
            let bound = std::time::Duration::from_millis(200);
            guard = self
                .0
                .wake
                .wait_timeout(guard, bound)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard);
        }
    }
}
