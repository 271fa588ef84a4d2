//! Reports made by hand.

use sundew_posture::{
    Severity,
    report::{
        About, Accepted, Because, Cut, FORMAT, Finding, Object, Path, Report, RiskHeld, Scanned, Step,
        Unread, View,
    },
};

pub(crate) fn report(findings: Vec<Finding>) -> Report {
    let mut report = Report {
        format: FORMAT,
        time: "2026-03-01T10:20:30Z".parse().unwrap(),
        cluster: Scanned {
            version: Some("1.35".to_owned()),
            counts: [("clusterroles".to_owned(), 71), ("pods".to_owned(), 12_345)].into(),
            ..Scanned::default()
        },
        summary: [].into(),
        findings,
        risks: [
            ("secrets-read".to_owned(), about("reads Secrets")),
            ("pods-create".to_owned(), about("creates pods")),
        ]
        .into(),
        paths: Vec::new(),
        cuts: Vec::new(),
        usage: None,
    };
    report.summarise();
    report
}

fn about(title: &str) -> About {
    About {
        title: title.to_owned(),
        gives: "The contents of every Secret, legacy tokens among them.".to_owned(),
        fix: "Name the Secrets that are needed, and grant get alone.".to_owned(),
        attack: vec!["T1552.007".to_owned()],
        reference: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/".to_owned(),
    }
}

pub(crate) fn risk(id: &str, severity: Severity) -> RiskHeld {
    RiskHeld { id: id.to_owned(), severity, accepted: None, used: None }
}

/// `kind`, and `NAMESPACE/NAME` or `NAME`.
pub(crate) fn object(kind: &str, path: &str) -> Object {
    let (namespace, name) = path.split_once('/').unwrap_or(("", path));
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    Object { kind: kind.to_owned(), namespace, name, place: String::new(), created: None }
}

pub(crate) fn because(at: &str) -> Because {
    let place = |line: u32| if at.is_empty() { String::new() } else { format!("{at}:{line}") };
    Because {
        what: "get, list secrets".to_owned(),
        binding: "ClusterRoleBinding orders-reads".to_owned(),
        binding_place: place(14),
        role: "ClusterRole secret-reader".to_owned(),
        role_place: place(3),
    }
}

pub(crate) fn finding(severity: Severity, view: View, object: Object) -> Finding {
    let id =
        object.name.bytes().fold(u64::from(view as u8), |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
    Finding {
        id: format!("{id:016x}"),
        view,
        rule: "secrets-read".to_owned(),
        risks: vec![risk("secrets-read", severity)],
        severity,
        object,
        title: "reads Secrets".to_owned(),
        scope: "cluster".to_owned(),
        gives: "The contents of every Secret, legacy tokens among them.".to_owned(),
        because: vec![because("")],
        fix: "Name the Secrets that are needed, and grant get alone.".to_owned(),
        attack: vec!["T1552.007".to_owned()],
        reference: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/".to_owned(),
        system: false,
        accepted: None,
        exception_ended: None,
    }
}

pub(crate) fn accepted(mut finding: Finding, reason: &str) -> Finding {
    finding.accepted = Some(Accepted { reason: reason.to_owned(), until: "2026-12-31".parse().unwrap() });
    finding
}

pub(crate) fn path(from: Object) -> Path {
    let step = |act: &str, becomes: Object| Step { act: act.to_owned(), becomes, because: vec![because("")] };
    let steps = vec![
        step("makes a pod with the account", object("ServiceAccount", "kube-system/deployer")),
        step("is cluster-admin", object("Cluster", "cluster")),
    ];
    Path { from, count: 1, steps, system: false }
}

pub(crate) fn cut(binding: &str, cuts: usize, left: usize) -> Cut {
    Cut {
        binding: object("ClusterRoleBinding", binding),
        role: "ClusterRole cluster-admin".to_owned(),
        cuts,
        left,
    }
}

pub(crate) fn unread(resource: &str) -> Unread {
    Unread { resource: resource.to_owned(), reason: "403: the account may not list it".to_owned() }
}
