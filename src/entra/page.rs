//! The pages that a person sees, as what they say; the server turns them into HTML.

use super::refusal::Refusal;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Page {
    /// Asks for user and password.
    Password {
        /// The state of the sign-in, sealed.
        flow: String,
        /// The user that the client hints at.
        hint: String,
        /// What was wrong with the last answer.
        refusal: Option<Refusal>,
    },
    /// Asks for the second factor: approve, deny, or a code.
    SecondFactor {
        /// The state of the sign-in, sealed.
        flow: String,
        /// Who signs in.
        user: String,
        /// What was wrong with the last answer.
        refusal: Option<Refusal>,
    },
    /// Asks for the code that a device shows.
    UserCode {
        /// What was typed, or what the address brought.
        typed: String,
        /// What was wrong with it.
        refusal: Option<Refusal>,
    },
    /// Asks whether the device that shows the code is the person's own.
    Confirm {
        /// The state of the sign-in, sealed.
        flow: String,
        /// The client that waits.
        client: String,
    },
    /// Hands an authorization code to the client by a form that submits itself (OAuth 2.0 Form Post Response Mode).
    Submit {
        /// The client's address.
        action: String,
        /// The code.
        code: String,
        /// What the client gave along.
        state: Option<String>,
    },
    /// The end of a sign-in whose client waits elsewhere.
    Done {
        /// Whether the person approved.
        approved: bool,
    },
}

impl Page {
    /// What the person is told to have done wrong.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Password { refusal, .. } | Self::SecondFactor { refusal, .. } | Self::UserCode { refusal, .. } => {
                *refusal
            }
            Self::Confirm { .. } | Self::Submit { .. } | Self::Done { .. } => None,
        }
    }
}
