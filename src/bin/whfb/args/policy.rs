//! What can be typed after `whfb policy`.

use std::path::PathBuf;

use clap::Subcommand;
use whfb::base::Timestamp;
use whfb::device::policy::{FileFormat, Source};

use super::{OnDevice, one_of};

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
