//! The source's own requests, as the audit log shows them.

use jiff::Timestamp;
use serde_json::json;
use sundew_detect::Purpose;
use sundew_sensor::Extras;

use crate::{
    api::{Api, BOTH_TO_FILE},
    common::{Site, until},
};

const TOKEN: &str = "honeypot/backup-sa-token";

#[tokio::test]
async fn its_own_looks_and_patches_are_counted_and_not_told_and_its_nonce_hides_nothing_else() {
    let site = Site::new();
    let api = Api::start(&site).await;
    api.world().log = Some(site.path("audit.log"));
    let sensor = api.sensor(&site, BOTH_TO_FILE, Extras::default()).await;
    api.used(TOKEN);
    until("the use is told and set back", || site.alerts().len() == 1 && api.label(TOKEN).is_none()).await;
    until("all verbs are counted", || {
        let suppressed = site.store().suppressions().unwrap();
        let count = |decoy: &str| {
            let of =
                |s: &&sundew_store::Suppressed| s.decoy.as_deref() == Some(decoy) && s.reason == "upkeep";
            suppressed.iter().find(of).map_or(0, |s| s.count)
        };
        count("honeypot/backup-sa") == 3 && count("kube-system/tiller") == 2
    })
    .await;
    assert_eq!(site.rules(), ["tripwire.token_last_used"]);

    // Each decoy has a nonce of its own, in the place where kubectl has a commit.
    let agents = |name: &str| api.asked(name).remove(0).agent;
    let stolen = agents("backup-sa-token");
    assert!(stolen.starts_with("kubectl/v1.") && stolen.len() > 60, "{stolen}");
    assert_ne!(stolen, agents("tiller-token-x7k2p"));
    let announced = site.store().rehearsals(Timestamp::now()).unwrap();
    assert!(announced.len() == 2 && announced.iter().all(|r| r.purpose == Purpose::Upkeep), "{announced:?}");

    // Who read it in the log hides nothing with it but what the sensor itself does.
    let now = Timestamp::now();
    let exec = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
        "auditID": "00000000-0000-4000-b000-000000000001", "verb": "create",
        "requestURI": "/api/v1/namespaces/honeypot/pods/file-backup/exec?command=sh",
        "user": {"username": "system:serviceaccount:shop:web"}, "sourceIPs": ["10.0.0.1"], "userAgent": stolen,
        "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "honeypot", "name": "file-backup",
            "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 101},
        "requestReceivedTimestamp": now, "stageTimestamp": now,
    });
    site.append(&format!("{exec}\n"));
    until("it is told", || site.rules().contains(&"tripwire.pod_entered".to_owned())).await;
    sensor.stop().await;
}
