//! What is offered, and answers that are always the same. The names and words are the suite's.

use serde_json::{Map, Value, json};

/// All tools, as `tools/list` says them.
pub(crate) fn tools() -> Value {
    let described = |(name, schema): (&str, Value)| json!({"name": name, "description": format!("The suite's `{name}`"), "inputSchema": schema});
    let words = json!({"type": "string"});
    let plain = PLAIN_TOOLS.iter().map(|name| (*name, json!({"type": "object", "properties": {}})));
    let others = [
        ("test_sampling", takes(json!({ "prompt": words }))),
        ("test_elicitation", takes(json!({ "message": words }))),
        ("json_schema_2020_12_tool", schema_2020_12()),
        ("test_header_parameter", takes(json!({"region": {"type": "string", "x-mcp-header": "Region"}}))),
    ];
    plain.chain(others).map(described).collect()
}

/// The answer of a tool that always gives the same one.
pub(crate) fn fixed(tool: &str) -> Option<Value> {
    let content = match tool {
        "test_simple_text" => json!([text("This is a simple text response for testing.")]),
        "test_image_content" => json!([image()]),
        "test_audio_content" => json!([{"type": "audio", "data": SILENCE, "mimeType": "audio/wav"}]),
        "test_embedded_resource" => {
            json!([embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")])
        }
        "test_multiple_content_types" => json!([
            text("Multiple content types test:"),
            image(),
            embedded("test://mixed-content-resource", "application/json", "{\"test\":\"data\",\"value\":123}"),
        ]),
        "test_error_handling" => {
            let content = [text("This tool intentionally returns an error for testing")];
            return Some(json!({"content": content, "isError": true}));
        }
        "json_schema_2020_12_tool" => json!([text("the schema is what matters")]),
        "test_header_parameter" => json!([text("the headers agree with the arguments")]),
        _ => return None,
    };
    Some(json!({ "content": content }))
}

/// A text block.
pub(crate) fn text(words: &str) -> Value {
    json!({"type": "text", "text": words})
}

/// The request for a form with these fields, all of them required.
pub(crate) fn form(message: &str, fields: Value) -> Value {
    json!({"method": "elicitation/create", "params": {"message": message, "requestedSchema": takes(fields)}})
}

/// The form that asks for a name.
pub(crate) fn name_form() -> Value {
    form("What is your name?", json!({"name": {"type": "string"}}))
}

/// The request that the client's model says something.
pub(crate) fn sample(words: &str, tokens: u32) -> Value {
    let messages = [json!({"role": "user", "content": text(words)})];
    json!({"method": "sampling/createMessage", "params": {"messages": messages, "maxTokens": tokens}})
}

/// The request for the client's roots.
pub(crate) fn roots() -> Value {
    json!({"method": "roots/list", "params": {}})
}

/// Fields of the form of `test_elicitation`.
pub(crate) fn contact() -> Value {
    json!({
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    })
}

/// One field of each primitive type, each with a default.
pub(crate) fn defaults() -> Value {
    json!({
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true},
    })
}

/// One field for each way to write an enumeration.
pub(crate) fn enums() -> Value {
    let options = ["option1", "option2", "option3"];
    let titled: Vec<Value> =
        (1..=3).map(|number| json!({"const": format!("value{number}"), "title": format!("Option {number}")})).collect();
    json!({
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    })
}

/// All resources, as `resources/list` says them.
pub(crate) fn resources() -> Value {
    let listed = RESOURCES.iter().map(|uri| {
        let mime = read(uri).and_then(|contents| contents.get("mimeType").cloned());
        let name = uri.trim_start_matches("test://");
        json!({"uri": uri, "name": name, "description": "Always the same", "mimeType": mime})
    });
    listed.collect()
}

/// All templates, as `resources/templates/list` says them.
pub(crate) fn templates() -> Value {
    let template = format!("{TEMPLATE_OPENING}{{id}}{TEMPLATE_CLOSING}");
    json!([{"uriTemplate": template, "name": "template", "description": "Says its id", "mimeType": "application/json"}])
}

/// What stands at a URI, if anything does.
pub(crate) fn read(uri: &str) -> Option<Value> {
    let plain = |words: &str| json!({"uri": uri, "mimeType": "text/plain", "text": words});
    match uri {
        "test://static-text" => Some(plain("This is the content of the static text resource.")),
        "test://static-binary" => Some(json!({"uri": uri, "mimeType": "image/png", "blob": PIXEL})),
        "test://watched-resource" => Some(plain("This one can be subscribed to.")),
        _ => {
            let id = uri.strip_prefix(TEMPLATE_OPENING)?.strip_suffix(TEMPLATE_CLOSING)?;
            let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            Some(json!({"uri": uri, "mimeType": "application/json", "text": data.to_string()}))
        }
    }
}

/// All prompts, as `prompts/list` says them.
pub(crate) fn prompts() -> Value {
    let listed = PROMPTS.iter().map(|(name, arguments)| {
        let arguments = arguments.iter().map(|name| json!({"name": name, "description": name, "required": true}));
        let arguments: Vec<Value> = arguments.collect();
        json!({"name": name, "description": format!("The suite's `{name}`"), "arguments": arguments})
    });
    listed.collect()
}

/// A prompt with its arguments put in. None: there is no such prompt, or an argument is missing.
pub(crate) fn prompt(name: &str, given: &Value) -> Option<Value> {
    let argument = |name: &str| given.get(name).and_then(Value::as_str);
    Some(match name {
        "test_simple_prompt" => messages(&[text("This is a simple prompt for testing.")]),
        "test_prompt_with_arguments" => {
            let (one, two) = (argument("arg1")?, argument("arg2")?);
            messages(&[text(&format!("Prompt with arguments: arg1='{one}', arg2='{two}'"))])
        }
        "test_prompt_with_embedded_resource" => {
            let resource = embedded(argument("resourceUri")?, "text/plain", "Embedded resource content for testing.");
            messages(&[resource, text("Please process the embedded resource above.")])
        }
        "test_prompt_with_image" => messages(&[image(), text("Please analyze the image above.")]),
        _ => return None,
    })
}

/// The answer that asks for the context of `test_input_required_result_prompt` first.
pub(crate) fn ask_for_context() -> Value {
    let form = form("What context should the prompt use?", json!({"context": {"type": "string"}}));
    json!({"resultType": "input_required", "inputRequests": {"user_context": form}})
}

/// A prompt's messages, all from the user.
pub(crate) fn messages(contents: &[Value]) -> Value {
    let messages: Vec<Value> = contents.iter().map(|content| json!({"role": "user", "content": content})).collect();
    json!({ "messages": messages })
}

/// The schema of an object with these properties, all of them required.
fn takes(properties: Value) -> Value {
    let required: Vec<String> = properties.as_object().map(Map::keys).into_iter().flatten().cloned().collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn image() -> Value {
    json!({"type": "image", "data": PIXEL, "mimeType": "image/png"})
}

fn embedded(uri: &str, mime: &str, words: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": mime, "text": words}})
}

/// One keyword of each kind that must survive the way to the client.
fn schema_2020_12() -> Value {
    let words = json!({"type": "string"});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {"$anchor": "addressDef", "type": "object", "properties": {"street": words, "city": words}},
        },
        "properties": {
            "name": words,
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": words,
            "email": words,
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}

const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
const RESOURCES: &[&str] = &["test://static-text", "test://static-binary", "test://watched-resource"];
const TEMPLATE_OPENING: &str = "test://template/";
const TEMPLATE_CLOSING: &str = "/data";
const PROMPTS: &[(&str, &[&str])] = &[
    ("test_simple_prompt", &[]),
    ("test_prompt_with_arguments", &["arg1", "arg2"]),
    ("test_prompt_with_embedded_resource", &["resourceUri"]),
    ("test_prompt_with_image", &[]),
    ("test_input_required_result_prompt", &[]),
];
const PLAIN_TOOLS: &[&str] = &[
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_logging",
    "test_logging_tool",
    "test_tool_with_progress",
    "test_missing_capability",
    "test_reconnection",
    "test_streaming_elicitation",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_capabilities",
];
