//! What detection has learnt: pieces of memory by cluster, kind and key.

use rusqlite::{Connection, params};

use crate::{Remembered, Store, StoreError, read::list};

/// How many pieces are read at a time: what is large in all is never in memory at once.
const PAGE: i64 = 500;

/// Writes a piece, or forgets it where its body is empty.
pub(crate) fn write(connection: &Connection, piece: &Remembered) -> rusqlite::Result<()> {
    let Remembered { cluster, kind, key, body } = piece;
    if body.is_empty() {
        connection
            .prepare_cached("DELETE FROM memory WHERE cluster = ?1 AND kind = ?2 AND key = ?3")?
            .execute([cluster, kind, key])?;
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO memory (cluster, kind, key, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET body = excluded.body",
        )?
        .execute(params![cluster, kind, key, body])?;
    Ok(())
}

impl Store {
    /// What detection has learnt, ordered by cluster, kind and key; of one kind, or of all. Read page by page, so what
    /// a sensor writes meanwhile may be seen in part.
    pub fn remembered(&self, kind: Option<&str>) -> Recall<'_> {
        Recall {
            store: self,
            kind: kind.map(str::to_owned),
            page: Vec::new().into_iter(),
            last: None,
            ended: false,
        }
    }
}

/// The pieces of [`Store::remembered`]. Ends after an error.
#[derive(Debug)]
pub struct Recall<'s> {
    store: &'s Store,
    kind: Option<String>,
    page: std::vec::IntoIter<Remembered>,
    /// Cluster, kind and key of the last piece of the page.
    last: Option<[String; 3]>,
    ended: bool,
}

impl Recall<'_> {
    fn turn(&mut self) -> Result<(), StoreError> {
        // No kind is empty, so nothing stands before this.
        let [cluster, kind, key] = self.last.take().unwrap_or_default();
        let page = list(
            &self.store.connection,
            "SELECT cluster, kind, key, body FROM memory
             WHERE (cluster, kind, key) > (?1, ?2, ?3) AND kind = coalesce(?4, kind)
             ORDER BY cluster, kind, key LIMIT ?5",
            params![cluster, kind, key, self.kind, PAGE],
            |row| {
                Ok(Remembered {
                    cluster: row.get(0)?,
                    kind: row.get(1)?,
                    key: row.get(2)?,
                    body: row.get(3)?,
                })
            },
        )
        .map_err(self.store.failed_to("read what was learnt"))?;
        self.last = page.last().map(|piece| [&piece.cluster, &piece.kind, &piece.key].map(String::clone));
        self.ended = self.last.is_none();
        self.page = page.into_iter();
        Ok(())
    }
}

impl Iterator for Recall<'_> {
    type Item = Result<Remembered, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(piece) = self.page.next() {
            return Some(Ok(piece));
        }
        if self.ended {
            return None;
        }
        if let Err(error) = self.turn() {
            self.ended = true;
            return Some(Err(error));
        }
        self.page.next().map(Ok)
    }
}
