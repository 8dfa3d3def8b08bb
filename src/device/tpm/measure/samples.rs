//! Times of one operation, and what is told of them.

use std::time::Duration;

/// How long an operation took, each time.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<Duration>);

/// What is told of [`Samples`]; times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Summary {
    /// How many there are.
    pub n: usize,
    /// The shortest.
    pub min_us: f64,
    /// Half of them stay below.
    pub median_us: f64,
    /// 95 of 100 do.
    pub p95_us: f64,
    /// 99 of 100 do.
    pub p99_us: f64,
}

impl Samples {
    /// Adds one.
    pub fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Percentiles by nearest rank, so that each is a time that was measured, to a tenth of a microsecond; zeros where there is
    /// none.
    pub fn summary(&self) -> Summary {
        let mut sorted: Vec<f64> = self.0.iter().map(|took| took.as_secs_f64() * 1e6).collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |index: usize| (sorted.get(index).copied().unwrap_or_default() * 10.0).round() / 10.0;
        Summary { n: sorted.len(), min_us: at(0), median_us: at(rank(50)), p95_us: at(rank(95)), p99_us: at(rank(99)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Summary {
        Samples(micros.into_iter().map(Duration::from_micros).collect()).summary()
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let told = of((1..=100).rev());
        assert_eq!((told.n, told.min_us, told.median_us), (100, 1.0, 50.0));
        assert_eq!((told.p95_us, told.p99_us), (95.0, 99.0));
        let three = of([30, 10, 20]);
        assert_eq!((three.min_us, three.median_us, three.p99_us), (10.0, 20.0, 30.0));
        assert_eq!(of([7]).p95_us, 7.0);
        assert_eq!(of([]).median_us, 0.0);
    }
}
