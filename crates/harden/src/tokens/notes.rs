//! What to know before the first step: what could not be seen, what the cluster has, what the logs cover.

use super::{Availability, Kyverno, Question, TokenReport, kyverno, verdict::day};

/// What to know before the first step.
pub(super) fn notes(question: &Question<'_>, report: &TokenReport) -> Vec<String> {
    let cluster = question.cluster;
    let mut notes = Vec::new();
    for absent in cluster.absent.iter().filter(|absent| matters(&absent.resource)) {
        notes.push(match &*absent.resource {
            "secrets" => format!(
                "The Secrets could not be read ({}): which long-lived tokens there are is not known, and nothing is concluded.",
                absent.reason
            ),
            resource => format!("Not read: {resource} ({}). What depends on them is said as not known.", absent.reason),
        });
    }
    if let Some(evidence) = question.evidence.filter(|_| !report.secrets_read) {
        let used = evidence.secrets.secrets().filter(|(namespace, name, found)| {
            !super::is_decoy(question.decoys, &found.user)
                && !super::is_decoys(question.decoys, namespace, name)
        });
        let mut used: Vec<String> = used.map(|(namespace, name, _)| format!("{namespace}/{name}")).collect();
        used.sort_unstable();
        if !used.is_empty() {
            notes.push(format!(
                "The audit logs tell of long-lived tokens in use, of the Secrets {}.",
                used.join(", ")
            ));
        }
    }
    notes.extend(availability(question, report));
    match &report.logs {
        Some((from, to)) => notes.push(format!(
            "Where tokens were used from is told by audit logs from {} to {}; of what was before or after they say nothing.",
            day(*from),
            day(*to)
        )),
        None => notes.push(
            "No audit logs were given: where a token is used from is told by the habits of its account at best. --logs tells \
             of each Secret."
                .to_owned(),
        ),
    }
    if let Some(Err(shortage)) = question.covered() {
        notes.push(format!("That the logs hold no use of a token says nothing: {shortage}."));
    }
    if question.evidence.is_some_and(|evidence| evidence.secrets.overflowed()) {
        notes.push(
            "The logs tell of more tokens than are remembered: of some, uses are missing here.".to_owned(),
        );
    }
    let unknown =
        question.evidence.map_or(0, |e| e.secrets.issued_tokens().map(|(_, _, issued)| issued.unknown).sum());
    if unknown > 0 {
        notes.push(format!(
            "TokenRequest gave {} to others than kubelets whose life is not in the logs: they have no bodies of requests. Level \
             Request for serviceaccounts/token shows it (never RequestResponse: the answer is the token).",
            super::verdict::counted(i64::try_from(unknown).unwrap_or(i64::MAX), "token")
        ));
    }
    if cluster.namespaces.iter().any(|namespace| &*namespace.meta.name == "openshift-infra") {
        notes.push(
            "OpenShift before 4.16 makes such a Secret for every account by itself: give --allow-user \
             system:serviceaccount:openshift-infra:serviceaccount-pull-secrets-controller, or new accounts cannot pull images."
                .to_owned(),
        );
    }
    notes
}

/// Whether tokens are judged by it.
fn matters(resource: &str) -> bool {
    // A file that could not be read may have held any kind.
    matches!(resource, "secrets" | "serviceaccounts" | "pods") || resource.contains(['.', '/'])
}

fn availability(question: &Question<'_>, report: &TokenReport) -> Vec<String> {
    let version = question.cluster.version.map_or_else(String::new, |version| version.to_string());
    let offered = kyverno::needs(report.admission_policies);
    let mut notes = Vec::new();
    match report.admission_policies {
        Availability::BuiltIn => {}
        Availability::Unknown => notes.push(
            "The API server's version is not known: ValidatingAdmissionPolicy is there from 1.30 on (`kubectl api-resources \
             --api-group=admissionregistration.k8s.io` lists it)."
                .to_owned(),
        ),
        Availability::Gated => notes.push(format!(
            "The API server is of version {version}, which has ValidatingAdmissionPolicy as alpha or beta only: from 1.26 on behind \
             the feature gate ValidatingAdmissionPolicy and --runtime-config, by itself from 1.30 on. The policy made here is \
             for {offered}."
        )),
        Availability::Missing => notes.push(format!(
            "The API server is of version {version}, which has no ValidatingAdmissionPolicy (1.30 has). The policy made here is for \
             {offered}."
        )),
    }
    let check = "`kubectl get crd validatingpolicies.policies.kyverno.io clusterpolicies.kyverno.io` tells";
    match (report.kyverno, report.admission_policies.is_worth_trying()) {
        (Kyverno::Seen, true) => notes.push(format!(
            "Kyverno was seen. Its policy (policy/kyverno.yaml, for {offered}) says the same as the built-in one: apply one of \
             them. As installed, Kyverno leaves namespace kube-system out."
        )),
        (Kyverno::Seen, false) => notes.push("As installed, Kyverno leaves namespace kube-system out.".to_owned()),
        (Kyverno::NotSeen, true) => {
            notes.push(format!("Kyverno was not seen (no webhook has its name; {check}): no policy was made for it, and none is needed."));
        }
        (Kyverno::Unknown, true) => notes.push(format!("Whether Kyverno runs here could not be seen ({check}); it is not needed.")),
        (Kyverno::NotSeen, false) => notes.push(format!(
            "Kyverno was not seen either (no webhook has its name; {check}): until it is installed, or the cluster is newer, nothing \
             here denies new long-lived tokens."
        )),
        (Kyverno::Unknown, false) => notes.push(format!("Whether Kyverno runs here could not be seen ({check}).")),
    }
    if report.admission_policies.is_worth_trying() && question.rules.longest.is_none() {
        notes.push("Tokens from TokenRequest may live as long as they are asked for; --longest makes the policy that limits them.".to_owned());
    }
    notes
}
