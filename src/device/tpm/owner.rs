//! A TPM with a thread of its own: started at its first use, put to sleep when nobody uses it, woken by the next use.
//!
//! The thread opens the TPM and ends it, so a TPM that sleeps is a few hundred bytes: no thread, no process, no descriptor.
//! Whoever wants to send commands gets the TPM to [work with](Owner::with) and has it alone meanwhile. In between the
//! thread does [`Chores`], one TPM command at a time, so that a user never waits for more than one of them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Tpm, TpmError};

/// Opens the TPM; called at every waking, on the owner's thread.
pub type Opener = Box<dyn Fn() -> Result<Box<dyn Tpm>, TpmError> + Send + Sync>;

/// Work for a TPM that nobody uses, such as filling a pool: one TPM command per call. Says whether there is more to do; after
/// an error or a "no" it is not called again before somebody has used the TPM.
pub type Chores = Box<dyn FnMut(&mut dyn Tpm) -> Result<bool, TpmError> + Send>;

/// How long a user waits for others. Longer than the slowest command: no queue of users is meant to be so long.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long a TPM has to be unused before its owner begins with a chore: the commands of one flow follow each other faster.
const QUIET: Duration = Duration::from_millis(20);

/// A TPM that users take turns with, and that sleeps in between. Dropping it ends the TPM in order.
pub struct Owner(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    open: Opener,
    sleep_after: Option<Duration>,
}

struct State {
    stage: Stage,
    chores: Option<Chores>,
    /// Whether the chores have something to do, as far as is known.
    chores_left: bool,
    /// How many wait for their turn.
    waiting: usize,
    /// Whether somebody wants the TPM to sleep.
    sleep: bool,
    last_use: Instant,
}

enum Stage {
    Asleep,
    /// The thread has the TPM: it opens it, does a chore or ends it.
    Busy,
    Idle(Box<dyn Tpm>),
    InUse,
    /// Its user panicked, and the TPM ended with that.
    Lost,
    /// It could not be opened, which the next in the queue is told.
    Broken(TpmError),
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (awake, waiting) = (self.is_awake(), self.0.state().waiting);
        f.debug_struct("Owner").field("awake", &awake).field("waiting", &waiting).finish_non_exhaustive()
    }
}

impl Owner {
    /// Owns the TPM that `open` opens, gives it `chores` while nobody uses it, and puts it to sleep when it was not used for
    /// `sleep_after`. Nothing is started before the first use.
    pub fn new(open: Opener, chores: Option<Chores>, sleep_after: Option<Duration>) -> Self {
        let state = State {
            stage: Stage::Asleep,
            chores_left: chores.is_some(),
            chores,
            waiting: 0,
            sleep: false,
            last_use: Instant::now(),
        };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), open, sleep_after }))
    }

    /// Works with the TPM, which is woken if it sleeps. Waits for other users, and for at most one command of the chores.
    ///
    /// A TPM that answers [`TpmError::Gone`] stays gone; put it to [sleep](Self::sleep), and the next use starts it anew.
    ///
    /// # Errors
    /// Those of opening it; [`TpmError::Unavailable`] when others use it for five minutes on end.
    pub fn with<T>(&self, work: impl FnOnce(&mut (dyn Tpm + 'static)) -> T) -> Result<T, TpmError> {
        self.queue().with(work)
    }

    /// Takes a place in the queue: until it is given up the TPM does no chore and does not fall asleep.
    pub(super) fn queue(&self) -> Place<'_> {
        self.0.state().waiting += 1;
        Place(&self.0)
    }

    /// Whether the TPM runs.
    pub fn is_awake(&self) -> bool {
        !matches!(self.0.state().stage, Stage::Asleep | Stage::Broken(_))
    }

    /// Ends the TPM in order and waits for its end. Whether it sleeps now: not when somebody uses it or waits for it.
    pub fn sleep(&self) -> bool {
        let (mut state, deadline) = (self.0.state(), Instant::now() + PATIENCE);
        loop {
            match state.stage {
                // Also one that sleeps still is about to be woken.
                _ if state.waiting > 0 => return false,
                Stage::Asleep | Stage::Broken(_) => return true,
                Stage::InUse => return false,
                Stage::Busy | Stage::Idle(_) | Stage::Lost => state.sleep = true,
            }
            self.0.changed.notify_all();
            match self.0.wait(state, Some(deadline)) {
                Some(next) => state = next,
                None => return false,
            }
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // No use and no place in the queue outlives us, so nothing keeps it awake.
        self.sleep();
    }
}

/// A place in the queue of an owner.
pub(super) struct Place<'o>(&'o Arc<Shared>);

impl Place<'_> {
    /// Waits for its turn and works.
    pub(super) fn with<T>(self, work: impl FnOnce(&mut (dyn Tpm + 'static)) -> T) -> Result<T, TpmError> {
        // In this order, so that a panic ends the TPM before the loss is told.
        let mut turn = Turn { shared: self.0, lost: None };
        let mut tpm = self.take()?;
        // The thread sees to the rest.
        turn.lost = Some(Stage::Lost);
        let value = work(&mut *tpm);
        turn.lost = None;
        let mut state = self.0.state();
        state.stage = Stage::Idle(tpm);
        state.last_use = Instant::now();
        state.chores_left = state.chores.is_some();
        Ok(value)
    }

    fn take(&self) -> Result<Box<dyn Tpm>, TpmError> {
        let (mut state, deadline) = (self.0.state(), Instant::now() + PATIENCE);
        loop {
            match std::mem::replace(&mut state.stage, Stage::InUse) {
                Stage::Idle(tpm) => {
                    state.sleep = false;
                    return Ok(tpm);
                }
                Stage::Broken(error) => {
                    state.stage = Stage::Asleep;
                    return Err(error);
                }
                Stage::Asleep => {
                    state.stage = Stage::Asleep;
                    wake(self.0, &mut state)?;
                }
                other => state.stage = other,
            }
            let late = || TpmError::Unavailable("others have used the TPM for five minutes on end".to_owned());
            state = self.0.wait(state, Some(deadline)).ok_or_else(late)?;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
        self.0.changed.notify_all();
    }
}

/// Says when a turn ended without giving the TPM back.
struct Turn<'o> {
    shared: &'o Shared,
    /// What becomes of the TPM then.
    lost: Option<Stage>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(stage) = self.lost.take() {
            self.shared.state().stage = stage;
            self.shared.changed.notify_all();
        }
    }
}

/// Starts the thread, which opens the TPM.
fn wake(shared: &Arc<Shared>, state: &mut State) -> Result<(), TpmError> {
    let theirs = Arc::clone(shared);
    let thread = thread::Builder::new().name("tpm owner".to_owned()).spawn(move || theirs.live());
    thread.map_err(|error| TpmError::Unavailable(format!("no thread for the TPM: {error}")))?;
    (state.stage, state.sleep) = (Stage::Busy, false);
    Ok(())
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock leaves it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change; `None` when the deadline is over.
    fn wait<'s>(&self, state: MutexGuard<'s, State>, deadline: Option<Instant>) -> Option<MutexGuard<'s, State>> {
        let Some(deadline) = deadline else {
            return Some(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let (state, late) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        (!late.timed_out()).then_some(state)
    }

    /// The life of the thread: from the waking of the TPM to its sleep.
    fn live(&self) {
        let opened = (self.open)();
        let mut state = self.state();
        state.last_use = Instant::now();
        state.stage = opened.map_or_else(Stage::Broken, Stage::Idle);
        self.changed.notify_all();
        loop {
            state = match self.next(&mut state) {
                Next::End => return,
                Next::Sleep(tpm) => {
                    drop(state);
                    // Its end can take as long as the emulator's.
                    drop(tpm);
                    let mut state = self.state();
                    state.stage = Stage::Asleep;
                    self.changed.notify_all();
                    return;
                }
                Next::Chore(tpm, chores) => {
                    drop(state);
                    self.chore(tpm, chores)
                }
                // A late wait is one whose time has come.
                Next::Wait(until) => self.wait(state, until).unwrap_or_else(|| self.state()),
            };
        }
    }

    /// What the thread does now.
    fn next(&self, state: &mut State) -> Next {
        match std::mem::replace(&mut state.stage, Stage::Busy) {
            Stage::Lost => {
                state.stage = Stage::Asleep;
                self.changed.notify_all();
                Next::End
            }
            broken @ Stage::Broken(_) => {
                state.stage = broken;
                Next::End
            }
            Stage::Idle(tpm) if state.waiting == 0 => self.pass_time(tpm, state),
            other => {
                state.stage = other;
                Next::Wait(None)
            }
        }
    }

    /// What to do with a TPM that nobody uses.
    fn pass_time(&self, tpm: Box<dyn Tpm>, state: &mut State) -> Next {
        let now = Instant::now();
        let tired = self.sleep_after.map(|unused| state.last_use + unused);
        if state.sleep || tired.is_some_and(|tired| tired <= now) {
            return Next::Sleep(tpm);
        }
        let quiet = state.last_use + QUIET;
        if state.chores_left && quiet <= now {
            if let Some(chores) = state.chores.take() {
                return Next::Chore(tpm, chores);
            }
            state.chores_left = false;
        }
        state.stage = Stage::Idle(tpm);
        Next::Wait(if state.chores_left { Some(quiet) } else { tired })
    }

    /// Does one chore and gives the TPM back.
    fn chore(&self, tpm: Box<dyn Tpm>, mut chores: Chores) -> MutexGuard<'_, State> {
        // In this order, so that a panic, which ends this thread, ends the TPM before that is told.
        let mut turn = Turn { shared: self, lost: Some(Stage::Asleep) };
        let mut tpm = tpm;
        let more = chores(&mut *tpm).unwrap_or_else(|error| {
            tracing::warn!(target: "whfb::tpm", %error, "a chore failed; the next use of the TPM tries again");
            false
        });
        turn.lost = None;
        let mut state = self.state();
        (state.stage, state.chores, state.chores_left) = (Stage::Idle(tpm), Some(chores), more);
        self.changed.notify_all();
        state
    }
}

enum Next {
    /// There is no TPM any more.
    End,
    Sleep(Box<dyn Tpm>),
    Chore(Box<dyn Tpm>, Chores),
    /// Until something changes, no longer than that.
    Wait(Option<Instant>),
}
