//! Which queue and which database a site runs on, and the macros that give a test a name for each choice.

use crate::postgres::Database;
use crate::redis::Redis;

/// The queue and the database of one site.
#[derive(Default)]
pub(crate) struct Stores {
    /// None is the embedded queue.
    pub(crate) redis: Option<Redis>,
    /// None is the embedded database.
    pub(crate) database: Option<Database>,
}

impl Stores {
    /// Both embedded.
    pub(crate) async fn sqlite() -> Option<Self> {
        Some(Self::default())
    }

    /// Redis for the queue; none where it cannot be had.
    pub(crate) async fn redis() -> Option<Self> {
        Some(Self { redis: Some(Redis::start()?), database: None })
    }

    /// Redis and PostgreSQL, as a bigger site has them; none where they cannot be had.
    pub(crate) async fn postgres() -> Option<Self> {
        Some(Self { redis: Some(Redis::start()?), database: Some(Database::create().await?) })
    }

    /// The flags that make the program use them.
    pub(crate) fn args(&self) -> Vec<String> {
        let queue = self.redis.iter().flat_map(|redis| ["--queue".to_owned(), redis.url()]);
        let database = self.database.iter().flat_map(|database| ["--database".to_owned(), database.url().to_owned()]);
        queue.chain(database).collect()
    }
}

/// Tests of the same name in the modules `sqlite`, `redis` and so on, one for each kind of store.
///
/// The functions named take the [`Stores`] they shall run on.
macro_rules! over {
    ($($store:ident),+: $tests:tt) => { $( $crate::stores::over! { @ $store $tests } )+ };
    (@ $store:ident [$($test:ident),* $(,)?]) => {
        mod $store {
            $(
                #[tokio::test]
                async fn $test() {
                    if let Some(stores) = $crate::stores::Stores::$store().await {
                        super::$test(stores).await;
                    }
                }
            )*
        }
    };
}
pub(crate) use over;
