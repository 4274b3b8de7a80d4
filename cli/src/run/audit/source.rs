//! Where the log of an audit is: a data directory, in use or not, a server, or the
//! database of a deployment.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_audit::{FileCheckpoints, PersonalKeyMap, SignedCheckpoint, Source, VerifierKey};
use countersign_event_store::{EventLog, PostgresLog, SqliteReader};

use super::server::ServerLog;
use crate::args::{ConfigArgs, SourceArgs};
use crate::config::Role;
use crate::embedded::ReadOnlyDir;
use crate::failure::{Failure, Outcome};
use crate::role;

/// How long to wait until the running system has signed what there is.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look.
const LOOK: Duration = Duration::from_millis(100);

/// A log that can be read, and what was signed of it.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) source: Box<dyn Source>,
    personal: Personal,
    pub(super) key: VerifierKey,
    checkpoints: Checkpoints,
}

/// Where the keys to personal data are.
#[derive(Debug)]
enum Personal {
    Directory(Arc<SqliteReader>),
    Database(Arc<PostgresLog>),
    /// A server hands none out.
    Nowhere,
}

/// Where its checkpoints are.
#[derive(Debug)]
enum Checkpoints {
    /// Of a data directory.
    Files(FileCheckpoints, ReadOnlyDir),
    /// Of a deployment.
    Folder(FileCheckpoints),
    Server(ServerLog),
}

impl OpenLog {
    /// The log that the arguments name.
    pub(super) async fn open(args: &SourceArgs) -> Outcome<Self> {
        let place = &args.place;
        match (&place.data_dir, &place.url) {
            (Some(root), _) => Self::in_directory(root).await,
            (None, Some(url)) => Self::at(url).await,
            (None, None) if place.database => Self::in_database(&args.config).await,
            (None, None) => Err(Failure::usage(
                "name the log: --data-dir DIR, --url URL, or --database for the configured one",
            )),
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
            personal: Personal::Directory(reader),
            key: directory.verifier_key()?,
            checkpoints: Checkpoints::Files(directory.checkpoints(), directory),
        })
    }

    /// The log of a deployment, as its operator has it.
    async fn in_database(args: &ConfigArgs) -> Outcome<Self> {
        let config = role::load(&args.sources(vec![]), Role::Migrate)?;
        let checkpoints = &config.checkpoints;
        let folder = checkpoints.folder.as_ref().ok_or_else(|| {
            Failure::usage(
                "checkpoints.folder is not set, and --database needs it: use the configuration \
                 of a projector, or set COUNTERSIGN_CHECKPOINTS_FOLDER to its folder",
            )
        })?;
        if !folder.is_dir() {
            return Err(Failure::usage(format!(
                "checkpoints.folder: there is no folder {}: name the one that the projectors \
                 share",
                folder.display()
            )));
        }
        let signs = || Some(checkpoints.signing_key()?.verifier().clone());
        let key = checkpoints.trusted_key().or_else(signs).ok_or_else(|| {
            Failure::usage(
                "neither checkpoints.trusted_key nor checkpoints.key with checkpoints.origin is \
                 set, and --database needs to know whose checkpoints they are: set \
                 COUNTERSIGN_CHECKPOINTS_TRUSTED_KEY to the verifier key, which the projector \
                 writes into its log",
            )
        })?;
        let log = PostgresLog::connect(role::postgres_config(&config)).await;
        let log = Arc::new(log.map_err(|error| Failure::data(role::in_full(&error)))?);
        let shared: Arc<dyn EventLog> = log.clone();
        Ok(Self {
            source: Box::new(shared),
            personal: Personal::Database(log),
            key,
            checkpoints: Checkpoints::Folder(FileCheckpoints::new(folder)),
        })
    }

    /// The log of a server.
    pub(super) async fn at(url: &str) -> Outcome<Self> {
        let server = ServerLog::at(url);
        let (_, key) = server.newest().await?;
        Ok(Self {
            source: Box::new(server.clone()),
            personal: Personal::Nowhere,
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
            Checkpoints::Files(files, _) | Checkpoints::Folder(files) => {
                files.history().map_err(Failure::data)?
            }
            Checkpoints::Server(_) => vec![],
        };
        checkpoints.retain(|it| it.checkpoint().size <= to && Some(it) != newest.as_ref());
        checkpoints.extend(newest);
        Ok((to, checkpoints))
    }

    pub(super) async fn newest(&self) -> Outcome<Option<SignedCheckpoint>> {
        match &self.checkpoints {
            Checkpoints::Files(files, _) | Checkpoints::Folder(files) => {
                files.newest().map_err(Failure::data)
            }
            Checkpoints::Server(server) => server.newest().await.map(|(newest, _)| Some(newest)),
        }
    }

    /// Whether something is there that signs.
    fn is_signed_now(&self) -> bool {
        match &self.checkpoints {
            Checkpoints::Files(_, directory) => directory.in_use(),
            Checkpoints::Folder(_) | Checkpoints::Server(_) => true,
        }
    }

    /// The keys to the personal data of all accounts that were not erased; a server
    /// hands none out.
    pub(super) async fn personal_keys(&self) -> Outcome<PersonalKeyMap> {
        let keys = match &self.personal {
            Personal::Directory(reader) => reader.personal_keys().await,
            Personal::Database(log) => log.all_personal_keys().await,
            Personal::Nowhere => Ok(PersonalKeyMap::new()),
        };
        keys.map_err(Failure::data)
    }

    async fn head(&self) -> Outcome<u64> {
        self.source.head().await.map_err(Failure::data)
    }
}
