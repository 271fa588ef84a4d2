//! What an object looks like apart from what a cluster adds by itself: tells whether one that is there is the one that
//! was being made when a run was interrupted.

use serde_json::Value;
use sundew_decoy::drift;

/// What the names of volumes begin with that the API server gives a pod for the token of its account.
const TOKEN_VOLUME: &str = "kube-api-access-";

/// A digest that is the same for the server's answer to a dry run, for the object right after it was made, and after
/// controllers have seen it.
pub(crate) fn likeness(object: &Value) -> String {
    let mut plain = object.clone();
    match object["kind"].as_str() {
        // Older controllers list the account's Secrets in it.
        Some("ServiceAccount") => without(&mut plain, &["secrets", "imagePullSecrets"]),
        Some("Pod") => {
            if let Some(spec) = plain.get_mut("spec") {
                without(spec, &["nodeName"]);
                without_token_volume(spec);
            }
        }
        Some("Service") => {
            if let Some(spec) = plain.get_mut("spec") {
                without_addresses(spec);
            }
        }
        Some("Job") => {
            if let Some(spec) = plain.get_mut("spec") {
                without_own_uid(spec);
            }
        }
        _ => {}
    }
    drift::digest(&plain)
}

/// They are given out anew each time.
fn without_addresses(spec: &mut Value) {
    without(spec, &["clusterIP", "clusterIPs", "healthCheckNodePort"]);
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        without(port, &["nodePort"]);
    }
}

/// A Job finds its pods by its uid.
fn without_own_uid(spec: &mut Value) {
    let labels = ["controller-uid", "batch.kubernetes.io/controller-uid"];
    for pointer in ["/selector/matchLabels", "/template/metadata/labels"] {
        if let Some(at) = spec.pointer_mut(pointer) {
            without(at, &labels);
        }
    }
}

fn without(object: &mut Value, keys: &[&str]) {
    let Some(fields) = object.as_object_mut() else { return };
    for key in keys {
        fields.remove(*key);
    }
}

/// Its name has random letters.
fn without_token_volume(spec: &mut Value) {
    let keep = |thing: &Value| !thing["name"].as_str().is_some_and(|name| name.starts_with(TOKEN_VOLUME));
    if let Some(volumes) = spec.get_mut("volumes").and_then(Value::as_array_mut) {
        volumes.retain(keep);
    }
    for list in ["containers", "initContainers"] {
        let Some(containers) = spec.get_mut(list).and_then(Value::as_array_mut) else { continue };
        for mounts in containers.iter_mut().filter_map(|c| c.get_mut("volumeMounts")?.as_array_mut()) {
            mounts.retain(keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::likeness;

    #[test]
    fn a_service_and_a_job_are_alike_whatever_address_and_uid_they_were_given() {
        let service = |address: &str, port: u16| {
            let ports = json!([{"port": port, "nodePort": 30000 + address.len()}]);
            json!({"kind": "Service", "spec": {"clusterIP": address, "clusterIPs": [address], "ports": ports}})
        };
        assert_eq!(likeness(&service("10.0.0.7", 80)), likeness(&service("10.0.0.77", 80)));
        assert_ne!(likeness(&service("10.0.0.7", 80)), likeness(&service("10.0.0.7", 81)));
        let job = |uid: &str, app: &str| {
            let labels = json!({"app": app, "batch.kubernetes.io/controller-uid": uid});
            let spec =
                json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}});
            json!({"kind": "Job", "spec": spec})
        };
        assert_eq!(likeness(&job("1", "a")), likeness(&job("2", "a")));
        assert_ne!(likeness(&job("1", "a")), likeness(&job("1", "b")));
    }

    #[test]
    fn a_pod_is_alike_whatever_the_cluster_called_the_volume_of_its_token() {
        let pod = |volume: &str, image: &str| {
            json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": {
                "volumes": [{"name": "own"}, {"name": volume}],
                "containers": [{"image": image, "volumeMounts": [{"name": volume}, {"name": "own"}]}],
            }})
        };
        let first = likeness(&pod("kube-api-access-x7k2p", "a"));
        assert_eq!(first, likeness(&pod("kube-api-access-9pqrt", "a")));
        assert_ne!(first, likeness(&pod("kube-api-access-x7k2p", "b")));
    }
}
