//! What the tests begin with: a cluster, a small persona, random letters.

use sundew_decoy::{
    Persona,
    persona::{Sign, SignKind},
    plan::{Choice, LETTERS, Plan, PlanError, Planned, plan},
    surroundings::{Surroundings, Thing},
};

/// A persona of every shape that matters: two placements inside, one outside, a role, a pod and a ConfigMap.
pub(crate) const SMALL: &str = r#"
version: 1
id: small
title: Small
tempts: It tempts.
wary: [One looks.]
believable: [It fits.]
avoid: [Not there.]
collides: [{kind: account, name: "real-*"}]
namespaces: [tools, apps]
words:
  account: deployer
  role: "{account}-role"
  podSecret: "{account}-token-{random5}"
  fileSecret: "{account}-file"
  outsideSecret: "{account}-outside"
  workload: runner
  config: runner-config
rights:
  - {verbs: [get], nonResourceURLs: [/version]}
placements:
  - {name: pod, secret: "{podSecret}", location: "in {workload}, {secret pod}", mountedBy: "{workload}"}
  - {name: file, secret: "{fileSecret}", location: in a ConfigMap}
  - {name: laptop, secret: "{outsideSecret}", location: on a laptop, outside: true}
objects:
  - part: rights
    manifest:
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRole
      metadata: {name: "{role}"}
      rules: [{verbs: [get], nonResourceURLs: [/version]}]
  - part: rights
    manifest:
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRoleBinding
      metadata: {name: "{role}"}
      roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "{role}"}
      subjects: [{kind: ServiceAccount, name: "{account}", namespace: "{namespace}"}]
  - part: placement
    manifest:
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: "{workload}"}
      spec:
        selector: {matchLabels: {app: "{workload}"}}
        template:
          metadata: {labels: {app: "{workload}"}}
          spec:
            serviceAccountName: "{account}"
            automountServiceAccountToken: false
            containers:
              - name: main
                image: "{image}"
                volumeMounts: [{name: credentials, mountPath: /opt/x}]
            volumes:
              - name: credentials
                secret: {secretName: "{secret pod}"}
  - part: placement
    serves: [pod]
    manifest:
      apiVersion: v1
      kind: Service
      metadata: {name: "{workload}"}
      spec: {selector: {app: "{workload}"}, ports: [{port: 80}]}
  - part: placement
    manifest:
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: "{config}"}
      data: {"{cluster}.yaml": "{kubeconfig file}", token: "{token file}"}
"#;

pub(crate) fn small() -> Persona {
    Persona::read(SMALL).unwrap()
}

/// The small persona with one text in place of another.
pub(crate) fn small_with(text: &str, other: &str) -> Persona {
    assert!(SMALL.contains(text), "{text}");
    Persona::read(&SMALL.replace(text, other)).unwrap()
}

/// The small persona after `change`, which goes past what reading checks.
pub(crate) fn changed(change: impl FnOnce(&mut Persona)) -> Persona {
    let mut persona = small();
    change(&mut persona);
    persona
}

pub(crate) fn thing(kind: SignKind, namespace: &str, name: &str) -> Thing {
    let created = Some("2024-03-01T10:00:00Z".parse().unwrap());
    Thing { kind, namespace: namespace.into(), name: name.into(), created, images: Vec::new() }
}

/// A cluster of some age: a few namespaces, each with a workload and an account.
pub(crate) fn cluster() -> Surroundings {
    let mut things = Vec::new();
    for namespace in ["kube-system", "tools", "apps", "shop"] {
        things.push(thing(SignKind::Namespace, "", namespace));
        things.push(thing(SignKind::Account, namespace, "default"));
        let mut workload = thing(SignKind::Workload, namespace, &format!("main-{namespace}"));
        workload.images = vec![format!("registry.example/{namespace}:1")];
        things.push(workload);
    }
    Surroundings {
        cluster: "Prod_EU 1".into(),
        now: "2026-03-01T10:00:00Z".parse().unwrap(),
        things,
        unseen: Vec::new(),
    }
}

/// The cluster with everything in it that one of `signs` asks for.
pub(crate) fn cluster_with(signs: &[Sign]) -> Surroundings {
    let mut around = cluster();
    for sign in signs {
        let namespace = sign.namespace.as_deref().unwrap_or("elsewhere");
        around.things.push(thing(sign.kind, namespace, &sign.name.replace('*', "x")));
    }
    around
}

/// A cluster that `persona` fits into.
pub(crate) fn fitting(persona: &Persona) -> Surroundings {
    let mut around = cluster();
    if let Some(namespace) = persona.namespaces.first() {
        around.things.push(thing(SignKind::Namespace, "", namespace));
    }
    around
}

pub(crate) fn random() -> impl FnMut(usize) -> String {
    |length| (0..length).map(|_| char::from(LETTERS[fastrand::usize(..LETTERS.len())])).collect()
}

pub(crate) fn planned(persona: &Persona, around: &Surroundings, choice: &Choice) -> Result<Plan, PlanError> {
    plan(persona, around, choice, &mut random())
}

pub(crate) fn small_plan() -> Plan {
    planned(&small(), &cluster(), &Choice::default()).unwrap()
}

pub(crate) fn only(placement: &str) -> Choice {
    Choice { placements: vec![placement.into()], ..Choice::default() }
}

pub(crate) fn with_word(word: &str, value: &str) -> Choice {
    Choice { words: [(word.into(), value.into())].into(), ..Choice::default() }
}

pub(crate) fn of_kind<'p>(plan: &'p Plan, kind: &str) -> Vec<&'p Planned> {
    plan.objects.iter().filter(|planned| planned.object.kind == kind).collect()
}

pub(crate) fn names(plan: &Plan) -> Vec<String> {
    plan.objects.iter().map(|p| format!("{} {}", p.object.kind, p.object.name)).collect()
}
