//! Every field of audit.k8s.io/v1.

use crate::{complaint, selects};

/// An event that has every field.
const EVENT: &str = r#"{
  "kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"id-1","stage":"ResponseComplete",
  "requestURI":"/api/v1/pods","verb":"create",
  "user":{"username":"u1","uid":"uid-1","groups":["g1","g2"],"extra":{"authentication.kubernetes.io/pod-name":["p1","p2"]}},
  "impersonatedUser":{"username":"u2","uid":"uid-2","groups":["g3"],"extra":{"scopes.example.org/a":["s1"]}},
  "authenticationMetadata":{"impersonationConstraint":"impersonate:user-info"},
  "sourceIPs":["192.0.2.1","10.0.0.1"],"userAgent":"kubectl",
  "objectRef":{"resource":"pods","namespace":"ns","name":"n","uid":"uid-3","apiGroup":"apps","apiVersion":"v1",
    "resourceVersion":"7","subresource":"exec"},
  "responseStatus":{"metadata":{},"status":"Failure","message":"m","reason":"Forbidden","code":403,
    "details":{"name":"dn","group":"dg","kind":"dk","uid":"du"}},
  "requestObject":{"a":"b"},"responseObject":{"c":"d"},
  "requestReceivedTimestamp":"2026-11-20T22:12:46.116986Z","stageTimestamp":"2026-11-20T22:12:47.116986Z",
  "annotations":{"authorization.k8s.io/decision":"forbid","empty":""}}"#;

#[test]
fn every_field_can_be_asked_for() {
    for (field, value) in [
        ("kind", "Event"),
        ("apiVersion", "audit.k8s.io/v1"),
        ("level", "RequestResponse"),
        ("auditID", "id-1"),
        ("stage", "ResponseComplete"),
        ("requestURI", "/api/v1/pods"),
        ("verb", "create"),
        ("user.username", "u1"),
        ("user.uid", "uid-1"),
        ("user.groups", "g2"),
        ("user.extra.authentication.kubernetes.io/pod-name", "p2"),
        ("impersonatedUser.username", "u2"),
        ("impersonatedUser.uid", "uid-2"),
        ("impersonatedUser.groups", "g3"),
        ("impersonatedUser.extra.scopes.example.org/a", "s1"),
        ("authenticationMetadata.impersonationConstraint", "impersonate:user-info"),
        ("sourceIPs", "192.0.2.1"),
        ("userAgent", "kubectl"),
        ("objectRef.resource", "pods"),
        ("objectRef.namespace", "ns"),
        ("objectRef.name", "n"),
        ("objectRef.uid", "uid-3"),
        ("objectRef.apiGroup", "apps"),
        ("objectRef.apiVersion", "v1"),
        ("objectRef.resourceVersion", "7"),
        ("objectRef.subresource", "exec"),
        ("responseStatus.status", "Failure"),
        ("responseStatus.message", "m"),
        ("responseStatus.reason", "Forbidden"),
        ("responseStatus.code", "403"),
        ("responseStatus.details.name", "dn"),
        ("responseStatus.details.group", "dg"),
        ("responseStatus.details.kind", "dk"),
        ("responseStatus.details.uid", "du"),
        ("requestObject.a", "b"),
        ("responseObject.c", "d"),
        ("requestReceivedTimestamp", "2026-11-20T22:12:46.116986Z"),
        ("stageTimestamp", "2026-11-20T22:12:47.116986Z"),
        ("annotations.authorization.k8s.io/decision", "forbid"),
        ("annotations.empty", ""),
    ] {
        assert!(selects(&format!("{{{field}: '{value}'}}"), EVENT), "{field}");
        assert!(!selects(&format!("{{{field}: '{value}!'}}"), EVENT), "{field}");
        assert!(selects(&format!("{{{field}|exists: true}}"), EVENT), "{field}");
        assert!(selects(&format!("{{{field}|exists: false}}"), "{}"), "{field}");
    }
}

#[test]
fn what_has_fields_of_its_own_is_there_or_not() {
    for whole in [
        "user",
        "user.extra",
        "impersonatedUser",
        "impersonatedUser.extra",
        "authenticationMetadata",
        "objectRef",
        "responseStatus",
        "responseStatus.details",
        "requestObject",
        "responseObject",
        "annotations",
    ] {
        assert!(selects(&format!("{{{whole}|exists: true}}"), EVENT), "{whole}");
        assert!(!selects(&format!("{{{whole}: '*'}}"), EVENT), "an object is no text: {whole}");
        assert_eq!(selects(&format!("{{{whole}|exists: true}}"), "{}"), whole == "user", "{whole}");
    }
}

#[test]
fn an_unknown_field_loads_and_is_never_there() {
    for field in
        ["capabilities", "hostPath", "apiGroup", "verb.x", "annotations", "objectref.name", "user.groups.x"]
    {
        assert!(!selects(&format!("{{{field}: '*'}}"), EVENT), "{field}");
    }
}

#[test]
fn an_extension_that_does_not_exist_is_an_error() {
    assert_eq!(
        complaint("{sundew.actor.knd: node}"),
        "rules.yml:3 (rule `Rule`): there is no field `sundew.actor.knd`; did you mean `sundew.actor.kind`?"
    );
    for field in ["sundew.query", "sundew.", "sundew", "sundew.body[x", "sundew.peer.x"] {
        assert!(complaint(&format!("{{'{field}': x}}")).contains("there is no field"), "{field}");
    }
}

#[test]
fn escaped_texts_are_compared_by_their_value() {
    let event = r#"{"verb":"cre\u0061te","annotations":{"k\u0065y":"v\u0061lue"},"requestObject":{"\u0061":"\u0062"}}"#;
    assert!(selects("{verb: create, annotations.key: value, requestObject.a: b}", event));
}
