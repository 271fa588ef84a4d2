//! What a correlator remembers, as bytes that survive a restart.

use serde::{Deserialize, Serialize};

use super::{
    Correlator,
    group::{Group, Mark},
    plan::Plan,
};

/// Changes when the form below does: what an older version saved is then forgotten.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    version: u32,
    tables: Vec<SavedTable>,
}

/// A [`Mark`], field by field.
type SavedMark = (i64, u64, u64, bool);

#[derive(Debug, Serialize, Deserialize)]
struct SavedTable {
    print: u64,
    /// The longest silent first.
    groups: Vec<(String, Vec<SavedMark>)>,
}

pub(super) fn save(correlator: &Correlator, plan: &Plan) -> Vec<u8> {
    let mut tables = Vec::new();
    for correlation in &plan.correlations {
        let Some(table) = correlator.tables.get(&correlation.print) else { continue };
        let mut groups: Vec<(&String, &Group)> = table.groups.iter().collect();
        groups.sort_by_key(|(_, group)| group.touched);
        let marks = |group: &Group| group.marks.iter().map(|m| (m.time, m.event, m.what, m.met)).collect();
        let groups = groups.into_iter().map(|(key, group)| (key.clone(), marks(group))).collect();
        tables.push(SavedTable { print: correlation.print, groups });
    }
    // Nothing in it can fail to be written.
    serde_json::to_vec(&Saved { version: VERSION, tables }).unwrap_or_default()
}

pub(super) fn restore(correlator: &mut Correlator, plan: &Plan, saved: &[u8]) {
    let Ok(saved) = serde_json::from_slice::<Saved>(saved) else { return };
    if saved.version != VERSION {
        return;
    }
    for table in saved.tables {
        let Some(correlation) = plan.correlations.iter().find(|one| one.print == table.print) else {
            continue;
        };
        let most = correlator.most(correlation);
        let groups = table.groups.len().saturating_sub(correlator.limits.groups.max(1));
        for (key, marks) in table.groups.into_iter().skip(groups) {
            let older = marks.len().saturating_sub(most);
            let mut marks: Vec<Mark> = marks
                .into_iter()
                .skip(older)
                .map(|(time, event, what, met)| Mark { time, event, what, met })
                .filter(|mark| correlation.need.knows(mark.what))
                .collect();
            marks.sort_by_key(|mark| mark.time);
            correlator.put(correlation.print, key, marks.into());
        }
    }
}
