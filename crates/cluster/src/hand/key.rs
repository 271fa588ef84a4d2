//! The name of one object, and its path.

use std::fmt::{self, Write as _};

use http::Method;
use serde_json::Value;

use super::HandError;
use crate::resource::{PLANTED, Resource, planted};

/// The longest name that an object can have (RFC 1123 subdomain).
const LONGEST_NAME: usize = 253;

/// Names one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// `v1`, `apps/v1` and so on.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for what belongs to the cluster as a whole.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// `Secret kube-system/tiller-token`, `ClusterRole tiller`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, name) = (crate::trouble::cut(&self.namespace), crate::trouble::cut(&self.name));
        let slash = if namespace.is_empty() { "" } else { "/" };
        write!(f, "{} {namespace}{slash}{name}", crate::trouble::cut(&self.kind))
    }
}

impl ObjectKey {
    /// The key of an object that names itself.
    pub(super) fn of(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        Self {
            api_version: text(&object["apiVersion"]),
            kind: text(&object["kind"]),
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
        }
    }

    /// The path of the object itself.
    pub(crate) fn path(&self, method: &Method) -> Result<String, HandError> {
        let mut path = self.list_path(method)?;
        let of_rbac = self.api_version.starts_with("rbac.");
        if !is_name(&self.name, of_rbac) {
            return Err(self.bad("its name is none that such an object can have"));
        }
        path.push('/');
        push_encoded(&mut path, &self.name);
        Ok(path)
    }

    /// The path of the objects of its kind, in its namespace.
    pub(crate) fn list_path(&self, method: &Method) -> Result<String, HandError> {
        let resource = self.resource()?;
        // Young namespaces are not believed, and to delete one takes all that is in it.
        if resource.name == "namespaces" && *method != Method::GET {
            return Err(self.unknown());
        }
        match (resource.namespaced, self.namespace.as_str()) {
            (false, "") => Ok(resource.path(resource.versions[0], None)),
            (false, _) => Err(self.bad("such an object has no namespace")),
            (true, "") if self.name.is_empty() => Ok(resource.path(resource.versions[0], None)),
            (true, namespace) if is_label(namespace) => {
                Ok(resource.path(resource.versions[0], Some(namespace)))
            }
            (true, "") => Err(self.bad("it has no namespace")),
            (true, _) => Err(self.bad("its namespace is none that can be")),
        }
    }

    fn resource(&self) -> Result<&'static Resource, HandError> {
        planted(&self.api_version, &self.kind).ok_or_else(|| self.unknown())
    }

    fn bad(&self, why: &'static str) -> HandError {
        HandError::BadKey { object: self.to_string(), why }
    }

    fn unknown(&self) -> HandError {
        HandError::UnknownKind { object: self.to_string(), known: PLANTED.join(", ") }
    }
}

/// Whether `name` is a DNS subdomain; of roles and bindings, any that can stand in a path
/// (apimachinery `path.IsValidPathSegmentName`).
fn is_name(name: &str, of_rbac: bool) -> bool {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return false;
    }
    if of_rbac {
        return !matches!(name, "." | "..") && !name.contains(['/', '%']) && !name.contains(char::is_control);
    }
    name.split('.').all(|part| !part.is_empty() && in_dns(part))
}

fn is_label(name: &str) -> bool {
    (1..=63).contains(&name.len()) && in_dns(name)
}

fn in_dns(part: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    part.bytes().all(inner) && !part.starts_with('-') && !part.ends_with('-')
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3).
fn push_encoded(path: &mut String, name: &str) {
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(byte.into()),
            // Writing to a String cannot fail.
            _ => drop(write!(path, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectKey {
        let owned = str::to_owned;
        let (api_version, kind) = (owned(api_version), owned(kind));
        ObjectKey { api_version, kind, namespace: owned(namespace), name: owned(name) }
    }

    #[test]
    fn each_kind_that_can_be_planted_has_its_path() {
        for (api_version, kind, namespace, path) in [
            ("v1", "ServiceAccount", "ns", "/api/v1/namespaces/ns/serviceaccounts/x"),
            ("v1", "Secret", "ns", "/api/v1/namespaces/ns/secrets/x"),
            ("v1", "ConfigMap", "ns", "/api/v1/namespaces/ns/configmaps/x"),
            ("v1", "Pod", "ns", "/api/v1/namespaces/ns/pods/x"),
            ("v1", "Service", "ns", "/api/v1/namespaces/ns/services/x"),
            ("apps/v1", "Deployment", "ns", "/apis/apps/v1/namespaces/ns/deployments/x"),
            ("apps/v1", "DaemonSet", "ns", "/apis/apps/v1/namespaces/ns/daemonsets/x"),
            ("apps/v1", "StatefulSet", "ns", "/apis/apps/v1/namespaces/ns/statefulsets/x"),
            ("batch/v1", "Job", "ns", "/apis/batch/v1/namespaces/ns/jobs/x"),
            ("batch/v1", "CronJob", "ns", "/apis/batch/v1/namespaces/ns/cronjobs/x"),
            (RBAC, "Role", "ns", "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/roles/x"),
            (RBAC, "RoleBinding", "ns", "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/rolebindings/x"),
            (RBAC, "ClusterRole", "", "/apis/rbac.authorization.k8s.io/v1/clusterroles/x"),
            (RBAC, "ClusterRoleBinding", "", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/x"),
        ] {
            let key = key(api_version, kind, namespace, "x");
            for method in [&Method::GET, &Method::DELETE, &Method::PATCH] {
                assert_eq!(key.path(method).unwrap(), path);
            }
        }
    }

    const RBAC: &str = "rbac.authorization.k8s.io/v1";

    #[test]
    fn a_namespace_is_read_and_never_changed() {
        let namespace = key("v1", "Namespace", "", "shop");
        assert_eq!(namespace.path(&Method::GET).unwrap(), "/api/v1/namespaces/shop");
        for method in [Method::DELETE, Method::PATCH] {
            assert!(matches!(namespace.path(&method), Err(HandError::UnknownKind { .. })));
        }
        assert!(matches!(namespace.list_path(&Method::POST), Err(HandError::UnknownKind { .. })));
    }

    #[test]
    fn a_name_that_would_lead_elsewhere_is_refused() {
        let long = "a".repeat(254);
        for name in ["", ".", "..", "a/b", "../x", "a?b", "A", "a..b", "-a", "a%2fb", "a\nb", "ä", &long] {
            let key = key("v1", "Secret", "ns", name);
            assert!(matches!(key.path(&Method::GET), Err(HandError::BadKey { .. })), "{name}");
        }
        for namespace in ["a/b", "..", "a.b", "A", &"a".repeat(64)] {
            let key = key("v1", "Secret", namespace, "x");
            assert!(matches!(key.path(&Method::GET), Err(HandError::BadKey { .. })), "{namespace}");
        }
        for name in [".", "..", "a/b", "a%2fb", "a\rb"] {
            let key = key(RBAC, "ClusterRole", "", name);
            assert!(matches!(key.path(&Method::GET), Err(HandError::BadKey { .. })), "{name}");
        }
    }

    #[test]
    fn what_a_role_s_name_may_have_beyond_others_is_encoded() {
        let path = key(RBAC, "ClusterRole", "", "system:node A?").path(&Method::GET).unwrap();
        assert_eq!(path, "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode%20A%3F");
    }

    #[test]
    fn a_kind_that_is_not_planted_is_refused_with_those_that_are() {
        for (api_version, kind) in
            [("v1", "Node"), ("v2", "Secret"), ("apps/v1", "Secret"), ("v1", "secrets"), ("", "")]
        {
            let error = key(api_version, kind, "", "x").path(&Method::GET).unwrap_err();
            assert!(matches!(&error, HandError::UnknownKind { .. }), "{error}");
            assert!(error.to_string().contains("ServiceAccount, Secret"), "{error}");
        }
    }

    #[test]
    fn a_namespace_is_where_it_belongs_and_nowhere_else() {
        let missing = key("v1", "Secret", "", "x").path(&Method::GET).unwrap_err();
        assert!(missing.to_string().contains("it has no namespace"), "{missing}");
        let superfluous = key(RBAC, "ClusterRole", "ns", "x").path(&Method::GET).unwrap_err();
        assert!(superfluous.to_string().contains("has no namespace"), "{superfluous}");
    }
}
