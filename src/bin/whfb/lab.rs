//! The state directory: the tenant, the vendor of its TPMs, and the devices.
//!
//! ```text
//! DIR/lab.json             version of this layout
//! DIR/vendor.json          the lab's TPM vendor CA, which signs endorsement certificates
//! DIR/entra/               the tenant's database
//! DIR/devices/NAME/        one device, its TPM in tpm/
//! DIR/serve.json           where `whfb serve` listens, while it runs
//! ```

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use whfb::base::{Clock as _, ExposeSecret as _, OsRng, SystemClock, random_bytes};
use whfb::crypto::SigningKey;
use whfb::crypto::cert::{Authority, Name, Text, Validity};
use whfb::entra::{Database, Options, Rules};
use whfb::wire::encoding::{base64, from_base64};

use crate::failure::Failure;

/// 2: policies are kept by source.
const VERSION: u64 = 2;

/// A state directory that need not exist yet.
#[derive(Debug)]
pub(crate) struct Place {
    dir: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Marker {
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredVendor {
    certificate: String,
    key: String,
}

impl Place {
    /// The directory that was named, or the platform's.
    pub(crate) fn new(named: Option<PathBuf>) -> Result<Self, Failure> {
        let dir = match named {
            Some(dir) => dir,
            None => data_directory().ok_or_else(|| {
                Failure::environment("there is no home directory").next("name a directory: whfb --state DIR ...")
            })?,
        };
        Ok(Self { dir: std::path::absolute(&dir).unwrap_or(dir) })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the directory if it is missing, and refuses one that another version wrote or that holds something else.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|error| self.trouble(&self.dir, &error))?;
        let marker = self.dir.join("lab.json");
        match fs::read(&marker) {
            Ok(bytes) => self.check_version(&bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let foreign =
                    fs::read_dir(&self.dir).map_err(|error| self.trouble(&self.dir, &error))?.next().is_some();
                if foreign {
                    return Err(Failure::usage(format!(
                        "{} holds something that whfb did not make",
                        self.dir.display()
                    ))
                    .next("name an absent or empty directory"));
                }
                self.write("lab.json", format!("{}\n", serde_json::json!({"version": VERSION})).as_bytes())
            }
            Err(error) => Err(self.trouble(&marker, &error)),
        }
    }

    fn check_version(&self, bytes: &[u8]) -> Result<(), Failure> {
        let found = serde_json::from_slice::<Marker>(bytes).map(|marker| marker.version).ok();
        if found == Some(VERSION) {
            return Ok(());
        }
        let found = found.map_or_else(|| "an unreadable version".to_owned(), |version| format!("version {version}"));
        Err(Failure::environment(format!("{} is of {found}; this whfb reads version {VERSION}", self.dir.display()))
            .next("use the whfb that made it, or another directory: whfb --state DIR ..."))
    }

    /// The directory of a device, by a name that is a plain file name.
    pub(crate) fn device(&self, name: &str) -> Result<PathBuf, Failure> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
            return Err(Failure::usage(format!("{name:?} is no device name"))
                .next("use 1 to 64 letters, digits, `-`, `_` or `.`, not beginning with a dot"));
        }
        Ok(self.dir.join("devices").join(name))
    }

    /// Names of the devices, sorted.
    pub(crate) fn devices(&self) -> Result<Vec<String>, Failure> {
        let folder = self.dir.join("devices");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.trouble(&folder, &error)),
        };
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// The device that is meant: the named one, or the only one.
    pub(crate) fn choose(&self, named: Option<&str>) -> Result<(String, PathBuf), Failure> {
        self.prepare()?;
        if let Some(name) = named {
            return Ok((name.to_owned(), self.device(name)?));
        }
        match self.devices()?.as_slice() {
            [only] => Ok((only.clone(), self.device(only)?)),
            [] => Err(Failure::usage("there is no device").next("make one: whfb device create NAME")),
            several => Err(Failure::usage("there are several devices")
                .next(format!("say --device with one of {}", several.join(", ")))),
        }
    }

    /// The vendor CA of the lab's TPMs, made at first use.
    pub(crate) fn vendor(&self) -> Result<Authority, Failure> {
        let path = self.dir.join("vendor.json");
        match fs::read(&path) {
            Ok(bytes) => {
                read_vendor(&bytes).ok_or_else(|| Failure::environment(format!("{} is damaged", path.display())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let vendor = make_vendor().map_err(|error| Failure::environment(error.to_string()))?;
                let key = vendor.key().to_pkcs8().map_err(|error| Failure::environment(error.to_string()))?;
                let stored =
                    StoredVendor { certificate: base64(vendor.certificate().der()), key: base64(key.expose_secret()) };
                let json =
                    serde_json::to_vec_pretty(&stored).map_err(|error| Failure::environment(error.to_string()))?;
                self.write("vendor.json", &json)?;
                Ok(vendor)
            }
            Err(error) => Err(self.trouble(&path, &error)),
        }
    }

    /// What the tenant is opened with.
    pub(crate) fn entra_options(&self, rules: Rules) -> Result<Options, Failure> {
        let folder = self.dir.join("entra");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|error| self.trouble(&folder, &error))?;
        Ok(Options {
            database: Database::File(folder.join("directory.sqlite")),
            rules,
            clock: Arc::new(SystemClock),
            vendor_roots: vec![self.vendor()?.certificate().der().to_vec()],
            approve_device_codes: None,
        })
    }

    /// Writes a file whole or not at all, readable by its owner alone.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let (path, beside) = (self.dir.join(name), self.dir.join(format!(".{name}.new")));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&beside, &path));
        written.map_err(|error| self.trouble(&path, &error))
    }

    pub(crate) fn trouble(&self, path: &Path, error: &std::io::Error) -> Failure {
        Failure::environment(format!("{}: {error}", path.display()))
    }
}

/// `$XDG_DATA_HOME/whfb`, or `~/.local/share/whfb`.
fn data_directory() -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .and_then(absolute)
        .or_else(|| std::env::home_dir().and_then(absolute).map(|home| home.join(".local/share")))
        .map(|base| base.join("whfb"))
}

fn make_vendor() -> Result<Authority, whfb::crypto::cert::CertificateError> {
    use whfb::crypto::cert::CertificateError;
    let key = SigningKey::generate_rsa().map_err(|_| CertificateError::Signing)?;
    // Two labs are two vendors: under one name, the certificates of one would look forged to the other.
    let number = u32::from_be_bytes(random_bytes(&mut OsRng));
    let name = Name::common_name(&format!("whfb lab TPM vendor CA {number:08X}"), Text::Utf8)?;
    Authority::root(name, key, Validity::days_from(SystemClock.now(), 3650), &mut OsRng)
}

fn read_vendor(bytes: &[u8]) -> Option<Authority> {
    let stored: StoredVendor = serde_json::from_slice(bytes).ok()?;
    let key = SigningKey::from_pkcs8(&from_base64(&stored.key).ok()?).ok()?;
    Authority::from_parts(&from_base64(&stored.certificate).ok()?, key).ok()
}
