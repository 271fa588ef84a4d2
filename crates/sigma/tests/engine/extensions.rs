//! The fields that begin with `sundew.`.

use crate::selects;

/// Each selection is met, and that with another value is not.
fn is(event: &str, fields: &[(&str, &str)]) {
    for (field, value) in fields {
        assert!(selects(&format!("{{{field}: {value}}}"), event), "{field}: {value}\n{event}");
    }
}

fn absent(event: &str, fields: &[&str]) {
    for field in fields {
        assert!(selects(&format!("{{{field}: null}}"), event), "{field}\n{event}");
        assert!(selects(&format!("{{{field}|exists: false}}"), event), "{field}\n{event}");
    }
}

#[test]
fn the_peer_is_the_last_address() {
    let event = r#"{"sourceIPs":["10.0.0.1","203.0.113.9"]}"#;
    is(event, &[("sundew.peer", "203.0.113.9"), ("sundew.peer.private", "false")]);
    is(r#"{"sourceIPs":["203.0.113.9","100.64.1.1"]}"#, &[("sundew.peer.private", "true")]);
    absent("{}", &["sundew.peer", "sundew.peer.private"]);
}

#[test]
fn actors_are_told_by_their_names() {
    let event = |name: &str| format!(r#"{{"user":{{"username":"{name}"}}}}"#);
    is(
        &event("system:serviceaccount:shop:orders"),
        &[
            ("sundew.actor.kind", "workload"),
            ("sundew.actor.namespace", "shop"),
            ("sundew.actor.name", "orders"),
        ],
    );
    is(&event("system:serviceaccount:kube-system:job-controller"), &[("sundew.actor.kind", "controller")]);
    is(&event("system:node:n1"), &[("sundew.actor.kind", "node")]);
    is(&event("system:anonymous"), &[("sundew.actor.kind", "anonymous")]);
    is(&event("jane"), &[("sundew.actor.kind", "human")]);
    is(r#"{"user":{},"responseStatus":{"code":401}}"#, &[("sundew.actor.kind", "unauthenticated")]);
    absent(&event("jane"), &["sundew.actor.namespace", "sundew.actor.name"]);
}

#[test]
fn allowed_follows_from_the_answer() {
    let event = |code: i32| format!(r#"{{"responseStatus":{{"code":{code}}}}}"#);
    for code in [101, 200, 201, 304] {
        is(&event(code), &[("sundew.allowed", "true")]);
    }
    for code in [400, 401, 403, 404, 500] {
        is(&event(code), &[("sundew.allowed", "false")]);
    }
    absent(r#"{"stage":"RequestReceived"}"#, &["sundew.allowed"]);
}

#[test]
fn path_and_query_are_decoded() {
    let event = r#"{"requestURI":"/api/v1/%73ecrets?labelSelector=a%3Db&labelSelector=c+d&watch"}"#;
    is(
        event,
        &[
            ("sundew.path", "/api/v1/secrets"),
            ("sundew.query.labelSelector", "a=b"),
            ("sundew.query.labelSelector", "c d"),
            ("sundew.query.watch", "''"),
        ],
    );
    absent(event, &["sundew.query.limit"]);
}

#[test]
fn the_command_of_an_exec_is_decoded() {
    let uri = r"/api/v1/namespaces/a/pods/b/exec?command=sh\u0026command=-c\u0026command=cat+%2Fetc%2Fshadow\u0026tty=true";
    let event = format!(r#"{{"requestURI":"{uri}","objectRef":{{"resource":"pods","subresource":"exec"}}}}"#);
    is(
        &event,
        &[
            ("sundew.exec.argv", "cat /etc/shadow"),
            ("sundew.exec.command", "sh -c cat /etc/shadow"),
            ("sundew.exec.tty", "true"),
            ("sundew.exec.stdin", "false"),
        ],
    );
    absent(
        r#"{"requestURI":"/api/v1/pods"}"#,
        &["sundew.exec.argv", "sundew.exec.command", "sundew.exec.tty"],
    );
    // The kubelet's own exec, through the proxy of a node.
    is(r#"{"requestURI":"/api/v1/nodes/n/proxy/run/ns/pod/c?command=id"}"#, &[("sundew.exec.command", "id")]);
}

const SPEC: &str = r#"{"hostPID":true,"volumes":[{"hostPath":{"path":"/etc"}}],"containers":[{"name":"a"}],
    "initContainers":[{"name":"b","securityContext":{"privileged":true}}],"ephemeralContainers":[{"name":"c"}]}"#;

#[test]
fn the_pod_spec_is_found_wherever_it_stands() {
    let event = |resource: &str, body: String| {
        format!(r#"{{"objectRef":{{"resource":"{resource}"}},"requestObject":{body}}}"#)
    };
    for event in [
        event("pods", format!(r#"{{"kind":"Pod","spec":{SPEC}}}"#)),
        event("pods", format!(r#"{{"spec":{SPEC}}}"#)),
        event("deployments", format!(r#"{{"spec":{{"template":{{"spec":{SPEC}}}}}}}"#)),
        event("jobs", format!(r#"{{"kind":"Job","spec":{{"template":{{"spec":{SPEC}}}}}}}"#)),
        event(
            "cronjobs",
            format!(r#"{{"spec":{{"jobTemplate":{{"spec":{{"template":{{"spec":{SPEC}}}}}}}}}}}"#),
        ),
        event("podtemplates", format!(r#"{{"template":{{"spec":{SPEC}}}}}"#)),
        event("deployments", format!(r#"[{{"op":"replace","path":"/spec/template/spec","value":{SPEC}}}]"#)),
        event("pods", format!(r#"[{{"op":"add","path":"/spec","value":{SPEC}}}]"#)),
    ] {
        is(
            &event,
            &[
                ("sundew.pod.hostPID", "true"),
                ("sundew.pod.volumes.hostPath.path", "/etc"),
                ("sundew.pod.containers.securityContext.privileged", "true"),
                ("sundew.pod.containers.name", "a"),
                ("sundew.pod.containers.name", "b"),
                ("sundew.pod.containers.name", "c"),
            ],
        );
        assert!(selects("{sundew.pod|exists: true, sundew.pod.containers|exists: true}", &event), "{event}");
        assert!(!selects("{sundew.pod.initContainers.name: a}", &event), "{event}");
    }
    let service = event("services", r#"{"spec":{"hostPID":true}}"#.into());
    absent(&service, &["sundew.pod", "sundew.pod.hostPID"]);
}

#[test]
fn a_json_patch_is_read_as_what_it_builds() {
    let event = r#"{"verb":"patch","objectRef":{"resource":"deployments"},"requestObject":[
        {"op":"test","path":"/metadata/name","value":"x"},
        {"op":"add","path":"/spec/template/spec/containers/0/securityContext","value":{"privileged":true}},
        {"op":"add","path":"/metadata/annotations/example.org~1a","value":"b"}]}"#;
    is(
        event,
        &[
            ("sundew.pod.containers.securityContext.privileged", "true"),
            ("sundew.body.metadata.annotations.example.org/a", "b"),
            ("requestObject.op", "test"),
        ],
    );
    absent(event, &["sundew.body.metadata.name"]);
    is(r#"{"requestObject":{"data":{"a":"b"}}}"#, &[("sundew.body.data.a", "b")]);
    absent(r#"{"responseObject":{"data":{"a":"b"}}}"#, &["sundew.body", "sundew.body.data.a"]);
}
