//! Figures by name, and the limits that their ratios keep to.

use std::collections::BTreeMap;

use crate::support::Outcome;

/// `limits.toml`: `A / B` by the most, or the least, that their ratio may be.
#[derive(serde::Deserialize)]
pub(crate) struct Limits {
    at_most: BTreeMap<String, f64>,
    at_least: BTreeMap<String, f64>,
}

/// Medians in microseconds, or rates: whatever is compared has one unit.
#[derive(Default)]
pub(crate) struct Figures(BTreeMap<String, f64>);

impl Limits {
    pub(crate) fn read() -> Outcome<Self> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/limits.toml");
        Ok(toml::from_str(&std::fs::read_to_string(path)?)?)
    }

    /// How far a ratio is from its limit: it keeps to it at 1 and below, as one without a limit does.
    pub(crate) fn excess(&self, name: &str, ratio: f64) -> f64 {
        let above = self.at_most.get(name).map_or(0.0, |most| ratio / most);
        self.at_least.get(name).map_or(above, |least| above.max(least / ratio))
    }
}

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), value);
    }

    /// Prints each ratio beside its limit; how many miss it.
    pub(crate) fn judge(&self, limits: &Limits) -> Outcome<usize> {
        let most = limits.at_most.iter().map(|(name, limit)| (name, "at most", limit));
        let least = limits.at_least.iter().map(|(name, limit)| (name, "at least", limit));
        let mut missed = 0;
        for (name, words, limit) in most.chain(least) {
            let ratio = self.ratio(name)?;
            let kept = limits.excess(name, ratio) <= 1.0;
            missed += usize::from(!kept);
            let mark = if kept { "ok    " } else { "MISSED" };
            println!("{mark}  {name:70} {ratio:9.3}  {words:8} {limit}");
        }
        Ok(missed)
    }

    fn ratio(&self, name: &str) -> Outcome<f64> {
        let (above, below) = name.split_once(" / ").ok_or_else(|| format!("{name:?} in limits.toml is no `A / B`"))?;
        let value = |name: &str| {
            self.0.get(name).copied().ok_or_else(|| format!("limits.toml names {name:?}, which is not measured"))
        };
        Ok(value(above)? / value(below)?)
    }
}
