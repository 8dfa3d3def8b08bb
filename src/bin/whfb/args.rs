//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as Fields, Parser, Subcommand, ValueEnum};
use whfb::base::Timestamp;
use whfb::device::policy::{FileFormat, Source};
use whfb::device::state::TpmChoice;
use whfb::device::tpm::{Condition, Reason};

/// Emulates the Windows Hello for Business key-creation core on a real TPM, with a strict mock of Entra ID.
///
/// Start with `whfb demo`: it makes a device with a fresh TPM, joins it, provisions a PIN-gated key, signs in with it,
/// and shows what is refused when there is no TPM.
#[derive(Debug, Parser)]
#[command(
    name = "whfb",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 done, 1 refused (policy, server, verdict, wrong PIN), 2 usage, 3 environment (no swtpm, \
                  port taken, state of another version, TPM gone), 4 locked out, 70 a bug of whfb."
)]
pub(crate) struct Args {
    /// Where devices and the tenant are kept [default: the platform's data directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,

    /// Print one JSON object on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Log what happens; twice: each TPM command and HTTP exchange, secrets masked
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Record what travels to TPMs in FILE, a new pcap for Wireshark, secrets masked
    ///
    /// Zeros take the place of HMACs, passwords, salts and those parameters that can hold secrets, which are encrypted
    /// anyway. Wireshark decodes the rest as TPM 2.0.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) trace_tpm: Option<PathBuf>,

    /// Record every byte as it travels, masking nothing
    #[arg(long, global = true, requires = "trace_tpm")]
    pub(crate) reveal: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The whole story on a fresh TPM, and the refusals without one
    Demo(Demo),
    /// Serve the mock Entra over HTTPS on loopback
    Serve(Serve),
    /// Make, list, show and remove virtual devices
    #[command(subcommand)]
    Device(Device),
    /// Join a device to the tenant
    Join(Join),
    /// The Hello policy of a device: set, import, export, show, explain
    #[command(subcommand)]
    Policy(Policy),
    /// Begin a Windows session: policy refresh, prerequisite check, and provisioning if it passes
    Logon(Logon),
    /// Make a PIN-gated key, attest it and register it
    Provision(Provision),
    /// Sign in with the PIN
    SignIn(SignIn),
    /// Hello keys as the tenant keeps them
    #[command(subcommand)]
    Key(Key),
    /// Statements of a TPM about a key: export one, judge one, show whom this lab trusts
    #[command(subcommand)]
    Attest(Attest),
    /// What dsregcmd /status would say about a device, in short
    Status(Status),
    /// Ask a TPM about itself
    #[command(subcommand)]
    Tpm(Tpm),
    /// Measure key creation and signing on the TPM at hand, beside the floor
    Bench(Bench),
    /// What RequireSecurityDevice does on every TPM in every condition, executed
    Matrix(Matrix),
    /// One code: symbol, cause, what to do, and where that is documented
    ///
    /// Symbols that begin with DSREG_E_ or AAD_E_ are ours: of those Microsoft documents the number.
    Error {
        /// The code, as an HRESULT, as a decimal number with or without sign, or by its symbol
        #[arg(value_name = "CODE", allow_negative_numbers = true)]
        code: String,
    },
    /// What is missing on this machine, and the command that mends it
    Doctor,
}

#[derive(Debug, Fields)]
pub(crate) struct Demo {
    /// The TPM: `swtpm` for a fresh one, or `device:/dev/tpmrm0` for one that is there, used as a guest
    #[arg(long, value_name = "TPM", default_value = "swtpm", value_parser = tpm_choice)]
    pub(crate) tpm: TpmChoice,

    /// Also spend a try on a wrong PIN, on a TPM that whfb did not start
    #[arg(long)]
    pub(crate) i_own_this_tpm: bool,

    /// Keep the state in DIR, which must be absent or empty
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Debug, Fields)]
pub(crate) struct Bench {
    /// A first impression within seconds: fewer repetitions
    #[arg(long)]
    pub(crate) quick: bool,

    /// The TPM: `swtpm` for a fresh one, or one that is there, such as `device:/dev/tpmrm0`, used as a guest
    #[arg(long, value_name = "TPM", default_value = "swtpm", value_parser = tpm_choice)]
    pub(crate) tpm: TpmChoice,
}

#[derive(Debug, Fields)]
pub(crate) struct Serve {
    /// Where to listen; port 0 picks one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,

    /// Where the CONNECT proxy listens that leads unmodified clients here [default: 127.0.0.1:8888, or a free port where
    /// --listen has port 0]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) proxy: Option<SocketAddr>,

    /// Approve every device code at once as this user, for clients that have no person beside them
    #[arg(long, value_name = "UPN")]
    pub(crate) approve_device_code: Option<String>,

    /// Which rules to keep: entra, strict, hardware-required, adfs, entra-2022, or a TOML file
    ///
    /// A file has a path or ends in .toml. It may name the profile that it starts from (`profile = "strict"`), and then
    /// the switches that differ, one a line, such as `mfa-freshness = "5m"`.
    #[arg(long, value_name = "NAME|FILE", default_value = "entra")]
    pub(crate) rules: String,

    /// Print a hosts file for clients that know no proxy, with how to use it, and do not serve
    ///
    /// It needs the server on port 443, and root for a moment; a mount namespace keeps this machine's own file as it is.
    #[arg(long)]
    pub(crate) hosts: bool,

    /// List every switch of the rules: what it can be, where it comes from, its value in each profile
    #[arg(long)]
    pub(crate) rules_help: bool,
}

/// The name of a value as it is typed.
pub(crate) fn typed<T: ValueEnum>(value: T) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// Make a device
    Create {
        /// Its name
        name: String,
        /// Its TPM: `swtpm`, `none`, `1.2` (decided about, not executed), or the address of one that is there, such as
        /// `device:/dev/tpmrm0`
        #[arg(long, value_name = "TPM", default_value = "swtpm", value_parser = tpm_choice)]
        tpm: TpmChoice,
        /// What state its TPM is in
        #[arg(long, value_name = "CONDITION", default_value = "ready", value_parser = one_of(&Condition::ALL, Condition::name), hide_possible_values = true,
            long_help = CONDITIONS)]
        condition: Condition,
    },
    /// List the devices
    List,
    /// Show one device
    Show {
        /// Its name; may be left out while there is only one
        name: Option<String>,
    },
    /// Remove a device: its TPM, its keys, its files
    Remove {
        /// Its name
        name: String,
    },
    /// Show the switches of a device, or turn some: what Microsoft documents nowhere, or twice
    Switch {
        #[command(flatten)]
        on: OnDevice,
        /// SWITCH=VALUE, such as policy.late-requirement=delete
        #[arg(value_name = "SWITCH=VALUE")]
        assignments: Vec<String>,
    },
}

const CONDITIONS: &str = "What state its TPM is in:

  ready        as it was manufactured
  not-ready    its storage hierarchy is disabled at every start
  fips         it reports FIPS mode (laid over its answers: no emulator has one)
  locked-out   it has counted 32 wrong PINs, really sent
  cleared      it was cleared after the device met it
  swapped      another TPM is in its place since the device met it
  rolled-back  an older state was put back after the device used it

A TPM 1.2 takes the first four, which are then said and not made.";

/// Reads one of the library's own names.
fn one_of<T>(all: &'static [T], name: fn(T) -> &'static str) -> impl clap::builder::TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(all.iter().map(|each| name(*each)))
        .try_map(move |text| all.iter().copied().find(|each| name(*each) == text).ok_or("no such name"))
}

/// Reads the TPM of a device.
fn tpm_choice(text: &str) -> Result<TpmChoice, String> {
    TpmChoice::try_from(text.to_owned()).map_err(|error| match error.reason {
        Reason::Kind => format!("expected swtpm, none, 1.2, {}", error.reason),
        other => other.to_string(),
    })
}

/// Which device.
#[derive(Debug, Fields)]
pub(crate) struct OnDevice {
    /// The device; may be left out while there is only one
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
}

/// Who, and where the password comes from.
#[derive(Debug, Fields)]
pub(crate) struct ByPassword {
    /// The user, such as alice@contoso.example
    #[arg(long, value_name = "UPN")]
    pub(crate) user: String,

    /// File with the password in its first line; `-` for standard input [default: ask]
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// Where the PIN comes from.
#[derive(Debug, Fields)]
pub(crate) struct ByPin {
    /// File with the PIN in its first line; `-` for standard input [default: ask]
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
}

#[derive(Debug, Fields)]
pub(crate) struct Join {
    #[command(flatten)]
    pub(crate) on: OnDevice,
    #[command(flatten)]
    pub(crate) by: ByPassword,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Set nodes of the device CSP, such as RequireSecurityDevice=true
    Set {
        #[command(flatten)]
        on: OnDevice,
        /// NODE=VALUE, by short name or whole OMA-URI (`./User/...` sets the user CSP)
        #[arg(required = true, value_name = "NODE=VALUE")]
        assignments: Vec<String>,
    },
    /// Import a file: SyncML, OMA-URI lines, .reg, Registry.pol, or JSON of Intune
    #[command(after_help = IMPORT_HELP)]
    Import {
        #[command(flatten)]
        on: OnDevice,
        /// The file; `-` for standard input
        file: PathBuf,
        /// Who delivers it [default: what the file says]
        #[arg(long, value_name = "SOURCE", value_parser = one_of(&Source::ALL, Source::name))]
        source: Option<Source>,
        /// Its form [default: by how the file begins]
        #[arg(long, value_name = "FORMAT", value_parser = one_of(&FileFormat::ALL, FileFormat::name))]
        format: Option<FileFormat>,
        /// Which of several of its source, such as the name of a device profile [default: what the file says]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// When it takes effect, such as 2026-01-31T08:00:00Z [default: at once]
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
    },
    /// Write what one source has set to standard output
    Export {
        #[command(flatten)]
        on: OnDevice,
        /// Who set it
        #[arg(long, value_name = "SOURCE", value_parser = one_of(&Source::ALL, Source::name), default_value = "device-csp")]
        source: Source,
        /// Which of several of its source
        #[arg(long, value_name = "NAME", default_value = "")]
        name: String,
        /// The form
        #[arg(long, value_name = "FORMAT", value_parser = one_of(&FileFormat::ALL, FileFormat::name))]
        format: FileFormat,
    },
    /// Every node: value in force, whose it is, what it takes
    Show(OnDevice),
    /// Who won, who lost, and the rule that decided, with its source
    Explain {
        /// A node, by short name or whole OMA-URI [default: all that anybody has set]
        node: Option<String>,
        #[command(flatten)]
        on: OnDevice,
    },
}

const IMPORT_HELP: &str = "Sources, strongest first: user-gpo, computer-gpo, user-csp, device-csp. Into the device CSP also \
deliver, each over the one before: provisioning-package, intune-tenant (once, before the join), device-csp itself, \
intune-profile (by --at).

A Registry.pol and JSON of Intune are the whole of a policy and take the place of what the same source had set; the other \
forms are changes. Settings of other policies are passed over and counted.";

/// Through which source the policies of the matrix arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatrixSource {
    /// The device CSP, by SyncML
    Csp,
    /// A computer GPO, by Registry.pol
    Gpo,
    /// A device profile of Intune, by its settings-catalogue JSON
    Intune,
}

/// How the matrix is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatrixFormat {
    /// A line for each TPM and condition
    Grid,
    /// A table for a document
    Markdown,
    /// A table for a spreadsheet
    Csv,
    /// One object, with event 5555 in each row; the same as --json
    Json,
}

#[derive(Debug, Fields)]
pub(crate) struct Matrix {
    /// Through which source the policies arrive
    #[arg(long, value_name = "SOURCE", default_value = "csp")]
    pub(crate) source: MatrixSource,

    /// How it is shown [default: grid]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<MatrixFormat>,
}

#[derive(Debug, Fields)]
pub(crate) struct Logon {
    #[command(flatten)]
    pub(crate) on: OnDevice,
    #[command(flatten)]
    pub(crate) by: ByPassword,
    #[command(flatten)]
    pub(crate) pin: ByPin,
    /// The session is a remote one
    #[arg(long)]
    pub(crate) remote: bool,
    /// The session is the one at the end of the out-of-box experience
    #[arg(long, conflicts_with = "remote")]
    pub(crate) oobe: bool,
    /// The Enrollment Status Page holds the desktop until every policy has arrived, also those of a later time
    #[arg(long)]
    pub(crate) esp: bool,
    /// The user cancels the enrollment that starts
    #[arg(long)]
    pub(crate) cancel: bool,
}

#[derive(Debug, Fields)]
pub(crate) struct Provision {
    #[command(flatten)]
    pub(crate) on: OnDevice,
    #[command(flatten)]
    pub(crate) by: ByPassword,
    #[command(flatten)]
    pub(crate) pin: ByPin,
}

#[derive(Debug, Fields)]
pub(crate) struct SignIn {
    #[command(flatten)]
    pub(crate) on: OnDevice,
    /// The user [default: the one who has a key on the device]
    #[arg(long, value_name = "UPN")]
    pub(crate) user: Option<String>,
    /// Print the signed assertion and do not sign in: who holds it can, from another device, until it expires or is used
    #[arg(long)]
    pub(crate) assertion: bool,
    #[command(flatten)]
    pub(crate) pin: ByPin,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Show the keys of a device or of a user: ids, level, strength, and KEYCREDENTIALLINK
    ///
    /// The key id is the GUID that registration answered and Graph lists; the kid is the SHA-256 of the public key, which
    /// names it at sign-in.
    Show {
        /// The device; may be left out while there is only one
        device: Option<String>,
        /// Every key of a user, from whichever device
        #[arg(long, value_name = "UPN", conflicts_with = "device")]
        user: Option<String>,
        /// Which directory's form of KEYCREDENTIALLINK the text has; --json has both
        #[arg(long, value_name = "FORM", default_value = "azure")]
        form: KeyForm,
    },
}

/// A dialect of KEYCREDENTIALLINK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyForm {
    /// As Active Directory keeps it
    Ad,
    /// As Entra keeps it
    Azure,
}

#[derive(Debug, Fields)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) on: OnDevice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tpm {
    /// What a TPM says about itself, in its own words and in those of Get-Tpm, and what deserves a warning
    Info(OnTpm),
    /// The count of wrong authorizations, and its reset
    Lockout {
        #[command(flatten)]
        on: OnTpm,
        /// Forget all counted failures
        #[arg(long)]
        reset: bool,
        #[command(flatten)]
        owner: Owner,
    },
    /// Fill a pool of keys in memory and claim one: what a key costs that was made in advance, and one that was not
    Pool(OnTpm),
    /// Clear a TPM: every key below its storage root key is lost
    Clear {
        #[command(flatten)]
        on: OnTpm,
        #[command(flatten)]
        owner: Owner,
    },
}

/// Which TPM.
#[derive(Debug, Fields)]
pub(crate) struct OnTpm {
    #[command(flatten)]
    pub(crate) on: OnDevice,
    /// A TPM outside of any device, such as device:/dev/tpmrm0
    #[arg(long, value_name = "TPM", conflicts_with = "device", value_parser = tpm_choice)]
    pub(crate) tpm: Option<TpmChoice>,
}

/// Who may change a TPM that whfb did not start.
#[derive(Debug, Fields)]
pub(crate) struct Owner {
    /// Do to a TPM that whfb did not start what cannot be undone
    #[arg(long)]
    pub(crate) i_own_this_tpm: bool,
    /// File with its lockout authorization, 64 hexadecimal digits; `-` for standard input [default: the one that whfb keeps of
    /// a device's TPM, and of another the empty one]
    #[arg(long, value_name = "FILE")]
    pub(crate) lockout_auth_file: Option<PathBuf>,
}

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
