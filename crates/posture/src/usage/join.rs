//! Joins what was used to what was found: a risk that its holder never used is the one to take away first.

use super::{Usage, Used, What, narrow};
use crate::{
    assess::is_total,
    model::{Cluster, Subject},
    rbac::{Rbac, resource_matches, user_of, verb_matches},
    report::{Finding, Report, UsageReport, View},
    risk::{Grant, Risk},
};

/// Notes in `report` which risks of subjects were used, and what each identity used of what it has.
pub fn join(report: &mut Report, cluster: &Cluster, risks: &[Risk], usage: &Usage) {
    for finding in report.findings.iter_mut().filter(|finding| finding.view == View::Subjects) {
        mark(finding, risks, usage);
    }
    let rbac = Rbac::new(cluster);
    // Of what Kubernetes itself binds there is nothing to take away.
    let is_ours =
        |subject: &&Subject| rbac.bindings_of(subject).iter().any(|b| !cluster.bindings[*b].built_in);
    let mut subjects: Vec<&Subject> = rbac.subjects().filter(is_ours).collect();
    subjects.sort_unstable();
    let mut identities: Vec<_> =
        subjects.into_iter().filter_map(|subject| narrow(&rbac, usage, subject)).collect();
    identities.retain(|narrowed| !narrowed.grants.is_empty());
    identities.sort_by_key(|narrowed| {
        std::cmp::Reverse(narrowed.grants.iter().filter(|grant| !grant.used).count())
    });
    report.usage = Some(UsageReport { from: usage.first, to: usage.last, identities });
}

fn mark(finding: &mut Finding, risks: &[Risk], usage: &Usage) {
    let user = match finding.object.kind.as_str() {
        "ServiceAccount" => user_of(&finding.object.namespace, &finding.object.name),
        "User" => finding.object.name.clone(),
        // Members of a group use its rights under their own names.
        _ => return,
    };
    let nothing = Used::default();
    let used = usage.of(&user).unwrap_or(&nothing);
    let namespace = finding.scope.strip_prefix("namespace ");
    for held in &mut finding.risks {
        let Some(risk) = risks.iter().find(|risk| risk.id == held.id) else { continue };
        // Of the right to everything, something is used by whatever is done: that says nothing.
        if is_total(risk) && !used.uses.is_empty() {
            continue;
        }
        let mut needed = used.uses.keys().filter(|what| is_in(what, namespace));
        let is_used = needed.any(|what| risk.grants.iter().any(|grant| needs(what, grant)));
        // What is not remembered may have been used.
        held.used = (is_used || !used.overflowed).then_some(is_used);
    }
}

/// Whether something was done in a namespace; anywhere where none is given.
fn is_in(what: &What, of: Option<&str>) -> bool {
    match (what, of) {
        (_, None) => true,
        (What::Resource { namespace, .. }, Some(of)) => **namespace == *of,
        (What::Url { .. }, Some(_)) => false,
    }
}

/// Whether what was done needs a grant.
fn needs(what: &What, grant: &Grant) -> bool {
    let What::Resource { group, resource, subresource, verb, .. } = what else { return false };
    grant.verbs.iter().any(|of| verb_matches(of, verb))
        && grant.groups.iter().any(|of| verb_matches(of, group))
        && grant.resources.iter().any(|of| resource_matches(of, resource, subresource))
}
