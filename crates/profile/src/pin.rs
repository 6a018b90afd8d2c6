//! A person's yes to one definition.

use model::{Class, Digest, UnixMicros};
use serde::{Deserialize, Serialize};

/// A person's yes: this definition, as this class. Another definition needs another yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The class the person gave it; of what is no tool, the class of its method.
    pub class: Class,
    /// Digest of the definition as reviewed.
    pub definition: Digest,
    /// The definition as reviewed, in canonical form.
    pub canonical: String,
    /// Who reviewed it.
    pub by: String,
    /// When.
    pub at: UnixMicros,
}
