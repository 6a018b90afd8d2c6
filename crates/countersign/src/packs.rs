//! Packs: rules that come with the program, chosen by name in the configuration (`packs: [strict, code-freeze]`).
//!
//! A pack is a rule file like any other: what it says can be read with `countersign policy show NAME`, copied and changed.

use policy::RuleFile;

/// A pack.
#[derive(Debug, Clone, Copy)]
pub struct Pack {
    /// The word in the configuration.
    pub name: &'static str,
    file: &'static str,
    text: &'static str,
}

impl Pack {
    /// The pack of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PACKS.iter().find(|pack| pack.name == name)
    }

    /// All names, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PACKS.iter().map(|pack| pack.name)
    }

    /// Its rules, under a name that no file of the operator's has.
    pub fn rules(&self) -> RuleFile {
        RuleFile { name: format!("pack:{}", self.file), text: self.text.to_owned() }
    }
}

/// All of them but the baseline, which is a layer of its own and always there.
pub const PACKS: &[Pack] = &[
    Pack { name: "aws-readonly", file: "aws-readonly.yaml", text: include_str!("../../../policies/aws-readonly.yaml") },
    Pack { name: "code-freeze", file: "code-freeze.yaml", text: include_str!("../../../policies/code-freeze.yaml") },
    Pack {
        name: "customer-data",
        file: "customer-data.cedar",
        text: include_str!("../../../policies/customer-data.cedar"),
    },
    Pack { name: "github", file: "github.yaml", text: include_str!("../../../policies/github.yaml") },
    Pack { name: "strict", file: "strict.yaml", text: include_str!("../../../policies/strict.yaml") },
];

#[cfg(test)]
mod tests;
