//! The one place that makes permits.

use model::{AppId, Binding, Durable, Verdict};

use crate::Decision;

/// Lets exactly one call leave, once. Cannot be copied or built elsewhere.
#[derive(Debug)]
pub struct Permit {
    binding: Binding,
    intent_sequence: u64,
}

/// Lets one link to an app be made with the app's credential: a child started, or the app asked what it offers. Its
/// record is durable.
#[derive(Debug)]
pub struct LinkPermit {
    app: AppId,
}

/// Why there is no permit. Blame: us; the engine asked for one it must not ask for.
#[derive(Debug, PartialEq, Eq)]
pub enum PermitRefused {
    /// The verdict does not run.
    Verdict(Verdict),
    /// The durable record belongs to another call.
    OtherCall,
}

impl Permit {
    /// A permit for the call that `binding` names: the decision must run, and its intent must be on disk.
    pub fn issue(decision: &Decision, binding: Binding, intent: Durable) -> Result<Self, PermitRefused> {
        if !decision.verdict().runs() {
            return Err(PermitRefused::Verdict(decision.verdict()));
        }
        if intent.call() != &binding.call {
            return Err(PermitRefused::OtherCall);
        }
        Ok(Self { binding, intent_sequence: intent.sequence() })
    }

    /// What it is good for.
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Where its intent stands in the log.
    pub fn intent_sequence(&self) -> u64 {
        self.intent_sequence
    }

    /// Spends it.
    pub fn spend(self) -> Binding {
        self.binding
    }
}

impl LinkPermit {
    /// A permit to link to this app, against the durable record of it.
    pub fn issue(app: AppId, _recorded: &Durable) -> Self {
        Self { app }
    }

    /// The app that may be linked to.
    pub fn app(&self) -> &AppId {
        &self.app
    }
}

impl std::fmt::Display for PermitRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Verdict(verdict) => write!(f, "a permit was asked for a call that is to {verdict}"),
            Self::OtherCall => f.write_str("a permit was asked against the record of another call"),
        }
    }
}

impl std::error::Error for PermitRefused {}
