//! Where this engine differs from the reference on purpose, each with the reason.

use super::both::Both;

/// One difference.
struct Difference {
    /// Why.
    reason: &'static str,
    /// The selection.
    selection: &'static str,
    /// The event.
    event: &'static str,
    /// Whether ours is met; the reference says the opposite.
    ours: bool,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "a key may have dots in it: annotations, labels and extras have hardly any others",
        selection: "{annotations.authorization.k8s.io/decision: allow}",
        event: r#"{"annotations":{"authorization.k8s.io/decision":"allow"}}"#,
        ours: true,
    },
    Difference {
        reason: "a key may have dots in it, in bodies as well",
        selection: "{requestObject.metadata.labels.app.kubernetes.io/name: x}",
        event: r#"{"requestObject":{"metadata":{"labels":{"app.kubernetes.io/name":"x"}}}}"#,
        ours: true,
    },
    Difference {
        reason: "the API server leaves out what is empty, so that empty and absent are one",
        selection: "{objectRef.subresource: ''}",
        event: r#"{"objectRef":{"resource":"pods","subresource":""}}"#,
        ours: false,
    },
    Difference {
        reason: "`*` means any characters, line breaks too: a break in an argument must not hide the rest",
        selection: "{requestObject.a: 'one*two'}",
        event: r#"{"requestObject":{"a":"one\ntwo"}}"#,
        ours: true,
    },
    Difference {
        reason: "letters fold by their lower case everywhere; the reference folds otherwise where there are wildcards",
        selection: "{userAgent: 'k*s'}",
        event: "{\"userAgent\":\"k-\u{17f}\"}",
        ours: false,
    },
    Difference {
        reason: "`startswith` with a wildcard within holds the beginning; the reference holds the end",
        selection: "{userAgent|startswith: 'a*b'}",
        event: r#"{"userAgent":"a-b-c"}"#,
        ours: true,
    },
    Difference {
        reason: "`endswith` with a wildcard within holds the end; the reference holds the beginning",
        selection: "{userAgent|endswith: 'b*c'}",
        event: r#"{"userAgent":"a-b-c"}"#,
        ours: true,
    },
    Difference {
        reason: "a value within base64 is found whatever follows it; the reference keeps a character that it shares",
        selection: "{requestObject.a|base64offset|contains: 'bash'}",
        event: r#"{"requestObject":{"a":"YmFzaCAtaQ=="}}"#,
        ours: true,
    },
    Difference {
        reason: "null in a list of values means an absent field, as it does alone",
        selection: "{objectRef.name: [null, x]}",
        event: r#"{"objectRef":{"resource":"pods"}}"#,
        ours: true,
    },
    Difference {
        reason: "a number among keywords is looked for like any other",
        selection: "[8443]",
        event: r#"{"requestURI":"/api/v1/services/https:x:8443/proxy"}"#,
        ours: true,
    },
    Difference {
        reason: "the client may choose the audit id, and nobody means ids and times with a keyword",
        selection: "[secret]",
        event: r#"{"auditID":"a-secret-id"}"#,
        ours: false,
    },
    Difference {
        reason: "a reference to a field with several values means any of them, as a value does",
        selection: "{user.username|fieldref: user.groups}",
        event: r#"{"user":{"username":"a","groups":["b","a"]}}"#,
        ours: true,
    },
    Difference {
        reason: "fields are compared as texts also where case is told apart",
        selection: "{requestObject.a|fieldref|cased: requestObject.b}",
        event: r#"{"requestObject":{"a":5,"b":"5"}}"#,
        ours: true,
    },
    Difference {
        reason: "what the event does not keep is never there: the API server writes it as `{}`",
        selection: "{responseStatus.metadata|exists: true}",
        event: r#"{"responseStatus":{"metadata":{},"code":200}}"#,
        ours: false,
    },
    Difference {
        reason: "times stand as RFC 3339 in audit events, never as numbers",
        selection: "{requestObject.a|year: 2026}",
        event: r#"{"requestObject":{"a":1795213966}}"#,
        ours: false,
    },
    Difference {
        reason: "a body of null is no body, as Go has it, and what is absent is not unlike anything",
        selection: "{requestObject|neq: x}",
        event: r#"{"requestObject":null}"#,
        ours: false,
    },
    Difference {
        reason: "in a block for elements, too, a path through a list means any element, not only the first that has it",
        selection: "{'requestObject.a[any].b.c': two}",
        event: r#"{"requestObject":{"a":[{"b":[{"c":"one"},{"c":"two"}]}]}}"#,
        ours: true,
    },
    Difference {
        reason: "an empty annotation is there, but an event without any has none of them as a whole",
        selection: "{annotations|exists: true}",
        event: r#"{"annotations":{}}"#,
        ours: false,
    },
];

#[test]
fn each_listed_difference_is_one() {
    for difference in DIFFERENCES {
        let both = Both::of(&format!(
            "title: x\nsigma-version: 3\nlogsource: {{product: kubernetes}}\ndetection:\n  selection: {}\n  condition: selection\n",
            difference.selection
        ));
        let [ours, theirs] = both.judge(difference.event);
        assert_eq!(!ours.is_empty(), difference.ours, "ours: {}", difference.reason);
        assert_eq!(!theirs.is_empty(), !difference.ours, "theirs: {}", difference.reason);
    }
}
