//! What a second client with a TPM of its own adds.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::Serialize;
use whfb::device::tpm::{Direct, KeyHandle, KeyKind, Tpm as _};

use crate::bed::{Bed, auth, digest};
use crate::stats::median;

/// P-256 signatures a second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Throughput {
    pub(crate) one_per_s: f64,
    pub(crate) two_per_s: f64,
    pub(crate) ratio: f64,
}

/// A thread's TPM with a loaded key.
struct Client {
    tpm: Direct,
    key: KeyHandle,
    _bed: Bed,
}

impl Client {
    fn start() -> Result<Self> {
        let bed = Bed::make()?;
        let mut tpm = bed.direct()?;
        let key = tpm.load(bed.key(KeyKind::P256))?;
        Ok(Self { tpm, key, _bed: bed })
    }

    /// Signs until the time is over; answers how often a second.
    fn sign_for(&mut self, time: Duration) -> Result<f64> {
        let (auth, digest) = (auth(), digest());
        let start = Instant::now();
        let mut signatures = 0u32;
        while start.elapsed() < time {
            self.tpm.sign(&self.key, Some(&auth), &digest)?;
            signatures += 1;
        }
        Ok(f64::from(signatures) / start.elapsed().as_secs_f64())
    }
}

/// Has one client sign, then two at once, and so on in turn; answers the medians.
pub(crate) fn measure(quick: bool) -> Result<Throughput> {
    let (runs, time) = if quick { (3, Duration::from_millis(300)) } else { (5, Duration::from_secs(3)) };
    eprint!("throughput: {runs} runs of one client and of two ...");
    let start = Instant::now();
    let mut clients = [Client::start()?, Client::start()?];
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        one.push(rate(&mut clients[..1], time)?);
        two.push(rate(&mut clients, time)?);
    }
    eprintln!(" {:.1} s", start.elapsed().as_secs_f64());
    let middle = |rates: &[f64]| median(rates).ok_or_else(|| anyhow!("no run"));
    let (one_per_s, two_per_s) = (middle(&one)?, middle(&two)?);
    Ok(Throughput { one_per_s, two_per_s, ratio: two_per_s / one_per_s })
}

/// What the clients sign a second together, each in a thread of its own.
fn rate(clients: &mut [Client], time: Duration) -> Result<f64> {
    let barrier = Barrier::new(clients.len());
    std::thread::scope(|scope| {
        let barrier = &barrier;
        let sign = |client: &mut Client| {
            barrier.wait();
            client.sign_for(time)
        };
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || sign(client))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client's thread panicked"))?).sum()
    })
}
