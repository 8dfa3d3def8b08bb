//! One case for every fault, in which nothing else is wrong.

mod certificates;
mod chains;
mod keys;
mod made;
mod minted;
mod signers;
mod tpms;

use super::*;
use crate::attest::fault::Fault;
use crate::attest::profile::{AikFault, EkFault};
use crate::attest::{ChainFault, Check};
use crate::crypto::cert::CertificateError;
use crate::crypto::{RsaPublic, roca_key};
use crate::wire::tpm::{Symmetric, TpmFormat, WINDOWS_POLICY};

/// A statement with exactly one thing wrong.
pub(crate) struct Case {
    /// What is done to it, in kebab case.
    pub(crate) name: &'static str,
    pub(crate) check: Check,
    pub(crate) fault: Fault,
    pub(crate) statement: Statement,
    pub(crate) terms: Terms,
}

/// Collects cases.
struct Cases<'a> {
    lab: &'a Lab,
    made: Vec<Case>,
}

impl Cases<'_> {
    fn add(&mut self, name: &'static str, check: Check, fault: Fault, statement: Statement, terms: Terms) {
        self.made.push(Case { name, check, fault, statement, terms });
    }

    /// What a TPM could be made to sign, or an authority to issue: breaks the recipe before the signatures are made.
    fn signed(&mut self, name: &'static str, check: Check, fault: Fault, change: impl FnOnce(&mut Recipe)) {
        let mut recipe = self.lab.recipe();
        change(&mut recipe);
        self.add(name, check, fault, self.lab.make(&recipe), self.lab.terms());
    }

    /// What the sender can do to a statement that is signed.
    fn sent(&mut self, name: &'static str, check: Check, fault: Fault, change: impl FnOnce(&mut Statement)) {
        let mut statement = self.lab.good();
        change(&mut statement);
        self.add(name, check, fault, statement, self.lab.terms());
    }

    /// A good statement, and a verifier who wants something else.
    fn wanted(&mut self, name: &'static str, check: Check, fault: Fault, change: impl FnOnce(&mut Terms)) {
        let mut terms = self.lab.terms();
        change(&mut terms);
        self.add(name, check, fault, self.lab.good(), terms);
    }
}

/// Every case, over an RSA lab.
pub(crate) fn cases(lab: &Lab) -> Vec<Case> {
    let mut cases = Cases { lab, made: Vec::new() };
    made::add(&mut cases);
    keys::attributes(&mut cases);
    keys::keys(&mut cases);
    signers::signer(&mut cases);
    signers::creation(&mut cases);
    certificates::aik(&mut cases);
    chains::add(&mut cases);
    minted::add(&mut cases);
    certificates::ek(&mut cases);
    tpms::add(&mut cases);
    cases.made
}
