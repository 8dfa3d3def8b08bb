//! Rules of the mock: chosen by profile or file, said in short, and explained.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use whfb::entra::rules::{SWITCHES, Switch};
use whfb::entra::{Profile, Rules};

use crate::failure::Failure;
use crate::output::Output;

/// The rules that were asked for.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) rules: Rules,
    profile: Profile,
    file: Option<PathBuf>,
}

/// A file of a few hundred switches would be shorter.
const LONGEST: u64 = 65_536;

impl Chosen {
    /// `NAME|FILE`: a profile's name is one; a path, a `.toml` or a file that is there is a file.
    pub(crate) fn named(text: &str) -> Result<Self, Failure> {
        if let Some(profile) = Profile::named(text) {
            return Ok(Self { rules: profile.rules(), profile, file: None });
        }
        let path = Path::new(text);
        let is_file = text.contains('/') || path.extension().is_some_and(|end| end == "toml") || path.is_file();
        if !is_file {
            let names = Profile::ALL.map(Profile::name).join(", ");
            return Err(Failure::usage(format!("{text:?} is no profile; there are {names}"))
                .next("name one of them, or a file by a path or an ending of .toml, such as ./rules.toml"));
        }
        let text = read(path)?;
        let (profile, rules) = Rules::from_toml(&text).map_err(|error| {
            Failure::usage(format!("{}: {error}", path.display())).next("list the switches: whfb serve --rules-help")
        })?;
        Ok(Self { rules, profile, file: Some(path.to_owned()) })
    }

    /// In a line: the profile, and what is not as it has it.
    pub(crate) fn line(&self) -> String {
        let turned = self.rules.turned(self.profile);
        let turned: Vec<_> = turned.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let Some(file) = &self.file else { return self.profile.to_string() };
        match turned.as_slice() {
            [] => format!("{} ({}, which turns nothing)", self.profile, file.display()),
            turned => format!("{} ({}: {})", self.profile, file.display(), turned.join(", ")),
        }
    }

    /// For a program: `rules`, `rules_file`, and `turned` by name.
    pub(crate) fn to_json(&self) -> (Value, Value, Value) {
        let turned: Map<_, _> =
            self.rules.turned(self.profile).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        (self.profile.name().into(), json!(self.file), turned.into())
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let trouble = |error: &std::io::Error| Failure::usage(format!("{shown}: {error}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| trouble(&error))?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| trouble(&error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::usage(format!("{shown} is longer than {LONGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{shown} is not UTF-8")))
}

/// `--rules-help`: every switch with what it can be, where it comes from, and its value in each profile.
pub(crate) fn help(output: &Output) {
    let mut text = String::from("profiles");
    for profile in Profile::ALL {
        text.push_str(&format!("\n  {:<18} {}", profile.name(), profile.about()));
    }
    text.push_str(&format!("\n\n{}", row("switch", Profile::ALL.map(|profile| profile.name().to_owned()))));
    for switch in SWITCHES {
        let values = Profile::ALL.map(|profile| switch.value(&profile.rules()));
        text.push_str(&format!("\n\n{}", row(switch.name, values)));
        text.push_str(&format!("\n    {}\n    takes {}", switch.about, switch.allowed()));
        for (profile, tag) in switch.sources {
            text.push_str(&format!("\n    {profile} {tag}"));
        }
    }
    text.push_str(
        "\n\nA rules file is TOML: `profile = \"strict\"` if it starts from another than entra, then a line a switch.",
    );
    let profiles: Vec<_> =
        Profile::ALL.iter().map(|each| json!({"name": each.name(), "about": each.about()})).collect();
    let switches: Vec<_> = SWITCHES.iter().map(object).collect();
    output.answer(&text, &json!({"ok": true, "profiles": profiles, "switches": switches}));
}

fn row(name: &str, cells: [String; 5]) -> String {
    let cells: String = cells.iter().map(|cell| format!(" {cell:<17}")).collect();
    format!("{name:<22}{cells}").trim_end().to_owned()
}

fn object(switch: &Switch) -> Value {
    let by_profile = |of: &dyn Fn(Profile) -> String| -> Map<String, Value> {
        Profile::ALL.into_iter().map(|profile| (profile.name().to_owned(), of(profile).into())).collect()
    };
    json!({
        "name": switch.name,
        "about": switch.about,
        "takes": switch.allowed(),
        "values": by_profile(&|profile| switch.value(&profile.rules())),
        "tags": by_profile(&|profile| switch.tag(profile).to_string()),
    })
}
