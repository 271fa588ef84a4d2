//! `sundew scan`: what it finds, how it prints it, what it refuses, and what it ends with.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Ran, fed, ran, sundew};

/// A small cluster: a shop whose account makes pods, and an operator that may do everything.
pub(crate) const CLUSTER: &str = r#"
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
- {apiVersion: v1, kind: Namespace, metadata: {name: ops, creationTimestamp: "2020-01-01T00:00:00Z"}}
- apiVersion: v1
  kind: Node
  metadata: {name: worker-1}
  status: {nodeInfo: {kubeletVersion: v1.36.2}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: orders, namespace: shop, creationTimestamp: "2020-01-01T00:00:00Z"}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: operator, namespace: ops}}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: cluster-admin, labels: {kubernetes.io/bootstrapping: rbac-defaults}}
  rules:
  - {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
  - {nonResourceURLs: ["*"], verbs: ["*"]}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: cluster-admin, labels: {kubernetes.io/bootstrapping: rbac-defaults}}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
  subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:masters"}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: operator}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
  subjects: [{kind: ServiceAccount, name: operator, namespace: ops}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {name: orders, namespace: shop}
  rules:
  - {apiGroups: [""], resources: [pods], verbs: [get, create]}
  - {apiGroups: [""], resources: [secrets], resourceNames: [orders-db], verbs: [get]}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: orders, namespace: shop}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: orders}
  subjects:
  - {kind: ServiceAccount, name: orders, namespace: shop}
  - {apiGroup: rbac.authorization.k8s.io, kind: User, name: alice}
- apiVersion: v1
  kind: Secret
  type: kubernetes.io/service-account-token
  metadata: {name: orders-token, namespace: shop, annotations: {kubernetes.io/service-account.name: orders}}
- apiVersion: v1
  kind: Pod
  metadata: {name: orders-1, namespace: shop}
  spec:
    serviceAccountName: orders
    nodeName: worker-1
    volumes: [{name: token, secret: {secretName: orders-token}}]
    containers:
    - name: api
      env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: orders-db, key: password}}}]
      volumeMounts: [{name: token, mountPath: /token, readOnly: true}]
- apiVersion: v1
  kind: Pod
  metadata: {name: operator-1, namespace: ops}
  spec:
    serviceAccountName: operator
    nodeName: worker-1
    volumes:
    - name: kube-api-access-x
      projected: {sources: [{serviceAccountToken: {path: token, expirationSeconds: 3607}}]}
    containers:
    - name: operator
      volumeMounts: [{name: kube-api-access-x, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]
"#;

/// A folder with the small cluster in `cluster.yaml`.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cluster.yaml"), CLUSTER).unwrap();
    folder
}

fn run_in(folder: &Path, args: &[&str]) -> Ran {
    ran(sundew().arg("scan").args(args).current_dir(folder))
}

/// A scan of the small cluster.
fn scan(args: &[&str]) -> Ran {
    let folder = folder();
    let mut all = vec!["--from", "cluster.yaml"];
    all.extend(args);
    run_in(folder.path(), &all)
}

fn table(args: &[&str]) -> String {
    let Ran { code, out, err } = scan(args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    assert!(!out.contains('\x1b'), "{out}");
    out
}

fn json(args: &[&str]) -> Value {
    let mut all = vec!["-o", "json"];
    all.extend(args);
    serde_json::from_str(&table(&all)).unwrap()
}

/// The one line that says why nothing was done.
fn refused(folder: &Path, args: &[&str]) -> String {
    let Ran { code, out, err } = run_in(folder, args);
    assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    err
}

fn says(folder: &Path, args: &[&str], want: &[&str]) {
    let said = refused(folder, args);
    for want in want {
        assert!(said.contains(want), "`{want}` is not in: {said}");
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../posture/tests/fixtures")
}

#[test]
fn a_small_cluster_as_a_table() {
    insta::assert_snapshot!(table(&[]));
}

#[test]
fn with_what_kubernetes_itself_made() {
    insta::assert_snapshot!(table(&["--system", "--show", "subjects,roles"]));
}

#[test]
fn everything_about_each_kind_of_object() {
    let mut all = String::new();
    for of in [
        "sa/shop/orders",
        "user/alice",
        "group/system:masters",
        "role/shop/orders",
        "clusterrole/cluster-admin",
        "rolebinding/shop/orders",
        "clusterrolebinding/operator",
        "pod/shop/orders-1",
        "node/worker-1",
    ] {
        let said = table(&["--of", of]);
        // What was scanned is the same each time.
        let about = said.split_once("\n\n").unwrap().1;
        all.push_str(&format!("# {of}\n{about}\n"));
        let object = json(&["--of", of]);
        assert!(object["object"]["name"].is_string(), "{of}");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn lists_of_what_is_there() {
    let mut all = String::new();
    for list in ["subjects", "tokens-in-pods", "secrets-in-pods"] {
        all.push_str(&format!("# {list}\n{}\n", table(&["--list", list])));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn lists_take_the_same_filters_and_are_a_json_object_a_line() {
    let users = table(&["--list", "subjects", "--kind", "user", "-o", "json"]);
    let rows: Vec<Value> = users.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["subject"]["name"], "alice");
    assert_eq!(rows[0]["bindings"][0]["role"], "Role shop/orders");
    let tokens = table(&["--list", "tokens-in-pods", "-n", "shop"]);
    assert!(tokens.contains("orders-1") && !tokens.contains("operator-1"), "{tokens}");
    assert_eq!(table(&["--list", "secrets-in-pods", "--name", "x*"]), "Nothing of this kind was found.\n");
}

#[test]
fn filters_leave_only_what_is_asked_for() {
    let objects = |args: &[&str]| -> Vec<String> {
        let report = json(args);
        let findings = report["findings"].as_array().unwrap().clone();
        findings.iter().map(|f| f["object"]["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(objects(&[]).iter().any(|name| name == "operator"));
    assert!(!objects(&["-n", "shop"]).iter().any(|name| name.starts_with("operator")));
    assert!(objects(&["--name", "oper*"]).iter().all(|name| name.starts_with("oper")));
    assert!(objects(&["--show", "paths"]).is_empty());
    let report = json(&["--severity", "critical"]);
    assert!(report["findings"].as_array().unwrap().iter().all(|f| f["severity"] == "critical"));
    let report = json(&["--show", "subjects", "--kind", "serviceaccount"]);
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|f| f["object"]["kind"] == "ServiceAccount" && f["view"] == "subjects"));
    assert!(report["paths"].as_array().unwrap().is_empty());
    // Of the subjects only one account says when it was made.
    assert_eq!(objects(&["--show", "subjects", "--older-than", "1y"]), ["orders"]);
    assert!(objects(&["--show", "subjects", "--younger-than", "30d"]).is_empty());
}

#[test]
fn a_limit_says_what_it_leaves_out() {
    let said = table(&["--limit", "1", "--show", "subjects"]);
    assert!(said.contains("more: --limit 0 lists all"), "{said}");
    assert_eq!(table(&["--limit", "0"]), table(&[]));
}

#[test]
fn the_exit_code_says_whether_something_as_bad_was_found() {
    assert_eq!(scan(&["--fail-on", "critical"]).code, 1);
    assert_eq!(scan(&["--fail-on", "critical", "-n", "no-such"]).code, 0);
    assert_eq!(scan(&[]).code, 0);
}

#[test]
fn standard_input_folders_and_packed_files_are_the_same_cluster() {
    let whole = table(&["-o", "sarif", "--show", "subjects"]).replace("cluster.yaml", "x");
    let piped =
        fed(sundew().args(["scan", "--from", "-", "-o", "sarif", "--show", "subjects"]), CLUSTER.as_bytes());
    assert_eq!((piped.code, piped.err.as_str()), (0, ""));
    assert_eq!(piped.out.lines().count(), whole.lines().count());

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("deep/er")).unwrap();
    fs::create_dir_all(folder.path().join(".hidden")).unwrap();
    let packed = zstd::encode_all(CLUSTER.as_bytes(), 1).unwrap();
    fs::write(folder.path().join("deep/er/cluster.yml.zst"), packed).unwrap();
    fs::write(folder.path().join("notes.txt"), "no manifest").unwrap();
    fs::write(folder.path().join(".hidden/broken.yaml"), "{").unwrap();
    let ran = run_in(folder.path(), &["--from", ".", "--show", "subjects"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out.contains("Notice: 1 other file in . not read: only .json, .yaml and .yml are"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("ServiceAccount ops/operator"), "{}", ran.out);
}

#[test]
fn the_real_clusters_dump_is_scanned_in_every_form() {
    for format in ["table", "json", "sarif", "html"] {
        let ran = run_in(&fixtures(), &["--from", ".", "-o", format]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{format}");
        assert!(ran.out.contains("argocd-application-controller"), "{format}");
    }
}

#[test]
fn a_file_that_is_written_belongs_to_its_owner_alone_and_is_whole() {
    let folder = folder();
    fs::write(folder.path().join("report.html"), "old").unwrap();
    let ran = run_in(folder.path(), &["--from", "cluster.yaml", "-o", "html", "--out", "report.html"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    let file = folder.path().join("report.html");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&file).unwrap().contains("</html>"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    says(folder.path(), &["--from", "cluster.yaml", "--out", "no/such/file"], &["cannot write no/such/file"]);
}

#[test]
fn what_changed_since_a_baseline_is_told_and_alone_counts() {
    let folder = folder();
    let run = |args: &[&str]| run_in(folder.path(), &[&["--from", "cluster.yaml"], args].concat());
    assert_eq!(run(&["--save", "before.json"]).code, 0);
    let same = run(&["--compare", "before.json", "--fail-on", "info"]);
    assert_eq!((same.code, same.err.as_str()), (0, ""));
    assert!(same.out.contains(": 0 new, 0 worse, 0 gone;"), "{}", same.out);

    let without =
        CLUSTER.replace("metadata: {name: operator}\n  roleRef", "metadata: {name: operators}\n  roleRef");
    let worse = without.replace("verbs: [get, create]", "verbs: [get]").replace("name: web,", "name: webb,");
    assert_ne!(worse, CLUSTER);
    fs::write(folder.path().join("cluster.yaml"), worse).unwrap();
    let changed = run(&["--compare", "before.json", "--fail-on", "critical"]);
    assert_eq!(changed.code, 1, "{}", changed.err);
    let time = changed.out.lines().find(|line| line.starts_with("Since ")).unwrap();
    insta::assert_snapshot!(changed.out.replace(&time[6..26], "2026-11-21 12:00 UTC"));
    let change: Value = serde_json::from_str(&run(&["--compare", "before.json", "-o", "json"]).out).unwrap();
    assert!(change["new"].as_array().unwrap().iter().any(|f| f["object"]["name"] == "operators"));
    // A filter holds for both reports: what it leaves out is not gone.
    let filtered = run(&["--compare", "before.json", "-n", "ops"]);
    assert!(filtered.out.contains(": 0 new, 0 worse, 0 gone;"), "{}", filtered.out);
}

#[test]
fn own_risks_are_looked_for_and_take_the_place_of_built_in_ones() {
    let folder = folder();
    let risk = |id: &str| {
        format!(
            "id: {id}\ntitle: reads pods\ngives: The pods.\ngrants: [{{verbs: [get], resources: [pods]}}]\n\
             scope: namespace\nseverity: {{cluster: low, namespace: low}}\nfix: Do not.\nreference: https://example.org\n"
        )
    };
    fs::create_dir(folder.path().join("risks")).unwrap();
    fs::write(folder.path().join("risks/own.yaml"), risk("own-risk")).unwrap();
    fs::write(folder.path().join("risks/README"), "no risk").unwrap();
    let args = ["--from", "cluster.yaml", "--show", "subjects", "--risks", "risks"];
    let ran = run_in(folder.path(), &args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("reads pods"), "{}", ran.out);

    fs::write(folder.path().join("risks/own.yaml"), risk("secrets-get")).unwrap();
    let ran = run_in(folder.path(), &args);
    assert_eq!(ran.err, "sundew: risks/own.yaml takes the place of the built-in risk `secrets-get`\n");

    fs::write(folder.path().join("risks/too.yaml"), risk("secrets-get")).unwrap();
    says(folder.path(), &args, &["risks/own.yaml and risks/too.yaml both have the id `secrets-get`"]);
    fs::write(folder.path().join("risks/too.yaml"), format!("{}severty: low\n", risk("x"))).unwrap();
    says(
        folder.path(),
        &args,
        &["risks/too.yaml", "line 9", "unknown field `severty`", "did you mean `severity`?"],
    );
    says(folder.path(), &["--from", "cluster.yaml", "--risks", "none.yaml"], &["none.yaml", "No such file"]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    says(folder.path(), &["--from", "cluster.yaml", "--risks", "empty"], &["the folder empty has no risks"]);
}

#[test]
fn exceptions_hold_until_their_last_day_and_are_said_after_it() {
    let folder = folder();
    let exceptions = |until: &str| {
        let text = format!(
            "exceptions: [{{about: 'ServiceAccount ops/operator', reason: it installs things, until: {until}}}]\n\
             off: [secrets-gett]\n"
        );
        fs::write(folder.path().join("exceptions.yaml"), text).unwrap();
        let args = ["--from", "cluster.yaml", "--show", "subjects", "--exceptions", "exceptions.yaml"];
        run_in(folder.path(), &args)
    };
    let accepted = exceptions("2999-12-31");
    assert!(!accepted.out.contains("ServiceAccount ops/operator"), "{}", accepted.out);
    assert!(accepted.out.contains("accepted: --accepted lists them"), "{}", accepted.out);
    assert!(accepted.err.contains("no risk has the id `secrets-gett`"), "{}", accepted.err);
    assert!(accepted.err.contains("did you mean `secrets-get`?"), "{}", accepted.err);
    let over = exceptions("2020-01-01");
    assert!(over.out.contains("its exception ended on 2020-01-01"), "{}", over.out);
    let said =
        "the exception for `ServiceAccount ops/operator` ended on 2020-01-01; what it accepted counts again";
    assert!(over.err.contains(said), "{}", over.err);
}

#[test]
fn input_that_cannot_be_read_is_named_with_its_place() {
    let folder = folder();
    let at = folder.path();
    let write = |name: &str, bytes: &[u8]| fs::write(at.join(name), bytes).unwrap();
    says(at, &["--from", "no/such"], &["cannot read no/such", "No such file"]);
    fs::create_dir(at.join("empty")).unwrap();
    says(at, &["--from", "empty"], &["the folder empty has nothing to read"]);
    write("latin1.yaml", b"kind: List\nitems: [\xe9]\n");
    says(at, &["--from", "latin1.yaml"], &["latin1.yaml", "line 2", "not UTF-8"]);
    write("broken.json", b"{\"kind\": \"List\",\n \"items\": [}");
    says(at, &["--from", "broken.json"], &["broken.json:2"]);
    write("broken.yaml", b"kind: Role\nmetadata: [\n");
    says(at, &["--from", "broken.yaml"], &["broken.yaml:"]);
    write("bomb.yaml", bomb().as_bytes());
    says(at, &["--from", "bomb.yaml"], &["bomb.yaml:"]);
    write("short.yaml.gz", &[0x1f, 0x8b, 8, 0, 0]);
    says(at, &["--from", "short.yaml.gz"], &["cannot read short.yaml.gz"]);
    write("other.yaml", b"a: b\n");
    says(
        at,
        &["--from", "other.yaml"],
        &["nothing in other.yaml is an object that a scan looks at", "kubectl get"],
    );
    says(at, &["--from", "-", "-"], &["standard input (-) can be read once"]);
    says(
        at,
        &["--from", "cluster.yaml", "--max-file-bytes", "100"],
        &["cluster.yaml has more than 100 bytes"],
    );
}

fn bomb() -> String {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for i in 1..12 {
        let list = vec![format!("*a{}", i - 1); 10].join(",");
        text.push_str(&format!("a{i}: &a{i} [{list}]\n"));
    }
    text
}

#[test]
fn a_damaged_file_among_others_is_said_everywhere_and_never_taken_as_safe() {
    let folder = folder();
    fs::write(folder.path().join("broken.yaml"), "kind: Role\nmetadata: [\n").unwrap();
    let ran = run_in(folder.path(), &["--from", ".", "--show", "subjects"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("sundew: broken.yaml:"), "{}", ran.err);
    assert!(ran.out.contains("Not read, so nothing follows for it: broken.yaml: "), "{}", ran.out);
    assert!(ran.out.contains("ServiceAccount ops/operator"), "{}", ran.out);
}

#[test]
fn half_a_cluster_is_said_to_be_half() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), "{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n")
        .unwrap();
    let ran = run_in(folder.path(), &["--from", "a.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for kind in ["roles", "clusterroles", "rolebindings", "clusterrolebindings", "pods", "secrets"] {
        let line = ran.out.lines().find(|line| line.starts_with("Not read, so nothing follows")).unwrap();
        assert!(line.contains(kind), "{kind}: {line}");
    }
}

#[test]
fn a_baseline_that_is_none_is_refused() {
    let folder = folder();
    let compare = |text: &str, want: &[&str]| {
        fs::write(folder.path().join("before.json"), text).unwrap();
        says(folder.path(), &["--from", "cluster.yaml", "--compare", "before.json"], want);
    };
    compare("{", &["before.json is no report", "--save FILE", "line 1"]);
    compare("[]", &["before.json is no report"]);
    compare("{\"format\": 1}", &["before.json is no report", "missing field"]);
    compare("{\"format\": 99}", &["before.json is a report of format 99", "knows up to 1", "newer sundew"]);
    says(
        folder.path(),
        &["--from", "cluster.yaml", "--compare", "absent"],
        &["cannot read the report absent"],
    );
}

#[test]
fn objects_that_are_not_there_are_answered_with_the_nearest() {
    let folder = folder();
    let of = |of: &str, want: &[&str]| says(folder.path(), &["--from", "cluster.yaml", "--of", of], want);
    of("sa/shop/order", &["there is no ServiceAccount shop/order", "did you mean `sa/shop/orders`?"]);
    of("clusterrole/cluster-amdin", &["did you mean `clusterrole/cluster-admin`?"]);
    of("user/alcie", &["did you mean `user/alice`?"]);
    of("node/xyz", &["there is no Node xyz in what was read"]);
    of("orders", &["`orders` names no object", "write it as role/NAMESPACE/NAME"]);
    of("rol/shop/orders", &["did you mean `role/…`?"]);
}

#[test]
fn arguments_that_go_ill_together_are_refused() {
    let folder = folder();
    let at = folder.path();
    says(
        at,
        &["--from", "cluster.yaml", "--of", "sa/shop/orders", "-o", "html"],
        &["--of and --list", "--output json"],
    );
    for args in [
        ["--from", "cluster.yaml", "--show", "subjcts"].as_slice(),
        &["--from", "cluster.yaml", "--context", "prod"],
        &["--from", "cluster.yaml", "--older-than", "soon"],
        &["--from", "cluster.yaml", "--kubernetes-version", "new"],
        &["--from", "cluster.yaml", "--list", "pods"],
        &["--from", "cluster.yaml", "--fail-on", "bad"],
    ] {
        let ran = run_in(at, args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
    }
    let said = run_in(at, &["--from", "cluster.yaml", "--show", "subjcts"]).err;
    assert!(said.contains("a similar value exists: 'subjects'"), "{said}");
}

#[test]
fn the_role_that_a_scan_takes_is_printed_and_can_be_read_back() {
    let printed = ran(sundew().args(["scan", "--collector-role"]));
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    assert!(printed.out.contains("verbs: [list]") && printed.out.contains("- secrets"), "{}", printed.out);
    let less = ran(sundew().args(["scan", "--collector-role", "--no-secrets"])).out;
    assert!(!less.contains("secrets\n"), "{less}");
    let read = fed(sundew().args(["scan", "--from", "-", "--list", "subjects"]), printed.out.as_bytes());
    assert!(read.out.contains("ClusterRole posture-reader"), "{}", read.out);
}

#[test]
fn a_kubeconfig_that_does_not_work_is_named() {
    let folder = folder();
    says(folder.path(), &["--kubeconfig", "absent"], &["cannot read the kubeconfig absent", "--kubeconfig"]);
}
