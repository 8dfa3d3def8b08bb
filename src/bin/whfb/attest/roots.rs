//! Whom a verifier trusts: the lab's own authorities, or files of certificates.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use whfb::crypto::cert::{Bundle, Certificate, RevocationList, pem, read_bundle};
use whfb::crypto::digest::sha256;
use whfb::wire::encoding::hex;

use crate::failure::Failure;
use crate::lab::Place;
use crate::output::Output;
use crate::tenant;

/// Trusted roots and revocation lists.
pub(crate) struct Trusted {
    /// Of attestation keys.
    pub(crate) roots: Vec<Certificate>,
    /// Of endorsement keys.
    pub(crate) vendors: Vec<Certificate>,
    pub(crate) crls: Vec<RevocationList>,
}

impl Trusted {
    /// The authorities of this state directory, which are made if it is new.
    pub(crate) fn lab(place: &Place) -> Result<Self, Failure> {
        place.prepare()?;
        let tenant = tenant::directory(place)?;
        let vendor = place.vendor()?.certificate().clone();
        Ok(Self { roots: vec![tenant.entra().attestation_root().clone()], vendors: vec![vendor], crls: Vec::new() })
    }

    /// Everything in these files and directories. A root of either kind may be in any of them.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut found = Bundle::default();
        for path in paths {
            for file in files(path)? {
                let bundle = read(&file)?;
                found.certificates.extend(bundle.certificates);
                found.crls.extend(bundle.crls);
            }
        }
        if found.certificates.is_empty() {
            return Err(
                Failure::usage("--roots holds no certificate").next("name a PEM bundle, or a directory of such")
            );
        }
        Ok(Self { roots: found.certificates.clone(), vendors: found.certificates, crls: found.crls })
    }
}

/// A file itself, or those in a directory, by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|error| trouble(path, &error))?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|each| each.is_file()).collect();
    files.sort();
    Ok(files)
}

pub(super) fn read(path: &Path) -> Result<Bundle, Failure> {
    let bytes = fs::read(path).map_err(|error| trouble(path, &error))?;
    read_bundle(&bytes).map_err(|fault| {
        Failure::usage(format!("{}: {fault}", path.display())).next("give a PEM bundle or a DER certificate")
    })
}

pub(super) fn trouble(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{}: {error}", path.display())).next("name a file that can be read")
}

pub(super) fn run(place: &Place, output: &Output) -> Result<(), Failure> {
    let trusted = Trusted::lab(place)?;
    let kinds = [("attestation keys", "aik", &trusted.roots), ("endorsement keys", "ek", &trusted.vendors)];
    let all = kinds.iter().flat_map(|(words, kind, list)| list.iter().map(move |each| (*words, *kind, each)));
    let (mut text, mut objects): (String, Vec<Value>) = (String::new(), Vec::new());
    for (words, kind, root) in all {
        let fingerprint = hex(&sha256(root.der()));
        let subject = root.subject().to_string();
        let valid = root.validity().map(|validity| (validity.from, validity.to)).ok();
        let until = valid.map_or_else(String::new, |(_, to)| format!(", until {to:.0}"));
        text.push_str(&format!("# root of {words}: {subject}{until}\n# SHA-256 {fingerprint}\n{}", pem(root.der())));
        let (from, to) = valid.unzip();
        objects.push(json!({
            "of": kind, "subject": subject, "sha256": fingerprint, "valid_from": from, "valid_to": to,
            "pem": pem(root.der()),
        }));
    }
    output.answer(text.trim_end(), &json!({"ok": true, "roots": objects}));
    Ok(())
}
