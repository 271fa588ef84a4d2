//! Rules that can never match, and why.

use sundew_sigma::lint::Weight;

use crate::support::{dead, of_selection, remarks, says, silent, words};

#[test]
fn a_field_that_audit_events_do_not_have_is_told_with_the_one_that_is_meant() {
    for (field, meant) in [
        ("apiGroup", "objectRef.apiGroup"),
        ("hostPath", "sundew.pod.volumes.hostPath.path"),
        ("capabilities", "sundew.pod.containers.securityContext.capabilities.add"),
        ("resource", "objectRef.resource"),
        ("objectref.name", "objectRef.name"),
        ("user.name", "user.username"),
        ("request.spec.hostPID", "sundew.pod.hostPID"),
        ("spec.replicas", "sundew.body.spec.replicas"),
        ("requestUri", "requestURI"),
        ("responseStatus.cod", "responseStatus.code"),
    ] {
        let told = dead(&format!("verb: create\n{field}: x"));
        says(&told, &[&format!("no field `{field}`"), &format!("write `{meant}`")]);
    }
}

#[test]
fn the_line_of_a_remark_is_that_of_the_field() {
    let told = of_selection("verb: create\nobjectRef.apiGroup: apps\napiGroup: apps");
    let line = |weight| told.iter().find(|remark| remark.weight == weight).unwrap().line;
    // The selection's name stands in line 8.
    assert_eq!(line(Weight::Dead), Some(11));
}

#[test]
fn a_value_that_its_field_never_has_is_told() {
    says(
        &dead("responseStatus.code: ALLOW"),
        &["`responseStatus.code` is never `ALLOW`", "sundew.allowed: true"],
    );
    says(&dead("verb: replace"), &["`verb` is never `replace`", "`update`"]);
    says(&dead("verb: exec"), &["is never `exec`", "`create` or `get` of a subresource"]);
    says(&dead("verb: craete"), &["did you mean `create`?"]);
    says(&dead("stage: ResponseCompleted"), &["did you mean `ResponseComplete`?"]);
    says(&dead("level: Meta"), &["did you mean `Metadata`?"]);
    says(&dead("annotations.authorization.k8s.io/decision: deny"), &["one of allow, forbid"]);
    says(&dead("sundew.actor.kind: robot"), &["workload", "human"]);
    says(&dead("sundew.allowed: maybe"), &["one of true, false"]);
    says(&dead("objectRef.resource: pod"), &["in the plural: `pods`"]);
    says(
        &dead("objectRef.resource: pods/exec"),
        &["`objectRef.resource: pods` and `objectRef.subresource: exec`"],
    );
    says(&dead("objectRef.apiGroup: apps/v1"), &["write `apps` alone"]);
    says(&dead("objectRef.apiGroup: core"), &["the core group is empty"]);
    says(&dead("requestURI: api/v1/pods"), &["begins with `/`"]);
    says(&dead("sundew.peer: 10.0.0.0/8"), &["`sundew.peer|cidr`"]);
}

#[test]
fn what_a_field_can_have_is_no_remark() {
    for lines in [
        "verb: CREATE",
        "verb: 'c*e'",
        "verb|contains: ea",
        "responseStatus.code: 403",
        "responseStatus.code: '40?'",
        "responseStatus.code|gte: 400",
        "stage: responsestarted",
        "sundew.allowed: true",
        "sundew.actor.kind: [workload, human]",
        "verb|re: ^(get|list)$",
        "requestURI|contains: api",
        "sundew.pod.hostPID: true\nlevel: Request",
        "annotations.authorization.k8s.io/decision: forbid",
        "objectRef.resource: widgets",
    ] {
        silent(&dead(lines));
    }
}

#[test]
fn case_matters_only_where_the_rule_says_so() {
    says(&dead("verb|cased: CREATE"), &["is never `CREATE`", "written `create`"]);
    silent(&dead("verb|cased: create"));
}

#[test]
fn one_value_beside_others_is_advice_and_all_of_them_are_death() {
    let told = of_selection("verb: [create, replace]");
    silent(&words(&told, Weight::Dead));
    says(&words(&told, Weight::Advice), &["never `replace`"]);
    says(&dead("verb|all: [create, replace]"), &["never `replace`"]);
}

#[test]
fn two_values_for_one_field_are_a_contradiction() {
    let told = remarks("a:\n  verb: get\nb:\n  verb: list\ncondition: a and b");
    says(
        &words(&told, Weight::Dead),
        &["`verb` has one value at most, and is asked to have two that differ"],
    );
    says(&dead("verb: get\nverb|startswith: l"), &["two that differ"]);
    says(&dead("objectRef.name|all: [a, b]"), &["two that differ"]);
    silent(&dead("verb: [get, list]\nverb|startswith: l"));
    let told = remarks("a:\n  verb: get\nb:\n  verb: list\ncondition: a or b");
    silent(&words(&told, Weight::Dead));
    let told = remarks("a:\n  objectRef.name: x\nb:\n  objectRef.name: null\ncondition: all of them");
    says(&words(&told, Weight::Dead), &["absent and to have one"]);
}

#[test]
fn wildcards_are_read_as_what_they_are() {
    silent(&dead("verb: '?et'"));
    says(&dead("verb: '?get'"), &["never `?get`"]);
    says(&dead("verb: 'get?'"), &["never `get?`"]);
    silent(&dead("verb: 'd*e*c*n'"));
    says(&dead("verb: 'd*x*'"), &["never `d*x*`"]);
    // However many there are.
    let many =
        format!("objectRef.name: {}\nobjectRef.name|contains: '{}'", "a".repeat(200), "a*".repeat(90) + "b");
    says(&dead(&many), &["two that differ"]);
}

#[test]
fn a_list_can_have_two_values() {
    silent(&dead("user.groups|all: [a, b]"));
    silent(&dead("sundew.pod.containers.image|all: [a, b]\nlevel: Request"));
}

#[test]
fn what_must_be_met_and_must_not_is_told() {
    let told = remarks("a:\n  verb: get\ncondition: a and not a");
    says(&words(&told, Weight::Dead), &["`a` must be met and must not"]);
    let told = remarks("a:\n  verb: get\nb:\n  verb: list\ncondition: a and not 1 of *");
    says(&words(&told, Weight::Dead), &["`a` must be met and must not"]);
}

#[test]
fn a_verb_that_its_resource_does_not_have_is_told() {
    let exec = |verb: &str| format!("verb: {verb}\nobjectRef.resource: pods\nobjectRef.subresource: exec");
    says(
        &dead(&exec("list")),
        &["`verb` is never list where `objectRef.subresource` is exec", "since kubectl 1.31"],
    );
    silent(&dead(&exec("get")));
    says(&dead("verb: get\nobjectRef.resource: selfsubjectrulesreviews"), &["it is `create`"]);
    says(&dead("verb: [get, update]\nobjectRef.subresource: token"), &["it is `create`"]);
    says(&dead("verb: create\nobjectRef.subresource: log"), &["it is `get`"]);
}

#[test]
fn what_no_stage_has_is_told() {
    says(&dead("stage: RequestReceived\nresponseStatus.code: 403"), &["no `responseStatus.code` yet"]);
    says(&dead("stage: RequestReceived\nsundew.allowed: true"), &["no `sundew.allowed` yet"]);
    silent(&dead("stage: RequestReceived\nresponseStatus: null"));
    says(
        &dead("stage: ResponseComplete\nresponseStatus.code: 401"),
        &["a 401 has the stage `ResponseStarted`"],
    );
    says(&dead("stage: ResponseComplete\nsundew.actor.kind: unauthenticated"), &["a 401 has the stage"]);
}

#[test]
fn a_body_at_a_level_that_has_none_is_told() {
    says(
        &dead("level: Metadata\nsundew.pod.hostPID: true"),
        &["at level `Metadata` there is no `sundew.pod.hostPID`"],
    );
    says(
        &dead("level: Request\nresponseObject.kind: Pod"),
        &["at level `Request` there is no `responseObject.kind`"],
    );
    silent(&dead("level: [Request, RequestResponse]\nresponseObject.kind: Pod"));
}

#[test]
fn a_rule_is_dead_only_if_each_of_its_ways_is() {
    let both = |condition: &str| {
        let told = remarks(&format!("good:\n  verb: get\nbad:\n  hostPath: x\ncondition: {condition}"));
        (words(&told, Weight::Dead).len(), words(&told, Weight::Doubt).len())
    };
    assert_eq!(both("good and bad"), (1, 0));
    assert_eq!(both("all of them"), (1, 0));
    assert_eq!(both("good or bad"), (0, 1));
    assert_eq!(both("1 of them"), (0, 1));
    assert_eq!(both("good and not bad"), (0, 1));
    assert_eq!(both("not (good and bad)"), (0, 1));
    assert_eq!(both("bad and (good or bad)"), (1, 0));
}

#[test]
fn an_alternative_of_a_list_that_is_dead_is_a_doubt() {
    let told = remarks("selection:\n- verb: get\n- hostPath: x\ncondition: selection");
    silent(&words(&told, Weight::Dead));
    says(&words(&told, Weight::Doubt), &["no field `hostPath`, so that `selection` is never met"]);
}

#[test]
fn a_condition_with_more_ways_than_can_be_looked_at_is_not_called_dead() {
    let selections: String = (0..12).map(|at| format!("s{at}:\n- hostPath: a\n- hostPath: b\n")).collect();
    let told = remarks(&format!("{selections}condition: all of them"));
    silent(&words(&told, Weight::Dead));
}

#[test]
fn blocks_over_lists_are_looked_at_by_their_list() {
    let block = |field: &str, quantifier: &str| {
        let detection = format!(
            "selection:\n  {field}[{quantifier}]:\n    name: x\n  verb: create\ncondition: selection"
        );
        let mut source = crate::support::rule(&detection);
        source.text =
            source.text.replace("title: A rule", "title: A rule\nsigma-version: 3\naudit_level: Request");
        words(&sundew_sigma::lint(&[source]), Weight::Dead)
    };
    says(&block("containers", "any"), &["no field `containers`", "sundew.pod.containers"]);
    silent(&block("sundew.pod.containers", "any"));
    silent(&block("containers", "none"));
}
