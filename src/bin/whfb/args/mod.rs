//! What can be typed. Commands with subcommands or long options have a file each.

mod attest;
mod device;
mod matrix;
mod policy;
mod tpm;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as Fields, Parser, Subcommand, ValueEnum};
use whfb::device::state::TpmChoice;
use whfb::device::tpm::Reason;

pub(crate) use attest::{Attest, StatementForm};
pub(crate) use device::Device;
pub(crate) use matrix::{Matrix, MatrixFormat, MatrixSource};
pub(crate) use policy::Policy;
pub(crate) use tpm::{OnTpm, Owner, Tpm};

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
