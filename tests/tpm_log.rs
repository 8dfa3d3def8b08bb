//! What `-vv` shows of a TPM. A test binary of its own: whether a place logs at all is remembered for the whole process.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::io::{Result, Write};
use std::sync::{Arc, Mutex};

use support::{lab, secret};
use whfb::base::secret_slice;
use whfb::device::tpm::{Gate, Tpm as _};

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_names_commands_roles_and_answers_and_no_parameter() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let mut lab = lab();
        let sealed = lab.tpm.seal(&secret_slice(vec![b'S'; 32]), Gate::Counted(&secret(b'P'))).unwrap();
        lab.tpm.unseal(&sealed, Gate::Counted(&secret(b'Q'))).unwrap_err();
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let refused = text.lines().find(|line| line.contains("TPM_RC_AUTH_FAIL")).unwrap();
    for part in ["whfb::tpm", "TPM2_Unseal", "sealed data 0x80", "TPM_RC_AUTH_FAIL (session 1)", "micros="] {
        assert!(refused.contains(part), "{part} is missing in: {refused}");
    }
    // Eight of the 32 bytes: two or three digits come by chance too, in a time of day.
    for byte in [b'S', b'P', b'Q'] {
        let forms = [char::from(byte).to_string(), format!("{byte:02x}"), format!("{byte}, ")];
        for form in forms.map(|form| form.repeat(8)) {
            assert!(!text.contains(&form), "{form}");
        }
    }
}
