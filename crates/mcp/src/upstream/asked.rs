//! What is asked of an app in one call, and how it is written for it.

use bytes::Bytes;
use model::Method;

/// What is asked. The name stands in the permit, the arguments are the bytes that were decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Use a tool.
    Tool,
    /// Read a resource.
    Resource,
    /// Get a prompt.
    Prompt,
    /// Complete an argument of a prompt.
    CompletePrompt,
    /// Complete a variable of a resource's address.
    CompleteResource,
    /// Say from which level on log messages are wanted.
    Level,
    /// Ask how far a task is.
    TaskGet,
    /// Fetch what a task came to.
    TaskResult,
    /// Give a task what it waits for.
    TaskUpdate,
    /// Ask that a task be ended.
    TaskCancel,
}

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOf {
    /// Tools.
    Tools,
    /// Resources.
    Resources,
    /// Templates of resources' addresses.
    Templates,
    /// Prompts.
    Prompts,
}

impl Asked {
    /// The method.
    pub const fn method(self) -> Method {
        match self {
            Self::Tool => Method::ToolsCall,
            Self::Resource => Method::ResourcesRead,
            Self::Prompt => Method::PromptsGet,
            Self::CompletePrompt | Self::CompleteResource => Method::Complete,
            Self::Level => Method::SetLevel,
            Self::TaskGet => Method::TaskGet,
            Self::TaskResult => Method::TaskResult,
            Self::TaskUpdate => Method::TaskUpdate,
            Self::TaskCancel => Method::TaskCancel,
        }
    }

    /// Whether a client of 2026-07-28 may be asked something first, and comes back to it.
    pub const fn comes_back(self) -> bool {
        matches!(self, Self::Tool | Self::Resource | Self::Prompt)
    }

    /// Whether it is about a task.
    pub const fn task(self) -> bool {
        matches!(self, Self::TaskGet | Self::TaskResult | Self::TaskUpdate | Self::TaskCancel)
    }

    /// Whether `Mcp-Name` (2026-07-28) carries the name.
    pub const fn names_itself(self) -> bool {
        matches!(self, Self::Tool | Self::Resource | Self::Prompt)
    }

    /// Writes the members of `params`: the name, then the arguments as they were decided on. Where these are `members` of
    /// `params`, in one object, they stand beside the name.
    pub fn write(self, out: &mut Vec<u8>, name: &str, arguments: Option<&Bytes>, members: bool) {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::Tool | Self::Prompt => (b"\"name\":", b""),
            Self::Resource => (b"\"uri\":", b""),
            Self::CompletePrompt => (b"\"ref\":{\"type\":\"ref/prompt\",\"name\":", b"}"),
            Self::CompleteResource => (b"\"ref\":{\"type\":\"ref/resource\",\"uri\":", b"}"),
            Self::Level | Self::TaskGet | Self::TaskResult | Self::TaskUpdate | Self::TaskCancel => (b"", b""),
        };
        if !before.is_empty() {
            out.extend_from_slice(before);
            json::write_string(out, name);
            out.extend_from_slice(after);
        }
        let Some(arguments) = arguments else { return };
        match self {
            Self::Tool | Self::Prompt if !members => {
                out.extend_from_slice(b",\"arguments\":");
                out.extend_from_slice(arguments);
            }
            _ => {
                let members = arguments.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default();
                if !members.trim_ascii().is_empty() {
                    if !before.is_empty() {
                        out.push(b',');
                    }
                    out.extend_from_slice(members);
                }
            }
        }
    }
}

impl ListOf {
    /// The method that lists.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
            Self::Prompts => "prompts/list",
        }
    }

    /// The member of an entry that names it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::Templates => "uriTemplate",
        }
    }

    /// What they are, for people.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Templates => "templates",
            Self::Prompts => "prompts",
        }
    }

    /// The member that holds the list.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
            Self::Prompts => "prompts",
        }
    }
}
