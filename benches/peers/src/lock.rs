//! The versions that were resolved, from the lock file that this binary was built with.

use anyhow::{Context as _, Result, anyhow};
use serde::Deserialize;

const LOCK: &str = include_str!("../Cargo.lock");

/// Whose versions are told.
const NAMED: [&str; 6] = ["whfb", "kanidm-hsm-crypto", "tss-esapi", "p256", "rsa", "aws-lc-rs"];
const PEER: &str = "kanidm-hsm-crypto";

#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Name and version of every crate that is compared, and of the tss-esapi below kanidm-hsm-crypto.
pub(crate) fn versions() -> Result<Vec<(String, String)>> {
    let lock: Lock = toml::from_str(LOCK).context("Cargo.lock")?;
    let mut versions = Vec::new();
    for name in NAMED {
        versions.push((name.to_owned(), lock.version(env!("CARGO_PKG_NAME"), name)?));
    }
    versions.push((format!("tss-esapi in {PEER}"), lock.version(PEER, "tss-esapi")?));
    Ok(versions)
}

impl Lock {
    /// The version of `name` that `dependent` goes by. A dependency is written with its version only where there are several.
    fn version(&self, dependent: &str, name: &str) -> Result<String> {
        let absent = || anyhow!("Cargo.lock has no {name} below {dependent}");
        let package = self.package.iter().find(|package| package.name == dependent).ok_or_else(absent)?;
        let entry = |entry: &&String| entry.split(' ').next() == Some(name);
        let entry = package.dependencies.iter().find(entry).ok_or_else(absent)?;
        if let Some(version) = entry.split(' ').nth(1) {
            return Ok(version.to_owned());
        }
        self.package.iter().find(|package| package.name == name).map(|found| found.version.clone()).ok_or_else(absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_two_versions_of_a_crate_apart() {
        let lock: Lock = toml::from_str(LOCK).unwrap();
        assert_eq!(lock.version("whfb-peers", "tss-esapi").unwrap(), "7.7.0");
        assert!(lock.version(PEER, "tss-esapi").unwrap().starts_with("8."));
        assert!(lock.version("whfb-peers", "nobody").is_err());
    }
}
