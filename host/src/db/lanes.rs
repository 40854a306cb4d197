//! Connections to SQLite, and who has them.
//!
//! The library's own pool serves databases elsewhere: it makes a timer for each that asks and a task for each that gives back,
//! which is more than most statements cost here.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Executor as _};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PATIENCE;

/// Connections of one kind, as many at a time as there are lanes. Those who wait for one get it in the order they came.
pub(super) struct Lanes {
    options: SqliteConnectOptions,
    count: u32,
    free: Arc<Semaphore>,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Lanes {
    pub(super) fn new(options: SqliteConnectOptions, count: u32) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(count as usize));
        Arc::new(Self { options, count, free, idle: Mutex::default() })
    }

    /// A connection, which is given back when it is dropped.
    pub(super) async fn take(self: &Arc<Self>) -> sqlx::Result<Lane> {
        let place = match self.free.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let place = tokio::time::timeout(PATIENCE, self.free.clone().acquire_owned()).await;
                place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?
            }
        };
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => SqliteConnection::connect_with(&self.options).await?,
        };
        Ok(Lane { connection: Some(connection), in_transaction: false, lanes: self.clone(), place: Some(place) })
    }

    /// Closes the connections, after what is being said on them. Nobody gets one any more.
    pub(super) async fn close(&self) {
        let all = self.free.acquire_many(self.count).await;
        self.free.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // What it would tell of has been written.
            drop(connection.close().await);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in somebody's hands.
pub(super) struct Lane {
    /// Always there, but at the end.
    connection: Option<SqliteConnection>,
    /// Whether a transaction may have begun on it that is not over.
    in_transaction: bool,
    lanes: Arc<Lanes>,
    place: Option<OwnedSemaphorePermit>,
}

impl Lane {
    /// Begins a transaction. It is rolled back when this is dropped, unless it was [ended](Self::end) before.
    pub(super) async fn begin(&mut self) -> sqlx::Result<()> {
        self.begun();
        // One that begins with reading could not become a writing one if another process wrote since.
        self.execute("BEGIN IMMEDIATE").await?;
        Ok(())
    }

    /// The same, where the caller says so to SQLite.
    pub(super) fn begun(&mut self) {
        self.in_transaction = true;
    }

    /// Whether one may have begun that is not over.
    pub(super) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// Commits what was begun.
    pub(super) async fn commit(&mut self) -> sqlx::Result<()> {
        self.execute("COMMIT").await?;
        self.ended();
        Ok(())
    }

    /// There is no transaction any more.
    pub(super) fn ended(&mut self) {
        self.in_transaction = false;
    }
}

impl Deref for Lane {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect("a lane has its connection to the end")
    }
}

impl DerefMut for Lane {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("a lane has its connection to the end")
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let (Some(mut connection), place) = (self.connection.take(), self.place.take()) else { return };
        if !self.in_transaction {
            self.lanes.idle().push(connection);
            return;
        }
        // A connection that goes rolls back as well, wherever there is nobody to wait for it.
        let Ok(runtime) = Handle::try_current() else { return };
        let lanes = self.lanes.clone();
        runtime.spawn(async move {
            // After some faults SQLite has rolled back by itself, and says that there is nothing to be rolled back. Whichever
            // way, a connection that does not say that it has is let go.
            if connection.execute("ROLLBACK").await.is_ok() {
                lanes.idle().push(connection);
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    async fn lanes(folder: &tempfile::TempDir, count: u32) -> Arc<Lanes> {
        let options = SqliteConnectOptions::new().filename(folder.path().join("x.db")).create_if_missing(true);
        let lanes = Lanes::new(options, count);
        lanes.take().await.unwrap().execute("CREATE TABLE IF NOT EXISTS t (x)").await.unwrap();
        lanes
    }

    async fn count(lane: &mut Lane) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM t").fetch_one(&mut **lane).await.unwrap()
    }

    #[tokio::test]
    async fn no_more_than_so_many_have_one_and_who_waits_gets_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let lanes = lanes(&folder, 2).await;
        let (first, _second) = (lanes.take().await.unwrap(), lanes.take().await.unwrap());
        let mut third = Box::pin(lanes.take());
        assert!(third.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(count(&mut third.await.unwrap()).await, 0);
        assert_eq!(lanes.idle().len(), 1);
    }

    #[tokio::test]
    async fn what_is_not_committed_is_rolled_back_and_keeps_nobody_from_writing() {
        let folder = tempfile::tempdir().unwrap();
        let (lanes, other) = (lanes(&folder, 1).await, lanes(&folder, 1).await);
        for _ in 0..3 {
            let mut lane = lanes.take().await.unwrap();
            lane.begin().await.unwrap();
            lane.execute("INSERT INTO t VALUES (1)").await.unwrap();
            drop(lane);
            // Nobody else asks for the connection on which it was begun.
            let mut lane = other.take().await.unwrap();
            lane.begin().await.unwrap();
            assert_eq!(count(&mut lane).await, 0);
            lane.commit().await.unwrap();
        }
        // A transaction of which SQLite knows nothing: the connection goes, and another one comes.
        lanes.take().await.unwrap().begun();
        let mut lane = lanes.take().await.unwrap();
        lane.begin().await.unwrap();
        lane.execute("INSERT INTO t VALUES (1)").await.unwrap();
        lane.commit().await.unwrap();
        assert_eq!(count(&mut lane).await, 1);
    }

    #[tokio::test]
    async fn who_closes_waits_for_those_who_have_one_and_nobody_gets_one_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let lanes = lanes(&folder, 2).await;
        let mut lane = lanes.take().await.unwrap();
        let mut closing = Box::pin(lanes.close());
        assert!(closing.as_mut().now_or_never().is_none());
        lane.execute("INSERT INTO t VALUES (1)").await.unwrap();
        drop(lane);
        closing.await;
        assert!(matches!(lanes.take().await, Err(sqlx::Error::PoolClosed)));
    }
}
