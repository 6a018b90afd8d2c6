//! What is found in files, in the formats that code scanning and CI servers read.

pub mod junit;
pub mod sarif;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing loads while this is so.
    Error,
    /// It loads, and may not be what was meant.
    Note,
}

/// One thing found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing: one of [`KINDS`].
    pub kind: Kind,
    /// The file as the operator named it.
    pub file: String,
    /// Where it stands on the disk, as seen from where the command was started.
    pub path: String,
    /// The line, counted from 1; 0 where it is the file as a whole.
    pub line: u64,
    /// The column in characters, counted from 1; 0 where it is the line as a whole.
    pub column: u64,
    /// What was found, lower case, no full stop.
    pub said: String,
    /// The way out.
    pub hint: Option<String>,
}

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The configuration cannot be put in force.
    Configuration,
    /// A rule cannot be put in force.
    Rule,
    /// Something in a rule file is right, and worth knowing.
    RuleNote,
    /// A rule names what the configuration does not have.
    UnknownName,
    /// A rule names a tool that nobody has seen of its app.
    UnknownTool,
    /// The trace, which knows what was seen of apps, cannot be read.
    ToolsUnread,
    /// Holds of an app have nobody to approve them.
    Unowned,
    /// There is one person, and nobody else who could approve anything.
    OnePerson,
    /// A contract is about records that nothing looks at before they are changed.
    Unseen,
    /// What an app is started with is not on this machine.
    NotThere,
}

/// All kinds, in the order reports list them.
pub const KINDS: [Kind; 10] = [
    Kind::Configuration,
    Kind::Rule,
    Kind::RuleNote,
    Kind::UnknownName,
    Kind::UnknownTool,
    Kind::ToolsUnread,
    Kind::Unowned,
    Kind::OnePerson,
    Kind::Unseen,
    Kind::NotThere,
];

impl Kind {
    /// The stable word for it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Configuration => "configuration-refused",
            Self::Rule => "rule-refused",
            Self::RuleNote => "rule-note",
            Self::UnknownName => "unknown-name",
            Self::UnknownTool => "unknown-tool",
            Self::ToolsUnread => "tools-unread",
            Self::Unowned => "app-without-owner",
            Self::OnePerson => "one-person",
            Self::Unseen => "record-unseen",
            Self::NotThere => "not-there",
        }
    }

    /// What it is, in a sentence.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Configuration => "The configuration cannot be put in force.",
            Self::Rule => "A rule cannot be put in force.",
            Self::RuleNote => "Something in a rule file is right, and may not do what was meant.",
            Self::UnknownName => "A rule names something that the configuration does not have, so it never fits.",
            Self::UnknownTool => "A rule names a tool that nobody has seen of its app, so no call fits it.",
            Self::ToolsUnread => {
                "The trace cannot be read here, so nobody can say whether rules name tools that apps have."
            }
            Self::Unowned => "An app has no owners, so nobody can approve its holds.",
            Self::OnePerson => "There is only one person, so what would wait for another one is refused.",
            Self::Unseen => "Nothing looks at a record before it is changed, so no contract lets the change out.",
            Self::NotThere => "A program or a folder that an app is started with is not on this machine.",
        }
    }

    /// How much it matters.
    pub const fn level(self) -> Level {
        match self {
            Self::Configuration | Self::Rule => Level::Error,
            Self::RuleNote
            | Self::UnknownName
            | Self::UnknownTool
            | Self::ToolsUnread
            | Self::Unowned
            | Self::OnePerson
            | Self::Unseen
            | Self::NotThere => Level::Note,
        }
    }

    /// Whether it counts where notes count: not what is as it was meant where people work alone, nor what only another machine can
    /// say or have.
    pub const fn counts(self) -> bool {
        !matches!(self, Self::OnePerson | Self::ToolsUnread | Self::NotThere)
    }
}

impl Level {
    /// The word for it, as SARIF has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Note => "note",
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        for place in [self.line, self.column].into_iter().take_while(|place| *place > 0) {
            write!(f, ":{place}")?;
        }
        write!(f, ": {}", self.said)
    }
}

#[cfg(test)]
mod tests;
