//! Platforms that take no policy: which settings there are, and what stays blind with them.
//!
//! The policies below say what is documented of each, in few rules; they are held against what detections need, as any
//! other policy is.

use super::{blind_under, comments, listed};
use crate::{blind::Unseen, need::Needs};

/// The profile `WriteRequestBodies` (`openshift/library-go`, `pkg/operator/apiserver/audit/manifests/base-policy.yaml` and
/// `writerequestbodies-rules.yaml`).
const OPEN_SHIFT: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, resources: [{group: "", resources: [events]}]}
- level: None
  userGroups: ["system:authenticated", "system:unauthenticated"]
  nonResourceURLs: ["/api*", /version, /healthz, /readyz]
- {level: Metadata, resources: [{group: "", resources: [secrets]}]}
- {level: RequestResponse, verbs: [update, patch, create, delete, deletecollection]}
- {level: Metadata}
"#;

/// The policy of Kubernetes' own scripts for Google's machines (`cluster/gce/gci/configure-helper.sh`,
/// `create-master-audit-policy`) without its lines for single components. EKS documents that it uses this with a rule for
/// `aws-auth` (<https://docs.aws.amazon.com/eks/latest/best-practices/auditing-and-logging.html>); GKE, that its policy
/// follows from it (<https://cloud.google.com/kubernetes-engine/docs/concepts/audit-policy>).
const GCE: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, nonResourceURLs: ["/healthz*", /version, "/swagger*"]}
- {level: None, resources: [{group: "", resources: [events]}]}
- level: Metadata
  resources:
  - {group: "", resources: [secrets, configmaps, serviceaccounts/token]}
  - {group: authentication.k8s.io, resources: [tokenreviews]}
- level: RequestResponse
  resources:
  - {group: ""}
  - {group: admissionregistration.k8s.io}
  - {group: apiextensions.k8s.io}
  - {group: apiregistration.k8s.io}
  - {group: apps}
  - {group: authentication.k8s.io}
  - {group: authorization.k8s.io}
  - {group: autoscaling}
  - {group: batch}
  - {group: certificates.k8s.io}
  - {group: extensions}
  - {group: networking.k8s.io}
  - {group: policy}
  - {group: rbac.authorization.k8s.io}
  - {group: storage.k8s.io}
- {level: Metadata}
"#;

/// The category `kube-audit-admin` (<https://learn.microsoft.com/azure/aks/monitor-apiserver>): all but `get` and `list`.
const AKS_ADMIN: &str = r"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, verbs: [get, list]}
- {level: RequestResponse}
";

/// What of [`GCE`] is left where Data Access logs are off: writes.
fn without_reads(policy: &str) -> String {
    policy.replacen("rules:\n", "rules:\n- {level: None, verbs: [get, list, watch]}\n", 1)
}

pub(super) fn open_shift(needs: &Needs) -> String {
    let head = "OpenShift takes no audit policy, but one of its profiles. This sets the one that logs bodies of what is written:
  oc apply -f THIS_FILE
Answers are logged too, those to token requests (serviceaccounts/token) among them: who may read this log may use a
token for its hour, and OAuth tokens are objects whose names are in the log. Give the log to few. With `profile: Default`
there are no bodies, and what needs them is blind; `sundew policy lint` says what, given that policy.
customRules give groups of users another profile. Never give a group of ServiceAccounts (system:serviceaccounts:NAMESPACE,
system:authenticated) the profile None: decoys are in it. For groups of people whose bodies nobody is to see:
  customRules: [{group: system:authenticated:oauth, profile: Default}]
No profile logs what authenticated users ask of /api*, /version and /healthz: a stolen token that is tried on these alone
leaves no event. A source of type `cluster` tells of the use of a decoy's token nevertheless.
Logs: /var/log/kube-apiserver/audit.log, openshift-apiserver and oauth-apiserver beside it.";
    let spec = "apiVersion: config.openshift.io/v1
kind: APIServer
metadata:
  name: cluster
spec:
  audit:
    profile: WriteRequestBodies
";
    comments(head) + &stays_blind(&blind_under(OPEN_SHIFT, needs)) + "\n" + spec
}

pub(super) fn eks(needs: &Needs) -> String {
    let head =
        "EKS takes no audit policy. Its logs are off until turned on; `audit` is the one that is needed:";
    let rest = "Events go to CloudWatch, log group /aws/eks/CLUSTER/cluster, streams kube-apiserver-audit-*. An entry holds 256 KB: a longer
event is cut off, and then judged by what could be read of it. Ship it by a subscription filter (Kinesis, Lambda, Firehose)
into `sundew watch` as standard input, or search it with `sundew replay`.
The policy is Amazon's: nobody's requests for /version and /healthz are logged. A source of type `cluster` tells of the
use of a decoy's token nevertheless.";
    let command = "aws eks update-cluster-config --name CLUSTER --region REGION \\
  --logging '{\"clusterLogging\":[{\"types\":[\"audit\",\"authenticator\"],\"enabled\":true}]}'
";
    comments(head) + command + "\n" + &comments(rest) + &stays_blind(&blind_under(GCE, needs))
}

pub(super) fn gke(needs: &Needs) -> String {
    let head = "GKE takes no audit policy. What is written is always in the Admin Activity log; what is read (get, list, watch) is in the
Data Access log, which is off until turned on, for the service container.googleapis.com. That costs by the byte:";
    let command = "gcloud projects get-iam-policy PROJECT --format=yaml > iam.yaml
# Add to iam.yaml, beside `bindings`:
#   auditConfigs:
#   - service: container.googleapis.com
#     auditLogConfigs: [{logType: ADMIN_READ}, {logType: DATA_READ}, {logType: DATA_WRITE}]
gcloud projects set-iam-policy PROJECT iam.yaml
gcloud logging sinks create sundew pubsub.googleapis.com/projects/PROJECT/topics/sundew \\
  --log-filter='resource.type=\"k8s_cluster\" AND logName:\"cloudaudit.googleapis.com\"'
";
    let rest = "Entries have no groups, no user.extra and no request URI: token checks have nothing to go by, nor has what is read from a
command of an exec or from a query. Requests for /version and /healthz are never logged. A source of type `cluster` tells
of the use of a decoy's token nevertheless.";
    let mut text = comments(head) + command + "\n" + &comments(rest);
    text.push_str(&stays_blind(&blind_under(GCE, needs)));
    text.push_str("# With the Data Access log off:\n");
    text.push_str(&stays_blind(&blind_under(&without_reads(GCE), needs)));
    text
}

pub(super) fn aks(needs: &Needs) -> String {
    let head = "AKS takes no audit policy. Its audit log is off until a diagnostic setting sends it somewhere. The category kube-audit is needed;
kube-audit-admin leaves out every get and list:";
    let command = "az monitor diagnostic-settings create --name sundew --resource CLUSTER_ID \\
  --event-hub HUB --event-hub-rule RULE_ID \\
  --logs '[{\"category\":\"kube-audit\",\"enabled\":true},{\"category\":\"guard\",\"enabled\":true}]'
";
    let rest = "A body that is too large is left out of its event (skipped-too-big-size-object). Microsoft does not say more of its policy:
`sundew policy lint` cannot tell, and a drill does (`sundew drill`).";
    let mut text = comments(head) + command + "\n" + &comments(rest);
    text.push_str("# With kube-audit-admin alone:\n");
    text.push_str(&stays_blind(&blind_under(AKS_ADMIN, needs)));
    text
}

fn stays_blind(unseen: &Unseen) -> String {
    let mut text = String::new();
    let mut list = |what: &str, names: &[String]| {
        if !names.is_empty() {
            text.push_str(&format!("# {what}, {}:\n{}", names.len(), listed(names)));
        }
    };
    list("Blind", &unseen.wholly);
    list("See a part of what they are about", &unseen.partly);
    if unseen.of_who > 0 {
        text.push_str(&comments(&format!(
            "{} more are about who asks, whatever for (decoys, impersonation, habits, refusals): they see what is logged, and not those\nwhose every request is not.",
            unseen.of_who
        )));
    }
    text
}
