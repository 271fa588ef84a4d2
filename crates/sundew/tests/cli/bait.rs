//! Bait without a cluster: personas, and what is said before anything is asked of one.

mod again;
mod away;
mod plane;

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Ran, ran, sundew};

const PERSONA: &str = "
version: 1
id: print-server
title: The account of a print server
tempts: Nobody watches printers.
wary: [Whether there are printers.]
believable: [An office.]
avoid: [Clusters without paper.]
collides: [{kind: workload, name: 'cups*'}]
namespaces: [office]
words: {account: printer, role: printer-paper, secretName: 'printer-token-{random5}'}
rights: [{verbs: [get], apiGroups: [''], resources: [configmaps], resourceNames: [paper]}]
placements:
- {name: spool, secret: '{secretName}', location: Secret in the office}
objects:
- part: rights
  manifest:
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata: {name: '{role}', namespace: '{namespace}'}
    rules: [{verbs: [get], apiGroups: [''], resources: [configmaps], resourceNames: [paper]}]
- part: rights
  manifest:
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata: {name: '{role}', namespace: '{namespace}'}
    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: '{role}'}
    subjects: [{kind: ServiceAccount, name: '{account}', namespace: '{namespace}'}]
";

const INVENTORY: &str = "
version: 1
cluster: demo
decoys:
- {namespace: storage, account: backup-sa, state: planted, placements: [{name: pod, secret: backup-sa-token}]}
- {namespace: kube-system, account: tiller, placements: [{secret: tiller-token-x7k2p}]}
";

const CONFIG: &str = "
version: 1
cluster: demo
inventory: inventory.yaml
sources: [{type: file, name: audit, path: audit.log}]
sinks: [{type: file, name: alerts, path: alerts.json}]
";

/// A folder with these files, and no kubeconfig anywhere.
struct Site(TempDir);

impl Site {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = sundew();
        command.args(args).current_dir(self.path()).env("HOME", self.path());
        command.env_remove("KUBECONFIG").env_remove("KUBERNETES_SERVICE_HOST");
        ran(&mut command)
    }

    /// The error's one line.
    fn refused(&self, args: &[&str]) -> String {
        let Ran { code, out, err } = self.run(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        err
    }

    fn says(&self, args: &[&str], wanted: &[&str]) {
        let said = self.refused(args);
        for want in wanted {
            assert!(said.contains(want), "`{want}` is not in: {said}");
        }
    }
}

#[test]
fn the_personas_are_listed() {
    let ran = Site::with(&[]).run(&["personas"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn a_persona_is_shown_with_everything_that_it_would_make() {
    let site = Site::with(&[("printer.yaml", PERSONA)]);
    let ran = site.run(&["personas", "print-server", "--personas", "printer.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn every_built_in_persona_can_be_shown_and_is_what_the_schema_says() {
    let site = Site::with(&[]);
    let all: Value = serde_json::from_str(&site.run(&["personas", "-o", "json"]).out).unwrap();
    let schema: Value = serde_json::from_str(&site.run(&["schema", "persona"]).out).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() > 8, "{}", all.len());
    for one in all {
        let persona = &one["persona"];
        let wrong: Vec<String> = validator.iter_errors(persona).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let id = persona["id"].as_str().unwrap();
        let shown = site.run(&["personas", id]);
        assert_eq!((shown.code, shown.err.as_str()), (0, ""), "{id}");
        assert!(shown.out.starts_with(&format!("{id}: ")) && shown.out.contains("What is made"), "{id}");
    }
}

#[test]
fn a_persona_of_the_users_takes_the_place_of_a_built_in_one() {
    let own = PERSONA.replace("id: print-server", "id: tiller");
    let site = Site::with(&[("own.yaml", &own)]);
    let count = |args: &[&str]| {
        let all: Value = serde_json::from_str(&site.run(args).out).unwrap();
        all.as_array().unwrap().iter().filter(|one| one["persona"]["id"] == "tiller").count()
    };
    assert_eq!(count(&["personas", "-o", "json"]), 1);
    assert_eq!(count(&["personas", "-o", "json", "--personas", "."]), 1);
    assert!(site.run(&["personas", "tiller", "--personas", "own.yaml"]).out.contains("print server"));
}

#[test]
fn a_persona_that_is_not_there_or_wrong_is_told_with_the_place() {
    let site = Site::with(&[
        ("a.yaml", PERSONA),
        ("b.yaml", PERSONA),
        ("wrong.yaml", "version: 1\nid: x\ntitel: y\n"),
        ("sundew.yaml", CONFIG),
    ]);
    site.says(
        &["personas", "argocd-manger"],
        &["no persona `argocd-manger`", "did you mean `argocd-manager`?"],
    );
    site.says(&["plant", "--persona", "nothing-like-it"], &["no persona", "`sundew personas` lists them"]);
    site.says(&["personas", "--personas", "wrong.yaml"], &["wrong.yaml", "line 3", "did you mean `title`?"]);
    site.says(&["personas", "--personas", "a.yaml", "b.yaml"], &["a.yaml and b.yaml", "`print-server`"]);
    site.says(&["personas", "--personas", "none.yaml"], &["cannot read the personas in none.yaml"]);
}

#[test]
fn what_would_ask_is_refused_where_nobody_can_answer() {
    let site = Site::with(&[("inventory.yaml", INVENTORY)]);
    let asks = ["would ask", "no terminal", "--yes"];
    site.says(&["plant", "--persona", "tiller"], &asks);
    site.says(&["plant", "--outside", "repo", "--decoy", "kube-system/tiller"], &asks);
    site.says(&["retire", "kube-system/tiller"], &asks);
    site.says(&["remove", "--all"], &asks);
    site.says(&["plant", "--persona", "tiller", "-o", "json"], &["--output json asks nothing", "--dry-run"]);
    assert!(!site.path().join("inventory.yaml.lock").exists());
}

#[test]
fn without_a_cluster_it_is_said_where_one_was_looked_for() {
    let site = Site::with(&[("inventory.yaml", INVENTORY)]);
    for args in [
        &["plant"] as &[&str],
        &["plant", "--persona", "tiller", "--yes"],
        &["plant", "--persona", "tiller", "--dry-run"],
        &["personas", "--here"],
        &["retire", "kube-system/tiller", "--yes", "-o", "json"],
        &["remove", "--all", "--yes", "-o", "json"],
        &["status", "--search"],
    ] {
        site.says(args, &["--kubeconfig or KUBECONFIG"]);
    }
    let inventory = fs::read_to_string(site.path().join("inventory.yaml")).unwrap();
    assert_eq!(inventory, INVENTORY);
}

#[test]
fn without_an_inventory_nothing_can_be_drilled_or_taken_away() {
    let site = Site::with(&[("sundew.yaml", CONFIG)]);
    let none = ["no inventory", "inventory.yaml", "`sundew plant`", "`sundew status --search`"];
    for args in [
        &["drill"] as &[&str],
        &["retire", "--all", "--yes"],
        &["remove", "a/b", "--yes"],
        &["plant", "--outside", "repo", "--yes"],
    ] {
        site.says(args, &none);
    }
    site.says(&["remove", "a/b", "--inventory", "elsewhere.yaml"], &["no inventory elsewhere.yaml"]);
}

#[test]
fn a_decoy_that_the_inventory_does_not_have() {
    let site = Site::with(&[("inventory.yaml", INVENTORY), ("sundew.yaml", CONFIG)]);
    let args = ["remove", "storage/backup-as", "--yes"];
    site.says(
        &args,
        &["no decoy `storage/backup-as`", "kube-system/tiller", "did you mean `storage/backup-sa`?"],
    );
    site.says(
        &["retire", "storage/backup-sa", "--cluster", "prod", "--yes"],
        &["cluster `prod`", "it has none"],
    );
    let several = ["plant", "--outside", "repo", "--yes"];
    site.says(&several, &["several decoys", "storage/backup-sa, kube-system/tiller", "--decoy"]);
}

#[test]
fn an_inventory_with_nothing_of_this_cluster_leaves_nothing_to_do() {
    let site = Site::with(&[("inventory.yaml", INVENTORY)]);
    let ran = site.run(&["remove", "--all", "--cluster", "prod", "--yes"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("no decoy of cluster `prod`"), "{}", ran.out);
}

#[test]
fn a_drill_needs_a_sensor_that_has_run() {
    let site = Site::with(&[("inventory.yaml", INVENTORY)]);
    site.says(&["drill"], &["no configuration names them", "sundew.yaml", "-c FILE"]);
    let site = Site::with(&[("inventory.yaml", INVENTORY), ("sundew.yaml", CONFIG)]);
    site.says(&["drill"], &["there is no store", "sundew.db", "start `sundew watch -c sundew.yaml` first"]);
}

#[test]
fn another_kubeconfig_is_never_written_over() {
    let site = Site::with(&[("inventory.yaml", INVENTORY), ("mine", "precious")]);
    let args = ["plant", "--outside", "repo", "--decoy", "kube-system/tiller", "--to", "mine", "--yes"];
    site.says(&args, &["mine is there already", "--to"]);
    let args = ["plant", "--outside", "repo", "--decoy", "kube-system/tiller", "--to", "no/where", "--yes"];
    site.says(&args, &["no folder no", "--to"]);
    assert_eq!(fs::read_to_string(site.path().join("mine")).unwrap(), "precious");
}

#[test]
fn a_decoy_that_is_going_gets_no_further_copy() {
    let retired = INVENTORY.replace("state: planted", "state: retired");
    let site = Site::with(&[("inventory.yaml", &retired)]);
    let args = ["plant", "--outside", "repo", "--decoy", "storage/backup-sa", "--yes"];
    site.says(&args, &["storage/backup-sa is not planted, or not any more"]);
}

#[test]
fn the_status_begins_with_the_decoys_and_says_that_no_cluster_was_asked() {
    let site = Site::with(&[("inventory.yaml", INVENTORY), ("sundew.yaml", CONFIG)]);
    drop(sundew_store::Store::open(&site.path().join("sundew.db")).unwrap());
    let table = site.run(&["status"]);
    assert_eq!((table.code, table.err.as_str()), (0, ""));
    insta::assert_snapshot!(table.out);
    let json: Value = serde_json::from_str(&site.run(&["status", "-o", "json"]).out).unwrap();
    assert_eq!(json["decoys"]["clusterAsked"], false);
    let standings = json["decoys"]["standings"].as_array().unwrap();
    assert_eq!(standings[0]["decoy"], "storage/backup-sa");
    assert_eq!((&standings[0]["state"], &standings[1]["state"]), (&"planted".into(), &Value::Null));
    assert!(json["incidents"].is_array());
}

#[test]
fn a_cluster_that_does_not_answer_keeps_nobody_from_the_rest_of_the_status() {
    let site = Site::with(&[("inventory.yaml", INVENTORY), ("sundew.yaml", CONFIG)]);
    drop(sundew_store::Store::open(&site.path().join("sundew.db")).unwrap());
    let ran = site.run(&["status", "--here"]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("--kubeconfig or KUBECONFIG") && ran.err.lines().count() == 1, "{}", ran.err);
    assert!(ran.out.contains("the cluster was not asked") && ran.out.contains("SOURCES"), "{}", ran.out);
}

#[test]
fn arguments_about_bait_that_mean_nothing() {
    let site = Site::with(&[("inventory.yaml", INVENTORY), ("sundew.yaml", CONFIG)]);
    for (args, want) in [
        (&["plant", "--persona", "tiller", "--set", "account"] as &[&str], "WORD=VALUE"),
        (&["plant", "--persona", "tiller", "--outside", "repo"], "cannot be used with"),
        (&["plant", "--location", "x"], "--outside"),
        (&["retire"], "NAMESPACE/ACCOUNT"),
        (&["remove", "a/b", "--all"], "cannot be used with"),
        (&["drill", "--patience", "soon"], "30s or 2m"),
        (&["drill", "--client", "wget"], "kubectl, curl, python"),
        (&["status", "--account", "x"], "--search"),
        (&["status", "--search", "--planted-after", "yesterday"], "2026-11-21"),
        (&["status", "-o", "yaml"], "with --search"),
    ] {
        let ran = site.run(args);
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.err.contains(want), "{args:?}: {}", ran.err);
    }
}
