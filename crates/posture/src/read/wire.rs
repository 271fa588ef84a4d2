//! The fields that are read of each kind of object, borrowed from the text where they can be.
//!
//! Kubernetes writes `null` for an empty list in places, and people leave lists out: both are an empty list here.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::standards::{Lifecycle, Probe, Profile, SeLinux, Windows};

/// A string, borrowed where the text has no escapes in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
            fn visit_none<E>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                // Asking for a string, rather than for anything, takes `name: 123` of a YAML file as the text it is.
                deserializer.deserialize_str(self)
            }
        }
        // `creationTimestamp: null` is what Go writes for a time that is not set.
        deserializer.deserialize_option(Visit)
    }
}

/// `T`, or its default for `null`.
pub(super) fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The entries of a map of strings whose keys matter: the others are passed over unread.
#[derive(Debug, Default)]
pub(super) struct Entries<'a>(pub(super) Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Entries<'_> {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_ref())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Entries::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Text(key)) = map.next_key()? {
                    // The largest annotation of most objects, and of no use here.
                    if key == "kubectl.kubernetes.io/last-applied-configuration" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let Text(value) = map.next_value()?;
                    entries.push((key, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) namespace: Text<'a>,
    #[serde(borrow, default)]
    pub(super) creation_timestamp: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) labels: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) annotations: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) owner_references: Vec<OwnerReference<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OwnerReference<'a> {
    #[serde(borrow, default)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(default, deserialize_with = "or_null")]
    pub(super) controller: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule<'a> {
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) verbs: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) api_groups: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) resources: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) resource_names: Vec<Text<'a>>,
    #[serde(borrow, default, rename = "nonResourceURLs", deserialize_with = "or_null")]
    pub(super) non_resource_urls: Vec<Text<'a>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Aggregation<'a> {
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) cluster_role_selectors: Vec<Selector<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Selector<'a> {
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) match_labels: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) match_expressions: Vec<Expression<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Expression<'a> {
    #[serde(borrow, default)]
    pub(super) key: Text<'a>,
    #[serde(borrow, default)]
    pub(super) operator: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) values: Vec<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RoleRef<'a> {
    #[serde(borrow, default)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Subject<'a> {
    #[serde(borrow, default)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) namespace: Text<'a>,
}

/// `{"name": …}`, which is how objects point at each other.
#[derive(Debug, Deserialize, Default)]
pub(super) struct Named<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
}

/// What makes pods: `spec.template`, or `spec.jobTemplate.spec.template` of a CronJob.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Maker<'a> {
    #[serde(borrow, default)]
    pub(super) template: Option<Template<'a>>,
    #[serde(borrow, default)]
    pub(super) job_template: Option<JobTemplate<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Template<'a> {
    #[serde(borrow, default)]
    pub(super) spec: Option<PodSpec<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct JobTemplate<'a> {
    #[serde(borrow, default)]
    pub(super) spec: Option<JobSpec<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct JobSpec<'a> {
    #[serde(borrow, default)]
    pub(super) template: Option<Template<'a>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec<'a> {
    #[serde(borrow, default)]
    pub(super) service_account_name: Text<'a>,
    /// The old name of the same.
    #[serde(borrow, default)]
    pub(super) service_account: Text<'a>,
    #[serde(default)]
    pub(super) automount_service_account_token: Option<bool>,
    #[serde(borrow, default)]
    pub(super) node_name: Text<'a>,
    #[serde(default, deserialize_with = "or_null")]
    pub(super) host_network: bool,
    #[serde(default, rename = "hostPID", deserialize_with = "or_null")]
    pub(super) host_pid: bool,
    #[serde(default, rename = "hostIPC", deserialize_with = "or_null")]
    pub(super) host_ipc: bool,
    #[serde(default, borrow, deserialize_with = "or_null")]
    pub(super) security_context: Security<'a>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) containers: Vec<Container<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) init_containers: Vec<Container<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) ephemeral_containers: Vec<Container<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) volumes: Vec<Volume<'a>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Security<'a> {
    #[serde(default, deserialize_with = "or_null")]
    pub(super) privileged: bool,
    #[serde(default)]
    pub(super) run_as_user: Option<i64>,
    #[serde(default)]
    pub(super) run_as_non_root: Option<bool>,
    #[serde(default)]
    pub(super) allow_privilege_escalation: Option<bool>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) capabilities: Capabilities<'a>,
    #[serde(borrow, default)]
    pub(super) seccomp_profile: Option<Profile<'a>>,
    #[serde(borrow, default)]
    pub(super) app_armor_profile: Option<Profile<'a>>,
    #[serde(borrow, default)]
    pub(super) se_linux_options: Option<SeLinux<'a>>,
    #[serde(default)]
    pub(super) windows_options: Option<Windows>,
    #[serde(borrow, default)]
    pub(super) proc_mount: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) sysctls: Vec<Named<'a>>,
}

#[derive(Debug, Deserialize, Default)]
pub(super) struct Capabilities<'a> {
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) add: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) drop: Vec<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) security_context: Security<'a>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) env: Vec<Env<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) env_from: Vec<EnvFrom<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) volume_mounts: Vec<Mount<'a>>,
    #[serde(default, deserialize_with = "or_null")]
    pub(super) ports: Vec<Port>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) command: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) args: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) liveness_probe: Option<Probe<'a>>,
    #[serde(borrow, default)]
    pub(super) readiness_probe: Option<Probe<'a>>,
    #[serde(borrow, default)]
    pub(super) startup_probe: Option<Probe<'a>>,
    #[serde(borrow, default)]
    pub(super) lifecycle: Option<Lifecycle<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Env<'a> {
    #[serde(borrow, default)]
    pub(super) value_from: Option<ValueFrom<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ValueFrom<'a> {
    #[serde(borrow, default)]
    pub(super) secret_key_ref: Option<SecretKey<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SecretKey<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) key: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvFrom<'a> {
    #[serde(borrow, default)]
    pub(super) secret_ref: Option<Named<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mount<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) mount_path: Text<'a>,
    #[serde(default, deserialize_with = "or_null")]
    pub(super) read_only: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Port {
    #[serde(default, deserialize_with = "or_null")]
    pub(super) host_port: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) secret: Option<SecretVolume<'a>>,
    #[serde(borrow, default)]
    pub(super) projected: Option<Projected<'a>>,
    #[serde(borrow, default)]
    pub(super) host_path: Option<HostPath<'a>>,
    #[serde(default)]
    pub(super) config_map: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) csi: Option<IgnoredAny>,
    #[serde(default, rename = "downwardAPI")]
    pub(super) downward_api: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) empty_dir: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) ephemeral: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) image: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) persistent_volume_claim: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretVolume<'a> {
    #[serde(borrow, default)]
    pub(super) secret_name: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Projected<'a> {
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) sources: Vec<Projection<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Projection<'a> {
    #[serde(borrow, default)]
    pub(super) secret: Option<Named<'a>>,
    #[serde(borrow, default)]
    pub(super) service_account_token: Option<TokenProjection<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenProjection<'a> {
    #[serde(borrow, default)]
    pub(super) audience: Text<'a>,
    #[serde(default)]
    pub(super) expiration_seconds: Option<i64>,
    #[serde(borrow, default)]
    pub(super) path: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct HostPath<'a> {
    #[serde(borrow, default)]
    pub(super) path: Text<'a>,
}

/// `status` of pods and nodes.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status<'a> {
    #[serde(borrow, default)]
    pub(super) phase: Text<'a>,
    #[serde(borrow, default)]
    pub(super) node_info: Option<NodeInfo<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeInfo<'a> {
    #[serde(borrow, default)]
    pub(super) kubelet_version: Text<'a>,
}

/// What `/version` answers, also inside what `kubectl version -o json` prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerVersion<'a> {
    #[serde(borrow, default)]
    pub(super) git_version: Text<'a>,
}

/// The part of a webhook, or of a policy's constraints, that says which resources it looks at.
#[derive(Debug, Deserialize)]
pub(super) struct Webhook<'a> {
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) rules: Vec<Watched<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Watched<'a> {
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) resources: Vec<Text<'a>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Policy<'a> {
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) match_constraints: Constraints<'a>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Constraints<'a> {
    #[serde(borrow, default, deserialize_with = "or_null")]
    pub(super) resource_rules: Vec<Watched<'a>>,
}
