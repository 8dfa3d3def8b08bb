//! Who makes TPMs: the vendor numbers of the TCG, and which of them stand for TPMs without a chip of their own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `TPM_PT_MANUFACTURER`: up to four characters as a number, such as 0x49424D00 for `IBM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VendorId(pub u32);

/// Numbers of the TCG Vendor ID Registry, family 2.0, with the vendor's name.
const VENDORS: &[(&[u8; 4], &str)] = &[
    (b"AMD\0", "AMD"),
    (b"ANT\0", "Ant Group"),
    (b"ATML", "Atmel"),
    (b"BRCM", "Broadcom"),
    (b"CSCO", "Cisco"),
    (b"FLYS", "Flyslice"),
    (b"GOOG", "Google"),
    (b"HPI\0", "HP Inc."),
    (b"HPE\0", "Hewlett Packard Enterprise"),
    (b"HISI", "Huawei"),
    (b"IBM\0", "IBM"),
    (b"IFX\0", "Infineon"),
    (b"INTC", "Intel"),
    (b"LEN\0", "Lenovo"),
    (b"MSFT", "Microsoft"),
    (b"NSM ", "National Semiconductor"),
    (b"NSG\0", "NSING"),
    (b"NTC\0", "Nuvoton"),
    (b"NTZ\0", "Nationz"),
    (b"QCOM", "Qualcomm"),
    (b"ROCC", "Fuzhou Rockchip"),
    (b"SECE", "SecEdge"),
    (b"SMSC", "SMSC"),
    (b"SMSN", "Samsung"),
    (b"SNS\0", "Sinosun"),
    (b"STM ", "STMicroelectronics"),
    (b"TXN\0", "Texas Instruments"),
    (b"VMW\0", "VMware"),
    (b"WEC\0", "Winbond"),
];

/// Vendors whose TPM 2.0 is software beside a virtual machine: libtpms and the reference simulator say IBM or MSFT, Hyper-V MSFT,
/// vSphere VMW, the clouds of Google and Amazon GOOG and AMZN. \[inferred\]: the registry does not say which TPMs are chips, and
/// whoever owns a certificate authority for endorsement keys can write any of these.
const VIRTUAL: &[&[u8; 4]] = &[b"AMZN", b"GOOG", b"IBM\0", b"MSFT", b"VMW\0"];

impl VendorId {
    /// The number of up to four characters of ASCII, filled up with NUL; `None` for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if text.is_empty() || text.len() > 4 || !printable {
            return None;
        }
        let mut bytes = [0; 4];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self(u32::from_be_bytes(bytes)))
    }

    /// The vendor's name, if the registry has the number. Vendors fill up with blanks and with NUL, so neither counts.
    pub fn name(self) -> Option<&'static str> {
        VENDORS.iter().find(|(id, _)| self.is(id)).map(|(_, name)| *name)
    }

    /// Whether TPMs of this number are software beside a virtual machine.
    pub fn is_virtual(self) -> bool {
        VIRTUAL.iter().any(|id| self.is(id))
    }

    /// Whether both numbers are of the same characters.
    pub fn is_same(self, other: Self) -> bool {
        self.is(&other.0.to_be_bytes())
    }

    fn is(self, id: &[u8; 4]) -> bool {
        self.0.to_be_bytes().trim_ascii_end_nul() == id.trim_ascii_end_nul()
    }
}

trait TrimFilling {
    fn trim_ascii_end_nul(&self) -> &[u8];
}

impl TrimFilling for [u8; 4] {
    fn trim_ascii_end_nul(&self) -> &[u8] {
        let end = self.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |last| last + 1);
        &self[..end]
    }
}

impl fmt::Display for VendorId {
    /// As certificates have it, with the name: `id:49424D00 (IBM)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id:{:08X}", self.0)?;
        self.name().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

impl Serialize for VendorId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.0.to_be_bytes();
        let text = std::str::from_utf8(&bytes).unwrap_or_default().trim_end_matches('\0');
        match Self::from_text(text) {
            Some(_) => serializer.serialize_str(text),
            None => serializer.collect_str(&format_args!("id:{:08X}", self.0)),
        }
    }
}

impl<'de> Deserialize<'de> for VendorId {
    /// Reads `IFX` or `id:49465800`.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.strip_prefix("id:").filter(|digits| digits.len() == 8 && !digits.starts_with('+'));
        let number = number.and_then(|digits| u32::from_str_radix(digits, 16).ok()).map(Self);
        number.or_else(|| Self::from_text(&text)).ok_or_else(|| {
            serde::de::Error::custom(
                "a vendor is up to four characters, such as IFX, or id: and eight hexadecimal digits",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_certificates_and_as_people_write_them() {
        let read = |text: &str| serde_json::from_value::<VendorId>(text.into()).ok();
        let ibm = Some(VendorId(0x4942_4d00));
        assert_eq!((read("IBM"), read("id:49424D00"), read("id:49424d00")), (ibm, ibm, ibm));
        assert_eq!(read("STM "), Some(VendorId(0x5354_4d20)));
        for wrong in ["", "INTEL", "id:49424D0", "id:+9424D00", "I\u{e9}", "a\nb"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        let numbers = [
            (0x4942_4d00, "IBM"),
            (0x494e_5443, "INTC"),
            (0x5354_4d20, "STM "),
            (0x4900_4d00, "id:49004D00"),
            (0, "id:00000000"),
            (0xffff_ffff, "id:FFFFFFFF"),
        ];
        for (id, text) in numbers {
            assert_eq!(serde_json::to_value(VendorId(id)).unwrap(), text);
            assert_eq!(read(text), Some(VendorId(id)));
        }
    }

    #[test]
    fn a_name_is_found_however_the_number_is_filled_up() {
        assert_eq!(VendorId(0x5354_4d20).name(), Some("STMicroelectronics"));
        assert_eq!(VendorId(0x5354_4d00).name(), Some("STMicroelectronics"));
        assert!(VendorId(0x5354_4d20).is_same(VendorId(0x5354_4d00)));
        assert!(!VendorId(0x5354_4d20).is_same(VendorId(0x5354_4e20)));
        assert_eq!(VendorId(0).name(), None);
        assert_eq!(VendorId(0x4942_4d00).to_string(), "id:49424D00 (IBM)");
        assert_eq!(VendorId(1).to_string(), "id:00000001");
    }

    #[test]
    fn software_is_told_from_chips_by_its_vendor() {
        for (text, expected) in
            [("IBM", true), ("MSFT", true), ("VMW", true), ("AMZN", true), ("INTC", false), ("IFX", false)]
        {
            assert_eq!(VendorId::from_text(text).unwrap().is_virtual(), expected, "{text}");
        }
    }
}
