//! The risks that come with the program.

use super::{Risk, rule::parse};

/// Each file of `risks/`, by name, worst first. A test holds this list against the folder.
const FILES: &[(&str, &str)] = &[
    ("everything.yaml", include_str!("../../risks/everything.yaml")),
    ("impersonate-masters.yaml", include_str!("../../risks/impersonate-masters.yaml")),
    ("impersonate-groups.yaml", include_str!("../../risks/impersonate-groups.yaml")),
    ("impersonate-users.yaml", include_str!("../../risks/impersonate-users.yaml")),
    ("impersonate-serviceaccounts.yaml", include_str!("../../risks/impersonate-serviceaccounts.yaml")),
    ("impersonate-node-tokens.yaml", include_str!("../../risks/impersonate-node-tokens.yaml")),
    ("escalate-clusterroles.yaml", include_str!("../../risks/escalate-clusterroles.yaml")),
    ("escalate-roles.yaml", include_str!("../../risks/escalate-roles.yaml")),
    ("bind-cluster-admin.yaml", include_str!("../../risks/bind-cluster-admin.yaml")),
    ("bind-admin-in-namespace.yaml", include_str!("../../risks/bind-admin-in-namespace.yaml")),
    ("webhooks-mutating-write.yaml", include_str!("../../risks/webhooks-mutating-write.yaml")),
    ("mutating-policies-write.yaml", include_str!("../../risks/mutating-policies-write.yaml")),
    ("certificates-approve.yaml", include_str!("../../risks/certificates-approve.yaml")),
    ("certificates-approve-kubelet.yaml", include_str!("../../risks/certificates-approve-kubelet.yaml")),
    ("certificates-node-autoapproved.yaml", include_str!("../../risks/certificates-node-autoapproved.yaml")),
    ("nodes-proxy.yaml", include_str!("../../risks/nodes-proxy.yaml")),
    ("pods-create.yaml", include_str!("../../risks/pods-create.yaml")),
    ("workloads-write.yaml", include_str!("../../risks/workloads-write.yaml")),
    ("jobs-create.yaml", include_str!("../../risks/jobs-create.yaml")),
    ("cronjobs-write.yaml", include_str!("../../risks/cronjobs-write.yaml")),
    ("replicationcontrollers-write.yaml", include_str!("../../risks/replicationcontrollers-write.yaml")),
    ("pods-exec.yaml", include_str!("../../risks/pods-exec.yaml")),
    ("pods-exec-by-get.yaml", include_str!("../../risks/pods-exec-by-get.yaml")),
    ("pods-ephemeralcontainers.yaml", include_str!("../../risks/pods-ephemeralcontainers.yaml")),
    ("pods-update.yaml", include_str!("../../risks/pods-update.yaml")),
    ("secrets-list.yaml", include_str!("../../risks/secrets-list.yaml")),
    ("secrets-get.yaml", include_str!("../../risks/secrets-get.yaml")),
    ("secrets-patch.yaml", include_str!("../../risks/secrets-patch.yaml")),
    ("secrets-deletecollection.yaml", include_str!("../../risks/secrets-deletecollection.yaml")),
    ("secrets-create-token.yaml", include_str!("../../risks/secrets-create-token.yaml")),
    ("serviceaccounts-token.yaml", include_str!("../../risks/serviceaccounts-token.yaml")),
    ("argocd-applications-write.yaml", include_str!("../../risks/argocd-applications-write.yaml")),
    ("flux-kustomizations-write.yaml", include_str!("../../risks/flux-kustomizations-write.yaml")),
    ("flux-helmreleases-write.yaml", include_str!("../../risks/flux-helmreleases-write.yaml")),
    ("kyverno-clusterpolicies-write.yaml", include_str!("../../risks/kyverno-clusterpolicies-write.yaml")),
    ("kyverno-newer-policies-write.yaml", include_str!("../../risks/kyverno-newer-policies-write.yaml")),
    ("olm-catalogs-write.yaml", include_str!("../../risks/olm-catalogs-write.yaml")),
    ("crossplane-packages-write.yaml", include_str!("../../risks/crossplane-packages-write.yaml")),
    (
        "velero-restores-from-own-storage.yaml",
        include_str!("../../risks/velero-restores-from-own-storage.yaml"),
    ),
    ("argo-workflows-write.yaml", include_str!("../../risks/argo-workflows-write.yaml")),
    ("argo-rollouts-write.yaml", include_str!("../../risks/argo-rollouts-write.yaml")),
    ("tekton-runs-create.yaml", include_str!("../../risks/tekton-runs-create.yaml")),
    ("aws-auth-write.yaml", include_str!("../../risks/aws-auth-write.yaml")),
    ("impersonate-constrained-users.yaml", include_str!("../../risks/impersonate-constrained-users.yaml")),
    (
        "impersonate-constrained-accounts.yaml",
        include_str!("../../risks/impersonate-constrained-accounts.yaml"),
    ),
    ("impersonate-constrained-nodes.yaml", include_str!("../../risks/impersonate-constrained-nodes.yaml")),
    ("escalate-new-clusterroles.yaml", include_str!("../../risks/escalate-new-clusterroles.yaml")),
    ("bind-clusterroles.yaml", include_str!("../../risks/bind-clusterroles.yaml")),
    ("bind-roles.yaml", include_str!("../../risks/bind-roles.yaml")),
    ("webhooks-validating-write.yaml", include_str!("../../risks/webhooks-validating-write.yaml")),
    ("mutating-policies-change.yaml", include_str!("../../risks/mutating-policies-change.yaml")),
    ("validating-policies-write.yaml", include_str!("../../risks/validating-policies-write.yaml")),
    ("pods-attach.yaml", include_str!("../../risks/pods-attach.yaml")),
    ("bootstrap-tokens-create.yaml", include_str!("../../risks/bootstrap-tokens-create.yaml")),
    ("cloud-role-by-pod.yaml", include_str!("../../risks/cloud-role-by-pod.yaml")),
    ("cloud-role-by-workload.yaml", include_str!("../../risks/cloud-role-by-workload.yaml")),
    ("namespaces-write.yaml", include_str!("../../risks/namespaces-write.yaml")),
    ("namespaces-status-write.yaml", include_str!("../../risks/namespaces-status-write.yaml")),
    ("namespaces-finalize.yaml", include_str!("../../risks/namespaces-finalize.yaml")),
    ("persistentvolumes-create.yaml", include_str!("../../risks/persistentvolumes-create.yaml")),
    ("kyverno-policies-write.yaml", include_str!("../../risks/kyverno-policies-write.yaml")),
    ("olm-subscriptions-write.yaml", include_str!("../../risks/olm-subscriptions-write.yaml")),
    ("crossplane-compositions-write.yaml", include_str!("../../risks/crossplane-compositions-write.yaml")),
    ("crossplane-objects-write.yaml", include_str!("../../risks/crossplane-objects-write.yaml")),
    ("velero-restores-create.yaml", include_str!("../../risks/velero-restores-create.yaml")),
    ("velero-backups-download.yaml", include_str!("../../risks/velero-backups-download.yaml")),
    ("externalsecrets-write.yaml", include_str!("../../risks/externalsecrets-write.yaml")),
    ("external-secret-stores-write.yaml", include_str!("../../risks/external-secret-stores-write.yaml")),
    (
        "cert-manager-certificates-write.yaml",
        include_str!("../../risks/cert-manager-certificates-write.yaml"),
    ),
    ("coredns-write.yaml", include_str!("../../risks/coredns-write.yaml")),
    ("extension-authentication-write.yaml", include_str!("../../risks/extension-authentication-write.yaml")),
    ("nodes-write.yaml", include_str!("../../risks/nodes-write.yaml")),
    ("nodes-status-write.yaml", include_str!("../../risks/nodes-status-write.yaml")),
    ("pods-bind.yaml", include_str!("../../risks/pods-bind.yaml")),
    ("apiservices-write.yaml", include_str!("../../risks/apiservices-write.yaml")),
    (
        "customresourcedefinitions-write.yaml",
        include_str!("../../risks/customresourcedefinitions-write.yaml"),
    ),
    ("csidrivers-write.yaml", include_str!("../../risks/csidrivers-write.yaml")),
    ("pods-services-proxy.yaml", include_str!("../../risks/pods-services-proxy.yaml")),
    ("pods-portforward.yaml", include_str!("../../risks/pods-portforward.yaml")),
    ("pods-portforward-by-get.yaml", include_str!("../../risks/pods-portforward-by-get.yaml")),
    ("services-status-write.yaml", include_str!("../../risks/services-status-write.yaml")),
    ("endpoints-write.yaml", include_str!("../../risks/endpoints-write.yaml")),
    ("endpointslices-write.yaml", include_str!("../../risks/endpointslices-write.yaml")),
    ("controllerrevisions-write.yaml", include_str!("../../risks/controllerrevisions-write.yaml")),
    ("impersonate-attributes.yaml", include_str!("../../risks/impersonate-attributes.yaml")),
    ("impersonate-associated-node.yaml", include_str!("../../risks/impersonate-associated-node.yaml")),
    ("webhooks-delete.yaml", include_str!("../../risks/webhooks-delete.yaml")),
    ("mutating-policies-delete.yaml", include_str!("../../risks/mutating-policies-delete.yaml")),
    ("certificates-sign.yaml", include_str!("../../risks/certificates-sign.yaml")),
    ("cluster-configuration-write.yaml", include_str!("../../risks/cluster-configuration-write.yaml")),
    ("nodes-delete.yaml", include_str!("../../risks/nodes-delete.yaml")),
    ("pods-evict.yaml", include_str!("../../risks/pods-evict.yaml")),
    ("nodes-log.yaml", include_str!("../../risks/nodes-log.yaml")),
    ("nodes-pods.yaml", include_str!("../../risks/nodes-pods.yaml")),
    ("storageclasses-write.yaml", include_str!("../../risks/storageclasses-write.yaml")),
    ("services-external-ips.yaml", include_str!("../../risks/services-external-ips.yaml")),
    ("networkpolicies-write.yaml", include_str!("../../risks/networkpolicies-write.yaml")),
    ("leases-write.yaml", include_str!("../../risks/leases-write.yaml")),
    ("priorityclasses-write.yaml", include_str!("../../risks/priorityclasses-write.yaml")),
    ("flowschemas-write.yaml", include_str!("../../risks/flowschemas-write.yaml")),
    ("nodes-stats.yaml", include_str!("../../risks/nodes-stats.yaml")),
    ("events-delete.yaml", include_str!("../../risks/events-delete.yaml")),
];

/// The risks that come with the program, in the order of their files.
pub fn builtin() -> Vec<Risk> {
    let read = |(file, text): &(&str, &str)| parse(file, text).expect("a test reads every file of this list");
    FILES.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FILES, builtin, parse};

    #[test]
    fn every_file_of_the_folder_is_in_the_list_and_none_other() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/risks");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let listed: BTreeSet<String> = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(listed, there);
        assert_eq!(listed.len(), FILES.len(), "a file is listed twice");
    }

    #[test]
    fn every_file_is_read_and_named_after_the_id_in_it() {
        for (file, text) in FILES {
            let risk = parse(file, text).unwrap_or_else(|problem| panic!("{problem}"));
            assert_eq!(format!("{}.yaml", risk.id), *file);
        }
    }

    #[test]
    fn they_come_worst_first_and_doing_everything_comes_before_all() {
        let risks = builtin();
        assert_eq!(risks[0].id, "everything");
        for pair in risks.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            assert!(before.severity.cluster >= after.severity.cluster, "{} before {}", before.id, after.id);
        }
    }

    #[test]
    fn the_narrower_the_grant_the_less_severe_it_is() {
        for risk in builtin() {
            let [cluster, system, namespace] =
                ["", "kube-system", "shop"].map(|place| risk.severity.at(place, false));
            assert!(cluster >= system && system >= namespace, "{}", risk.id);
            assert!(risk.severity.at("", true) <= cluster, "{}", risk.id);
        }
    }

    #[test]
    fn every_text_is_a_sentence_and_every_reference_an_address() {
        for risk in builtin() {
            for text in [&risk.gives, &risk.fix] {
                assert!(text.starts_with(char::is_uppercase) && text.ends_with('.'), "{}: {text}", risk.id);
                assert!(!text.contains('\n') && text.len() < 240, "{}: {text}", risk.id);
            }
            assert!(risk.title.len() <= 60 && !risk.title.ends_with('.'), "{}: {}", risk.id, risk.title);
            assert!(risk.reference.starts_with("https://"), "{}: {}", risk.id, risk.reference);
        }
    }
}
