//! The same changes for those who keep their manifests with kustomize: components that are added to an overlay.

use std::fmt::Write as _;

use sundew_posture::report::Object;

use super::{Do, Row, look::Look, plan::because};
use crate::plan::{File, Step};

/// A component with the workloads' patches, and one with the accounts'.
pub(super) fn steps(_look: &Look<'_>, rows: &[Row]) -> Vec<Step> {
    let workloads: Vec<(&Row, &Object)> = rows
        .iter()
        .filter(|row| row.step == Do::PatchWorkload)
        .filter_map(|row| row.workload.as_ref().map(|workload| (row, workload)))
        .collect();
    let accounts: Vec<(&Row, &Object)> =
        rows.iter().filter(|row| row.step == Do::PatchAccount).map(|row| (row, &row.account)).collect();
    let made = [
        ("1-workloads", "Take the token from pods that do not use it", workloads),
        ("2-accounts", "Mount no token of accounts that nobody uses", accounts),
    ];
    let made = made.into_iter().filter(|(_, _, rows)| !rows.is_empty());
    made.map(|(folder, title, rows)| step(folder, title, &rows)).collect()
}

fn step(folder: &str, title: &str, rows: &[(&Row, &Object)]) -> Step {
    let mut text = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n".to_owned();
    let mut why = vec![
        format!(
            "Add `{folder}` to the `components` of the overlay that describes these, look at `kubectl diff -k`, and apply it \
             as you always do. To undo it, take that line out again."
        ),
        "A part of it whose object is not in the overlay changes nothing there.".to_owned(),
    ];
    for (row, object) in rows {
        patch(&mut text, object);
        why.push(format!("{object}: {}", because(row).join(" ")));
    }
    Step {
        title: title.to_owned(),
        because: why,
        files: vec![File { name: format!("{folder}/kustomization.yaml"), text }],
        ..Step::default()
    }
}

fn patch(text: &mut String, object: &Object) {
    let group = match object.kind.as_str() {
        "CronJob" => "batch",
        "ServiceAccount" | "ReplicationController" => "",
        _ => "apps",
    };
    let path = match object.kind.as_str() {
        "ServiceAccount" => "/automountServiceAccountToken",
        "CronJob" => "/spec/jobTemplate/spec/template/spec/automountServiceAccountToken",
        _ => "/spec/template/spec/automountServiceAccountToken",
    };
    text.push_str("  - target:\n");
    if !group.is_empty() {
        _ = writeln!(text, "      group: {group}");
    }
    // Names are patterns there.
    let exact = |name: &str| serde_json::Value::from(name.replace('.', "\\.")).to_string();
    _ = writeln!(
        text,
        "      kind: {}\n      name: {}\n      namespace: {}\n    patch: |-\n      - op: add\n        path: {path}\n        \
         value: false",
        object.kind,
        exact(&object.name),
        exact(&object.namespace)
    );
}
