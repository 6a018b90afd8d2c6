//! What each tool does. Asking the client for something happens in-band up to 2025-11-25, as `input_required` after it.

use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientResult, ElicitRequest, LoggingMessageNotificationParam,
    ProgressNotificationParam, ServerRequest,
};
use rmcp::service::{RequestContext, RoleServer, ServiceError};
use serde_json::{Map, Value, json};

use crate::content::{self, form, sample, text};
use crate::{Change, Everything, typed, whole};

/// One call with everything around it.
struct Call {
    request: CallToolRequestParams,
    context: RequestContext<RoleServer>,
}

type Answer = Result<CallToolResponse, ErrorData>;

// === impl Everything ===

impl Everything {
    /// Calls a tool by its name.
    pub(crate) async fn call(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Answer {
        let name = request.name.clone();
        if let Some(result) = content::fixed(&name) {
            return complete(result);
        }
        let call = Call { request, context };
        match &*name {
            "test_tool_with_logging" | "test_logging_tool" => call.log().await,
            "test_tool_with_progress" => call.progress().await,
            "test_reconnection" => {
                // This SDK lets no tool close its own stream: the answer comes late on it.
                tokio::time::sleep(STEP * 4).await;
                complete_text("answered after a while")
            }
            "test_missing_capability" => call.missing_capability(),
            "test_trigger_tool_change" => self.publish(Change::Tools),
            "test_trigger_prompt_change" => self.publish(Change::Prompts),
            "test_sampling" => call.sample().await,
            "test_elicitation" => call.elicit("User response", content::contact()).await,
            "test_elicitation_sep1034_defaults" => call.elicit("Elicitation completed", content::defaults()).await,
            "test_elicitation_sep1330_enums" => call.elicit("Elicitation completed", content::enums()).await,
            "test_streaming_elicitation" => {
                call.report(1.0, 2.0).await?;
                call.input_elicitation()
            }
            "test_input_required_result_elicitation" => call.input_elicitation(),
            "test_input_required_result_sampling" => call.input_sampling(),
            "test_input_required_result_list_roots" => call.input_roots(),
            "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
                self.input_state(&call)
            }
            "test_input_required_result_multiple_inputs" => self.input_multiple(&call),
            "test_input_required_result_multi_round" => self.input_rounds(&call),
            "test_input_required_result_capabilities" => call.input_capabilities(),
            _ => Err(ErrorData::invalid_params(format!("unknown tool: {name}"), None)),
        }
    }

    fn publish(&self, change: Change) -> Answer {
        // An error means that nobody listens.
        let _nobody = self.changes.send(change);
        complete_text("told everyone who listens")
    }

    fn state(&self, step: &str) -> String {
        format!("{step}-{}", self.word)
    }

    /// Which step the client says it has come to. Error: it says something that this server never said.
    fn step(&self, call: &Call) -> Result<Option<&'static str>, ErrorData> {
        let Some(said) = call.request.request_state.as_deref() else { return Ok(None) };
        let known = ["asked", "first", "second"].into_iter().find(|step| self.state(step) == said);
        known.map(Some).ok_or_else(|| ErrorData::invalid_params("this `requestState` is not mine", None))
    }

    fn input_state(&self, call: &Call) -> Answer {
        if self.step(call)? == Some("asked") && call.answered("confirm", "action").is_some() {
            return complete_text("state-ok");
        }
        let confirm = form("Please confirm", json!({"ok": {"type": "boolean"}}));
        ask(json!({ "confirm": confirm }), Some(self.state("asked")))
    }

    fn input_multiple(&self, call: &Call) -> Answer {
        let fields = [("user_name", "action"), ("greeting", "content"), ("client_roots", "roots")];
        self.step(call)?;
        if fields.iter().all(|(key, field)| call.answered(key, field).is_some()) {
            return complete_text("all three were answered");
        }
        let greeting = sample("Generate a greeting", 50);
        let requests =
            json!({"user_name": content::name_form(), "greeting": greeting, "client_roots": content::roots()});
        ask(requests, Some(self.state("asked")))
    }

    fn input_rounds(&self, call: &Call) -> Answer {
        let words = json!({"type": "string"});
        match self.step(call)? {
            Some("second") if call.answered("step2", "action").is_some() => complete_text("both steps were answered"),
            Some("first") if call.answered("step1", "action").is_some() => {
                let second = form("Step 2: What is your favorite color?", json!({ "color": words }));
                ask(json!({ "step2": second }), Some(self.state("second")))
            }
            _ => {
                let first = form("Step 1: What is your name?", json!({ "name": words }));
                ask(json!({ "step1": first }), Some(self.state("first")))
            }
        }
    }
}

// === impl Call ===

impl Call {
    async fn log(&self) -> Answer {
        for words in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
            let opted_in = self.context.meta.log_level().is_some();
            if opted_in || self.context.meta.protocol_version().is_none() {
                let message: LoggingMessageNotificationParam = typed(json!({"level": "info", "data": words}))?;
                self.context.peer.notify_logging_message(message).await.map_err(broken)?;
            }
            tokio::time::sleep(STEP).await;
        }
        complete_text("logged three times")
    }

    async fn progress(&self) -> Answer {
        for done in [0.0, 50.0, 100.0] {
            self.report(done, 100.0).await?;
            tokio::time::sleep(STEP).await;
        }
        complete_text("went from 0 to 100")
    }

    async fn report(&self, progress: f64, total: f64) -> Result<(), ErrorData> {
        let Some(token) = self.context.meta.get_progress_token() else { return Ok(()) };
        let progress = ProgressNotificationParam::new(token, progress).with_total(total);
        self.context.peer.notify_progress(progress).await.map_err(broken)
    }

    fn missing_capability(&self) -> Answer {
        if self.declares("sampling") {
            return complete_text("the client can sample");
        }
        Err(ErrorData::missing_required_client_capability(typed(json!({"sampling": {}}))?))
    }

    fn declares(&self, capability: &str) -> bool {
        let declared = self.context.client_capabilities().and_then(|all| serde_json::to_value(all).ok());
        declared.is_some_and(|declared| declared.get(capability).is_some())
    }

    async fn sample(&self) -> Answer {
        let prompt = self.argument("prompt");
        let params = sample(&prompt, 100).get_mut("params").map(Value::take).unwrap_or_default();
        let said = self.context.peer.create_message(typed(params)?).await.map_err(broken)?;
        let said = serde_json::to_value(said).unwrap_or_default();
        let words = said.pointer("/content/text").and_then(Value::as_str).unwrap_or_default();
        complete_text(&format!("LLM response: {words}"))
    }

    async fn elicit(&self, opening: &str, properties: Value) -> Answer {
        let message = Some(self.argument("message")).filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(|| "Please fill this in".to_owned());
        let schema = json!({"type": "object", "properties": properties});
        let params = typed(json!({"mode": "form", "message": message, "requestedSchema": schema}))?;
        let request = ServerRequest::ElicitRequest(ElicitRequest::new(params));
        match self.context.peer.send_request(request).await.map_err(broken)? {
            ClientResult::ElicitResult(said) => {
                let said = serde_json::to_value(said).unwrap_or_default();
                complete_text(&format!("{opening}: {said}"))
            }
            _ => Err(ErrorData::internal_error("the client answered something else", None)),
        }
    }

    fn argument(&self, name: &str) -> String {
        let arguments = self.request.arguments.as_ref();
        let given = arguments.and_then(|arguments| arguments.get(name)).and_then(Value::as_str);
        given.unwrap_or_default().to_owned()
    }

    /// What the client said to the request called `key`, if it has the field that answers of this kind have.
    fn answered(&self, key: &str, field: &str) -> Option<&Value> {
        self.request.input_responses.as_ref()?.get(key)?.get(field)
    }

    fn input_elicitation(&self) -> Answer {
        let Some(said) = self.answered("user_name", "content") else {
            return ask(json!({ "user_name": content::name_form() }), None);
        };
        let name = said.get("name").and_then(Value::as_str).unwrap_or_default();
        complete_text(&format!("Hello, {name}!"))
    }

    fn input_sampling(&self) -> Answer {
        match self.answered("capital_question", "content") {
            Some(said) => complete(json!({ "content": [said] })),
            None => ask(json!({ "capital_question": sample("What is the capital of France?", 100) }), None),
        }
    }

    fn input_roots(&self) -> Answer {
        match self.answered("client_roots", "roots") {
            Some(said) => complete_text(&said.to_string()),
            None => ask(json!({ "client_roots": content::roots() }), None),
        }
    }

    fn input_capabilities(&self) -> Answer {
        let mut requests = Map::new();
        let kinds = [
            ("elicitation", "user_name", content::name_form()),
            ("sampling", "greeting", sample("Generate a greeting", 100)),
            ("roots", "client_roots", content::roots()),
        ];
        for (capability, key, request) in kinds {
            if self.declares(capability) {
                requests.insert(key.to_owned(), request);
            }
        }
        if requests.is_empty() || self.request.input_responses.is_some() {
            return complete_text("nothing more to ask");
        }
        ask(Value::Object(requests), None)
    }
}

fn complete(result: Value) -> Answer {
    Ok(CallToolResponse::Complete(whole(result)?))
}

fn complete_text(words: &str) -> Answer {
    complete(json!({ "content": [text(words)] }))
}

/// The answer that asks the client for something first (2026-07-28).
fn ask(requests: Value, state: Option<String>) -> Answer {
    let mut result = json!({"resultType": "input_required", "inputRequests": requests});
    if let (Some(state), Some(result)) = (state, result.as_object_mut()) {
        result.insert("requestState".to_owned(), json!(state));
    }
    Ok(CallToolResponse::InputRequired(typed(result)?))
}

fn broken(error: ServiceError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

const STEP: Duration = Duration::from_millis(50);
