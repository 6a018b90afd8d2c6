//! Does this AWS command only ask? Does it only end something?
//!
//! Operations say by their first word what they do: `describe-instances`, `delete-bucket`. A command is recognised where it
//! is plain words, its operation begins so, and nothing in it makes it more than that: no file of the server's, no endpoint
//! of the caller's choice, no answer that is a credential. What an operation that asks answers with, or writes where, its name does
//! not say: of services whose operations nobody has gone through it is not recognised, and of those whose answers often hold what
//! something was given to start with only by its whole name.

use crate::command::split;
use crate::words::among;

/// Whether it surely only asks, for nothing that opens a door.
pub(super) fn only_asks(command: &str) -> bool {
    plain(command).is_some_and(|words| {
        let Some((service, operation)) = named(&words) else { return false };
        let reads = match ASKING_OF.iter().find(|(gone_through, _)| *gone_through == service) {
            Some((_, operations)) => among(operations, operation),
            None => among(KNOWN_SERVICES, service) && begins(operation, ASKING),
        };
        let asks = reads || (service == "dynamodb" && ["scan", "query"].contains(&operation));
        asks && !gives_credentials(operation) && !among(DOING_MORE, operation)
    })
}

/// Whether it surely starts nothing that costs: it ends, removes or labels.
pub(super) fn only_ends(command: &str) -> bool {
    plain(command).is_some_and(|words| {
        named(&words).is_some_and(|(service, operation)| service != "s3" && begins(operation, ENDING))
    })
}

/// The words of a command that has no options that lead elsewhere.
fn plain(command: &str) -> Option<Vec<String>> {
    let words = words(command)?;
    let leads_elsewhere = words.iter().any(|word| {
        let option = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        // Options may be shortened as long as they stay unique.
        let shortened = option.len() > "--".len() && ELSEWHERE.iter().any(|whole| whole.starts_with(option));
        shortened || (word.contains("://") && !word.starts_with("s3://"))
    });
    (!leads_elsewhere).then_some(words)
}

/// Service and operation: the first two words after `aws`. Options before them are not read.
fn named(words: &[String]) -> Option<(&str, &str)> {
    let [aws, service, operation, rest @ ..] = words else { return None };
    let named = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let options_follow = rest.first().is_none_or(|word| word.starts_with("--") || service == "s3");
    (aws == "aws" && named(service) && named(operation) && options_follow).then_some((service, operation))
}

fn begins(operation: &str, with: &[&str]) -> bool {
    with.iter().any(|verb| operation.strip_prefix(verb).is_some_and(|rest| rest.starts_with('-')))
}

fn gives_credentials(operation: &str) -> bool {
    let says_so = operation.split('-').any(|part| among(CREDENTIAL_WORDS, part)) && operation != "get-queue-url";
    let access = operation.ends_with("-access") || operation.contains("-access-details");
    says_so || access || among(GIVING_CREDENTIALS, operation)
}

/// The words of one command, without files and variables.
fn words(line: &str) -> Option<Vec<String>> {
    let mut commands = split(line)?;
    let command = commands.pop().filter(|_| commands.is_empty())?;
    let plain = command.assigned.is_empty() && command.files.is_empty();
    let odd = |word: &String| word.contains(char::is_control);
    (plain && !command.words.iter().any(odd)).then_some(command.words)
}

/// First words of operations that only ask.
const ASKING: &[&str] = &["batch-get", "describe", "filter", "get", "head", "list", "lookup", "search"];

/// First words of operations that end or label what is there.
const ENDING: &[&str] = &[
    "cancel",
    "delete",
    "deregister",
    "detach",
    "disable",
    "disassociate",
    "remove",
    "stop",
    "tag",
    "terminate",
    "untag",
];

/// Parts of operations whose answers open doors, or may.
const CREDENTIAL_WORDS: &str = "\
    auth authorization credential credentials federation login password presigned secret session signed token tokens \
    url";

/// Services whose operations were gone through. Of these, what answers with a credential or writes a file stands in the two lists below.
const KNOWN_SERVICES: &str = "\
    acm application-autoscaling autoscaling ce cloudtrail cloudwatch dynamodb ec2 ecr efs elb elbv2 iam logs \
    organizations rds resource-groups resourcegroupstaggingapi route53 s3api s3control service-quotas sns sqs";

/// Services of which only these operations ask. The others often answer with what a machine, a container or a stack was given to start
/// with, and new ones come with each release.
const ASKING_OF: &[(&str, &str)] = &[
    (
        "cloudformation",
        "describe-account-limits describe-change-set-hooks describe-organizations-access describe-publisher \
         describe-resource-scan describe-stack-drift-detection-status describe-stack-resources \
         describe-stack-set-operation describe-type describe-type-registration get-stack-policy list-change-sets \
         list-generated-templates list-imports list-resource-scans list-stack-instances list-stack-resources \
         list-stack-set-operation-results list-stack-set-operations list-stack-sets list-stacks list-type-versions \
         list-types",
    ),
    (
        "ecs",
        "describe-capacity-providers describe-clusters describe-container-instances describe-task-sets \
         get-task-protection list-account-settings list-attributes list-clusters list-container-instances \
         list-service-deployments list-services list-services-by-namespace list-tags-for-resource \
         list-task-definition-families list-task-definitions list-tasks",
    ),
    (
        "eks",
        "describe-access-entry describe-addon-configuration describe-addon-versions describe-cluster \
         describe-cluster-versions describe-fargate-profile describe-insight describe-nodegroup \
         describe-pod-identity-association list-access-entries list-access-policies list-addons \
         list-associated-access-policies list-clusters list-fargate-profiles list-identity-provider-configs \
         list-insights list-nodegroups list-pod-identity-associations list-tags-for-resource list-updates",
    ),
    ("s3", "ls"),
    (
        "ssm",
        "describe-available-patches describe-document-permission describe-instance-information \
         describe-instance-patch-states describe-instance-patch-states-for-patch-group describe-instance-patches \
         describe-maintenance-window-schedule describe-maintenance-windows describe-parameters \
         describe-patch-baselines describe-patch-group-state describe-patch-groups describe-patch-properties \
         get-calendar-state get-connection-status get-default-patch-baseline get-parameter get-parameter-history \
         get-parameters get-parameters-by-path get-patch-baseline-for-patch-group get-resource-policies \
         get-service-setting list-associations list-compliance-items list-compliance-summaries \
         list-document-versions list-documents list-nodes list-nodes-summary list-resource-compliance-summaries \
         list-tags-for-resource",
    ),
    ("sts", "get-caller-identity"),
];

/// Operations of the services known here whose answers hold a key, an address with its own key, or what was given to a machine to start
/// with.
const GIVING_CREDENTIALS: &str = "\
    describe-bundle-tasks describe-conversion-tasks describe-db-proxy-target-groups describe-import-image-tasks \
    describe-import-snapshot-tasks describe-instance-attribute describe-launch-configurations \
    describe-launch-template-versions describe-option-groups describe-spot-fleet-requests \
    describe-spot-instance-requests describe-verified-access-trust-providers describe-vpn-connections \
    get-access-point-configuration-for-object-lambda get-console-output get-console-screenshot \
    get-launch-template-data get-vpn-connection-device-sample-configuration list-virtual-mfa-devices";

/// Operations of the services known here that write their answer to a file of the server's.
const DOING_MORE: &str = "get-object get-object-torrent";

/// Options that make a command do more than its operation says: talk to an address, read a file, skip a check, show a secret.
const ELSEWHERE: &[&str] = &[
    "--ca-bundle",
    "--cli-input-json",
    "--cli-input-yaml",
    "--endpoint-url",
    "--include-values",
    "--no-verify-ssl",
    "--with-decryption",
];
