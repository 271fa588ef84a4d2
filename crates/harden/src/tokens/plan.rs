//! The plan: policies that warn first, then tokens from the one that nobody misses to the one that is in use, then denial.

use super::{
    Kyverno, LongLived, Question, TokenReport, Uses, Verdict, is_name, kyverno, notes,
    policies::{self, SECRETS},
    replace::{self, Swap},
    verdict::{FORGOTTEN_DAYS, QUIET_DAYS},
};
use crate::plan::{File, Plan, Step};

/// The plan for what was found.
pub(super) fn plan(question: &Question<'_>, report: &TokenReport) -> Plan {
    let rules = question.rules;
    let mut plan = Plan {
        title: "Tokens that expire in the place of tokens that do not".to_owned(),
        steps: Vec::new(),
        notes: notes::notes(question, report),
    };
    plan.steps.push(policy_step(question, report));
    for token in &report.tokens {
        // The names become commands.
        if !(is_name(&token.namespace) && is_name(&token.secret) && is_name(&token.account)) {
            plan.notes.push(format!(
                "A Secret of namespace {:?} is left alone: its name or its account's is none that Kubernetes accepts.",
                token.namespace
            ));
            continue;
        }
        plan.steps.extend(match token.verdict {
            Verdict::Delete | Verdict::Orphan => Some(delete(token)),
            Verdict::Invalidate => Some(invalidate(token)),
            Verdict::Pods => Some(pods(token)),
            Verdict::Outside => Some(outside(question, token)),
            Verdict::Wait | Verdict::Tried | Verdict::Unknown => None,
        });
    }
    if !rules.deny && report.admission_policies.is_worth_trying() {
        plan.steps.push(deny_step(question));
    }
    // Names of files that are no dump of a cluster may hold anything; here each is part of one line.
    let lines = plan.steps.iter_mut().flat_map(|step| &mut step.because).chain(&mut plan.notes);
    lines.for_each(|line| *line = line.replace(char::is_control, "\u{fffd}"));
    plan
}

/// What speaks for a step, as sentences.
fn sentences(why: &[String]) -> Vec<String> {
    let sentence = |clause: &String| {
        let mut letters = clause.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        format!("{first}{}.", letters.as_str())
    };
    why.iter().map(sentence).collect()
}

/// The policies, first of all: while they warn they stop nobody.
fn policy_step(question: &Question<'_>, report: &TokenReport) -> Step {
    let rules = question.rules;
    let title = match (rules.deny, report.admission_policies.is_worth_trying()) {
        (true, _) => "Deny new long-lived tokens",
        (false, true) => "Warn of new long-lived tokens, and note them in the audit log",
        (false, false) => "Report new long-lived tokens",
    };
    let mut step = Step { title: title.to_owned(), ..Step::default() };
    if !report.admission_policies.is_worth_trying() {
        let file = kyverno::policy(report.admission_policies, rules);
        step.because.push(format!("It needs {}.", kyverno::needs(report.admission_policies)));
        if !rules.deny {
            step.because.push(
                "Nothing is refused: `kubectl get policyreports -A` shows what would be. --deny makes the policy that refuses."
                    .to_owned(),
            );
        }
        commands(&mut step, &[&file.name]);
        step.files.push(file);
        return step;
    }
    let mut files = vec![policies::secrets(rules, rules.deny, "long-lived-tokens.yaml")];
    files.extend(
        rules
            .longest
            .map(|longest| policies::requests(rules, longest, rules.deny, "long-lived-token-requests.yaml")),
    );
    if rules.deny {
        step.because.push(
            "Whoever makes one and is not excepted is refused, and told what to use instead.".to_owned(),
        );
    } else {
        step.because.push(
            "Nothing is refused: who makes one is warned, and the audit log says who it was.".to_owned(),
        );
    }
    step.because.push("What is there already is not touched, and goes on working.".to_owned());
    if report.tokens.iter().any(|token| token.made_by.is_some()) {
        let mut makers: Vec<&str> =
            report.tokens.iter().filter_map(|token| token.made_by.as_deref()).collect();
        makers.sort_unstable();
        makers.dedup();
        step.because.push(format!("In the logs, {} made such Secrets.", makers.join(", ")));
    }
    if report.kyverno == Kyverno::Seen {
        step.files.push(kyverno::policy(report.admission_policies, rules));
    }
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    commands(&mut step, &names);
    step.files.extend(files);
    step
}

/// Applies files in their order, and deletes what they made in the opposite one.
fn commands(step: &mut Step, files: &[&str]) {
    step.apply = files.iter().map(|file| format!("kubectl apply -f {file}")).collect();
    step.undo =
        files.iter().rev().map(|file| format!("kubectl delete --ignore-not-found -f {file}")).collect();
}

/// From warning to denial, last of all.
fn deny_step(question: &Question<'_>) -> Step {
    let rules = question.rules;
    let mut files: Vec<(File, &str)> = vec![(
        policies::secrets(rules, true, "deny-long-lived-tokens.yaml"),
        "policy/long-lived-tokens.yaml",
    )];
    if let Some(longest) = rules.longest {
        let file = policies::requests(rules, longest, true, "deny-long-lived-token-requests.yaml");
        files.push((file, "policy/long-lived-token-requests.yaml"));
    }
    Step {
        title: "Deny new long-lived tokens".to_owned(),
        because: vec![
            format!(
                "First look at what the policy noted: `sundew harden tokens --logs` lists it by user, as does \
                 `jq -c 'select(.annotations[\"validation.policy.admission.k8s.io/validation_failure\"] // \"\" | \
                 contains(\"{SECRETS}\")) | {{user: .user.username, verb, object: .objectRef}}' audit.log`."
            ),
            "Whoever is to go on making them stands in the policy's variables: --allow-user, --allow-group and \
             --allow-namespace write them there."
                .to_owned(),
        ],
        apply: files.iter().map(|(file, _)| format!("kubectl apply -f {}", file.name)).collect(),
        undo: files.iter().map(|(_, warns)| format!("kubectl apply -f {warns}")).collect(),
        files: files.into_iter().map(|(file, _)| file).collect(),
    }
}

fn invalidate(token: &LongLived) -> Step {
    let LongLived { namespace, secret, .. } = token;
    let mut because = sentences(&token.why);
    if token.last_used.is_none() {
        because.push(format!(
            "Look first since when uses are noted, which must be more than {FORGOTTEN_DAYS} days: `kubectl get configmap -n \
             kube-system kube-apiserver-legacy-service-account-token-tracking -o jsonpath='{{.data.since}}'`."
        ));
    }
    because.push(
        "The token is refused within some ten seconds, and is good again at once when the label is taken away. A use that is \
         refused is still noted in the label legacy-token-last-used."
            .to_owned(),
    );
    because.push(format!("After {QUIET_DAYS} quiet days, `sundew harden tokens` offers to delete it."));
    Step {
        title: format!("Declare the token of Secret {namespace}/{secret} invalid"),
        because,
        files: Vec::new(),
        apply: vec![format!(
            "kubectl label secret {secret} -n {namespace} kubernetes.io/legacy-token-invalid-since=$(date -u +%F)"
        )],
        undo: vec![format!(
            "kubectl label secret {secret} -n {namespace} kubernetes.io/legacy-token-invalid-since-"
        )],
    }
}

fn delete(token: &LongLived) -> Step {
    let LongLived { namespace, secret, account, .. } = token;
    let name = format!("restore/{namespace}.{secret}.yaml");
    let label = token.invalid_since.as_deref().filter(|day| is_name(day)).map_or_else(String::new, |day| {
        format!("  labels:\n    kubernetes.io/legacy-token-invalid-since: \"{day}\"\n")
    });
    let text = format!(
        "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata:\n  name: {secret}\n  namespace: \
         {namespace}\n{label}  annotations:\n    kubernetes.io/service-account.name: {account}\n"
    );
    let mut because = sentences(&token.why);
    if token.verdict == Verdict::Orphan {
        because.push(format!("Making it anew takes the account too, and gives another token: without ServiceAccount {account} the cluster deletes it at once."));
    } else {
        because.push(
            "Made anew under its name for the same account it has the same token where the cluster signs with an RSA key, as most \
             do; with an ECDSA key it has another. It is made invalid, as it is now: take the label away to use it. Where the \
             policies deny, whoever makes it anew must be excepted."
                .to_owned(),
        );
    }
    Step {
        title: format!("Delete Secret {namespace}/{secret}"),
        because,
        apply: vec![format!("kubectl delete secret {secret} -n {namespace}")],
        undo: vec![format!("kubectl apply -f {name}")],
        files: vec![File { name, text }],
    }
}

fn pods(token: &LongLived) -> Step {
    let LongLived { namespace, secret, account, .. } = token;
    let mut step = Step {
        title: format!("Give those who read Secret {namespace}/{secret} tokens that expire"),
        because: sentences(&token.why),
        ..Step::default()
    };
    let mut by_hand = false;
    for reader in &token.readers {
        match replace::swap(token, reader, "pods") {
            // Pods of one template differ in what does not matter here.
            Swap::Patch { file, back, apply, undo }
                if step.files.iter().all(|known| known.name != file.name) =>
            {
                step.files.extend([file, back]);
                step.apply.push(apply);
                step.undo.push(undo);
            }
            Swap::Patch { .. } => {}
            Swap::ByHand(what) => {
                by_hand = true;
                step.because.push(what);
            }
        }
    }
    if by_hand {
        let mut text = format!(
            "# A volume with short tokens of the account that the pod runs as, here {account}.\n- name: token\n"
        );
        replace::volume_lines().iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        step.files.push(File { name: format!("pods/{namespace}.{secret}.volume.yaml"), text });
    }
    step.because.push(
        "Whoever keeps its manifests elsewhere (Git, Helm) makes the change there: a patch would be undone. When nothing uses the \
         Secret any more, `sundew harden tokens` offers the next step."
            .to_owned(),
    );
    step
}

fn outside(question: &Question<'_>, token: &LongLived) -> Step {
    let LongLived { namespace, secret, account, .. } = token;
    let given = replace::elsewhere(token, question.rules, "outside");
    let mut because = sentences(&token.why);
    because.extend(token.used.as_ref().map(from));
    because.push(format!(
        "Somebody with a login of their own puts {} into the kubeconfig: it asks for a new token by itself.",
        given.kubeconfig
    ));
    because.push(format!(
        "A job that runs every few hours renews it: `kubectl create token {account} -n {namespace} --duration={}s`. Whoever runs it \
         needs {} with its own name put in.",
        given.seconds, given.role
    ));
    because.push(
        "Best for a CI system that issues OIDC tokens: let the API server trust that issuer (AuthenticationConfiguration, from 1.30 \
         on without a feature gate) and bind the role to its user, so that no token has to be kept at all."
            .to_owned(),
    );
    because.push(
        "When it is not used any more, `sundew harden tokens` offers to declare it invalid.".to_owned(),
    );
    Step {
        title: format!("Give whoever uses the token of Secret {namespace}/{secret} tokens that expire"),
        because,
        apply: vec![format!("kubectl apply -f {}  # with whoever renews it put in", given.role)],
        undo: vec![format!("kubectl delete --ignore-not-found -f {}", given.role)],
        files: given.files,
    }
}

/// Where a token was used from, in one sentence.
fn from(used: &Uses) -> String {
    let listed = |all: &[super::Counted]| {
        let shown: Vec<&str> = all.iter().take(5).map(|one| one.what.as_str()).collect();
        format!("{}{}", shown.join(", "), if all.len() > 5 { " and more" } else { "" })
    };
    let which = if used.exact { "it was" } else { "one of the account's long-lived tokens was" };
    format!(
        "In the logs, {which} used from {} with {}, for {}.",
        listed(&used.peers),
        listed(&used.clients),
        listed(&used.asked)
    )
}
