//! Files of roots, intermediates and revocation lists: PEM as people collect it, or one DER file.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Certificate, CertificateError, RevocationList, der};
use crate::crypto::digest::sha256;

/// The longest file that is read.
pub const LARGEST_BUNDLE: usize = 4 * 1024 * 1024;
/// The most blocks that a file may have.
pub const MOST_IN_BUNDLE: usize = 4096;
/// How much of a label is told.
const LONGEST_LABEL: usize = 64;

/// What a file holds, each once, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// The certificates.
    pub certificates: Vec<Certificate>,
    /// The revocation lists.
    pub crls: Vec<RevocationList>,
}

/// Why a file is not read. Blocks and lines are counted from 1; the line is that of the block's BEGIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFault {
    /// Longer than [`LARGEST_BUNDLE`].
    #[error("{length} bytes are more than the {LARGEST_BUNDLE} that are read")]
    TooLarge {
        /// How long it is.
        length: usize,
    },
    /// More than [`MOST_IN_BUNDLE`] blocks.
    #[error("line {line}: more than {MOST_IN_BUNDLE} blocks")]
    TooMany {
        /// Where the first one too many begins.
        line: usize,
    },
    /// Neither a PEM block nor DER.
    #[error("there is no certificate in it")]
    Empty,
    /// DER, and neither a certificate nor a revocation list.
    #[error("the DER file is no certificate: {fault}")]
    Der {
        /// Why it is no certificate.
        fault: CertificateError,
    },
    /// A certificate that cannot be read.
    #[error("block {block}, line {line}: not a certificate: {fault}")]
    Certificate {
        /// Which block.
        block: usize,
        /// Where it begins.
        line: usize,
        /// What is wrong.
        fault: CertificateError,
    },
    /// A revocation list that cannot be read.
    #[error("block {block}, line {line}: not a revocation list: {fault}")]
    RevocationList {
        /// Which block.
        block: usize,
        /// Where it begins.
        line: usize,
        /// What is wrong.
        fault: CertificateError,
    },
    /// OpenSSL's `TRUSTED CERTIFICATE`: what it says about trust behind the certificate would be lost.
    #[error("block {block}, line {line}: a TRUSTED CERTIFICATE of OpenSSL, which is not read; a CERTIFICATE is")]
    TrustedCertificate {
        /// Which block.
        block: usize,
        /// Where it begins.
        line: usize,
    },
    /// A block of another kind.
    #[error("block {block}, line {line}: a block {label:?} has no place among certificates")]
    OtherBlock {
        /// Which block.
        block: usize,
        /// Where it begins.
        line: usize,
        /// Its label; at most 64 characters.
        label: String,
    },
    /// What is between BEGIN and END is not base64.
    #[error("block {block}, line {line}: not base64")]
    Base64 {
        /// Which block.
        block: usize,
        /// Where it begins.
        line: usize,
    },
    /// No END of the same label follows, or something else begins before it.
    #[error("block {block}, line {line}: the block does not end")]
    Unterminated {
        /// Which block.
        block: usize,
        /// Where it begins.
        line: usize,
    },
    /// An END without a BEGIN.
    #[error("line {line}: a block ends that did not begin")]
    StrayEnd {
        /// Where.
        line: usize,
    },
}

/// Reads a file: PEM blocks `CERTIFICATE` and `X509 CRL` (RFC 7468) with any text around them, lines ended either way; or one
/// certificate or revocation list as DER. What is there twice counts once.
pub fn read_bundle(bytes: &[u8]) -> Result<Bundle, BundleFault> {
    if bytes.len() > LARGEST_BUNDLE {
        return Err(BundleFault::TooLarge { length: bytes.len() });
    }
    // A text may begin with `0`, but not with a length of more than 127 bytes behind it.
    if matches!(bytes, [0x30, 0x80..=0xff, ..]) {
        return read_der(bytes);
    }
    let mut blocks = Blocks::default();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        blocks.line(index + 1, line.trim_ascii_end())?;
    }
    blocks.finish()
}

/// An editor's line end behind the DER is no part of it; vendors have published such files.
fn read_der(bytes: &[u8]) -> Result<Bundle, BundleFault> {
    let length = der::announced(bytes).unwrap_or(bytes.len());
    let (der, behind) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
    let der = if behind.trim_ascii().is_empty() { der } else { bytes };
    match (Certificate::from_der(der), RevocationList::from_der(der)) {
        (Ok(certificate), _) => Ok(Bundle { certificates: vec![certificate], crls: Vec::new() }),
        (_, Ok(list)) => Ok(Bundle { certificates: Vec::new(), crls: vec![list] }),
        (Err(fault), _) => Err(BundleFault::Der { fault }),
    }
}

/// The kinds of block that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Certificate,
    RevocationList,
}

impl Kind {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Certificate => b"CERTIFICATE",
            Self::RevocationList => b"X509 CRL",
        }
    }
}

/// A block that began and did not end yet.
#[derive(Debug)]
struct Open {
    kind: Kind,
    line: usize,
    text: Vec<u8>,
}

/// What was read so far.
#[derive(Debug, Default)]
struct Blocks {
    bundle: Bundle,
    seen: HashSet<[u8; 32]>,
    /// How many blocks began.
    block: usize,
    open: Option<Open>,
}

impl Blocks {
    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), BundleFault> {
        if let Some(label) = boundary(line, b"-----BEGIN ") {
            if let Some(open) = &self.open {
                return Err(BundleFault::Unterminated { block: self.block, line: open.line });
            }
            return self.begin(number, label);
        }
        match (boundary(line, b"-----END "), self.open.take()) {
            (Some(label), Some(open)) if label == open.kind.label() => self.end(&open),
            (Some(_), Some(open)) => Err(BundleFault::Unterminated { block: self.block, line: open.line }),
            (Some(_), None) => Err(BundleFault::StrayEnd { line: number }),
            (None, Some(mut open)) => {
                open.text.extend_from_slice(line.trim_ascii_start());
                self.open = Some(open);
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    fn begin(&mut self, line: usize, label: &[u8]) -> Result<(), BundleFault> {
        self.block += 1;
        if self.block > MOST_IN_BUNDLE {
            return Err(BundleFault::TooMany { line });
        }
        let block = self.block;
        let kind = match label {
            b"CERTIFICATE" => Kind::Certificate,
            b"X509 CRL" => Kind::RevocationList,
            b"TRUSTED CERTIFICATE" => return Err(BundleFault::TrustedCertificate { block, line }),
            _ => return Err(BundleFault::OtherBlock { block, line, label: shown(label) }),
        };
        self.open = Some(Open { kind, line, text: Vec::new() });
        Ok(())
    }

    fn end(&mut self, open: &Open) -> Result<(), BundleFault> {
        let (block, line) = (self.block, open.line);
        let der = STANDARD.decode(&open.text).map_err(|_| BundleFault::Base64 { block, line })?;
        let first = self.seen.insert(sha256(&der));
        match open.kind {
            Kind::Certificate => {
                let read = Certificate::from_der(&der);
                let certificate = read.map_err(|fault| BundleFault::Certificate { block, line, fault })?;
                self.bundle.certificates.extend(first.then_some(certificate));
            }
            Kind::RevocationList => {
                let read = RevocationList::from_der(&der);
                let list = read.map_err(|fault| BundleFault::RevocationList { block, line, fault })?;
                self.bundle.crls.extend(first.then_some(list));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Bundle, BundleFault> {
        match self.open {
            Some(open) => Err(BundleFault::Unterminated { block: self.block, line: open.line }),
            None if self.block == 0 => Err(BundleFault::Empty),
            None => Ok(self.bundle),
        }
    }
}

/// The label of a line that begins or ends a block.
fn boundary<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(start)?.strip_suffix(b"-----")
}

fn shown(label: &[u8]) -> String {
    String::from_utf8_lossy(label).chars().take(LONGEST_LABEL).collect()
}
