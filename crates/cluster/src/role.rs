//! The least rights that collecting takes, as manifests.

use std::fmt::Write as _;

use crate::{
    error::{ClusterError, must_be_label},
    resource::RESOURCES,
};

/// A ServiceAccount that may do what [`collect`](crate::collect) does, and nothing else.
///
/// `/version` and discovery are not among its rules: every authenticated account has them (`system:discovery`,
/// `system:public-info-viewer`), and collecting goes on where somebody took them away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorRole {
    /// The name of account, role and binding.
    pub name: String,
    /// The account's namespace, which must be there.
    pub namespace: String,
    /// Whether Secrets are listed. RBAC cannot give the right to their metadata alone: this is the right to read all
    /// their values, although they are never asked for.
    pub secrets: bool,
}

impl Default for CollectorRole {
    /// No name of this program: what names it tells an intruder what to look out for.
    fn default() -> Self {
        Self { name: "posture-reader".into(), namespace: "kube-system".into(), secrets: true }
    }
}

impl CollectorRole {
    /// ServiceAccount, ClusterRole and ClusterRoleBinding, as YAML for `kubectl apply -f -`.
    ///
    /// # Errors
    ///
    /// Where name or namespace is no DNS label.
    pub fn yaml(&self) -> Result<String, ClusterError> {
        must_be_label(&self.name, "ServiceAccount")?;
        must_be_label(&self.namespace, "namespace")?;
        let Self { name, namespace, .. } = self;
        Ok(format!(
            "apiVersion: v1
kind: ServiceAccount
metadata: {{name: \"{name}\", namespace: \"{namespace}\"}}
# Use it from outside with a token that expires: kubectl create token
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: \"{name}\"}}
rules:
{}---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: \"{name}\"}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: \"{name}\"}}
subjects:
- {{kind: ServiceAccount, name: \"{name}\", namespace: \"{namespace}\"}}
",
            self.rules()
        ))
    }

    /// One rule an API group, Secrets apart.
    fn rules(&self) -> String {
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for resource in RESOURCES.iter().filter(|resource| !resource.metadata_only()) {
            match groups.iter_mut().find(|(group, _)| *group == resource.group) {
                Some((_, names)) => names.push(resource.name),
                None => groups.push((resource.group, vec![resource.name])),
            }
        }
        let mut rules = String::new();
        for (group, names) in &groups {
            push_rule(&mut rules, group, names);
        }
        if self.secrets {
            rules.push_str(
                "# Only metadata is asked for, but RBAC knows no such limit: this is the right to read all Secrets.\n\
                 # Without it the scan knows nothing of long-lived tokens.\n",
            );
            push_rule(&mut rules, "", &["secrets"]);
        }
        rules
    }
}

fn push_rule(rules: &mut String, group: &str, names: &[&str]) {
    // Writing to a String cannot fail.
    let _ = writeln!(rules, "- apiGroups: [\"{group}\"]\n  resources:");
    for name in names {
        let _ = writeln!(rules, "  - {name}");
    }
    rules.push_str("  verbs: [list]\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_change_the_manifest_is_refused() {
        for name in ["", "a\"}\nb", "UPPER", "-a", "a/b", &"a".repeat(64)] {
            let role = CollectorRole { name: name.to_owned(), ..CollectorRole::default() };
            assert!(matches!(role.yaml(), Err(ClusterError::BadName { .. })), "{name}");
        }
    }
}
