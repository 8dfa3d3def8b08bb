//! From what somebody has at hand, a number out of some tool or a symbol, to the row of the table.

use super::Hresult;
use super::table::TABLE;

/// Why a text leads to no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// A code that the table does not have.
    #[error("{0} is not in the table")]
    Unknown(Hresult),
    /// No form of a code.
    #[error("not a code")]
    NoCode,
}

impl Hresult {
    /// The forms that [`find`](Self::find) takes, for an error message.
    pub const FORMS: &str = "0x80090035, 80090035, -2146893771, 2148073525 or NTE_DEVICE_NOT_FOUND";

    /// The code of the table that a text means: eight hexadecimal digits with or without `0x`, the decimal number as signed
    /// or unsigned tools print it, or the symbol in any case. Eight digits are hexadecimal, whatever they are.
    pub fn find(text: &str) -> Result<Hresult, NotFound> {
        let text = text.trim();
        if let Some(entry) = TABLE.iter().find(|entry| entry.symbol.eq_ignore_ascii_case(text)) {
            return Ok(entry.code);
        }
        let code = hexadecimal(text).or_else(|| decimal(text)).map(Hresult).ok_or(NotFound::NoCode)?;
        code.entry().map(|entry| entry.code).ok_or(NotFound::Unknown(code))
    }

    /// The number as tools print it that take it for signed.
    pub const fn decimal(self) -> i32 {
        self.0.cast_signed()
    }
}

fn hexadecimal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let plain = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| plain)
}

fn decimal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().or_else(|| text.parse().ok().map(i32::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_found_by_each_form() {
        for code in Hresult::all() {
            let (number, symbol) = (code.value(), code.symbol());
            for text in [
                code.to_string(),
                format!("0X{number:08x}"),
                format!("{number:08X}"),
                format!("{number:08x}"),
                number.to_string(),
                code.decimal().to_string(),
                symbol.to_owned(),
                symbol.to_lowercase(),
                format!(" {symbol}\n"),
            ] {
                assert_eq!(Hresult::find(&text), Ok(code), "{text}");
            }
        }
    }

    #[test]
    fn the_forms_that_are_named_are_taken() {
        let forms = Hresult::FORMS.replace(" or ", ", ");
        assert!(forms.split(", ").all(|form| Hresult::find(form) == Ok(Hresult::NTE_DEVICE_NOT_FOUND)));
    }

    #[test]
    fn a_code_outside_of_the_table_is_told_from_no_code() {
        for (text, value) in
            [("0x8001FFFF", 0x8001_FFFF), ("-1", u32::MAX), ("4294967295", u32::MAX), ("12345", 12_345)]
        {
            assert_eq!(Hresult::find(text), Err(NotFound::Unknown(Hresult(value))), "{text}");
        }
        let none =
            ["", " ", "0x", "0x8009003", "0x800900355", "8009003G", "+1", "--1", "-", "4294967296", "-2147483649"];
        for text in none.into_iter().chain(["NTE_", "+0090035", "0x-0090035", "0x0x80090035", "80 090035"]) {
            assert_eq!(Hresult::find(text), Err(NotFound::NoCode), "{text:?}");
        }
    }
}
