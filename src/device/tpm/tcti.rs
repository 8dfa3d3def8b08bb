//! TCTI strings: the ones that tss-esapi 7.7.0 understands, and no other.
//!
//! The library ignores keys that it does not know and then takes `localhost:2321`, where somebody else's TPM may be. So what
//! it would not understand is refused here, before there is a context.

use std::fmt;
use std::str::FromStr;

/// A TCTI string that means what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tcti(String);

/// Why a string is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TctiFault {
    /// A TCTI that tss-esapi 7.7.0 cannot load, such as `cmd:` or `tbs:`.
    #[error("tss-esapi 7.7.0 knows device:PATH, tabrmd:, mssim:host=HOST,port=PORT and swtpm:host=HOST,port=PORT")]
    Kind,
    /// `device:` without a path.
    #[error("the path is missing")]
    Path,
    /// A key that the library would ignore, above all `path=`.
    #[error("it has a key that tss-esapi 7.7.0 would ignore; a Unix socket is reached as unix:PATH")]
    Key,
    /// A key twice.
    #[error("a key is given twice")]
    Twice,
    /// `host=` is missing or names no host.
    #[error("host= is missing or names no host")]
    Host,
    /// `port=` is missing or no number from 1 to 65535.
    #[error("port= is missing, or no number from 1 to 65535")]
    Port,
    /// The bus type is neither `session` nor `system`, or there is no bus name.
    #[error("expected tabrmd: or tabrmd:bus_name=NAME,bus_type=session or system")]
    Bus,
}

impl FromStr for Tcti {
    type Err = TctiFault;

    fn from_str(text: &str) -> Result<Self, TctiFault> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "device" if rest.is_empty() => return Err(TctiFault::Path),
            "device" => {}
            "mssim" | "swtpm" => check_network(rest)?,
            "tabrmd" => check_bus(rest)?,
            _ => return Err(TctiFault::Kind),
        }
        Ok(Self(text.to_owned()))
    }
}

/// `key=value` pairs, each of the two keys at most once.
fn pairs<'a>(text: &'a str, keys: [&str; 2]) -> Result<[Option<&'a str>; 2], TctiFault> {
    let mut values = [None, None];
    for pair in text.split(',') {
        let (key, value) = pair.split_once('=').ok_or(TctiFault::Key)?;
        let slot = keys.iter().zip(&mut values).find(|(known, _)| **known == key).ok_or(TctiFault::Key)?;
        if slot.1.replace(value).is_some() {
            return Err(TctiFault::Twice);
        }
    }
    Ok(values)
}

fn check_network(rest: &str) -> Result<(), TctiFault> {
    if rest.is_empty() {
        return Err(TctiFault::Host);
    }
    let [host, port] = pairs(rest, ["host", "port"])?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    if host.is_none_or(|host| host.is_empty() || !host.chars().all(plain)) {
        return Err(TctiFault::Host);
    }
    port.and_then(|port| port.parse::<std::num::NonZeroU16>().ok()).map(drop).ok_or(TctiFault::Port)
}

fn check_bus(rest: &str) -> Result<(), TctiFault> {
    if rest.is_empty() {
        return Ok(());
    }
    let [name, kind] = pairs(rest, ["bus_name", "bus_type"])?;
    let known = kind.is_none_or(|kind| matches!(kind, "session" | "system"));
    if known && name.is_none_or(|name| !name.is_empty()) { Ok(()) } else { Err(TctiFault::Bus) }
}

impl fmt::Display for Tcti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, TctiFault> {
        text.parse::<Tcti>().map(|tcti| tcti.to_string())
    }

    #[test]
    fn takes_what_the_library_understands_as_it_is() {
        for text in [
            "device:/dev/tpmrm0",
            "mssim:host=127.0.0.1,port=2321",
            "swtpm:port=4000,host=localhost",
            "swtpm:host=::1,port=4000",
            "tabrmd:",
            "tabrmd",
            "tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=session",
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn refuses_what_would_end_at_somebody_elses_port() {
        for (text, fault) in [
            ("swtpm:path=/tmp/tpm.sock", TctiFault::Key),
            ("mssim:path=/tmp/tpm.sock", TctiFault::Key),
            ("swtpm:host=localhost,port=4000,path=x", TctiFault::Key),
            ("swtpm:localhost", TctiFault::Key),
            ("swtpm", TctiFault::Host),
            ("swtpm:", TctiFault::Host),
            ("swtpm:port=4000", TctiFault::Host),
            ("swtpm:host=,port=4000", TctiFault::Host),
            ("swtpm:host=a b,port=4000", TctiFault::Host),
            ("swtpm:host=localhost", TctiFault::Port),
            ("swtpm:host=localhost,port=0", TctiFault::Port),
            ("swtpm:host=localhost,port=65536", TctiFault::Port),
            ("swtpm:host=localhost,port=1,port=2", TctiFault::Twice),
            ("device", TctiFault::Path),
            ("device:", TctiFault::Path),
            ("tabrmd:bus_type=other", TctiFault::Bus),
            ("tabrmd:bus_name=", TctiFault::Bus),
            ("tabrmd:name=x", TctiFault::Key),
            ("cmd:sh", TctiFault::Kind),
            ("libtpms:", TctiFault::Kind),
            ("pcap:device:/dev/tpmrm0", TctiFault::Kind),
            ("tbs:", TctiFault::Kind),
            ("", TctiFault::Kind),
        ] {
            assert_eq!(parsed(text), Err(fault), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_stumble(text in ".{0,60}") {
            if let Ok(tcti) = text.parse::<Tcti>() {
                proptest::prop_assert_eq!(tcti.to_string(), text);
            }
        }
    }
}
