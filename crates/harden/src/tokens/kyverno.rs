//! The same policy for those who run Kyverno, in the form that the Kyverno of such a cluster reads.

use super::policies::{
    Availability, MESSAGE, Rules, SECRETS, account_variables, excepted, exception_variables,
};
use crate::plan::File;

/// Which Kyverno the policy is for.
pub fn needs(availability: Availability) -> &'static str {
    match availability {
        // Kyverno 1.17 is the first that has policies.kyverno.io/v1 and the one that deprecates kyverno.io/v1.
        Availability::BuiltIn | Availability::Unknown => {
            "Kyverno 1.17 or newer (for 1.16, write v1beta1 for v1)"
        }
        Availability::Gated | Availability::Missing => "Kyverno 1.12 to 1.19",
    }
}

/// The policy. Clusters without ValidatingAdmissionPolicy run a Kyverno that is too old for its newer form.
pub fn policy(availability: Availability, rules: &Rules) -> File {
    let text = match availability {
        Availability::BuiltIn | Availability::Unknown => validating_policy(rules),
        Availability::Gated | Availability::Missing => cluster_policy(rules),
    };
    File { name: "policy/kyverno.yaml".into(), text }
}

/// `ValidatingPolicy` of `policies.kyverno.io/v1` (`config/crds/policies.kyverno.io` of Kyverno 1.19).
fn validating_policy(rules: &Rules) -> String {
    let actions = if rules.deny { "[Deny, Audit]" } else { "[Warn, Audit]" };
    format!(
        "# For Kyverno 1.17 or newer.\n\
         apiVersion: policies.kyverno.io/v1\n\
         kind: ValidatingPolicy\n\
         metadata:\n  name: {SECRETS}\n\
         spec:\n\
         \x20 # It is about who asks, which only the request tells.\n\
         \x20 evaluation:\n    background:\n      enabled: false\n\
         \x20 # With Fail, nobody could make any Secret while Kyverno does not answer.\n\
         \x20 failurePolicy: Ignore\n\
         \x20 validationActions: {actions}\n\
         \x20 matchConstraints:\n\
         \x20   resourceRules:\n\
         \x20   - apiGroups: ['']\n\
         \x20     apiVersions: [v1]\n\
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
         \x20   messageExpression: >-\n      {MESSAGE}\n",
        accounts = account_variables("  "),
        lists = exception_variables("  ", &rules.exceptions),
        excepted = excepted("      ").trim_start(),
    )
}

/// `ClusterPolicy` of `kyverno.io/v1` with the same expressions.
fn cluster_policy(rules: &Rules) -> String {
    let action = if rules.deny { "Enforce" } else { "Audit" };
    format!(
        "# For Kyverno 1.12 to 1.19.\n\
         apiVersion: kyverno.io/v1\n\
         kind: ClusterPolicy\n\
         metadata:\n  name: {SECRETS}\n\
         spec:\n\
         \x20 # It is about who asks, which only the request tells.\n\
         \x20 background: false\n\
         \x20 # With Fail, nobody could make any Secret while Kyverno does not answer.\n\
         \x20 failurePolicy: Ignore\n\
         \x20 validationFailureAction: {action}\n\
         \x20 rules:\n\
         \x20 - name: no-token-that-never-expires\n\
         \x20   match:\n\
         \x20     any:\n\
         \x20     - resources:\n\
         \x20         kinds: [Secret]\n\
         \x20         operations: [CREATE, UPDATE]\n\
         \x20   celPreconditions:\n\
         \x20   - name: holds-a-token-of-an-account\n\
         \x20     expression: has(object.type) && object.type == 'kubernetes.io/service-account-token'\n\
         \x20   validate:\n\
         \x20     cel:\n\
         \x20       variables:\n{accounts}{lists}\
         \x20       expressions:\n\
         \x20       - expression: >-\n\
         \x20           variables.account == variables.before\n\
         \x20           || {excepted}\
         \x20         messageExpression: >-\n            {MESSAGE}\n",
        accounts = account_variables("        "),
        lists = exception_variables("        ", &rules.exceptions),
        excepted = excepted("            ").trim_start(),
    )
}
