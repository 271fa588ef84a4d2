//! The policies that deny new long-lived tokens, built into Kubernetes: nothing has to be installed.
//!
//! Their exceptions are written into them, as users, groups and namespaces: never as Secrets or accounts, so that they
//! say nothing of which are decoys. They are no parameters in a ConfigMap: once the last binding with such parameters
//! is deleted, an API server never reads any again until it is started anew (kubernetes/kubernetes#130887, seen on
//! 1.36.2), so a policy that was undone and applied again would be silent, or go by exceptions of the past. Besides,
//! more people may read the ConfigMaps of kube-system than admission policies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_posture::{Cluster, model::Version};

use super::{TokensError, is_name};
use crate::plan::File;

/// The policy about Secrets, and its binding.
pub const SECRETS: &str = "long-lived-tokens";
/// The policy about TokenRequest, and its binding.
pub const REQUESTS: &str = "long-lived-token-requests";
/// From here on every cluster has it (`admissionregistration.k8s.io/v1`).
const BUILT_IN: Version = Version { major: 1, minor: 30 };
/// From here on it is there behind a feature gate.
const GATED: Version = Version { major: 1, minor: 26 };
/// The shortest life that TokenRequest gives, in seconds (`pkg/apis/authentication/validation`).
const SHORTEST: i64 = 600;

/// What the policies are made with.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Who is excepted.
    pub exceptions: Exceptions,
    /// Whether they deny at once; else they warn, and note in the audit log what they would deny.
    pub deny: bool,
    /// The longest life of a token from TokenRequest, in seconds, where that is limited.
    pub longest: Option<i64>,
}

/// Who may make long-lived tokens all the same.
#[derive(Debug, Clone, Default)]
pub struct Exceptions {
    /// User names.
    pub users: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Namespaces in which everybody may.
    pub namespaces: Vec<String>,
}

/// Whether a cluster has ValidatingAdmissionPolicy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Availability {
    /// It has.
    BuiltIn,
    /// It is there behind a feature gate, in a version of the API that is none of those that are made here.
    Gated,
    /// It has none.
    Missing,
    /// The version is not known.
    Unknown,
}

impl Availability {
    /// By the API server's version.
    pub fn of(version: Option<Version>) -> Self {
        match version {
            None => Self::Unknown,
            Some(version) if version >= BUILT_IN => Self::BuiltIn,
            Some(version) if version >= GATED => Self::Gated,
            Some(_) => Self::Missing,
        }
    }

    /// Whether the policies are worth applying.
    pub fn is_worth_trying(self) -> bool {
        matches!(self, Self::BuiltIn | Self::Unknown)
    }
}

/// Whether Kyverno runs in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kyverno {
    /// A webhook of it is there.
    Seen,
    /// The webhooks were read, and none is of it.
    NotSeen,
    /// The webhooks could not be read.
    Unknown,
}

impl Kyverno {
    /// By the names of the webhooks that it makes, such as `kyverno-resource-validating-webhook-cfg`.
    pub fn of(cluster: &Cluster) -> Self {
        if cluster.admission.iter().any(|admission| admission.meta.name.starts_with("kyverno-")) {
            return Self::Seen;
        }
        // In files, there being none may mean that they were not dumped.
        let asked = cluster.files.is_empty() && !cluster.lacks("validatingwebhookconfigurations");
        if asked || cluster.admission.iter().any(|a| a.kind.ends_with("WebhookConfiguration")) {
            return Self::NotSeen;
        }
        Self::Unknown
    }
}

impl Rules {
    /// Whether a policy can be made of them.
    ///
    /// # Errors
    ///
    /// Where an exception is no name, or excepts everybody; where the longest life is shorter than any.
    pub fn check(&self) -> Result<(), TokensError> {
        let Exceptions { users, groups, namespaces } = &self.exceptions;
        let wrong = |flag, value: &String, why| {
            Err(TokensError::Exception { flag, value: value.escape_debug().to_string(), why })
        };
        for (flag, values) in [("--allow-user", users), ("--allow-group", groups)] {
            for value in values {
                if value.is_empty() || value.trim() != value || value.chars().any(char::is_control) {
                    let why = "is no name: it is empty, begins or ends with a space, or has several lines; give it as \
                               `kubectl auth whoami` prints it";
                    return wrong(flag, value, why);
                }
            }
        }
        if let Some(group) = groups.iter().find(|group| group.as_str() == "system:authenticated") {
            return wrong(
                "--allow-group",
                group,
                "has everybody in it, so nothing would be denied; name a smaller group",
            );
        }
        for value in namespaces {
            if !is_name(value) {
                return wrong("--allow-namespace", value, "is no name of a namespace");
            }
        }
        match self.longest {
            Some(seconds) if seconds < SHORTEST => Err(TokensError::TooShort(seconds)),
            _ => Ok(()),
        }
    }

    /// The policies' stage: the word that files are named by, what a failure of the policy itself does, what it does
    /// with what it finds.
    fn stage(deny: bool) -> (&'static str, &'static str) {
        // While it only warns, not even a policy that cannot be evaluated may stop anybody's work.
        if deny { ("Fail", "Deny") } else { ("Ignore", "Warn") }
    }
}

/// The account that a Secret's token is for, of `object` and of what it was before; in CEL as every version since 1.26
/// reads it.
pub(super) fn account_variables(indent: &str) -> String {
    let of = |name: &str, object: &str, only: &str| {
        format!(
            "{indent}- name: {name}\n\
             {indent}  expression: >-\n\
             {indent}    {only}has({object}.metadata.annotations)\n\
             {indent}    && 'kubernetes.io/service-account.name' in {object}.metadata.annotations\n\
             {indent}    ? {object}.metadata.annotations['kubernetes.io/service-account.name'] : ''\n"
        )
    };
    of("account", "object", "") + &of("before", "oldObject", "request.operation == 'UPDATE' && ")
}

/// The exceptions as three lists, in CEL.
pub(super) fn exception_variables(indent: &str, exceptions: &Exceptions) -> String {
    let Exceptions { users, groups, namespaces } = exceptions;
    let list = |(name, values): (&str, &Vec<String>)| {
        let literals: Vec<String> = values.iter().map(|value| literal(value)).collect();
        let lines = literals.join(&format!(",\n{indent}    "));
        format!("{indent}- name: {name}\n{indent}  expression: >-\n{indent}    [{lines}]\n")
    };
    [("users", users), ("groups", groups), ("namespaces", namespaces)].map(list).concat()
}

/// A string of CEL in one line.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Who is excepted, in CEL.
pub(super) fn excepted(indent: &str) -> String {
    format!(
        "{indent}request.userInfo.username in variables.users\n\
         {indent}|| (has(request.userInfo.groups) && request.userInfo.groups.exists(group, group in variables.groups))\n\
         {indent}|| request.namespace in variables.namespaces\n"
    )
}

/// What is said to whom it concerns, in CEL.
pub(super) const MESSAGE: &str = "'this Secret would hold a token of ServiceAccount ' + variables.account + ' that never expires; \
     use one that does: kubectl create token ' + variables.account + ' -n ' + request.namespace + ' --duration=1h, \
     or in a pod a projected serviceAccountToken volume'";

/// The policy about Secrets with its binding, as `NAME`.
pub fn secrets(rules: &Rules, deny: bool, name: &str) -> File {
    let (failure, action) = Rules::stage(deny);
    let text = format!(
        "# A Secret of this type gets a token that never expires. Its type cannot be changed later; the account that it\n\
         # is for can, and it then gets a token of that one: so updates are looked at too.\n\
         apiVersion: admissionregistration.k8s.io/v1\n\
         kind: ValidatingAdmissionPolicy\n\
         metadata:\n  name: {SECRETS}\n\
         spec:\n\
         \x20 failurePolicy: {failure}\n\
         \x20 matchConstraints:\n\
         \x20   resourceRules:\n\
         \x20   - apiGroups: ['']\n\
         \x20     apiVersions: ['*']\n\
         \x20     operations: [CREATE, UPDATE]\n\
         \x20     resources: [secrets]\n\
         \x20 matchConditions:\n\
         \x20 - name: holds-a-token-of-an-account\n\
         \x20   expression: has(object.type) && object.type == 'kubernetes.io/service-account-token'\n\
         \x20 variables:\n{accounts}{lists}\
         \x20 validations:\n\
         \x20 - expression: >-\n\
         \x20     variables.account == variables.before\n\
         \x20     || {excepted}\
         \x20   messageExpression: >-\n      {MESSAGE}\n\
         \x20   reason: Forbidden\n{binding}",
        accounts = account_variables("  "),
        lists = exception_variables("  ", &rules.exceptions),
        excepted = excepted("      ").trim_start(),
        binding = binding(SECRETS, action),
    );
    File { name: format!("policy/{name}"), text }
}

/// The policy about TokenRequest with its binding, as `NAME`.
pub fn requests(rules: &Rules, longest: i64, deny: bool, name: &str) -> File {
    let (failure, action) = Rules::stage(deny);
    let text = format!(
        "# Tokens from TokenRequest live at most {longest} seconds. Kubelets may ask for what their pods are written to\n\
         # get: such a token ends with its pod, and refusing it would leave the pod hanging.\n\
         apiVersion: admissionregistration.k8s.io/v1\n\
         kind: ValidatingAdmissionPolicy\n\
         metadata:\n  name: {REQUESTS}\n\
         spec:\n\
         \x20 failurePolicy: {failure}\n\
         \x20 matchConstraints:\n\
         \x20   resourceRules:\n\
         \x20   - apiGroups: ['']\n\
         \x20     apiVersions: ['*']\n\
         \x20     operations: [CREATE]\n\
         \x20     resources: [serviceaccounts/token]\n\
         \x20 matchConditions:\n\
         \x20 - name: lives-long\n\
         \x20   expression: has(object.spec.expirationSeconds) && object.spec.expirationSeconds > {longest}\n\
         \x20 - name: is-of-no-kubelet\n\
         \x20   expression: >-\n\
         \x20     !(has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups\n\
         \x20     && has(object.spec.boundObjectRef) && has(object.spec.boundObjectRef.kind)\n\
         \x20     && object.spec.boundObjectRef.kind == 'Pod')\n\
         \x20 variables:\n{lists}\
         \x20 validations:\n\
         \x20 - expression: >-\n\
         \x20     {excepted}\
         \x20   messageExpression: >-\n\
         \x20     'this token would live for ' + string(object.spec.expirationSeconds) + ' seconds, and at most {longest} are\n\
         \x20     allowed; ask for less (--duration={longest}s) and renew it'\n\
         \x20   reason: Forbidden\n{binding}",
        lists = exception_variables("  ", &rules.exceptions),
        excepted = excepted("      ").trim_start(),
        binding = binding(REQUESTS, action),
    );
    File { name: format!("policy/{name}"), text }
}

fn binding(policy: &str, action: &str) -> String {
    format!(
        "---\n\
         apiVersion: admissionregistration.k8s.io/v1\n\
         kind: ValidatingAdmissionPolicyBinding\n\
         metadata:\n  name: {policy}\n\
         spec:\n\
         \x20 policyName: {policy}\n\
         \x20 validationActions: [{action}, Audit]\n"
    )
}
