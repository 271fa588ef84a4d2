//! SigmaHQ's own rules, where they are at hand: `SIGMA_RULES` names the folder of a checkout.

use std::{collections::BTreeMap, fs, path::PathBuf};

use sundew_sigma::{Source, lint, lint::Weight};

/// Their rules for Kubernetes; none, with a word about it, where there is no checkout.
fn rules() -> Option<Vec<Source>> {
    let root = std::env::var_os("SIGMA_RULES")
        .map_or_else(|| PathBuf::from("/usr/local/share/sigma"), PathBuf::from);
    let folder = root.join("rules/application/kubernetes/audit");
    let Ok(files) = fs::read_dir(&folder) else {
        eprintln!("skipped: no rules in {}", folder.display());
        return None;
    };
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().replace("kubernetes_audit_", "");
    Some(
        paths
            .iter()
            .map(|path| Source { name: name(path), text: fs::read_to_string(path).unwrap() })
            .collect(),
    )
}

#[test]
fn five_of_their_rules_can_never_match_and_it_is_said_why() {
    let Some(rules) = rules() else { return };
    let remarks = lint(&rules);
    let of = |weight: Weight| {
        let fitting = remarks.iter().filter(move |remark| remark.weight == weight);
        fitting.map(|remark| (remark.file.as_str(), remark.fix.as_str())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(of(Weight::Broken), BTreeMap::new());
    let dead = of(Weight::Dead);
    let group = "write `objectRef.apiGroup`";
    let allowed =
        "it is the HTTP status, a number; whether the request was allowed is `sundew.allowed: true`";
    assert_eq!(
        dead,
        BTreeMap::from([
            ("hostpath_mount", "write `sundew.pod.volumes.hostPath.path`"),
            ("potential_enumeration_activity", allowed),
            ("privileged_pod_creation", "write `sundew.pod.containers.securityContext.capabilities.add`"),
            ("rbac_permisions_listing", group),
            ("sidecar_injection", group),
        ])
    );
    let line = |file: &str| {
        let text = &rules.iter().find(|rule| rule.name == file).unwrap().text;
        let line =
            remarks.iter().find(|remark| remark.file == file && remark.weight == Weight::Dead).unwrap().line;
        text.lines().nth(line.unwrap() - 1).unwrap().trim().to_owned()
    };
    assert!(line("hostpath_mount").starts_with("hostPath:"));
    assert!(line("sidecar_injection").starts_with("apiGroup:"));
    assert!(line("potential_enumeration_activity").starts_with("responseStatus.code:"));
    let doubts = of(Weight::Doubt);
    assert_eq!(doubts.get("serviceaccount_creation"), Some(&"add `objectRef.subresource: null`"));
    assert_eq!(doubts.get("exec_into_container"), Some(&"write `verb: [create, get]`"));
}
