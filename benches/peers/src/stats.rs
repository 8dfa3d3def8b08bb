//! Order statistics of the times of one contender.

use std::time::Duration;

/// Least, middle and nearly greatest of some samples, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) p95: f64,
}

impl Summary {
    /// `None` without samples.
    pub(crate) fn of(samples: &[Duration]) -> Option<Self> {
        let micros: Vec<f64> = samples.iter().map(|sample| sample.as_secs_f64() * 1e6).collect();
        let sorted = sorted(&micros);
        Some(Self { min: *sorted.first()?, median: median(&micros)?, p95: nearest_rank(&sorted, 95)? })
    }
}

/// The middle one, or the mean of the middle two.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    sorted.get(sorted.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The smallest value that at least `percent` of all do not exceed.
fn nearest_rank(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summarizes_by_rank() {
        let samples: Vec<Duration> = (1..=20).rev().map(Duration::from_micros).collect();
        let summary = Summary::of(&samples).unwrap();
        assert!((summary.min - 1.0).abs() < 1e-6);
        assert!((summary.median - 10.5).abs() < 1e-6);
        assert!((summary.p95 - 19.0).abs() < 1e-6);
    }

    #[test]
    fn has_nothing_to_say_about_nothing() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
    }
}
