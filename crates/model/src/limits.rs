//! Bounds that an operator, a document or more than one crate knows, by name; one of a single crate is a constant there, with its
//! unit in its name. Reaching one is a clear, tested error.

use std::time::Duration;

/// Bounds that an operator may change; all others are constants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body, in bytes. Past it: 413.
    pub body_bytes_max: usize,
    /// Largest answer of an upstream, in bytes. Past it: the call ends with `upstream.too_large`.
    pub answer_bytes_max: usize,
    /// How long an upstream may take to answer one call.
    pub call_time_max: Duration,
    /// How long an upstream may take to connect and say what it offers.
    pub connect_time_max: Duration,
    /// How long a list of tools is good before the app is asked again.
    pub catalog_age_max: Duration,
    /// Calls in flight in the whole gateway. Past it: 503 with `Retry-After`.
    pub calls_in_flight_max: usize,
    /// How long a call waits for people before it is refused for good.
    pub hold_time_max: Duration,
    /// How long a client is kept waiting for an answer while its call waits for people; then it is told to call again.
    pub hold_wait_max: Duration,
    /// Who may approve, too, once a call has waited for so long: the earliest first.
    pub hold_escalation: Vec<Escalation>,
    /// How often one person is asked before others are asked at once, as if the person did not answer; none: it does not count.
    pub hold_per_approver: Option<Pace>,
    /// How long an approval for a task approves such calls; zero: nothing is approved for tasks.
    pub hold_for_task_max: Duration,
    /// Who may open an emergency, two of them together: `role:security`, `human:ana`. Nobody: there are no emergencies.
    pub emergency_approvers: Vec<String>,
}

/// So many within such a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many.
    pub most: usize,
    /// Within how long.
    pub within: Duration,
}

/// Who may approve, too, after some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// After what time.
    pub after: Duration,
    /// Who, as rules name approvers: `role:security`, `human:ana`, `owner-of-app`, `manager-of`.
    pub to: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 4 << 20,
            answer_bytes_max: 16 << 20,
            call_time_max: Duration::from_secs(60),
            connect_time_max: Duration::from_secs(20),
            catalog_age_max: Duration::from_secs(60),
            calls_in_flight_max: 4096,
            hold_time_max: Duration::from_secs(60 * 60),
            hold_wait_max: Duration::from_secs(50),
            hold_escalation: Vec::new(),
            hold_per_approver: None,
            hold_for_task_max: Duration::from_secs(8 * 60 * 60),
            emergency_approvers: Vec::new(),
        }
    }
}

/// To how many bytes an operator may set a bound of [`Limits`] on a body or an answer: each may stand in memory whole.
pub const SET_BYTES_MAX: u64 = 1 << 30;
/// To what time an operator may set a bound of [`Limits`] on a call, on connecting, and on how old a list of tools is: what a rule
/// may give a call, too.
pub const SET_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// To how many an operator may set [`Limits::calls_in_flight_max`]: a process has no more descriptors.
pub const SET_CALLS_IN_FLIGHT_MAX: u64 = 1 << 20;
/// Deepest nesting of JSON that is read.
pub const JSON_DEPTH_MAX: usize = 128;
/// Most keys in one JSON object that is read.
pub const JSON_KEYS_MAX: usize = 16_384;
/// Most values and keys in one JSON document that is read: each costs 20 bytes of memory, however short it is written.
pub const JSON_NODES_MAX: usize = 1 << 21;
/// Most keys of one object in an answer that is filtered while it streams.
pub const RELEASE_KEYS_MAX: usize = 4_096;
/// Bytes of one record of which conditions are judged: it waits in memory until they are. Past it: refused.
pub const RELEASE_RECORD_BYTES_MAX: usize = 1 << 20;
/// Bytes of an answer that wait for a count, or for what all of it depends on. Past it: without the count, or refused.
pub const RELEASE_BODY_BYTES_MAX: usize = 8 << 20;
/// Bytes of a number, and of a key with the white space around it, in an answer that is filtered while it streams.
pub const RELEASE_TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Most parts of an argument's dotted name in a profile or a rule.
pub const ARGUMENT_DEPTH_MAX: usize = 8;
/// Most values of one role, or of one argument, that rules look at. Past it: the rest is unclear.
pub const ARGUMENT_VALUES_MAX: usize = 256;
/// Bytes of one value that rules look at. A longer one is unclear.
pub const ARGUMENT_VALUE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of all values of one call that rules look at. Past it: the rest is unclear.
pub const ARGUMENT_FACTS_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a command line that are split into words. A longer one is unclear.
pub const COMMAND_BYTES_MAX: usize = 16 * 1024;
/// Words of one command line. One of more is unclear.
pub const COMMAND_WORDS_MAX: usize = 1_024;
/// How deep a command line may stand in another (`sh -c '…'`). A deeper one is unclear.
pub const COMMAND_DEPTH_MAX: usize = 4;
/// Counters of budgets that are kept. Past it: a budget that has none counts as used up; of retries the oldest are forgotten.
pub const BUDGET_COUNTERS_MAX: usize = 32_768;
/// How far back calls are counted when the gateway starts.
pub const BUDGET_LOOK_BACK_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Most calls that are counted when the gateway starts, the latest first.
pub const BUDGET_CALLS_COUNTED_MAX: usize = 100_000;
/// Most entries in one JSON-RPC batch (2025-03-26).
pub const BATCH_ENTRIES_MAX: usize = 64;
/// Longest joined tool name `app__tool` before it gets a digest tail.
pub const JOINED_NAME_CHARS_MAX: usize = 64;
/// Most tools one app may offer; more are left out, and said.
pub const TOOLS_PER_APP_MAX: usize = 2_000;
/// Most prompts one app may offer; more are left out, and said.
pub const PROMPTS_PER_APP_MAX: usize = 2_000;
/// Most resources one app may list; more are left out, and said.
pub const RESOURCES_PER_APP_MAX: usize = 20_000;
/// Most templates of resources' addresses one app may offer; more are left out, and said.
pub const TEMPLATES_PER_APP_MAX: usize = 2_000;
/// Definitions of one app whose last sight is remembered; past it, those are forgotten that it does not offer any more.
pub const SEEN_PER_APP_MAX: usize = 16_384;
/// Bytes of all pages of one list of one app.
pub const LIST_BYTES_MAX: usize = 16 << 20;
/// Bytes of one definition that are looked through for known attacks. A longer one waits for a person.
pub const SCANNED_BYTES_MAX: usize = 1 << 20;
/// Most findings kept of one definition, the worst first.
pub const FINDINGS_MAX: usize = 16;
/// Longest server instructions that are kept, in bytes; the rest is cut off and reaches nobody.
pub const INSTRUCTIONS_BYTES_MAX: usize = 64 * 1024;
/// Most pages of `tools/list` read from one app.
pub const LIST_PAGES_MAX: usize = 100;
/// Most legacy sessions at a time; one that has no call under way ends for a new one.
pub const SESSIONS_MAX: usize = 10_000;
/// How long a legacy session may be idle.
pub const SESSION_IDLE_MAX: Duration = Duration::from_secs(60 * 60);
/// Streams on which clients listen for changes at a time, in the whole gateway (503 past it), a tenth of them of one agent and person (429).
pub const LISTENERS_MAX: usize = 1_024;
/// Resources that one session, or one `subscriptions/listen`, may be subscribed to.
pub const SUBSCRIPTIONS_PER_LISTENER_MAX: usize = 64;
/// Resources that all clients together may be subscribed to, a tenth of them for one agent and person.
pub const SUBSCRIPTIONS_MAX: usize = 8_192;
/// Responses of one legacy session that are remembered for a client that comes back.
pub const STREAMS_PER_SESSION_MAX: usize = 32;
/// Events of one stream that are remembered; of more the oldest go, but never the answer.
pub const STREAM_EVENTS_MAX: usize = 256;
/// Bytes of the events of one stream that are remembered once they were sent.
pub const STREAM_BYTES_MAX: usize = 1 << 20;
/// How long an answer waits for a client that went away.
pub const STREAM_AGE_MAX: Duration = Duration::from_secs(5 * 60);
/// Bytes of events remembered in the whole gateway. Past it: what was read goes, and then what nobody is reading is not remembered.
pub const EVENT_BYTES_MAX: usize = 64 << 20;
/// Connections of one TCP listener, as far as there are descriptors for them; a quarter of them of those who have shown nothing yet.
/// Past it: of those, the oldest is closed, and where there is none, the new one.
pub const CONNECTIONS_MAX: usize = 16_384;
/// Descriptors that connections over TCP leave for files, sockets and apps, beside two for each call in flight.
pub const DESCRIPTORS_KEPT: usize = 1_024;
/// Requests in flight of those who have shown nothing yet and send a body: for a token, or to sign in. Past it: of the bodies that
/// are still on their way the oldest is refused (408), and where there is none, the new one (503).
pub const STRANGERS_IN_FLIGHT_MAX: usize = 64;
/// Requests in flight of those who read the log over HTTP. Past it: refused (503).
pub const LOG_READERS_IN_FLIGHT_MAX: usize = 16;
/// Calls that were to be tasks and did not wait, whose responses are remembered; of more the oldest of whoever has most go.
pub const FINISHED_TASKS_MAX: usize = 1_000;
/// Bytes of those responses together.
pub const FINISHED_TASKS_BYTES_MAX: usize = 32 << 20;
/// How long such a response waits for whoever made the call.
pub const FINISHED_TASK_AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// Longest life of a token.
pub const TOKEN_LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest token that is read, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Longest ID token of an identity provider that is read, in bytes. Some list all groups of a person in it.
pub const ID_TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Verified tokens remembered (their expiry and standing are looked at on every call).
pub const TOKENS_REMEMBERED_MAX: usize = 4_096;
/// Records waiting for the disk. Past it: callers wait.
pub const RECORDS_WAITING_MAX: usize = 8_192;
/// Records in one commit.
pub const RECORDS_PER_COMMIT_MAX: usize = 256;
/// Bytes of a child's stderr kept for `doctor` and error messages.
pub const CHILD_STDERR_KEPT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one line of a child's stdout.
pub const CHILD_LINE_BYTES_MAX: usize = 16 << 20;
/// Starts of a crashing child before it is left alone for a while.
pub const CHILD_STARTS_MAX: u32 = 5;
/// Links of one app that belong to a pair of agent and human each.
pub const LINKS_PER_APP_MAX: usize = 256;
/// How long a link may be unused before its child or session ends; the next call makes it again.
pub const LINK_IDLE_MAX: Duration = Duration::from_secs(10 * 60);
/// How long a client may take to answer what an app asks of it; a person may sit before it.
pub const QUESTION_TIME_MAX: Duration = Duration::from_secs(10 * 60);
/// Questions of one app in one round of one call.
pub const QUESTIONS_OPEN_MAX: usize = 32;
/// Calls of one pair of agent and human that an app keeps open while it waits for the client.
pub const CONVERSATIONS_PER_PAIR_MAX: usize = 32;
/// Calls that one app keeps open while it waits for clients.
pub const CONVERSATIONS_PER_APP_MAX: usize = 1_024;
/// Links of one app that belong to one pair: clients that can be asked different things have links of their own.
pub const LINKS_PER_PAIR_MAX: usize = 8;
/// Rounds of one call in which an app asks for more before it answers.
pub const ROUNDS_MAX: u32 = 16;
/// Calls that wait for what their app asked of the client, without a session (2026-07-28); of more the oldest of whoever has most go.
pub const ROUNDS_OPEN_MAX: usize = 10_000;
/// Calls that wait, or are approved and not taken up, in the whole gateway. Past it: refused. What waits for a fact is refused past
/// half of it, so that the other half is there for what waits for people.
pub const HOLDS_OPEN_MAX: usize = 20_000;
/// Calls of one agent that wait for people, and as many that wait for facts. Past it: refused.
pub const HOLDS_PER_AGENT_MAX: usize = 100;
/// Calls of one agent that begin to wait for people within [`HOLDS_RATE_OVER`], and as many for facts. Past it: refused.
pub const HOLDS_RATE_MAX: usize = 200;
/// Over how long [`HOLDS_RATE_MAX`] counts.
pub const HOLDS_RATE_OVER: Duration = Duration::from_secs(10 * 60);
/// Longest argument text of a call that can wait, in bytes: it is kept until the call ends.
pub const HOLD_ARGUMENTS_BYTES_MAX: usize = 256 * 1024;
/// Bytes of all that waits. Past it, and of what waits for a fact past half of it: refused.
pub const HOLDS_BYTES_MAX: usize = 256 << 20;
/// Steps in which a call that nobody decides is given to others.
pub const HOLD_ESCALATIONS_MAX: usize = 4;
/// Calls that waited and are over, of which is remembered what came of them. Past it: the oldest are forgotten.
pub const HOLDS_OVER_MAX: usize = 10_000;
/// Bytes of the answers of calls that waited. Past it: the oldest are forgotten.
pub const HOLDS_OVER_BYTES_MAX: usize = 64 << 20;
/// How long what came of a call that waited is remembered at least, for a client that comes back; a task's answer as long as
/// the task could have waited.
pub const HOLD_OVER_AGE_MIN: Duration = Duration::from_secs(10 * 60);
/// Longest answer of a call that waited that is kept over a restart, in bytes.
pub const HOLD_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Longest text that an agent says of a call that waits, in characters; the rest is cut off, and that is said.
pub const HOLD_SAID_CHARS_MAX: usize = 1_000;
/// Longest reason that a person gives for denying a call, in characters; the rest is cut off.
pub const HOLD_REASON_CHARS_MAX: usize = 1_000;
/// How often one person may be said to be asked at most before it counts as too often.
pub const HOLD_PACE_MAX: usize = 10_000;
/// Approvals for tasks in force at once. Past it: a call is approved by itself only.
pub const HOLDS_FOR_TASK_MAX: usize = 2_000;
/// How long an emergency lasts at most, and how long one that was asked for waits for the second person.
pub const EMERGENCY_TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// Emergencies that are open or asked for at once. Past it: refused.
pub const EMERGENCIES_MAX: usize = 16;
/// Longest reason of an emergency, in characters; the rest is cut off.
pub const EMERGENCY_REASON_CHARS_MAX: usize = 300;
/// How many people a rule may ask for whose holds an emergency still lifts: as many as open one.
pub const EMERGENCY_LIFTS_APPROVALS_MAX: u8 = 2;
/// How long a stopping gateway waits for calls in flight.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// Largest configuration or rule file, in bytes.
pub const FILE_BYTES_MAX: u64 = 8 << 20;
/// Largest OpenAPI document, in bytes.
pub const OPENAPI_BYTES_MAX: u64 = 32 << 20;
/// Longest note of a person who looked at a clause, in characters; the rest is cut off.
pub const AUDIT_NOTE_CHARS_MAX: usize = 1_000;
/// Largest document that a contract stands for, in bytes.
pub const DOCUMENT_BYTES_MAX: u64 = 512 << 20;
/// Bytes to which the parts of a Word document that are read may unfold, all together.
pub const DOCX_BYTES_MAX: u64 = 64 << 20;
/// Parts of a Word document.
pub const DOCX_PARTS_MAX: usize = 8_192;
/// Elements and attributes of one part of a Word document.
pub const DOCX_NODES_MAX: usize = 1 << 20;
/// Attributes of one element of a Word document.
pub const DOCX_ATTRIBUTES_MAX: usize = 256;
/// Elements in elements of a part of a Word document.
pub const DOCX_DEPTH_MAX: usize = 200;
/// Clauses of a draft that a language model is asked about at once.
pub const SUGGESTION_ASK_CLAUSES_MAX: usize = 20;
/// Bytes of clauses that a language model is asked about at once. A longer clause is not asked about, and that is said.
pub const SUGGESTION_ASK_BYTES_MAX: usize = 16 << 10;
/// How often a language model is asked about one draft; clauses past it are not asked about, and that is said.
pub const SUGGESTION_ASKS_MAX: usize = 64;
/// Bytes of one answer of a language model. Past it: the draft is written without it.
pub const SUGGESTION_ANSWER_BYTES_MAX: usize = 1 << 20;
/// Longest text of a language model that is written into a draft, in characters; the rest is cut off.
pub const SUGGESTION_TEXT_CHARS_MAX: usize = 240;
/// Largest secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;
/// Largest argument text kept in a record's body, in bytes; longer ones keep their digest only.
pub const ARGUMENTS_KEPT_BYTES_MAX: usize = 64 * 1024;
/// Fewest characters of the end of a call's id that may stand for it.
pub const CALL_TAIL_CHARS_MIN: usize = 4;
/// Exports of one gateway.
pub const EXPORTS_MAX: usize = 16;
/// Bytes of a file of an export before the next one begins, unless the configuration says otherwise.
pub const EXPORT_FILE_BYTES_MAX: u64 = 100 << 20;
/// Full files of an export that are kept, unless the configuration says otherwise.
pub const EXPORT_FILES_KEPT_MAX: u32 = 10;
/// To how many full files the configuration may set that: each is looked for when the next one begins.
pub const EXPORT_FILES_SET_MAX: u32 = 10_000;
/// Longest question to the trace, in bytes.
pub const QUESTION_BYTES_MAX: usize = 4 * 1024;
/// Most terms in a question to the trace, and most alternatives in one of them.
pub const QUESTION_TERMS_MAX: usize = 32;
/// Most records on one page of an answer over HTTP.
pub const TRACE_PAGE_MAX: usize = 1_000;
/// After how many bytes of records such a page ends, and the next one begins.
pub const TRACE_PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Steps of the database that one question over HTTP may take: some seconds. Past it: the question must be narrower.
pub const TRACE_STEPS_MAX: u64 = 400_000_000;
/// How long a question over the operator's socket may take in a database, which others work with, too.
pub const TRACE_TIME_MAX: Duration = Duration::from_secs(10);
/// Most calls that one answer looks through for what is not counted ahead.
pub const TRACE_CALLS_COUNTED_MAX: usize = 1_000;
/// Fewest characters of a person's password.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Longest token of a session that is read, in bytes.
pub const SESSION_TOKEN_BYTES_MAX: usize = 128;
/// How long a person who is signed in may do nothing.
pub const SIGNED_IN_IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// How long a person stays signed in at most.
pub const SESSION_LIFE_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a browser shows in which somebody has signed in that it is one of theirs.
pub const BROWSER_KNOWN_LIFE: Duration = Duration::from_secs(180 * 24 * 60 * 60);
/// How often it is written down that a session is in use.
pub const SEEN_KEPT_EVERY: Duration = Duration::from_secs(5 * 60);
/// Sessions of one person; the one used least ends for a new one.
pub const SESSIONS_PER_PERSON_MAX: usize = 16;
/// Sessions of all people; the one used least ends for a new one.
pub const SIGNED_IN_MAX: usize = 10_000;
/// How long a passkey may take to answer.
pub const CHALLENGE_LIFE: Duration = Duration::from_secs(5 * 60);
/// Answers of passkeys that are remembered, so that none counts twice. Past it: refused.
pub const CHALLENGES_USED_MAX: usize = 10_000;
/// Longest id of a passkey, in characters.
pub const PASSKEY_BYTES_MAX: usize = 2_048;
/// Passkeys of one person.
pub const PASSKEYS_PER_PERSON_MAX: usize = 16;
/// How long a person may take at the identity provider.
pub const PROVIDER_ERRAND_LIFE: Duration = Duration::from_secs(10 * 60);
/// How often one errand may come back from the identity provider before it has to be begun anew.
pub const ERRAND_TRIES_MAX: u8 = 2;
/// Errands of which is remembered how often they came back; past it the oldest are forgotten.
pub const ERRANDS_TRIED_MAX: usize = 1_024;
/// Errands that come back once more at the same time: the other places of [`SIGN_INS_WAITING_MAX`] are for those on their first try.
pub const ERRANDS_AGAIN_MAX: usize = 8;
/// Longest answer of an identity provider that is read, in bytes.
pub const PROVIDER_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How long an identity provider may take to answer.
pub const PROVIDER_TIME_MAX: Duration = Duration::from_secs(10);
/// Keys of an identity provider that are looked at; those after them are not.
pub const PROVIDER_KEYS_MAX: usize = 64;
/// How old what an identity provider says of itself may be before it is asked again. While it does not answer, the old is used.
pub const PROVIDER_AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// How often an identity provider is asked anew, at most: for a key that is not known, and after it did not answer.
pub const PROVIDER_ASKED_EVERY: Duration = Duration::from_secs(60);
/// Longest place on our own pages that is kept while a person is at the identity provider: a browser keeps 4 KiB of a cookie.
pub const PROVIDER_NEXT_BYTES_MAX: usize = 1024;
/// How long a code for the command line is good.
pub const LENT_CODE_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long the code of an invitation is good.
pub const INVITATION_LIFE: Duration = Duration::from_secs(60 * 60);
/// Attempts to sign in that wait for their password to be hashed. Past it: refused, to be tried again.
pub const SIGN_INS_WAITING_MAX: usize = 32;
/// People whose attempts to sign in are counted, and names that nobody has, each kind for itself; past it the oldest are forgotten.
pub const THROTTLED_MAX: usize = 10_000;
/// Pages of the console that are open and told of new records at a time. Past it: 503.
pub const CONSOLE_STREAMS_MAX: usize = 256;
/// Those of them that are one person's. Past it: 429.
pub const CONSOLE_STREAMS_PER_PERSON_MAX: usize = 8;
/// Requests of the console that are answered at once. Past it: 503.
pub const CONSOLE_IN_FLIGHT_MAX: usize = 128;
/// Records on one page of the console.
pub const CONSOLE_PAGE: usize = 50;
/// Most requests for approval on one page of an answer over HTTP.
pub const ARAP_PAGE_MAX: usize = 100;
/// Where such a page ends, in bytes: requests bring their arguments. One stands on it however long it is.
pub const ARAP_PAGE_BYTES: usize = 8 << 20;
/// Largest form that is read, of a person or of a vendor that asks for a token, in bytes.
pub const FORM_BYTES_MAX: usize = 16 * 1024;
/// Bytes of an answer that are looked at before they are passed on while it comes: a shorter one is passed on whole or not at all.
pub const FLOW_WINDOW_BYTES: usize = 32 << 10;
/// Most bytes of an answer that is passed on while it comes.
pub const FLOW_BYTES_MAX: u64 = 4 << 30;
/// How long an answer may take that is passed on while it comes, from its first byte to its last.
pub const FLOW_TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// How long an app may pause in the middle of such an answer, and whoever takes it before they take more.
pub const FLOW_PAUSE_MAX: Duration = Duration::from_secs(60);
/// Requests that are open on one connection of HTTP/2 at once. Past it: the stream is refused, and nothing of it is read.
pub const HTTP2_STREAMS_MAX: u32 = 100;
/// Requests of one connection of HTTP/2 that were given up before their answer was whole, beyond those that were answered. Past it: the
/// connection is closed.
pub const HTTP2_ABANDONED_MAX: usize = 100;
/// Requests of one connection of HTTP/2 that were given up before anybody looked at them. Past it: the connection is closed.
pub const HTTP2_RESETS_WAITING_MAX: usize = 20;
/// Requests of one connection of HTTP/2 that broke its rules. Past it: the connection is closed.
pub const HTTP2_FAULTS_MAX: usize = 100;
/// Bytes that one request on HTTP/2 may send ahead of being read, and that wait in its answer for the other side.
pub const HTTP2_STREAM_BYTES_MAX: u32 = 64 << 10;
/// Bytes that all requests of one connection of HTTP/2 may send ahead of being read.
pub const HTTP2_CONNECTION_BYTES_MAX: u32 = 1 << 20;
/// How often a connection of HTTP/2 is asked whether the other side is there, and how long that may take.
pub const HTTP2_PING_EVERY: Duration = Duration::from_secs(20);
/// How often a connection of HTTP/2 is looked at; one that is found idle, or an answer that nobody takes, so often in turn is let go.
pub const HTTP2_LOOK_EVERY: Duration = Duration::from_secs(20);
/// See [`HTTP2_LOOK_EVERY`].
pub const HTTP2_LOOKS_MAX: u8 = 3;
/// How many times its length a compressed answer may unfold to.
pub const UNFOLDED_TIMES_MAX: u64 = 200;
/// To how much it may unfold however short it is.
pub const UNFOLDED_FREE_BYTES: u64 = 8 << 20;
/// Sources of refused requests of vendors that are told apart at once.
pub const REFUSED_SOURCES_MAX: usize = 256;
/// How long nothing more is on record of refused requests after the first such record of a source, and after many.
pub const REFUSED_WAIT_MIN: Duration = Duration::from_secs(1);
/// See [`REFUSED_WAIT_MIN`].
pub const REFUSED_WAIT_MAX: Duration = Duration::from_secs(60);
/// The longest life of what a vendor signs to get a token.
pub const ASSERTION_LIFE_MAX: Duration = Duration::from_secs(600);
/// How many of those of one key that have not ended are remembered as used.
pub const ASSERTIONS_REMEMBERED_MAX: usize = 600;
/// How long a vendor's token lives.
pub const VENDOR_TOKEN_LIFE: Duration = Duration::from_secs(600);
/// Tokens of vendors whose signature is remembered as good.
pub const VENDOR_TOKENS_REMEMBERED_MAX: usize = 1_000;
/// Keys of all vendors, revoked ones included.
pub const VENDOR_KEYS_MAX: usize = 10_000;
