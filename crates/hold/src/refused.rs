//! Why a step is refused.

use model::{HumanId, UnixMicros};

/// Why a hold does not take a step. The sentence may be shown to whoever tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its time is over.
    #[error("it expired before anything came of it, and nothing was executed")]
    Expired,
    /// Its time is not over yet.
    #[error("it has not expired yet")]
    NotExpired {
        /// When it will.
        at: UnixMicros,
    },
    /// Somebody said no before.
    #[error("`{by}` denied it before")]
    Denied {
        /// Who.
        by: HumanId,
    },
    /// It was taken back before.
    #[error("it was cancelled before")]
    Cancelled,
    /// It is approved already.
    #[error("it is approved already")]
    Approved,
    /// It is being carried out.
    #[error("it is being carried out, or was: it is taken up once only")]
    Claimed,
    /// Nothing more comes of it.
    #[error("it has ended: it is taken up once only")]
    Ended,
    /// It is not approved yet.
    #[error("it is not approved")]
    NotApproved,
    /// Nobody took it up, so there is nothing to end.
    #[error("nobody has taken it up")]
    NotClaimed,
    /// Those who may approve now could before.
    #[error("whoever may approve now could before, too")]
    Escalated,
    /// It waits for a fact, which nobody can approve.
    #[error("it waits for a fact, and nobody can approve that away")]
    WaitsForFact,
    /// A contract governs it.
    #[error("a contract governs it: each call is approved by itself")]
    EachByItself,
    /// The requester cannot approve.
    #[error("`{who}` asked for it: nobody approves what is done for themselves")]
    Requester {
        /// Who tried.
        who: HumanId,
    },
    /// A delegator cannot approve.
    #[error("`{who}` delegated it: nobody approves what they delegated")]
    Delegator {
        /// Who tried.
        who: HumanId,
    },
    /// The owner of the agent cannot approve what it asks in the owner's own matter.
    #[error("`{who}` answers for the agent that asks, and the call is of the same person")]
    AgentsOwner {
        /// Who tried.
        who: HumanId,
    },
    /// Somebody of the vendor whose call it is.
    #[error("`{who}` is of the vendor's side, which does not approve what the vendor asks")]
    OfTheVendor {
        /// Who tried.
        who: HumanId,
    },
    /// Another account of somebody who cannot approve, or who has approved.
    #[error("`{who}` is the same person as `{other}`")]
    SamePerson {
        /// Who tried.
        who: HumanId,
        /// The other account.
        other: HumanId,
    },
    /// Nobody by that name.
    #[error("`{who}` is not in the directory")]
    Unknown {
        /// Who tried.
        who: HumanId,
    },
    /// Somebody who has left.
    #[error("`{who}` has left")]
    Left {
        /// Who.
        who: HumanId,
    },
    /// No rule names this person.
    #[error("no rule that holds it lets `{who}` approve")]
    NotEligible {
        /// Who tried.
        who: HumanId,
    },
    /// The same person said yes before.
    #[error("`{who}` approved it before, and another person has to")]
    ApprovedBefore {
        /// Who tried.
        who: HumanId,
    },
    /// An approval of before does not count any more.
    #[error("the approval by `{who}` does not count any more: {why}")]
    ApprovalGone {
        /// Whose approval.
        who: HumanId,
        /// Why.
        why: Box<Refused>,
    },
}
