//! Who is compared.

mod aws_lc;
mod direct;
mod esapi;
mod floor;
mod kanidm;
mod p256;
mod rsa;
mod tools;

use anyhow::{Context as _, Result};
use whfb::device::tpm::KeyKind;

pub(crate) use self::direct::NAME as DIRECT;
pub(crate) use self::tools::{NAME as TOOLS, NOT_INSTALLED, version as tools_version};

use self::esapi::Kind;
use crate::operation::Operation;

/// The session of those who have no TPM.
const SOFTWARE: &str = "software, no TPM";

/// Somebody who makes keys and signs with them.
pub(crate) trait Contender {
    /// How tables and limits call it; no two have the same name.
    fn name(&self) -> &'static str;

    /// What protects its conversation with the TPM.
    fn session(&self) -> &'static str;

    /// Whether it can do the operation at all.
    fn takes_part(&self, _operation: Operation) -> bool {
        true
    }

    /// How many samples of it there shall be at most.
    fn most(&self) -> usize {
        usize::MAX
    }

    /// What comes before the first round and is not measured: a signing key is loaded.
    fn prepare(&mut self, _operation: Operation) -> Result<()> {
        Ok(())
    }

    /// Does the operation once; answers the signature, if it makes one. This alone is timed.
    fn run(&mut self, operation: Operation) -> Result<Vec<u8>>;

    /// What comes after each time and is not measured.
    fn tidy(&mut self) -> Result<()> {
        Ok(())
    }

    /// What comes after the last round: a loaded key is given back.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    /// The key that it signs with, as SubjectPublicKeyInfo.
    fn public(&mut self, kind: KeyKind) -> Result<Vec<u8>>;
}

/// All contenders, ready to begin, in the order of the table. tpm2-tools are left out where they are not installed.
pub(crate) fn all(quick: bool) -> Result<Vec<Box<dyn Contender>>> {
    eprintln!("making the TPMs and keys ...");
    let mut all: Vec<Box<dyn Contender>> = vec![
        Box::new(direct::DirectSession::start().context(DIRECT)?),
        Box::new(floor::Floor::start().context(floor::NAME)?),
        Box::new(kanidm::Kanidm::start().context(kanidm::NAME)?),
    ];
    for kind in [Kind::Password, Kind::Hmac, Kind::Salted] {
        all.push(Box::new(esapi::Esapi::start(kind).context(kind.name())?));
    }
    all.extend([
        Box::new(p256::P256::new()) as Box<dyn Contender>,
        Box::new(rsa::Rsa::new()?),
        Box::new(aws_lc::AwsLc::new()?),
    ]);
    if let Some(tools) = tools::Tools::start(quick).context(TOOLS)? {
        all.push(Box::new(tools));
    }
    Ok(all)
}
