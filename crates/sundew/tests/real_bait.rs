//! Bait in a real cluster, from planting to removal, as an operator does it with the program.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the tests say so and pass.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use common::{Ran, Watch, alerts, eventually, ran, sundew};
use serde_json::{Value, json};
use sundew_testplane::{ControlPlane, NO_AUDIT, Pki, Wanted, binaries};
use tempfile::TempDir;

/// What most clusters log: everything, and of most things no more than that it happened.
const POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";
/// The lists in which anything that is planted would show.
const LISTS: [&str; 12] = [
    "/api/v1/namespaces",
    "/api/v1/serviceaccounts",
    "/api/v1/secrets",
    "/api/v1/configmaps",
    "/api/v1/services",
    "/api/v1/pods",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/daemonsets",
    "/apis/batch/v1/cronjobs",
    "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
];

/// A cluster, and a folder as an operator has it.
struct Place {
    folder: TempDir,
    plane: ControlPlane,
    watch: Option<Watch>,
}

impl Place {
    async fn new(binaries: &std::path::Path, policy: &str, sources: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new(&folder.path().join("pki"));
        let wanted = Wanted { folder: folder.path(), pki: &pki, policy, flags: &[] };
        let plane = ControlPlane::start(binaries, &wanted).await;
        let config = format!(
            "
version: 1
cluster: real
inventory: inventory.yaml
sources:
{sources}
sinks:
- {{type: file, name: alerts, path: alerts.json}}
incidents: {{quiet: 1ms}}
"
        );
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("kubeconfig", &plane.kubeconfig(&pki, &pki.user("admin")));
        write("sundew.yaml", &config);
        write("inventory.yaml", "{version: 1, cluster: real}\n");
        Self { folder, plane, watch: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn watch(&mut self) {
        self.watch = Some(Watch::start(self.folder.path()));
    }

    /// Runs a command about bait, which must succeed.
    fn sundew(&self, args: &[&str]) -> Ran {
        let ran = self.tried(args);
        assert_eq!(ran.code, 0, "sundew {}: {}\n{}", args.join(" "), ran.out, ran.err);
        ran
    }

    fn tried(&self, args: &[&str]) -> Ran {
        let mut command = sundew();
        command.args(args).arg("--kubeconfig").arg(self.path("kubeconfig"));
        ran(command.arg("-c").arg(self.path("sundew.yaml")))
    }

    fn alerts(&self) -> Vec<Value> {
        alerts(&self.path("alerts.json")).into_iter().map(|alert| alert["incident"].clone()).collect()
    }

    /// The first alert after the first `known` that fits.
    fn alert(&self, known: usize, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || self.alerts().into_iter().skip(known).find(|incident| fits(incident)))
    }

    fn inventory(&self) -> String {
        fs::read_to_string(self.path("inventory.yaml")).unwrap()
    }

    /// Kind, namespace, name and uid of every object.
    async fn objects(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for list in LISTS {
            let answer = self.plane.admin().get(self.plane.url(list)).send().await.unwrap();
            let list: Value = answer.json().await.unwrap();
            for item in list["items"].as_array().unwrap() {
                let meta = &item["metadata"];
                all.insert(format!(
                    "{} {}/{} {}",
                    list["kind"], meta["namespace"], meta["name"], meta["uid"]
                ));
            }
        }
        all
    }

    /// The same, once the controllers have made what every namespace has.
    async fn settled(&self) -> BTreeSet<String> {
        let deadline = Instant::now() + common::PATIENCE;
        let mut before = self.objects().await;
        loop {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = self.objects().await;
            let made = ["kube-root-ca.crt", "ServiceAccountList"].iter().all(|what| {
                let own = |object: &&String| object.contains(what) && object.contains("\"kube-system\"");
                now.iter().any(|object| own(&object))
            });
            if made && now == before {
                return now;
            }
            assert!(Instant::now() < deadline, "the cluster does not come to rest");
            before = now;
        }
    }

    /// What a decoy's Secrets hold, as a thief who could list them has it; a list names no decoy.
    async fn tokens(&self, namespace: &str, account: &str) -> Vec<(String, String)> {
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        let list: Value =
            self.plane.admin().get(self.plane.url(&path)).send().await.unwrap().json().await.unwrap();
        let own = list["items"].as_array().unwrap().iter().filter(|secret| {
            secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] == account
        });
        own.map(|secret| {
            let token = BASE64_STANDARD.decode(secret["data"]["token"].as_str().unwrap()).unwrap();
            (secret["metadata"]["name"].as_str().unwrap().to_owned(), String::from_utf8(token).unwrap())
        })
        .collect()
    }

    /// A thief's request from an address of its own.
    async fn steal(&self, token: &str, last: u8) -> u16 {
        let thief = self.plane.stranger([127, 66, 0, last].into(), "curl/8.5.0");
        let pods = self.plane.url("/api/v1/namespaces/default/pods");
        thief.get(pods).bearer_auth(token).send().await.unwrap().status().as_u16()
    }
}

fn is_use(incident: &Value) -> bool {
    incident["rules"].get("tripwire.token_used").is_some() && incident["drill"] != true
}

fn is_noted(incident: &Value) -> bool {
    incident["rules"].get("tripwire.token_last_used").is_some() && incident["drill"] != true
}

const DECOY: &str = "kube-system/argocd-manager";
const CLUSTER_SOURCE: &str = "- {type: cluster, name: api, kubeconfig: kubeconfig}";

#[tokio::test(flavor = "multi_thread")]
async fn a_decoy_is_planted_drilled_retired_tombstoned_and_removed_without_a_trace() {
    let Some(binaries) = binaries() else { return };
    let sources = format!("- {{type: file, name: written, path: audit.log}}\n{CLUSTER_SOURCE}");
    let mut place = Place::new(&binaries, POLICY, &sources).await;
    place.watch();
    let before = place.settled().await;

    let began = Instant::now();
    place.sundew(&["plant", "--persona", "argocd-manager", "--yes"]);
    eprintln!("plant took {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(fs::metadata(place.path("inventory.yaml")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(place.inventory().contains("state: planted"), "{}", place.inventory());
    let planted = place.objects().await;
    assert!(planted.is_superset(&before) && planted.len() >= before.len() + 3);

    let ran = place.sundew(&["drill", "--client", "kubectl", "--client", "curl", "-o", "json"]);
    let drill: Value = serde_json::from_str(&ran.out).unwrap();
    let uses = drill["uses"].as_array().unwrap();
    assert_eq!(uses.len(), 2, "{drill:#}");
    for done in uses {
        assert_eq!((&done["status"], &done["named"]), (&json!(403), &json!(true)), "{done:#}");
        assert!(done["problem"].is_null(), "{done:#}");
        eprintln!("drill as {}: seconds until {}", done["client"], done["seconds"]);
    }
    // Planting and the reading of the token for the drill are no alerts; the drill says what it is. That the API server's
    // own controller put a token into a Secret is noted, and nobody is called for it.
    for incident in place.alerts().into_iter().filter(|incident| incident["severity"] != "low") {
        assert_eq!(incident["drill"], true, "{incident:#}");
    }

    let (secret, token) = place.tokens("kube-system", "argocd-manager").await.remove(0);
    let known = place.alerts().len();
    assert_eq!(place.steal(&token, 1).await, 403);
    let alert = place.alert(known, "the theft", is_use);
    assert_eq!(alert["decoys"][0]["name"], DECOY, "{alert:#}");
    assert!(alert["decoys"][0]["placement"].is_string(), "{alert:#}");

    place.sundew(&["retire", DECOY, "--yes"]);
    assert!(place.inventory().contains("state: retired"), "{}", place.inventory());
    let left = place.objects().await;
    let of_decoy: Vec<_> = left.difference(&before).collect();
    assert!(of_decoy.iter().any(|object| object.contains(&secret)), "{of_decoy:?}");
    assert!(!of_decoy.iter().any(|object| object.contains("Role")), "{of_decoy:?}");
    let known = place.alerts().len();
    assert_eq!(place.steal(&token, 2).await, 403);
    place.alert(known, "an old copy's use after retiring", is_use);

    place.sundew(&["retire", DECOY, "--tombstone", "--yes"]);
    assert!(place.inventory().contains("state: tombstoned"), "{}", place.inventory());
    // The server remembers for some seconds that the token was good, and that it noted its use.
    let deadline = Instant::now() + common::PATIENCE;
    let mut known = place.alerts().len();
    while place.steal(&token, 3).await != 401 {
        assert!(Instant::now() < deadline, "the token is not refused");
        known = place.alerts().len();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    eventually("the use of a refused token", || {
        let noted = place.alerts().into_iter().skip(known).any(|incident| is_noted(&incident));
        noted.then_some(())
    });

    let began = Instant::now();
    let ran = place.sundew(&["remove", DECOY, "--yes"]);
    eprintln!("remove took {:.1} s", began.elapsed().as_secs_f64());
    assert!(ran.out.contains("401"), "{}", ran.out);
    let after = place.objects().await;
    let differ: Vec<_> = after.symmetric_difference(&before).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert!(!place.inventory().contains("argocd-manager"), "{}", place.inventory());
    // All of it can be said again, and nothing happens.
    let again = place.tried(&["remove", DECOY, "--yes"]);
    assert!(again.code != 0 && again.err.contains(DECOY), "{} {}", again.code, again.err);

    let stopped = place.watch.take().unwrap().stop();
    assert_eq!(stopped.code, 0, "{}", stopped.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_is_told_with_no_audit_log_at_all_and_so_is_the_next_one() {
    let Some(binaries) = binaries() else { return };
    let mut place = Place::new(&binaries, NO_AUDIT, CLUSTER_SOURCE).await;
    place.watch();
    place.sundew(&["plant", "--persona", "argocd-manager", "--yes"]);
    let (secret, token) = place.tokens("kube-system", "argocd-manager").await.remove(0);
    let path = format!("/api/v1/namespaces/kube-system/secrets/{secret}");
    let label = async || {
        let answer = place.plane.admin().get(place.plane.url(&path)).send().await.unwrap();
        let secret: Value = answer.json().await.unwrap();
        secret["metadata"]["labels"]["kubernetes.io/legacy-token-last-used"].as_str().map(str::to_owned)
    };
    assert_eq!(label().await, None);

    let mut known = 0;
    for round in 0..2 {
        let deadline = Instant::now() + common::PATIENCE;
        // The server looks at a token again only some seconds after it has found it good.
        loop {
            assert_eq!(place.steal(&token, 9).await, 403);
            let noted = place.alerts().into_iter().skip(known).find(is_noted);
            if let Some(incident) = noted {
                assert_eq!(incident["decoys"][0]["name"], DECOY, "{incident:#}");
                assert_eq!(incident["severity"], "critical");
                break;
            }
            assert!(Instant::now() < deadline, "use {round} was not told");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        while label().await.is_some() {
            assert!(Instant::now() < deadline, "the label was not put back after use {round}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        known = place.alerts().len();
    }
    let stopped = place.watch.take().unwrap().stop();
    assert_eq!(stopped.code, 0, "{}", stopped.err);
}
