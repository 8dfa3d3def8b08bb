//! What is measured.

use std::fmt;

use whfb::device::tpm::KeyKind;

/// An operation that contenders do in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Sign(KeyKind),
    Create(KeyKind),
}

impl Operation {
    pub(crate) const ALL: [Self; 4] = [
        Self::Sign(KeyKind::P256),
        Self::Sign(KeyKind::Rsa2048),
        Self::Create(KeyKind::P256),
        Self::Create(KeyKind::Rsa2048),
    ];

    pub(crate) fn kind(self) -> KeyKind {
        match self {
            Self::Sign(kind) | Self::Create(kind) => kind,
        }
    }

    pub(crate) fn signs(self) -> bool {
        matches!(self, Self::Sign(_))
    }

    /// How often each contender does it. Making an RSA key is a search for primes, which takes long and scatters whoever
    /// asks: more rounds would cost minutes and still not tell contenders apart.
    pub(crate) fn rounds(self, quick: bool) -> usize {
        match self {
            Self::Sign(_) if quick => 40,
            Self::Sign(_) => 400,
            Self::Create(KeyKind::P256) if quick => 10,
            Self::Create(KeyKind::P256) => 200,
            Self::Create(KeyKind::Rsa2048) if quick => 4,
            Self::Create(KeyKind::Rsa2048) => 60,
        }
    }

    /// Rounds that come first and do not count: caches fill and the first use of a key is behind.
    pub(crate) fn warm_up(self) -> usize {
        match self {
            Self::Create(KeyKind::Rsa2048) => 1,
            _ => 5,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.signs() { "sign" } else { "create" };
        let kind = match self.kind() {
            KeyKind::P256 => "P-256",
            KeyKind::Rsa2048 => "RSA-2048",
        };
        write!(f, "{verb} {kind}")
    }
}
