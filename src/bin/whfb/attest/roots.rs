//! Whom a verifier trusts: the lab's own authorities, or files of certificates.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use whfb::crypto::cert::{Bundle, Certificate, RevocationList, pem};
use whfb::crypto::digest::sha256;
use whfb::wire::encoding::hex;

use super::files::bundle;
use crate::failure::Failure;
use crate::lab::Place;
use crate::output::Output;
use crate::tenant;

/// How files of certificates and revocation lists are called; what else is in a directory is passed over, such as a note on where
/// the rest comes from.
const NAMES: [&str; 5] = ["pem", "crt", "cer", "der", "crl"];

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
                let bundle = bundle(&file)?;
                found.certificates.extend(bundle.certificates);
                found.crls.extend(bundle.crls);
            }
        }
        if found.certificates.is_empty() {
            return Err(Failure::usage("--roots holds no certificate")
                .next("name a PEM bundle, or a directory of files .pem, .crt, .cer, .der"));
        }
        Ok(Self { roots: found.certificates.clone(), vendors: found.certificates, crls: found.crls })
    }
}

/// A file itself, or those of the right name in a directory and in the directories below it, sorted.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut folders, mut files) = (vec![path.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let trouble = |error: std::io::Error| {
            Failure::usage(format!("{}: {error}", folder.display())).next("name a directory that can be read")
        };
        for entry in fs::read_dir(&folder).map_err(trouble)? {
            let entry = entry.map_err(trouble)?;
            let path = entry.path();
            // A link to a directory could lead back up.
            match entry.file_type().map_err(trouble)?.is_dir() {
                true => folders.push(path),
                false if path.is_file() && is_named(&path) => files.push(path),
                false => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_named(path: &Path) -> bool {
    path.extension().is_some_and(|found| NAMES.iter().any(|name| found.eq_ignore_ascii_case(name)))
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
