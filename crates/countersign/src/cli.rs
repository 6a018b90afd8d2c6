//! The command line as it is typed. What each command means stands in `commands`.

mod contract;
mod rules;
mod trace;
mod vendors;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use contract::{ContractAction, ContractArgs, DraftArgs};
pub use rules::{CheckArgs, CheckFormat, ExplainArgs, MatrixArgs, ReplayArgs, TestArgs, TestFormat};
pub use trace::{
    BackupArgs, EraseArgs, ExportArgs, ExportFormat, FollowArgs, KeysArgs, MapArgs, OwnsArgs, ProveArgs, QueryArgs,
    RestoreArgs, RetainArgs, TraceAction, TraceArgs, VerifyArgs, WhoApprovedArgs, WindowArgs, guarded,
};
pub use vendors::{KeysAction, RegisterArgs, VendorsAction, VendorsArgs};

/// Decides what software may do before it does it, and keeps the proof.
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    about = "Decides what agents may do, before they do it, and keeps the proof.",
    after_help = "Example:\n  countersign demo    see agents allowed, held and refused, in ten seconds\n",
    disable_help_subcommand = true,
    infer_long_args = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The configuration file
    #[arg(
        long,
        short,
        global = true,
        display_order = 100,
        value_name = "FILE",
        env = "COUNTERSIGN_CONFIG",
        default_value = "countersign.yaml"
    )]
    pub config: PathBuf,
    /// Answer in JSON on standard output
    #[arg(long, global = true, display_order = 101)]
    pub json: bool,
    /// Say more on standard error (twice: everything)
    #[arg(long, short, global = true, display_order = 102, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands, in the order people meet them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play the story: agents allowed, held, refused; no account, no network
    Demo(DemoArgs),
    /// Put the MCP servers of your clients behind the gateway
    Init(InitArgs),
    /// Restore the clients' own configurations, byte for byte
    Leave(LeaveArgs),
    /// Run the gateway
    Serve(ServeArgs),
    /// Speak MCP over standard input and output, for clients that can only start a command
    Connect(ConnectArgs),
    /// Find out what is wrong, and how to mend it
    Doctor,
    /// Show what happened: decisions and outcomes, newest last
    Trace(TraceArgs),
    /// Explain one decision: facts, rule, outcome
    Why(WhyArgs),
    /// Show what each tool is, and say yes to it
    Tools(ToolsArgs),
    /// HTTP apps: propose an app's mapping from its OpenAPI document
    Apps(AppsArgs),
    /// Show the rules in force
    Policy(PolicyArgs),
    /// Check configuration and rules; change nothing
    Check(CheckArgs),
    /// Say what would happen to a call, why, and what would alter it
    Explain(ExplainArgs),
    /// Run cases against the rules, and say which rules no case exercises
    Test(TestArgs),
    /// Print the authority matrix: app, role, class of tool
    Matrix(MatrixArgs),
    /// Put recorded calls through other rules: what would change
    Replay(ReplayArgs),
    /// Put changed configuration and rules in force
    Reload,
    /// Issue a token: an agent, for a person
    Token(TokenArgs),
    /// What waits for a person: look, approve, deny
    Holds(HoldsArgs),
    /// Agreements with vendors: check, explain, sign, suspend
    Contract(ContractArgs),
    /// Who delegates work; offboard and restore
    People(PeopleArgs),
    /// What acts; suspend and resume
    Agents(AgentsArgs),
    /// Who may sign in; invite people, close accounts
    Accounts(AccountsArgs),
    /// Sign in as a person
    Login(LoginArgs),
    /// Sign out
    Logout,
    /// Say who is signed in
    Whoami,
    /// Pull the kill switch of an app, or of everything
    Stop(SwitchArgs),
    /// Let an app, or everything, run again
    Start(SwitchArgs),
    /// Third parties under contract, and their keys
    Vendors(VendorsArgs),
    /// Keep credentials where agents cannot reach them
    Vault(VaultArgs),
    /// Watch other gateways' traces grow, and sign that nothing in them was changed
    Witness(WitnessArgs),
    /// Print a completion script for your shell
    // Whoever wants one looks for the word; the list has to fit a screen.
    #[command(hide = true)]
    Completions(CompletionsArgs),
}

/// `demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Keep the gateway and the demo apps running afterwards
    #[arg(long)]
    pub serve: bool,
    /// The port of the gateway (0: any that is free)
    #[arg(long, value_name = "PORT", default_value_t = crate::config::DEFAULT_PORT)]
    pub port: u16,
}

/// `init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
    /// Only show what would change
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// A client configuration to take in, besides those found
    #[arg(long, value_name = "FILE")]
    pub client: Vec<PathBuf>,
    /// Look only at the files named with --client
    #[arg(long)]
    pub only: bool,
    /// The person the agents work for
    #[arg(long, value_name = "PERSON")]
    pub human: Option<String>,
}

/// `leave`
#[derive(Debug, Args)]
pub struct LeaveArgs {
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

/// `serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Listen here instead of where the configuration says
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
    /// Wait until nobody writes to the log in the database any more, then take it over
    #[arg(long)]
    pub standby: bool,
}

/// `witness`
#[derive(Debug, Args)]
pub struct WitnessArgs {
    /// A key of a gateway's trace, as `countersign trace keys` shows it there, or a file of them
    #[arg(long, required = true)]
    pub log: Vec<String>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4110")]
    pub listen: std::net::SocketAddr,
    /// Where to keep the witness's key and what it has seen
    #[arg(long, value_name = "FOLDER", default_value = "countersign-witness")]
    pub data: PathBuf,
    /// What to call a new witness, best an address without scheme
    #[arg(long)]
    pub name: Option<String>,
    /// Begin at nothing with logs of which what was seen is gone: it may then sign a second history of them
    #[arg(long)]
    pub danger_begin_anew: bool,
}

/// `connect`
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// One app only, its tool names unchanged
    pub app: Option<String>,
    /// Do not start a gateway when none runs
    #[arg(long)]
    pub no_start: bool,
    /// Become the gateway, in a session of its own
    #[arg(long, hide = true)]
    pub become_gateway: bool,
}

/// `why`
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The id of a call, its last characters, or the number of its line in the trace
    pub id: String,
}

/// `tools`
#[derive(Debug, Args)]
pub struct ToolsArgs {
    /// What to do; without it, list
    #[command(subcommand)]
    pub action: Option<ToolsAction>,
    /// One app
    pub app: Option<String>,
    /// Ask the apps again what they offer
    #[arg(long)]
    pub refresh: bool,
}

/// `tools …`
#[derive(Debug, Subcommand)]
pub enum ToolsAction {
    /// Say yes to what apps offer and say, as it is now: tools, prompts, templates, instructions
    Pin(PinArgs),
    /// Propose a profile for an app that has none, as YAML to edit
    Classify(ClassifyArgs),
}

/// `tools classify`
#[derive(Debug, Args)]
pub struct ClassifyArgs {
    /// The app, whose tools are asked for; with `--from`, what the profile is called
    #[arg(required_unless_present = "from")]
    pub app: Option<String>,
    /// A file with the answer to `tools/list` instead, `-` for standard input; no gateway is needed
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

/// `tools pin`
#[derive(Debug, Args)]
pub struct PinArgs {
    /// `APP`, or of it one `APP/TOOL`, `APP/prompt:NAME`, `APP/template:ADDRESS` or `APP/instructions:server`; everything if
    /// absent
    pub what: Option<String>,
    /// The class of tools, where you know better than the proposal
    #[arg(long)]
    pub class: Option<model::Class>,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

/// `apps`
#[derive(Debug, Args)]
pub struct AppsArgs {
    /// What to do
    #[command(subcommand)]
    pub action: AppsAction,
}

/// `apps …`
#[derive(Debug, Subcommand)]
pub enum AppsAction {
    /// Propose which operations an app has and which records they deal with; what is marked `# ?` is for you to answer
    Import {
        /// The app's OpenAPI 3.0 or 3.1 document, in YAML or JSON
        #[arg(value_name = "FILE")]
        document: PathBuf,
        /// Write the mapping to `apps/NAME.api.yaml` beside the configuration, instead of printing it
        #[arg(long, value_name = "NAME")]
        app: Option<model::AppId>,
    },
}

/// `policy`
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// What to do
    #[command(subcommand)]
    pub action: PolicyAction,
}

/// `policy …`
#[derive(Debug, Subcommand)]
pub enum PolicyAction {
    /// Print rules, or the vocabulary they are written in
    Show {
        /// `baseline`, `schema` or a rule file's name; the rules of all files if absent
        which: Option<String>,
    },
    /// Write the rules in a form that other tools read
    Export {
        /// As plain Cedar, with the schema, into this folder
        #[arg(long, value_name = "FOLDER")]
        cedar: PathBuf,
    },
}

/// `token`
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The agent that will act
    #[arg(long)]
    pub agent: model::AgentId,
    /// The person it acts for
    #[arg(long)]
    pub human: model::HumanId,
    /// Good for one app only
    #[arg(long)]
    pub app: Option<model::AppId>,
    /// The task it acts in
    #[arg(long)]
    pub task: Option<model::TaskId>,
    /// How long it lives: `90s`, `15m`, `8h` (at most 24h)
    #[arg(long, default_value = "1h", value_parser = ::trace::duration)]
    pub ttl: std::time::Duration,
}

/// `holds`
#[derive(Debug, Args)]
pub struct HoldsArgs {
    /// What to do; without it, list
    #[command(subcommand)]
    pub action: Option<HoldsAction>,
}

/// `holds …`
#[derive(Debug, Subcommand)]
pub enum HoldsAction {
    /// List what waits
    List,
    /// Show everything there is to know of one call that waits
    Show {
        /// The hold, or the last characters of its id
        hold: String,
    },
    /// Say yes, as the person who is signed in (`countersign login`)
    Approve {
        /// The hold, or the last characters of its id
        hold: String,
        /// Also to such calls of its task: the same people, tool and value
        #[arg(long)]
        for_task: bool,
    },
    /// Take back what was approved for a task: such calls are held again
    Revoke {
        /// The hold that was approved, or the last characters of its id
        hold: String,
    },
    /// Say no, as the person who is signed in
    Deny {
        /// The hold, or the last characters of its id
        hold: String,
        /// What the agent is told
        #[arg(long)]
        reason: Option<String>,
    },
    /// How long people take, who is asked most, and which rules ask for nothing
    Stats,
    /// Take it back, as the operator: it does not run
    Cancel {
        /// The hold, or the last characters of its id
        hold: String,
    },
    /// Let calls of one agent run without approvals for half an hour; it takes two people
    Emergency {
        /// What to do; without it, list
        #[command(subcommand)]
        action: Option<EmergencyAction>,
    },
}

/// `holds emergency …`
#[derive(Debug, Subcommand)]
pub enum EmergencyAction {
    /// Ask for one, as the person who is signed in; another person countersigns it
    Open {
        /// The agent whose calls are to need no approval
        #[arg(long)]
        agent: model::AgentId,
        /// On this app only
        #[arg(long)]
        app: Option<model::AppId>,
        /// Why; it goes on record
        #[arg(long)]
        reason: String,
        /// For how long, 30m at most
        #[arg(long = "for", value_name = "TIME", default_value = "30m", value_parser = ::trace::duration)]
        lasts: std::time::Duration,
    },
    /// Say yes to one that another person asked for: it is open
    Countersign {
        /// Its id
        emergency: model::EmergencyId,
    },
    /// End it: calls are held again
    Close {
        /// Its id
        emergency: model::EmergencyId,
    },
}

/// `people`
#[derive(Debug, Args)]
pub struct PeopleArgs {
    /// What to do; without it, list
    #[command(subcommand)]
    pub action: Option<PeopleAction>,
}

/// `people …`
#[derive(Debug, Subcommand)]
pub enum PeopleAction {
    /// List people
    List,
    /// Nothing runs for this person any more, from the next call on
    Offboard {
        /// The person
        human: model::HumanId,
    },
    /// The person is back
    Restore {
        /// The person
        human: model::HumanId,
    },
}

/// `agents`
#[derive(Debug, Args)]
pub struct AgentsArgs {
    /// What to do; without it, list
    #[command(subcommand)]
    pub action: Option<AgentsAction>,
}

/// `agents …`
#[derive(Debug, Subcommand)]
pub enum AgentsAction {
    /// List agents
    List,
    /// This agent does nothing any more, from the next call on
    Suspend {
        /// The agent
        agent: model::AgentId,
    },
    /// The agent acts again
    Resume {
        /// The agent
        agent: model::AgentId,
    },
}

/// `accounts`
#[derive(Debug, Args)]
pub struct AccountsArgs {
    /// What to do; without it, list
    #[command(subcommand)]
    pub action: Option<AccountsAction>,
}

/// `accounts …`
#[derive(Debug, Subcommand)]
pub enum AccountsAction {
    /// List accounts
    List,
    /// Print a code with which this person chooses a password, once, within an hour
    Invite {
        /// The person
        human: model::HumanId,
    },
    /// End an account with all its sessions
    Close {
        /// The person
        human: model::HumanId,
    },
}

/// `login`
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The person
    #[arg(required_unless_present_any = ["code", "from_page"], conflicts_with_all = ["code", "from_page"])]
    pub human: Option<String>,
    /// Choose a password with the code of an invitation
    #[arg(long, conflicts_with = "from_page")]
    pub code: Option<String>,
    /// Sign in with the code that your account page makes, where you sign in with an identity provider
    #[arg(long, value_name = "CODE")]
    pub from_page: Option<String>,
    /// Read the password from standard input, without asking
    #[arg(long)]
    pub password_stdin: bool,
}

/// `stop`, `start`
#[derive(Debug, Args)]
pub struct SwitchArgs {
    /// An app, or `all`
    pub what: String,
}

/// `vault`
#[derive(Debug, Args)]
pub struct VaultArgs {
    /// What to do
    #[command(subcommand)]
    pub action: VaultAction,
}

/// `vault …`
#[derive(Debug, Subcommand)]
pub enum VaultAction {
    /// Store a secret, read from standard input
    Set {
        /// Its name; `credential: vault:NAME` uses it
        name: String,
    },
    /// List names; values are never shown
    List,
    /// Remove a secret
    Rm {
        /// Its name
        name: String,
    },
}

/// `completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}
