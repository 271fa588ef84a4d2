//! A fake API server, an inventory and a store, and a plan of six objects.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use sundew_bait::{
    BaitError,
    file::InventoryFile,
    plant::{Planted, Planting},
    remove::{ByName, Depth, Done, look_up, take_away, take_found_away},
};
use sundew_cluster::{ConnectOptions, Connection, Patience};
use sundew_decoy::{
    Decoy, Inventory, Object, Part, Placement,
    plan::{Plan, Planned},
};
use tempfile::TempDir;

use crate::fake::{Act, Fake};

/// How long a Secret or a server is waited for: longer than a busy machine takes, or as long as a test has patience.
pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const SHORT: Duration = Duration::from_millis(400);

pub(crate) const CORE: &str = "/api/v1/namespaces/shop";
pub(crate) const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop";

pub(crate) struct Stage {
    pub(crate) fake: Fake,
    pub(crate) connection: Connection,
    pub(crate) folder: TempDir,
    pub(crate) plan: Plan,
    pub(crate) patience: Duration,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let fake = Fake::start().await;
        // Each step of each run is synced to the disk, and the sweeps below make thousands of steps.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let config = json!({
            "current-context": "x",
            "clusters": [{"name": "c", "cluster": {"server": fake.address}}],
            "users": [{"name": "u", "user": {"token": "mine"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        });
        fs::write(&kubeconfig, config.to_string()).unwrap();
        let short = Duration::from_millis(5);
        let patience =
            Patience { request: Duration::from_secs(20), retries: 1, first_wait: short, longest_wait: short };
        let options = ConnectOptions { kubeconfig: Some(kubeconfig), patience, ..ConnectOptions::default() };
        let connection = Connection::open(options).await.unwrap();
        fake.state().asked.clear();
        Self { fake, connection, folder, plan: plan("shop"), patience: LONG }
    }

    /// As if nothing had ever been planted.
    pub(crate) fn clear(&self) {
        self.fake.rule(|_| Act::Go);
        self.fake.state().objects.clear();
        self.fake.state().asked.clear();
        let _ = fs::remove_file(self.path());
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("decoys.yaml")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    pub(crate) fn open(&self) -> InventoryFile {
        InventoryFile::open(&self.path(), "prod").unwrap()
    }

    /// What the file lists, read as the sensor reads it.
    pub(crate) fn listed(&self) -> Vec<Decoy> {
        fs::read_to_string(self.path())
            .map_or_else(|_| Vec::new(), |text| Inventory::read(&text).unwrap().decoys)
    }

    pub(crate) async fn plant(&self) -> Result<Planted, BaitError> {
        self.plant_with(&mut |_| {}).await
    }

    pub(crate) async fn plant_with(&self, progress: &mut dyn FnMut(&str)) -> Result<Planted, BaitError> {
        self.planting(progress).plant(&mut self.open()).await
    }

    pub(crate) fn planting<'p>(&'p self, progress: &'p mut dyn FnMut(&str)) -> Planting<'p> {
        Planting {
            connection: &self.connection,
            plan: &self.plan,
            store: None,
            spacing: Duration::ZERO,
            patience: self.patience,
            progress,
        }
    }

    /// What has the names of the decoy that the inventory lists.
    pub(crate) async fn look_up(&self) -> ByName {
        look_up(&self.connection, "prod", &self.listed()[0], None).await.unwrap()
    }

    /// As whoever has looked, and says that it may go by its names.
    pub(crate) async fn take_found_away(&self, depth: Depth) -> Done {
        let found = self.look_up().await;
        take_found_away(&self.connection, &mut self.open(), &found, depth, None, &mut |_| {}).await.unwrap()
    }

    pub(crate) async fn take_away(&self, depth: Depth) -> Result<Done, BaitError> {
        take_away(&self.connection, &mut self.open(), &self.plan.decoy, depth, None, &mut |_| {}).await
    }

    /// How many objects were made in earnest.
    pub(crate) fn made(&self) -> usize {
        self.fake.state().asked.iter().filter(|asked| asked.makes()).count()
    }
}

/// Account, two Secrets, a ConfigMap with the kubeconfig of the first, a role and its binding.
pub(crate) fn plan(namespace: &str) -> Plan {
    let secret = |name: &str| {
        let annotations = json!({"kubernetes.io/service-account.name": "deployer"});
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        })
    };
    let meta = json!({"name": "deployer", "namespace": namespace});
    let rbac = "rbac.authorization.k8s.io";
    let rule =
        json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["none"], "verbs": ["get"]});
    let objects = vec![
        planned(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}), Part::Account, &[]),
        planned(secret("deployer-ci"), Part::Token, &[]),
        planned(secret("deployer-laptop"), Part::Token, &[]),
        planned(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "deploy-config", "namespace": namespace},
                "data": {"config": "{kubeconfig ci}", "note": "token={token ci}"}}),
            Part::Placement,
            &["ci"],
        ),
        planned(
            json!({"apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": meta, "rules": [rule]}),
            Part::Rights,
            &[],
        ),
        planned(
            json!({"apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": meta,
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "deployer"},
                "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}]}),
            Part::Rights,
            &[],
        ),
    ];
    let placement = |name: &str, location: &str| Placement {
        name: Some(name.into()),
        secret: Some(format!("deployer-{name}")),
        location: Some(location.into()),
        outside: name == "laptop",
        ..Placement::default()
    };
    let decoy = Decoy {
        persona: Some("ci-deployer".into()),
        objects: objects.iter().map(|planned| planned.object.clone()).collect(),
        placements: vec![
            placement("ci", "ConfigMap deploy-config"),
            placement("laptop", "a developer's ~/.kube/config"),
        ],
        ..Decoy::from_argument(&format!("{namespace}/deployer")).unwrap()
    };
    Plan {
        persona: "ci-deployer".into(),
        field_manager: "kubectl-create".into(),
        rights: Vec::new(),
        objects,
        decoy,
        outside: vec!["laptop".into()],
    }
}

pub(crate) fn planned(manifest: Value, part: Part, tokens: &[&str]) -> Planned {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let object = Object {
        api_version: text(&manifest["apiVersion"]).unwrap(),
        kind: text(&manifest["kind"]).unwrap(),
        namespace: text(&manifest["metadata"]["namespace"]),
        name: text(&manifest["metadata"]["name"]).unwrap(),
        uid: None,
        part,
        digest: None,
    };
    Planned { object, manifest, tokens: tokens.iter().map(|&name| name.into()).collect() }
}
