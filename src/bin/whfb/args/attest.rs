//! What can be typed after `whfb attest`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use whfb::base::Timestamp;

use super::OnDevice;

/// How a statement is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatementForm {
    /// The member of this lab's key registration, JSON; ours, since Microsoft's is not public
    Lab,
    /// A KeyAttestationStatement, as NCryptCreateClaim gives it and AD CS takes it; its certificates go to FILE.pem beside it
    Kast,
    /// A WebAuthn registration with `tpm` attestation and what its verifier has to know, JSON
    Webauthn,
    /// The TPM's own structures, a file each, in a new directory
    Raw,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Attest {
    /// Let the TPM certify the Hello key of a user and write the statement down
    ///
    /// The attestation key is enrolled first if its certificate is not current. The key is certified by the branch of its
    /// policy that needs no PIN; with --pin-file by the key's own authorization, which the PIN opens.
    Export {
        #[command(flatten)]
        on: OnDevice,
        /// The user [default: the one who has a key on the device]
        #[arg(long, value_name = "UPN")]
        user: Option<String>,
        /// The form
        #[arg(long, value_name = "FORM", default_value = "lab")]
        format: StatementForm,
        /// Where to: a file, for raw a directory, neither of which may be there [default: standard output, for lab and webauthn]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Certify with the PIN: file with it in its first line, `-` for standard input
        #[arg(long, value_name = "FILE")]
        pin_file: Option<PathBuf>,
    },
    /// Judge a statement, check by check, without any TPM
    ///
    /// Reads what `whfb attest export` writes. A KAST carries no certificates: they are read from FILE.pem beside it. Roots that
    /// a file brings along are not trusted for being there.
    #[command(after_help = VERIFY_HELP)]
    Verify {
        /// The statement: a file, `-` for standard input, or a directory of a raw export
        file: PathBuf,
        /// Whom to trust: a PEM bundle, a DER certificate, or a directory of such (.pem, .crt, .cer, .der, .crl, also further
        /// down); revocation lists in it are asked. May be given several times [default: this lab's authorities]
        #[arg(long, value_name = "FILE")]
        roots: Vec<PathBuf>,
        /// What to want beyond what every statement has to fulfil: a JSON file
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// When certificates must be valid, such as 2026-01-31T08:00:00Z [default: now]
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
    },
    /// Whom this lab trusts: the authorities of attestation keys and of its TPMs, as a PEM bundle
    Roots,
}

const VERIFY_HELP: &str = "A policy is an object of these, each with its default:
  windows-policy   true   the key's policy is the PolicyOR of the Windows provider
  exact-template   false  its attributes and scheme are exactly those of the Windows template
  safe-clock       false  the TPM's clock was never set back
  sha1             false  signatures over SHA-1 are taken
  assurance        true   the AIK certificate says how the EK was verified
  aik-public       false  the AIK's public area has to come along
  ek-certificate   false  the EK's certificate has to come along
  vendors          []     such as [\"IFX\", \"STM \"]; empty for any
  models           []     as certificates name them; empty for any
  firmware         []     such as [{\"vendor\": \"IFX\", \"major\": 7, \"minor\": 62}]
  virtual-tpm      true   TPMs that are software are taken
  refuse-roca      true   keys of CVE-2017-15361 are refused

Exit code 0 if everything holds, 1 if a check failed. -v lists the checks that passed, --json all of them.";
