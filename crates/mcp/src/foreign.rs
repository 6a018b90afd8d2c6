//! Apps that do not speak MCP and are offered to agents as if they did: their operations are tools.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use decide::{Answer, Outgoing, Permit, SendFault};
use model::{ReadArguments, ToolName};

/// An app that speaks something else. What it is made of never changes: a reload makes another one, which may be as it was.
pub trait Foreign: Any + Send + Sync {
    /// Whether a call of the other one goes to the same place as one of this, and asks the same there.
    fn is_as(&self, other: &dyn Foreign) -> bool;

    /// Where it is.
    fn address(&self) -> String;

    /// Its tools, each as `tools/list` has it.
    fn tools(&self) -> Vec<Bytes>;

    /// Who reads the arguments of a tool for rules. Of operations, rules know names of arguments only, as of an app without a profile.
    fn reader(&self, tool: &ToolName) -> Arc<dyn ReadArguments>;

    /// Sends one call of the tool that the permit names, and gives its answer as a result of MCP. `unchanged`: only where the
    /// record is still in this state.
    fn send<'a>(&'a self, permit: Permit, call: Outgoing, unchanged: Option<String>) -> ForeignFuture<'a>;

    /// Sends nothing from now on: it is not in the configuration any more, or another one is in its place.
    fn leave(&self);

    /// Lets go of connections that nobody uses. Asked twice a minute.
    fn rest(&self);
}

/// What a foreign app answered.
#[derive(Debug)]
pub struct ForeignAnswer {
    /// The answer, as a result of MCP.
    pub answer: Answer,
    /// What names the state of the record that was read, where the app says it.
    pub version: Option<String>,
}

/// What [`Foreign::send`] gives back.
pub type ForeignFuture<'a> = Pin<Box<dyn Future<Output = Result<ForeignAnswer, SendFault>> + Send + 'a>>;
