//! Reading: what an API server takes is taken, and what it ignores is said.

use sundew_policy::{Level, PolicyError, Remark, Stage, Weight, read};

use crate::cases::{CASES, Outcome};

const HEAD: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\n";

fn remarks(text: &str) -> Vec<Remark> {
    match read("policy.yaml", text) {
        Ok(read) => read.remarks,
        Err(PolicyError::Broken { remarks, .. }) => remarks,
        Err(error) => panic!("{error}"),
    }
}

/// The remark of one kind, of which there must be one.
fn only(text: &str, code: &str) -> Remark {
    let all = remarks(text);
    let found: Vec<&Remark> = all.iter().filter(|remark| remark.code == code).collect();
    assert_eq!(found.len(), 1, "{all:?}");
    found[0].clone()
}

#[test]
fn what_a_real_api_server_starts_with_is_read_and_nothing_else() {
    for case in CASES {
        let read = read(case.name, &case.text());
        match case.outcome {
            Outcome::Stops => {
                assert!(matches!(read, Err(PolicyError::Broken { .. })), "{}: {read:?}", case.name);
            }
            Outcome::Warns => assert!(!read.unwrap().remarks.is_empty(), "{}", case.name),
            Outcome::Loads => assert!(read.is_ok(), "{}: {}", case.name, read.unwrap_err()),
        }
    }
}

#[test]
fn every_remark_has_a_line_of_the_file_and_a_fix() {
    for case in CASES {
        let text = case.text();
        for remark in remarks(&text) {
            assert!(remark.line <= text.lines().count(), "{}: {remark:?}", case.name);
            assert!(!remark.what.is_empty() && !remark.fix.is_empty(), "{}: {remark:?}", case.name);
            assert!(!remark.what.contains('\n'), "{}: {remark:?}", case.name);
        }
    }
}

#[test]
fn a_policy_is_read_with_the_lines_of_its_rules() {
    let text = format!(
        "{HEAD}omitStages: [RequestReceived]\nomitManagedFields: true\nrules:\n# leases\n- level: None\n  users: [a, b]\n  \
         resources: [{{group: coordination.k8s.io, resources: [leases]}}]\n\n- level: RequestResponse\n  namespaces:\n  - x\n  \
         omitStages: [Panic]\n  omitManagedFields: false\n- level: Metadata\n  userGroups: [g]\n  verbs: [get]\n  nonResourceURLs: [/x*]\n"
    );
    let policy = read("policy.yaml", &text).unwrap().policy;
    assert_eq!(policy.omit_stages, [Stage::RequestReceived]);
    assert!(policy.omit_managed_fields);
    let lines: Vec<usize> = policy.rules.iter().map(|rule| rule.line).collect();
    assert_eq!(lines, [7, 11, 16]);
    let [leases, bodies, rest] = policy.rules.as_slice() else { panic!("{policy:?}") };
    assert_eq!((leases.level, leases.users.as_slice()), (Level::None, &["a".to_owned(), "b".to_owned()][..]));
    assert_eq!(leases.resources[0].group, "coordination.k8s.io");
    assert_eq!(
        (bodies.omit_managed_fields, bodies.omit_stages.as_slice()),
        (Some(false), &[Stage::Panic][..])
    );
    assert_eq!(bodies.namespaces, ["x"]);
    assert_eq!((&*rest.groups[0], &*rest.verbs[0], &*rest.urls[0]), ("g", "get", "/x*"));
}

#[test]
fn an_unknown_field_is_ignored_and_named_with_what_was_meant() {
    let remark = only(&format!("{HEAD}rules:\n- level: None\n  namespace: [kube-system]\n"), "unknown-key");
    assert_eq!((remark.line, remark.weight), (5, Weight::Dead));
    assert!(remark.what.contains("`namespace`") && remark.fix.contains("`namespaces`"), "{remark:?}");
    let remark = only(&format!("{HEAD}omitStage: [Panic]\nrules:\n- level: None\n"), "unknown-key");
    assert!(remark.line == 3 && remark.fix.contains("`omitStages`"), "{remark:?}");
    let remark = only(
        &format!(
            "{HEAD}rules:\n- level: None\n  resources:\n  - group: \"\"\n    resources: [a]\n    names: [b]\n"
        ),
        "unknown-key",
    );
    assert!(remark.line == 8 && remark.fix.contains("`resourceNames`"), "{remark:?}");
}

#[test]
fn a_wrong_group_version_is_broken_and_says_which_is_right() {
    for (version, said) in [
        ("audit.k8s.io/v1beta1", "is gone since Kubernetes 1.24"),
        ("audit.k8s.io/v1alpha1", "is gone since Kubernetes 1.24"),
        ("audit.k8s.io/v2", "is not the version of an audit policy"),
        ("v1", "is not the version of an audit policy"),
    ] {
        let text = format!("# a policy\napiVersion: {version}\nkind: Policy\nrules: [{{level: Metadata}}]\n");
        let remark = only(&text, "wrong-version");
        assert_eq!((remark.line, remark.weight), (2, Weight::Broken), "{remark:?}");
        assert!(remark.what.contains(said) && remark.fix.contains("audit.k8s.io/v1`"), "{remark:?}");
    }
    assert_eq!(only("kind: Policy\nrules: [{level: None}]\n", "wrong-version").weight, Weight::Broken);
    assert_eq!(only("apiVersion: audit.k8s.io/v1\nkind: Polizy\n", "wrong-kind").line, 2);
}

#[test]
fn a_policy_without_rules_is_broken() {
    for rules in ["", "rules:\n", "rules: []\n", "rules: null\n"] {
        assert_eq!(only(&format!("{HEAD}{rules}"), "no-rules").weight, Weight::Broken);
    }
    let remark = only(&format!("{HEAD}rules:\n- level: Metadata\n-\n"), "no-level");
    assert_eq!((remark.weight, remark.line > 3), (Weight::Broken, true), "{remark:?}");
    for empty in ["", "# nothing\n", "---\n"] {
        assert_eq!(only(empty, "empty").weight, Weight::Broken, "{empty:?}");
    }
}

#[test]
fn anchors_and_merge_keys_mean_what_the_api_server_takes_them_for() {
    let text = format!("{HEAD}rules:\n- level: Metadata\n  verbs: &v [get]\n- level: Request\n  verbs: *v\n");
    let policy = read("policy.yaml", &text).unwrap();
    assert_eq!((policy.policy.rules[1].verbs.as_slice(), policy.remarks.len()), (&["get".to_owned()][..], 0));

    let merged = |rule: &str| {
        let text = format!("{HEAD}rules:\n- &r\n  level: Request\n  verbs: [get]\n{rule}");
        let read = read("policy.yaml", &text).unwrap();
        (read.policy.rules[1].level, read.policy.rules[1].verbs.clone(), read.remarks)
    };
    let (level, verbs, remarks) = merged("- <<: *r\n  users: [a]\n");
    assert_eq!((level, verbs.as_slice(), remarks.len()), (Level::Request, &["get".to_owned()][..], 0));
    // What stands below the merge key wins, and what stands above it loses, which YAML forbids.
    let (level, _, remarks) = merged("- <<: *r\n  level: None\n");
    assert_eq!((level, remarks[0].code), (Level::None, "twice"));
    let (level, _, remarks) = merged("- level: None\n  <<: *r\n");
    assert_eq!((level, remarks[0].code, remarks[0].line), (Level::Request, "merged-over", 8));
}

#[test]
fn aliases_that_make_a_small_file_large_are_refused() {
    let mut text = format!("{HEAD}a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for i in 1..12 {
        text.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(",")));
    }
    text.push_str("rules:\n- level: Metadata\n");
    assert_eq!(only(&text, "syntax").weight, Weight::Broken);
}

#[test]
fn a_file_for_something_else_says_where_the_policy_is() {
    for (text, fix) in [
        ("apiVersion: v1\nkind: ConfigMap\ndata: {policy.yaml: x}\n", "ConfigMap"),
        (
            "apiVersion: config.openshift.io/v1\nkind: APIServer\nspec: {audit: {profile: Default}}\n",
            "OpenShift",
        ),
        ("apiVersion: v1alpha1\nkind: AdmissionControlConfig\n", "Talos"),
    ] {
        let remark = only(text, "not-a-policy");
        assert!(remark.weight == Weight::Broken && remark.fix.contains(fix), "{remark:?}");
    }
}

#[test]
fn only_the_first_document_counts_and_that_is_said() {
    let text = format!("{HEAD}rules:\n- level: Metadata\n---\n{HEAD}rules:\n- level: None\n");
    assert_eq!(only(&text, "several-documents").weight, Weight::Dead);
    let read = read("policy.yaml", &text).unwrap();
    assert_eq!(read.policy.rules[0].level, Level::Metadata);
    assert!(remarks(&format!("---\n{HEAD}rules:\n- level: Metadata\n---\n# the end\n")).is_empty());
}

#[test]
fn a_word_that_yaml_takes_for_a_boolean_or_a_number_must_be_quoted() {
    for word in ["on", "y", "No", "123", "1_000", "0x10", "1e3", "010"] {
        let remark =
            only(&format!("{HEAD}rules:\n- level: Metadata\n  namespaces: [{word}]\n"), "wrong-type");
        assert_eq!((remark.line, remark.fix.as_str()), (5, "put it in quotes"), "{word}");
        assert!(
            remarks(&format!("{HEAD}rules:\n- level: Metadata\n  namespaces: [\"{word}\"]\n")).is_empty()
        );
    }
}

#[test]
fn an_error_names_the_file_the_place_and_the_fix() {
    let text = format!("{HEAD}rules:\n- level: metadata\n- level: None\n  omitStages: [Recieved]\n");
    insta::assert_snapshot!(read("policy.yaml", &text).unwrap_err(), @"policy.yaml: the API server does not start with this policy: line 4: `metadata` is no level; write `Metadata` (`sundew policy lint` says 1 more)");
    let large = "#".repeat(read::MAX_BYTES + 1);
    insta::assert_snapshot!(read("policy.yaml", &large).unwrap_err(), @"policy.yaml: 4194305 bytes are more than an audit policy has: the most that is read is 4194304");
}
