//! Says why a node is what it is: who won, who lost, and the rule that decided.

use serde_json::{Value as Json, json};

use super::merge::{Offer, Resolution, Verdict};
use super::node::Node;

/// Whether provisioning starts by itself at sign-in, as far as policy decides about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrollment {
    /// It does, if the prerequisites are met.
    Starts,
    /// Policy stops it: by these nodes, each with whoever set it.
    Stopped(Vec<(Node, String)>),
}

/// What policy says about automatic enrollment.
pub fn automatic_enrollment(resolution: &Resolution) -> Enrollment {
    let stops = [(Node::UsePassportForWork, false), (Node::DisablePostLogonProvisioning, true)];
    let reasons: Vec<(Node, String)> = stops
        .into_iter()
        .map(|(node, stop)| (resolution.verdict(node), stop))
        .filter(|(verdict, stop)| verdict.value.as_ref().and_then(super::Value::as_bool) == Some(*stop))
        .map(|(verdict, _)| (verdict.node, by(verdict)))
        .collect();
    if reasons.is_empty() { Enrollment::Starts } else { Enrollment::Stopped(reasons) }
}

impl Enrollment {
    /// One line.
    pub fn sentence(&self) -> String {
        match self {
            Self::Starts => "starts at sign-in when the prerequisites are met".to_owned(),
            Self::Stopped(reasons) => {
                let each: Vec<String> = reasons.iter().map(|(node, by)| format!("{node} ({by})")).collect();
                format!("stopped by {}", each.join(" and "))
            }
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Json {
        match self {
            Self::Starts => json!({"starts": true, "stopped_by": []}),
            Self::Stopped(reasons) => {
                let nodes: Vec<_> = reasons.iter().map(|(node, by)| json!({"node": node, "by": by})).collect();
                json!({"starts": false, "stopped_by": nodes})
            }
        }
    }
}

fn by(verdict: &Verdict) -> String {
    verdict.winner.as_ref().map_or_else(|| "default".to_owned(), |offer| offer.words.clone())
}

/// What a person reads about one node.
pub fn describe(verdict: &Verdict) -> String {
    let value = verdict.value.as_ref().map_or_else(|| "not configured".to_owned(), ToString::to_string);
    let since = |offer: &Offer, word: &str| offer.at.map_or_else(String::new, |at| format!(", {word} {at:.0}"));
    let from = verdict
        .winner
        .as_ref()
        .map_or_else(|| "default".to_owned(), |offer| format!("{}{}", offer.words, since(offer, "since")));
    let mut text = format!("{} = {value}\n    from  {from}\n", verdict.node);
    text.push_str(&format!("    rule  {} {}\n", verdict.rule.sentence(), verdict.rule.tag(verdict.node)));
    for (offer, lost) in &verdict.lost {
        let when = since(offer, "from");
        let (words, value) = (&offer.words, &offer.value);
        text.push_str(&format!("    lost  {words}{when}: {value}; {} {}\n", lost.sentence(), lost.tag()));
    }
    text
}

impl Verdict {
    /// The same for programs.
    pub fn json(&self) -> Json {
        let lost: Vec<Json> = self
            .lost
            .iter()
            .map(|(offer, lost)| json!({"offer": offer, "why": lost, "because": lost.sentence(), "tag": lost.tag()}))
            .collect();
        json!({
            "node": self.node,
            "value": self.value,
            "winner": self.winner,
            "rule": self.rule,
            "because": self.rule.sentence(),
            "tag": self.rule.tag(self.node),
            "lost": lost,
        })
    }

    /// Whether anybody said anything about the node.
    pub fn is_disputed_or_set(&self) -> bool {
        self.winner.is_some() || !self.lost.is_empty()
    }
}
