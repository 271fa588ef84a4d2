//! The built-in personas in a real cluster: planted, interrupted, retired, made tombstones, removed, and nothing left.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use sundew_bait::{
    announce::Client,
    file::InventoryFile,
    plant::{PATIENCE, Planted, Planting, SPACING},
    remove::{Depth, Done, take_away},
};
use sundew_cluster::{ConnectOptions, Connection};
use sundew_decoy::{
    Decoy, Inventory, Part, State,
    persona::{SignKind, built_in},
    plan::{Choice, LETTERS, Plan, plan},
    surroundings::{Surroundings, Thing},
};
use sundew_testplane::{ControlPlane, NO_AUDIT, Pki, Wanted, binaries};
use tempfile::TempDir;

/// Everything that a persona can make.
const LISTS: [&str; 14] = [
    "/api/v1/serviceaccounts",
    "/api/v1/secrets",
    "/api/v1/configmaps",
    "/api/v1/services",
    "/api/v1/pods",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/daemonsets",
    "/apis/apps/v1/statefulsets",
    "/apis/batch/v1/jobs",
    "/apis/batch/v1/cronjobs",
    "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
];

struct Stage {
    plane: ControlPlane,
    connection: Connection,
    around: Surroundings,
    folder: TempDir,
}

impl Stage {
    async fn start() -> Option<Self> {
        let binaries = binaries()?;
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new(&folder.path().join("pki"));
        let wanted = Wanted { folder: folder.path(), pki: &pki, policy: NO_AUDIT, flags: &[] };
        let plane = ControlPlane::start(&binaries, &wanted).await;
        let kubeconfig = folder.path().join("kubeconfig");
        fs::write(&kubeconfig, plane.kubeconfig(&pki, &pki.user("admin"))).unwrap();
        let options = ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() };
        let connection = Connection::open(options).await.unwrap();
        let around = namespaces(&plane).await;
        Some(Self { plane, connection, around, folder })
    }

    fn plan(&self, id: &str) -> Plan {
        let persona = built_in().iter().find(|persona| persona.id == id).unwrap();
        let mut number = 0;
        let mut random = |length| {
            number += 1;
            (0..length).map(|at| char::from(LETTERS[(number * 7 + at * 3) % LETTERS.len()])).collect()
        };
        plan(persona, &self.around, &Choice::default(), &mut random).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("decoys.yaml")
    }

    fn open(&self) -> InventoryFile {
        InventoryFile::open(&self.path(), "prod").unwrap()
    }

    fn listed(&self) -> Vec<Decoy> {
        Inventory::read(&fs::read_to_string(self.path()).unwrap()).unwrap().decoys
    }

    async fn plant(&self, plan: &Plan, spacing: Duration) -> Planted {
        let mut said = |line: &str| eprintln!("{line}");
        let (connection, patience, progress) = (&self.connection, PATIENCE, &mut said);
        let mut planting = Planting { connection, plan, store: None, spacing, patience, progress };
        let began = Instant::now();
        let planted = planting.plant(&mut self.open()).await.unwrap();
        eprintln!("{}: {} objects planted in {:?}", plan.persona, plan.objects.len(), began.elapsed());
        planted
    }

    async fn try_out(&self, plan: &Plan) {
        let (connection, spacing, patience) = (&self.connection, Duration::ZERO, PATIENCE);
        let mut planting =
            Planting { connection, plan, store: None, spacing, patience, progress: &mut |_| {} };
        planting.try_out().await.unwrap();
    }

    async fn take_away(&self, decoy: &Decoy, depth: Depth) -> Done {
        let began = Instant::now();
        let mut file = self.open();
        let done = take_away(&self.connection, &mut file, decoy, depth, None, &mut |_| {}).await.unwrap();
        eprintln!("{depth:?} took {:?}", began.elapsed());
        done
    }

    /// Every object there is, by list, namespace and name: its uid.
    async fn objects(&self) -> BTreeMap<String, String> {
        everything(&self.plane).await.into_iter().map(|(path, o)| (path, text(&o, "/metadata/uid"))).collect()
    }

    /// The same, once the controllers have made what they make of themselves.
    async fn settled(&self) -> BTreeMap<String, String> {
        let mut before = self.objects().await;
        loop {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = self.objects().await;
            if now == before {
                return now;
            }
            before = now;
        }
    }

    /// The decoy's objects as they are.
    async fn made(&self, decoy: &Decoy) -> Vec<Value> {
        let uids: BTreeSet<&String> = decoy.objects.iter().filter_map(|object| object.uid.as_ref()).collect();
        let all = everything(&self.plane).await.into_values();
        all.filter(|object| uids.contains(&text(object, "/metadata/uid"))).collect()
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn everything(plane: &ControlPlane) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for list in LISTS {
        let answer = plane.admin().get(plane.url(list)).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        for item in answer["items"].as_array().unwrap() {
            let (namespace, name) = (text(item, "/metadata/namespace"), text(item, "/metadata/name"));
            all.insert(format!("{list} {namespace}/{name}"), item.clone());
        }
    }
    all
}

/// Makes those namespaces that personas stand in, and waits until the cluster's own controllers are done with them.
async fn namespaces(plane: &ControlPlane) -> Surroundings {
    let firsts = built_in().iter().filter_map(|persona| persona.namespaces.first().cloned());
    let names: BTreeSet<String> = firsts.collect();
    for name in names.iter().filter(|name| *name != "kube-system") {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        plane.make("/api/v1/namespaces", &namespace).await;
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    let furnished = |all: &BTreeMap<String, Value>| {
        let standing = ["default", "kube-node-lease", "kube-public", "kube-system"];
        names.iter().map(String::as_str).chain(standing).all(|name| {
            all.contains_key(&format!("/api/v1/serviceaccounts {name}/default"))
                && all.contains_key(&format!("/api/v1/configmaps {name}/kube-root-ca.crt"))
        })
    };
    while !furnished(&everything(plane).await) {
        assert!(Instant::now() < deadline, "the controllers are not done with the namespaces");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let thing = |name: String| Thing {
        kind: SignKind::Namespace,
        namespace: String::new(),
        name,
        created: None,
        images: vec!["example.org/tools:1".into()],
    };
    let workload = |namespace: &String| Thing {
        kind: SignKind::Workload,
        namespace: namespace.clone(),
        ..thing("front".to_owned())
    };
    let things = names.iter().cloned().map(thing).chain(names.iter().map(workload)).collect();
    Surroundings { cluster: "prod".into(), now: Timestamp::now(), things, unseen: Vec::new() }
}

fn managers(object: &Value) -> BTreeSet<String> {
    let fields = object["metadata"]["managedFields"].as_array();
    fields.into_iter().flatten().map(|entry| text(entry, "/manager")).collect()
}

/// Plants, and notes from the inventory by what each object would have been known while it was made.
async fn watched(stage: &Stage, plan: &Plan) -> (Planted, BTreeMap<String, String>) {
    let path = stage.path();
    let mut known = BTreeMap::new();
    let mut planting = Box::pin(stage.plant(plan, Duration::from_millis(400)));
    loop {
        tokio::select! {
            planted = &mut planting => return (planted, known),
            () = tokio::time::sleep(Duration::from_millis(5)) => note(&path, &mut known),
        }
    }
}

fn note(path: &Path, known: &mut BTreeMap<String, String>) {
    let Ok(text) = fs::read_to_string(path) else { return };
    for object in Inventory::read(&text).unwrap().decoys.into_iter().flat_map(|decoy| decoy.objects) {
        if let (None, Some(digest)) = (object.uid, object.digest) {
            known.insert(format!("{} {}", object.kind, object.name), digest);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bait_comes_and_goes_and_leaves_the_cluster_as_it_was() {
    let Some(stage) = Stage::start().await else { return };
    let before = stage.settled().await;

    a_life_in_full(&stage).await;
    assert_eq!(stage.objects().await, before);
    for persona in built_in() {
        let plan = stage.plan(&persona.id);
        stage.try_out(&plan).await;
        assert_eq!(stage.objects().await, before, "{}", persona.id);
        let planted = stage.plant(&plan, Duration::ZERO).await;
        assert_eq!(stage.objects().await.len(), before.len() + planted.decoy.objects.len());
        stage.take_away(&planted.decoy, Depth::Remove).await;
        assert_eq!(stage.objects().await, before, "{}", persona.id);
        assert!(stage.listed().is_empty());
    }
    for persona in ["ci-deployer-jenkins", "tiller"] {
        an_interrupted_run(&stage, persona).await;
        assert_eq!(stage.objects().await, before, "{persona}");
    }
}

/// With the usual time between objects: planted, retired, a tombstone, removed.
async fn a_life_in_full(stage: &Stage) {
    let plan = stage.plan("ci-deployer-jenkins");
    let planted = stage.plant(&plan, SPACING).await;
    assert_eq!(stage.listed(), std::slice::from_ref(&planted.decoy));
    let made = stage.made(&planted.decoy).await;
    assert_eq!(made.len(), plan.objects.len());
    let seconds: BTreeSet<_> =
        made.iter().map(|object| text(object, "/metadata/creationTimestamp")).collect();
    assert_eq!(seconds.len(), made.len(), "{seconds:?}");
    let is_account = |object: &Value| planted.decoy.uid == Some(text(object, "/metadata/uid"));
    for object in &made {
        let mut managers = managers(object);
        // An account with nothing but a name has no fields that anybody could manage.
        assert!(managers.remove(&plan.field_manager) || is_account(object), "{object}");
        // It fills the Secrets.
        managers.remove("kube-controller-manager");
        assert_eq!(managers, BTreeSet::new(), "{object}");
    }
    let config = made.iter().find(|object| text(object, "/data/config").contains("token:")).unwrap();
    let config: Value = serde_saphyr::from_str(&text(config, "/data/config")).unwrap();
    let token = text(&config, "/users/0/user/token");
    let authority = &config["clusters"][0]["cluster"]["certificate-authority-data"];
    assert!(authority.as_str().is_some_and(|pem| pem.len() > 100));

    let thief = stage.connection.hand(&Client::Curl.agent("x"));
    let uses = async |wanted: u16| {
        let deadline = Instant::now() + Duration::from_secs(60);
        // The server remembers for some seconds what a token was worth.
        while thief.use_token(&token, "/api/v1/secrets").await.unwrap() != wanted {
            assert!(Instant::now() < deadline, "{wanted}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    uses(403).await;
    stage.take_away(&planted.decoy, Depth::Retire).await;
    let left: BTreeSet<_> =
        stage.listed()[0].objects.iter().map(|object| object.part == Part::Placement).collect();
    assert_eq!(left, BTreeSet::from([false]));
    assert_eq!(stage.made(&planted.decoy).await.len(), 3);
    uses(403).await;
    stage.take_away(&planted.decoy, Depth::Tombstone).await;
    uses(401).await;
    let secrets = stage.made(&planted.decoy).await;
    let secrets: Vec<_> = secrets.iter().filter(|object| object["type"].is_string()).collect();
    assert_eq!(secrets.len(), 2);
    for secret in secrets {
        let since = text(secret, "/metadata/labels/kubernetes.io~1legacy-token-invalid-since");
        assert!(since.parse::<jiff::civil::Date>().is_ok(), "{since}");
        assert!(managers(secret).contains("kubectl-label"), "{secret}");
    }
    let done = stage.take_away(&planted.decoy, Depth::Remove).await;
    assert!(
        !done.left.iter().any(|line| line.contains("not gone") || line.contains("left alone")),
        "{done:?}"
    );
    assert!(stage.listed().is_empty());
}

/// A run that ended each time before it could note the uid: what was made is known by what the server had said that
/// it would make.
async fn an_interrupted_run(stage: &Stage, persona: &str) {
    let plan = stage.plan(persona);
    let (planted, known) = watched(stage, &plan).await;
    // The account is made at once, too quickly to be seen.
    assert!(known.len() >= plan.objects.len() - 1, "{known:?}");
    let mut decoy = Decoy { state: Some(State::Planting), ..planted.decoy };
    for object in &mut decoy.objects {
        if let Some(digest) = known.get(&format!("{} {}", object.kind, object.name)) {
            (object.uid, object.digest) = (None, Some(digest.clone()));
        }
    }
    stage.open().put(decoy.clone()).unwrap();
    // The next run takes it all back, and makes it anew.
    let again = stage.plant(&plan, Duration::ZERO).await;
    assert_eq!(stage.made(&decoy).await.len(), 0);
    stage.take_away(&again.decoy, Depth::Remove).await;
}
