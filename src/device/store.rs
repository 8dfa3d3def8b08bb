//! What a device keeps on disk, written so that nothing half-written is ever read as whole.
//!
//! A record is one JSON file: written beside its place, synced, renamed over it, and the directory synced. Directories
//! are 0700, files 0600. One process at a time owns a device directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::FileLock;

/// Why a record was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory holds no device.
    #[error("no device in {0}")]
    NoDevice(PathBuf),
    /// The directory holds something already.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// Another process owns the directory.
    #[error("another whfb is using {0}")]
    Busy(PathBuf),
    /// The record was written by another version.
    #[error("{path} is of version {found}; this whfb reads version {expected}")]
    OtherVersion {
        /// The record.
        path: PathBuf,
        /// Version in the record.
        found: u64,
        /// Version that this crate reads.
        expected: u64,
    },
    /// The record is not what its name says.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// An owned directory of records.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    /// Holds the lock for as long as the store lives.
    _lock: FileLock,
}

const LOCK: &str = "lock";

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { path, source }
}

impl Store {
    /// Makes the directory and owns it; one that exists must be empty.
    pub(crate) fn create(dir: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(io_error(dir))?;
        let mut entries = fs::read_dir(dir).map_err(io_error(dir))?;
        if entries.next().is_some() {
            return Err(StoreError::NotEmpty(dir.to_owned()));
        }
        // One that was there may be open to others.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(io_error(dir))?;
        Self::own(dir)
    }

    /// Owns a directory that exists.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        if !dir.is_dir() {
            return Err(StoreError::NoDevice(dir.to_owned()));
        }
        Self::own(dir)
    }

    fn own(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK);
        let lock = FileLock::try_take(&path).map_err(io_error(&path))?;
        let lock = lock.ok_or_else(|| StoreError::Busy(dir.to_owned()))?;
        Ok(Self { dir: dir.to_owned(), _lock: lock })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Reads a record; `None` when there is none.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.read_bytes(name)? else { return Ok(None) };
        let damaged = |error: serde_json::Error| StoreError::Damaged { path: self.path(name), reason: words(&error) };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Reads a record that begins with a version, which is looked at first.
    pub(crate) fn read_versioned<T: DeserializeOwned>(&self, name: &str, expected: u64) -> Result<T, StoreError> {
        #[derive(serde::Deserialize)]
        struct Versioned {
            version: u64,
        }
        let missing = || StoreError::NoDevice(self.dir.clone());
        let Versioned { version: found } = self.read(name)?.ok_or_else(missing)?;
        if found != expected {
            return Err(StoreError::OtherVersion { path: self.path(name), found, expected });
        }
        self.read(name)?.ok_or_else(missing)
    }

    /// Writes a record whole or not at all.
    pub(crate) fn write<T: Serialize>(&self, name: &str, record: &T) -> Result<(), StoreError> {
        let path = self.path(name);
        let damaged = |error: serde_json::Error| StoreError::Damaged { path: path.clone(), reason: words(&error) };
        let mut bytes = serde_json::to_vec_pretty(record).map_err(damaged)?;
        bytes.push(b'\n');
        self.write_bytes(name, &bytes)
    }

    pub(crate) fn read_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    /// Removes a record, if there is one.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(io_error(&self.dir)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    pub(crate) fn write_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let beside = self.path(&format!(".{name}.new"));
        let written = private_file()
            .truncate(true)
            .open(&beside)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.map_err(io_error(&beside))?;
        let path = self.path(name);
        fs::rename(&beside, &path).map_err(io_error(&path))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(io_error(&self.dir))
    }
}

/// Where and of which kind; the parser's own text could repeat what is in the record.
fn words(error: &serde_json::Error) -> String {
    format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column())
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Record {
        version: u64,
        text: String,
    }

    fn record(text: &str) -> Record {
        Record { version: 1, text: text.to_owned() }
    }

    #[test]
    fn a_record_survives_and_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("device");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let store = Store::create(&dir).unwrap();
        store.write("a.json", &record("one")).unwrap();
        store.write("a.json", &record("two")).unwrap();
        assert_eq!(store.read_versioned::<Record>("a.json", 1).unwrap(), record("two"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join("a.json")), 0o600);
        assert_eq!(mode(&dir.join(LOCK)), 0o600);
    }

    #[test]
    fn a_half_written_record_is_never_the_record() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path()).unwrap();
        store.write("a.json", &record("whole")).unwrap();
        fs::write(dir.path().join(".a.json.new"), b"{\"version\":1,\"te").unwrap();
        assert_eq!(store.read_versioned::<Record>("a.json", 1).unwrap(), record("whole"));
        store.write("a.json", &record("next")).unwrap();
        assert_eq!(store.read_versioned::<Record>("a.json", 1).unwrap(), record("next"));
    }

    #[test]
    fn refuses_another_version_before_it_reads_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path()).unwrap();
        fs::write(dir.path().join("a.json"), b"{\"version\":2,\"other\":[]}").unwrap();
        let error = store.read_versioned::<Record>("a.json", 1).unwrap_err();
        assert!(matches!(error, StoreError::OtherVersion { found: 2, expected: 1, .. }), "{error}");
    }

    #[test]
    fn every_truncation_is_damage_and_no_message_repeats_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path()).unwrap();
        let whole = br#"{"version":1,"text":"hidden"}"#;
        for length in 0..whole.len() {
            fs::write(dir.path().join("a.json"), &whole[..length]).unwrap();
            let error = store.read_versioned::<Record>("a.json", 1).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "{length}: {error}");
            assert!(!error.to_string().contains("hidden"));
        }
    }

    #[test]
    fn one_owner_at_a_time_and_only_an_empty_place_to_create() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path()).unwrap();
        assert!(matches!(Store::open(dir.path()), Err(StoreError::Busy(_))));
        drop(store);
        assert!(matches!(Store::create(dir.path()), Err(StoreError::NotEmpty(_))));
        assert!(Store::open(dir.path()).is_ok());
        assert!(matches!(Store::open(&dir.path().join("absent")), Err(StoreError::NoDevice(_))));
    }
}
