//! The resources that Kubernetes itself serves, by every name that kubectl takes for them.

/// A resource that Kubernetes itself serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The plural, as rules name it.
    pub name: &'static str,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The singular and the short names.
    pub others: &'static [&'static str],
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

const fn here(name: &'static str, group: &'static str, others: &'static [&'static str]) -> Known {
    Known { name, group, others, namespaced: true }
}

const fn wide(name: &'static str, group: &'static str, others: &'static [&'static str]) -> Known {
    Known { name, group, others, namespaced: false }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// What `kubectl api-resources` prints for Kubernetes 1.36 with nothing installed, and the names that stand for
/// identities in rules on `impersonate`. Where a name is in two groups, the first is what kubectl takes.
pub const RESOURCES: &[Known] = &[
    here("bindings", "", &["binding"]),
    wide("componentstatuses", "", &["componentstatus", "cs"]),
    here("configmaps", "", &["configmap", "cm"]),
    here("endpoints", "", &["ep"]),
    here("events", "", &["event", "ev"]),
    here("limitranges", "", &["limitrange", "limits"]),
    wide("namespaces", "", &["namespace", "ns"]),
    wide("nodes", "", &["node", "no"]),
    here("persistentvolumeclaims", "", &["persistentvolumeclaim", "pvc"]),
    wide("persistentvolumes", "", &["persistentvolume", "pv"]),
    here("pods", "", &["pod", "po"]),
    here("podtemplates", "", &["podtemplate"]),
    here("replicationcontrollers", "", &["replicationcontroller", "rc"]),
    here("resourcequotas", "", &["resourcequota", "quota"]),
    here("secrets", "", &["secret"]),
    here("serviceaccounts", "", &["serviceaccount", "sa"]),
    here("services", "", &["service", "svc"]),
    wide("users", "", &["user"]),
    wide("groups", "", &["group"]),
    wide("uids", AUTHENTICATION, &["uid"]),
    wide("userextras", AUTHENTICATION, &["userextra"]),
    wide("mutatingadmissionpolicies", ADMISSION, &["mutatingadmissionpolicy"]),
    wide("mutatingadmissionpolicybindings", ADMISSION, &["mutatingadmissionpolicybinding"]),
    wide("mutatingwebhookconfigurations", ADMISSION, &["mutatingwebhookconfiguration"]),
    wide("validatingadmissionpolicies", ADMISSION, &["validatingadmissionpolicy"]),
    wide("validatingadmissionpolicybindings", ADMISSION, &["validatingadmissionpolicybinding"]),
    wide("validatingwebhookconfigurations", ADMISSION, &["validatingwebhookconfiguration"]),
    wide("customresourcedefinitions", "apiextensions.k8s.io", &["customresourcedefinition", "crd", "crds"]),
    wide("apiservices", "apiregistration.k8s.io", &["apiservice"]),
    here("controllerrevisions", "apps", &["controllerrevision"]),
    here("daemonsets", "apps", &["daemonset", "ds"]),
    here("deployments", "apps", &["deployment", "deploy"]),
    here("replicasets", "apps", &["replicaset", "rs"]),
    here("statefulsets", "apps", &["statefulset", "sts"]),
    wide("selfsubjectreviews", AUTHENTICATION, &["selfsubjectreview"]),
    wide("tokenreviews", AUTHENTICATION, &["tokenreview"]),
    here("localsubjectaccessreviews", AUTHORIZATION, &["localsubjectaccessreview"]),
    wide("selfsubjectaccessreviews", AUTHORIZATION, &["selfsubjectaccessreview"]),
    wide("selfsubjectrulesreviews", AUTHORIZATION, &["selfsubjectrulesreview"]),
    wide("subjectaccessreviews", AUTHORIZATION, &["subjectaccessreview"]),
    here("horizontalpodautoscalers", "autoscaling", &["horizontalpodautoscaler", "hpa"]),
    here("cronjobs", "batch", &["cronjob", "cj"]),
    here("jobs", "batch", &["job"]),
    wide("certificatesigningrequests", CERTIFICATES, &["certificatesigningrequest", "csr"]),
    wide("signers", CERTIFICATES, &["signer"]),
    wide("clustertrustbundles", CERTIFICATES, &["clustertrustbundle"]),
    here("leases", "coordination.k8s.io", &["lease"]),
    here("endpointslices", "discovery.k8s.io", &["endpointslice"]),
    here("events", "events.k8s.io", &["event"]),
    wide("flowschemas", "flowcontrol.apiserver.k8s.io", &["flowschema"]),
    wide("prioritylevelconfigurations", "flowcontrol.apiserver.k8s.io", &["prioritylevelconfiguration"]),
    here("ingresses", "networking.k8s.io", &["ingress", "ing"]),
    wide("ingressclasses", "networking.k8s.io", &["ingressclass"]),
    wide("ipaddresses", "networking.k8s.io", &["ipaddress", "ip"]),
    here("networkpolicies", "networking.k8s.io", &["networkpolicy", "netpol"]),
    wide("servicecidrs", "networking.k8s.io", &["servicecidr"]),
    wide("runtimeclasses", "node.k8s.io", &["runtimeclass"]),
    here("poddisruptionbudgets", "policy", &["poddisruptionbudget", "pdb"]),
    wide("clusterrolebindings", RBAC, &["clusterrolebinding"]),
    wide("clusterroles", RBAC, &["clusterrole"]),
    here("rolebindings", RBAC, &["rolebinding"]),
    here("roles", RBAC, &["role"]),
    wide("deviceclasses", "resource.k8s.io", &["deviceclass"]),
    here("resourceclaims", "resource.k8s.io", &["resourceclaim"]),
    here("resourceclaimtemplates", "resource.k8s.io", &["resourceclaimtemplate"]),
    wide("resourceslices", "resource.k8s.io", &["resourceslice"]),
    wide("priorityclasses", "scheduling.k8s.io", &["priorityclass", "pc"]),
    wide("csidrivers", STORAGE, &["csidriver"]),
    wide("csinodes", STORAGE, &["csinode"]),
    here("csistoragecapacities", STORAGE, &["csistoragecapacity"]),
    wide("storageclasses", STORAGE, &["storageclass", "sc"]),
    wide("volumeattachments", STORAGE, &["volumeattachment"]),
    wide("volumeattributesclasses", STORAGE, &["volumeattributesclass", "vac"]),
];

/// The resource that a word means: its plural, singular or short name, in any case of letters; in `group` where one is
/// given.
pub fn known(word: &str, group: Option<&str>) -> Option<&'static Known> {
    let word = word.to_lowercase();
    let names = |of: &&Known| of.name == word || of.others.contains(&word.as_str());
    RESOURCES.iter().filter(names).find(|of| group.is_none_or(|group| of.group == group))
}

#[cfg(test)]
mod tests {
    use super::known;

    #[test]
    fn a_resource_is_known_by_each_of_its_names() {
        for (word, group, name, of) in [
            ("po", None, "pods", ""),
            ("Secret", None, "secrets", ""),
            ("deploy", None, "deployments", "apps"),
            ("ev", None, "events", ""),
            ("events", Some("events.k8s.io"), "events", "events.k8s.io"),
            ("csr", None, "certificatesigningrequests", "certificates.k8s.io"),
        ] {
            let found = known(word, group).unwrap();
            assert_eq!((found.name, found.group), (name, of), "{word}");
        }
        assert_eq!(known("applications", None), None);
        assert_eq!(known("pods", Some("apps")), None);
    }
}
