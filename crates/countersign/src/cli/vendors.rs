//! Vendors and what lets them in, as it is typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `vendors`
#[derive(Debug, Args)]
pub struct VendorsArgs {
    /// What to do
    #[command(subcommand)]
    pub action: VendorsAction,
}

/// `vendors …`
#[derive(Debug, Subcommand)]
pub enum VendorsAction {
    /// Keys with which vendors come in at `/api/APP/…`
    Keys {
        /// What to do; without it, list
        #[command(subcommand)]
        action: Option<KeysAction>,
    },
}

/// `vendors keys …`
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// List keys; what they are is never shown again
    List,
    /// Issue a key, and print it once
    Issue {
        /// The vendor
        vendor: model::VendorId,
        /// The contract under which it acts
        #[arg(long)]
        contract: model::ContractId,
        /// What it is for
        #[arg(long)]
        purpose: Option<String>,
        /// How long it lives: `8h`, `90d`; until it is revoked if absent
        #[arg(long, value_parser = ::trace::duration)]
        ttl: Option<std::time::Duration>,
    },
    /// Register a client certificate that the vendor has, for the door with TLS
    AddCertificate(RegisterArgs),
    /// Register the public half of a key with which the vendor signs for tokens (private_key_jwt)
    AddPublicKey(RegisterArgs),
    /// Issue another key for the same, and let the old one end
    Rotate {
        /// The id of the old key
        key: String,
        /// How long the old key stays good
        #[arg(long, default_value = "24h", value_parser = ::trace::duration)]
        overlap: std::time::Duration,
    },
    /// Make a key worthless, from the next request on
    Revoke {
        /// The id of the key
        key: String,
    },
}

/// What a vendor has already.
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The vendor
    pub vendor: model::VendorId,
    /// The file: PEM; a public key may be a JWK
    pub file: PathBuf,
    /// The contract under which it acts
    #[arg(long)]
    pub contract: model::ContractId,
    /// What it is for
    #[arg(long)]
    pub purpose: Option<String>,
    /// How long it is good: `90d`; until it ends itself or is revoked if absent
    #[arg(long, value_parser = ::trace::duration)]
    pub ttl: Option<std::time::Duration>,
}
