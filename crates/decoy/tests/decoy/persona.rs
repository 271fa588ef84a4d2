//! What is said of a persona's file.

use sundew_decoy::{
    Persona, PersonaError,
    persona::{Sign, SignKind, matches},
};

use crate::given::{SMALL, small, thing};

fn error(text: &str, other: &str) -> String {
    assert!(SMALL.contains(text), "{text}");
    Persona::read(&SMALL.replacen(text, other, 1)).unwrap_err().to_string()
}

#[test]
fn a_file_is_read_and_written_back_the_same() {
    let persona = small();
    assert_eq!(persona.field_manager, "kubectl-create");
    let again = Persona::read(&serde_json::to_string(&persona).unwrap()).unwrap();
    assert_eq!(again, persona);
}

#[test]
fn wrong_shapes_are_told_with_line_and_nearest_key() {
    let said = error("title: Small", "titel: Small");
    assert!(said.starts_with("line 4, column 1") && said.ends_with("did you mean `title`?"), "{said}");
    let said = error("{kind: account, name: \"real-*\"}", "{kind: acount, name: x}");
    assert!(said.contains("did you mean `account`?"), "{said}");
    assert!(matches!(Persona::read("version: [").unwrap_err(), PersonaError::Yaml(_)));
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    for (text, other, said) in [
        ("version: 1", "version: 2", "`version` is 2"),
        ("id: small", "id: Small", "id: `Small` is no name"),
        ("tempts: It tempts.", "tempts: \"\"", "tempts: is empty"),
        ("wary: [One looks.]", "wary: [\" \"]", "wary[0]: is empty"),
        ("namespaces: [tools, apps]", "namespaces: [tools, A]", "namespaces[1]: `A`"),
        ("namespaces: [tools, apps]", "fieldManager: a b", "fieldManager: needs"),
        ("name: \"real-*\"", "name: Real", "collides[0].name: `Real`"),
        ("name: \"real-*\"", "name: \"**\"", "collides[0].name: `*` alone"),
        ("name: \"real-*\"", "namespace: A_, name: x", "collides[0].namespace: `A_`"),
        ("  account: deployer", "  acount: deployer", "there is no `account`"),
        (
            "  workload: runner",
            "  workload: \"{acount}\"",
            "words.workload: there is no word `{acount}`; did you mean `{account}`?",
        ),
        ("  workload: runner", "  workload: \"{config}\"\n  random5: x", "words.random5: every persona has"),
        ("  workload: runner", "  work_load: x\n  workload: runner", "words.work_load: a word is"),
        ("  account: deployer", "  account: \"a-{role}\"", "words.account: it is made of itself"),
        (
            "  workload: runner",
            "  workload: \"{secret pod}\"",
            "words.workload: `{secret pod}` cannot stand here",
        ),
        ("verbs: [get]", "verbs: [\"*\"]", "rights[0]: a decoy with `*`"),
        ("verbs: [get]", "verbs: []", "rights[0]: needs `verbs`"),
        ("nonResourceURLs: [/version]", "resources: [pods]", "rights[0]: `resources` needs `apiGroups`"),
        ("{name: file,", "{name: pod,", "placements[1].name: `pod` stands twice"),
        ("{name: file,", "{name: a b,", "placements[1].name: `a b` is no name"),
        ("\"{fileSecret}\"", "\"{podSecret}\"", "placements[1].secret: is the Secret of another"),
        ("\"{fileSecret}\"", "fixed", "placements[1].secret: holds no word"),
        ("location: in a ConfigMap", "location: \"\"", "placements[1].location: is empty"),
        (
            "location: in a ConfigMap",
            "location: \"{token file}\"",
            "placements[1].location: `{token file}` cannot",
        ),
        ("mountedBy: \"{workload}\"", "mountedBy: \"{config}\"", "placements[0].mountedBy: no workload"),
        (
            "outside: true}",
            "outside: true, mountedBy: \"{workload}\"}",
            "placements[2].mountedBy: a placement for use outside",
        ),
        ("kind: ConfigMap", "kind: Namespace", "objects[4].manifest.kind: a decoy cannot have a `Namespace`"),
        (
            "apiVersion: apps/v1",
            "apiVersion: apps/v2",
            "objects[2].manifest.apiVersion: a Deployment is of `apps/v1`",
        ),
        ("  - part: rights", "  - part: token", "objects[0].part: a ClusterRole is of part `rights`"),
        ("metadata: {name: \"{config}\"}", "metadata: {}", "objects[4].manifest.metadata.name: is missing"),
        ("metadata: {name: \"{config}\"}", "metadata: {name: fixed}", "metadata.name: holds no word"),
        ("serves: [pod]", "serves: [pot]", "objects[3].serves: there is no placement `pot`"),
        (
            "\"{token file}\"",
            "\"{token pot}\"",
            "objects[4].manifest.data.token: `{token pot}`: there is no placement",
        ),
        ("\"{token file}\"", "\"{token laptop}\"", "placement `laptop` is for use outside the cluster"),
        ("\"{token file}\"", "\"{tokens file}\"", "there is no word `{tokens file}`"),
        ("\"{cluster}.yaml\"", "\"{clutser}.yaml\"", "did you mean `{cluster}`?"),
    ] {
        let found = error(text, other);
        assert!(found.contains(said), "{other}: {found}");
    }
}

#[test]
fn a_persona_with_nothing_to_steal_is_refused() {
    let start = SMALL.find("placements:").unwrap();
    let text = format!("{}placements: []\n", &SMALL[..start]);
    let said = Persona::read(&text).unwrap_err().to_string();
    assert!(said.starts_with("placements: a decoy needs at least one"), "{said}");
}

#[test]
fn an_object_twice_is_refused() {
    let start = SMALL.rfind("  - part: placement").unwrap();
    let text = format!("{SMALL}{}", &SMALL[start..]);
    let said = Persona::read(&text).unwrap_err().to_string();
    assert!(said.contains("objects[5].manifest: a ConfigMap `{config}` stands twice"), "{said}");
}

#[test]
fn the_schema_names_every_key_of_the_file() {
    let schema = Persona::schema().to_string();
    for key in [
        "version",
        "tempts",
        "collides",
        "fits",
        "fieldManager",
        "words",
        "nonResourceURLs",
        "mountedBy",
        "outside",
        "serves",
        "manifest",
    ] {
        assert!(schema.contains(&format!("\"{key}\"")), "{key}");
    }
}

#[test]
fn a_sign_speaks_of_kind_namespace_and_form_of_name() {
    let sign = |namespace: Option<&str>, name: &str| Sign {
        kind: SignKind::Account,
        namespace: namespace.map(Into::into),
        name: name.into(),
    };
    let velero = thing(SignKind::Account, "velero", "velero-server");
    assert!(sign(None, "velero*").is(&velero) && sign(Some("velero"), "*-server").is(&velero));
    assert!(!sign(Some("backup"), "velero*").is(&velero) && !sign(None, "velero").is(&velero));
    assert!(!sign(None, "velero*").is(&thing(SignKind::Secret, "velero", "velero-server")));
}

#[test]
fn a_star_stands_for_any_letters_and_none() {
    for (pattern, name) in
        [("a*", "a"), ("*a", "ba"), ("a*c*e", "abcde"), ("a*b*b", "abb"), ("*", "x"), ("a", "a")]
    {
        assert!(matches(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in
        [("a*", "ba"), ("a*a", "a"), ("a*c*e", "abcd"), ("a*b*b", "ab"), ("a", "ab"), ("", "a")]
    {
        assert!(!matches(pattern, name), "{pattern} {name}");
    }
}
