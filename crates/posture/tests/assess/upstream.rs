//! The roles that Kubernetes makes by itself and that can escalate, as its source has them (1.36).

use std::fmt::Write as _;

use sundew_posture::{Settings, report::View, scan};

use crate::{given::now, recordings::dump};

#[test]
fn the_built_in_roles_that_can_escalate_and_by_which_risks() {
    let report = scan(&dump(), &Settings::new(now()));
    let mut text = String::new();
    let mut roles: Vec<_> = report
        .findings
        .iter()
        .filter(|f| f.view == View::Roles && f.object.kind == "ClusterRole" && f.system)
        .collect();
    roles.sort_by_key(|finding| &finding.object.name);
    for finding in roles {
        let risks: Vec<&str> = finding.risks.iter().map(|risk| risk.id.as_str()).collect();
        writeln!(text, "{} {}\n    {}", finding.severity.as_str(), finding.object.name, risks.join(" "))
            .unwrap();
    }
    insta::assert_snapshot!(text);
}

/// Who of Kubernetes' own has a way to the whole cluster.
#[test]
fn the_parts_of_kubernetes_that_have_a_way() {
    let report = scan(&dump(), &Settings::new(now()));
    let mut text = String::new();
    for path in report.paths.iter().filter(|path| path.system) {
        let acts: Vec<&str> = path.steps.iter().map(|step| step.act.as_str()).collect();
        writeln!(text, "{}: {}", path.from, acts.join(" -> ")).unwrap();
    }
    insta::assert_snapshot!(text);
}
