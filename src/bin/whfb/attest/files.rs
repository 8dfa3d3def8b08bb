//! Files of statements and certificates: read up to a bound, written where nothing is.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use whfb::crypto::cert::{Bundle, LARGEST_BUNDLE, read_bundle};

use crate::failure::Failure;

/// The longest statement, or part of one, that is read: eight certificates of 64 KiB, in base64.
pub(super) const LARGEST: usize = 1024 * 1024;

/// Reads a file that has no more than `most` bytes.
pub(super) fn read(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    bounded(File::open(path).map_err(|error| trouble(path, &error))?, path, most)
}

/// The same, or standard input for `-`.
pub(super) fn read_or_input(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") { bounded(std::io::stdin(), path, most) } else { read(path, most) }
}

fn bounded(source: impl Read, path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| trouble(path, &error))?;
    if bytes.len() > most {
        return Err(Failure::usage(format!("{}: more than {most} bytes", path.display()))
            .next("name a file that holds what is asked for and nothing else"));
    }
    Ok(bytes)
}

/// Certificates and revocation lists of one file.
pub(super) fn bundle(path: &Path) -> Result<Bundle, Failure> {
    read_bundle(&read(path, LARGEST_BUNDLE)?).map_err(|fault| {
        Failure::usage(format!("{}: {fault}", path.display())).next("give a PEM bundle or a DER certificate")
    })
}

fn trouble(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{}: {error}", path.display())).next("name a file that can be read")
}

/// `FILE.pem` beside `FILE`.
pub(super) fn with_pem(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".pem");
    name.into()
}

/// Refuses a path where something is, before work is done for it.
pub(super) fn must_be_free(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(taken(format!("{} is there already", path.display()))),
        Err(_) => Ok(()),
    }
}

pub(super) fn taken(message: String) -> Failure {
    Failure::usage(message).next("name one that is not there yet")
}

/// Writes new files, all of them or none.
pub(super) fn write_new(files: &[(PathBuf, Vec<u8>)]) -> Result<(), Failure> {
    for (done, (path, bytes)) in files.iter().enumerate() {
        let opened = OpenOptions::new().write(true).create_new(true).open(path);
        let made = opened.is_ok();
        if let Err(error) = opened.and_then(|mut file| file.write_all(bytes)) {
            for (path, _) in &files[..done + usize::from(made)] {
                let _ = fs::remove_file(path);
            }
            return Err(taken(format!("{}: {error}", path.display())));
        }
    }
    Ok(())
}
