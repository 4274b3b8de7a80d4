//! Where the log of an audit is: a data directory, in use or not, or a server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_audit::{FileCheckpoints, PersonalKeyMap, SignedCheckpoint, Source, VerifierKey};
use countersign_event_store::SqliteReader;

use super::server::ServerLog;
use crate::embedded::ReadOnlyDir;
use crate::failure::{Failure, Outcome};

/// How long to wait until the running system has signed what there is.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look.
const LOOK: Duration = Duration::from_millis(100);

/// A log that can be read, and what was signed of it.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) source: Box<dyn Source>,
    reader: Option<Arc<SqliteReader>>,
    pub(super) key: VerifierKey,
    checkpoints: Checkpoints,
}

/// Where its checkpoints are.
#[derive(Debug)]
enum Checkpoints {
    Files(FileCheckpoints, ReadOnlyDir),
    Server(ServerLog),
}

impl OpenLog {
    /// The log that the arguments name.
    pub(super) async fn open(data_dir: Option<&Path>, url: Option<&str>) -> Outcome<Self> {
        match (data_dir, url) {
            (Some(root), _) => Self::in_directory(root).await,
            (None, Some(url)) => Self::at(url).await,
            (None, None) => Err(Failure::usage("name the log: --data-dir DIR or --url URL")),
        }
    }

    /// The log in a data directory; nothing there is changed or held.
    async fn in_directory(root: &Path) -> Outcome<Self> {
        let directory = ReadOnlyDir::open(root)?;
        let reader = SqliteReader::open(directory.log())
            .await
            .map_err(Failure::data)?;
        let reader = Arc::new(reader);
        Ok(Self {
            source: Box::new(reader.clone()),
            reader: Some(reader),
            key: directory.verifier_key()?,
            checkpoints: Checkpoints::Files(directory.checkpoints(), directory),
        })
    }

    /// The log of a server.
    async fn at(url: &str) -> Outcome<Self> {
        let server = ServerLog::at(url);
        let (_, key) = server.newest().await?;
        Ok(Self {
            source: Box::new(server.clone()),
            reader: None,
            key,
            checkpoints: Checkpoints::Server(server),
        })
    }

    /// How many events there are to look at, and the checkpoints of them, by size. The
    /// events that are there now are waited for to be signed, if something is there
    /// that signs them.
    pub(super) async fn signed(&self) -> Outcome<(u64, Vec<SignedCheckpoint>)> {
        let head = self.head().await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let newest = loop {
            let newest = self.newest().await?;
            let size = newest.as_ref().map_or(0, |it| it.checkpoint().size);
            let waited = tokio::time::Instant::now() >= deadline;
            if size >= head || waited || !self.is_signed_now() {
                break newest;
            }
            tokio::time::sleep(LOOK).await;
        };
        let size = newest.as_ref().map_or(0, |it| it.checkpoint().size);
        // Up to what is signed, when all is. A log that is shorter than that stays so.
        let to = size.max(head).min(self.head().await?);
        let mut checkpoints = match &self.checkpoints {
            Checkpoints::Files(files, _) => files.history().map_err(Failure::data)?,
            Checkpoints::Server(_) => vec![],
        };
        checkpoints.retain(|it| it.checkpoint().size <= to && Some(it) != newest.as_ref());
        checkpoints.extend(newest);
        Ok((to, checkpoints))
    }

    pub(super) async fn newest(&self) -> Outcome<Option<SignedCheckpoint>> {
        match &self.checkpoints {
            Checkpoints::Files(files, _) => files.newest().map_err(Failure::data),
            Checkpoints::Server(server) => server.newest().await.map(|(newest, _)| Some(newest)),
        }
    }

    /// Whether something is there that signs.
    fn is_signed_now(&self) -> bool {
        match &self.checkpoints {
            Checkpoints::Files(_, directory) => directory.in_use(),
            Checkpoints::Server(_) => true,
        }
    }

    /// The keys to the personal data of all accounts that were not erased; a server
    /// hands none out.
    pub(super) async fn personal_keys(&self) -> Outcome<PersonalKeyMap> {
        match &self.reader {
            Some(reader) => reader.personal_keys().await.map_err(Failure::data),
            None => Ok(PersonalKeyMap::new()),
        }
    }

    async fn head(&self) -> Outcome<u64> {
        self.source.head().await.map_err(Failure::data)
    }
}
