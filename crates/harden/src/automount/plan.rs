//! The plan: workloads one by one, then accounts, each with its way back.

use sundew_posture::report::Object;

use super::{Do, Form, Row, kustomize, look::Look};
use crate::{
    plan::{File, Plan, Step},
    shell::{in_namespace, word},
};

/// How long is waited until the pods of a workload have been made again.
const PATIENCE: &str = "5m";

/// The steps; nothing where there is nothing to change.
pub(super) fn plan(look: &Look<'_>, rows: &[Row], notes: &[String]) -> Option<Plan> {
    let mut steps = Vec::new();
    match look.question.form {
        Form::Patch => {
            let mut files = Files::default();
            let mut idle = Some(idle_defaults(look, rows, &mut files)).filter(|step| !step.apply.is_empty());
            for row in rows {
                if row.workload.is_none() {
                    // Workloads go before accounts, and of those the ones that nobody chose.
                    steps.extend(idle.take());
                }
                match (&row.workload, row.step) {
                    (Some(workload), Do::PatchWorkload) => {
                        steps.push(patch_workload(look, row, workload, &mut files));
                    }
                    (None, Do::PatchAccount) if !is_idle_default(row, rows) => {
                        steps.push(patch_account(look, row, rows, &mut files));
                    }
                    _ => {}
                }
            }
        }
        Form::Kustomize => steps.extend(kustomize::steps(look, rows)),
    }
    if steps.is_empty() {
        return None;
    }
    let again: Vec<String> = rows
        .iter()
        .filter(|row| row.step == Do::Recreate)
        .filter_map(|row| row.workload.as_ref().map(ToString::to_string))
        .collect();
    if !again.is_empty() {
        steps.push(Step {
            title: "Later: make again what cannot be patched".to_owned(),
            because: vec![format!(
                "`automountServiceAccountToken: false` belongs into what these are made from: {}.",
                again.join(", ")
            )],
            ..Step::default()
        });
    }
    let title = "No token where none is used".to_owned();
    Some(Plan { title, steps, notes: notes.to_vec() })
}

/// Patches, each written once and used by many steps.
#[derive(Debug, Default)]
struct Files(Vec<String>);

impl Files {
    /// The name of a patch's file, which is added to the step that is the first to use it.
    fn patch(&mut self, step: &mut Step, of: &str, value: Option<bool>) -> String {
        let value = value.map_or("null".to_owned(), |value| value.to_string());
        let end = if value == "null" { "default" } else { &value };
        let name = format!("patches/{of}-{end}.yaml");
        if !self.0.contains(&name) {
            self.0.push(name.clone());
            let field = format!("automountServiceAccountToken: {value}\n");
            let text = match of {
                "account" => field,
                "cronjob" => {
                    format!(
                        "spec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          {field}"
                    )
                }
                _ => format!("spec:\n  template:\n    spec:\n      {field}"),
            };
            step.files.push(File { name: name.clone(), text });
        }
        name
    }
}

fn patch_workload(look: &Look<'_>, row: &Row, workload: &Object, files: &mut Files) -> Step {
    let mut step = Step {
        title: format!("Take the token from the pods of {workload}"),
        because: because(row),
        ..Step::default()
    };
    let before = look.top(workload).and_then(|top| top.spec()).and_then(|spec| spec.automount);
    let of = if workload.kind == "CronJob" { "cronjob" } else { "workload" };
    let object = word(&format!("{}/{}", workload.kind.to_lowercase(), workload.name));
    let at = in_namespace(&workload.namespace);
    let waits = matches!(workload.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet");
    let status = format!("kubectl rollout status {object}{at} --timeout={PATIENCE}");
    let off = files.patch(&mut step, of, Some(false));
    let back = files.patch(&mut step, of, before);
    step.apply.push(format!("kubectl patch {object}{at} --type strategic --patch-file {off}"));
    step.undo.push(format!("kubectl patch {object}{at} --type strategic --patch-file {back}"));
    if waits {
        step.apply.push(status.clone());
        step.undo.push(status);
    } else {
        step.because.push("Only pods that it makes from now on are without a token.".to_owned());
    }
    step
}

/// Whether it is about an account `default` that no workload runs as: there is one in every namespace.
fn is_idle_default(row: &Row, rows: &[Row]) -> bool {
    row.account.name == "default" && !rows.iter().any(|of| of.workload.is_some() && of.account == row.account)
}

/// One step for all of them.
fn idle_defaults(look: &Look<'_>, rows: &[Row], files: &mut Files) -> Step {
    let mut step = Step {
        title: "Mount no token of accounts named default that no workload runs as".to_owned(),
        because: vec![
            "A pod that names no account runs as the one named default of its namespace. None does today."
                .to_owned(),
        ],
        ..Step::default()
    };
    let ours = |row: &&Row| row.step == Do::PatchAccount && row.workload.is_none();
    for row in rows.iter().filter(ours).filter(|row| is_idle_default(row, rows)) {
        let (apply, undo) = account_commands(look, row, &mut step, files);
        step.apply.push(apply);
        step.undo.push(undo);
        let known: [String; 2] = ["No workload runs as it.".to_owned(), "No binding names it.".to_owned()];
        let more = because(row).into_iter().filter(|why| !known.contains(why));
        step.because.extend(more.map(|why| format!("{}: {why}", row.account)));
    }
    step
}

/// The commands that patch an account, and back.
fn account_commands(look: &Look<'_>, row: &Row, step: &mut Step, files: &mut Files) -> (String, String) {
    let account = &row.account;
    let known = look.accounts.get(&(account.namespace.as_str(), account.name.as_str()));
    let object = word(&format!("serviceaccount/{}", account.name));
    let at = in_namespace(&account.namespace);
    let off = files.patch(step, "account", Some(false));
    let back = files.patch(step, "account", known.and_then(|account| account.automount));
    let command = |file: &str| format!("kubectl patch {object}{at} --type strategic --patch-file {file}");
    (command(&off), command(&back))
}

fn patch_account(look: &Look<'_>, row: &Row, rows: &[Row], files: &mut Files) -> Step {
    let account = &row.account;
    let mut step = Step {
        title: format!("Mount no token of {account} where a pod does not ask for it"),
        because: because(row),
        ..Step::default()
    };
    let at = in_namespace(&account.namespace);
    let (apply, undo) = account_commands(look, row, &mut step, files);
    step.apply.push(apply);
    step.undo.push(undo);
    let follow = rows.iter().filter(|of| of.account == *account && of.step == Do::WithAccount);
    let restart: Vec<String> = follow
        .filter_map(|row| row.workload.as_ref())
        .filter(|workload| matches!(workload.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet"))
        .map(|workload| {
            let object = word(&format!("{}/{}", workload.kind.to_lowercase(), workload.name));
            format!("`kubectl rollout restart {object}{at}`")
        })
        .collect();
    if !restart.is_empty() {
        step.because.push(format!(
            "The pods that run keep their token until they are made again: {}.",
            restart.join(", ")
        ));
    }
    step
}

/// The reasons as sentences.
pub(super) fn because(row: &Row) -> Vec<String> {
    let sentence = |why: &String| {
        let mut letters = why.chars();
        let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}.", letters.as_str())
    };
    row.why.iter().map(sentence).collect()
}
