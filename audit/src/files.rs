//! Checkpoints as files of a folder.
//!
//! ```text
//! latest                 the newest checkpoint, a signed note
//! history/000…01234      one file a checkpoint, named by its size
//! edge.json              what the checkpointer needs to go on
//! ```
//!
//! Every file is written whole and renamed into its place. Of the history the newest
//! [`KEPT`] stay, and of older ones the last in each power of two.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::checkpoint::SignedCheckpoint;
use crate::checkpointer::{CheckpointStore, Kept, KeptEdge, StoreError};

/// How many of the newest checkpoints are kept in any case.
const KEPT: usize = 1000;

/// Checkpoints in a folder of their own.
#[derive(Clone, Debug)]
pub struct FileCheckpoints {
    folder: PathBuf,
}

impl FileCheckpoints {
    /// The checkpoints in this folder, which is made when the first is saved.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn newest(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        self.checkpoint(&self.folder.join("latest"))
    }

    /// All checkpoints that are kept, by size.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn history(&self) -> Result<Vec<SignedCheckpoint>, StoreError> {
        let mut all = vec![];
        for size in self.sizes()? {
            // One that was thinned out meanwhile is not missed.
            all.extend(self.checkpoint(&self.path(size))?);
        }
        all.sort_by_key(|signed| signed.checkpoint().size);
        Ok(all)
    }

    fn path(&self, size: u64) -> PathBuf {
        self.folder.join("history").join(format!("{size:020}"))
    }

    fn sizes(&self) -> Result<Vec<u64>, StoreError> {
        let folder = self.folder.join("history");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(failed("read", &folder, &error)),
        };
        let mut sizes = vec![];
        for entry in entries {
            let entry = entry.map_err(|error| failed("read", &folder, &error))?;
            sizes.extend(
                entry
                    .file_name()
                    .to_str()
                    .and_then(|name| name.parse::<u64>().ok()),
            );
        }
        sizes.sort_unstable();
        Ok(sizes)
    }

    fn checkpoint(&self, path: &Path) -> Result<Option<SignedCheckpoint>, StoreError> {
        let Some(text) = read(path)? else {
            return Ok(None);
        };
        SignedCheckpoint::parse(&text)
            .map(Some)
            .map_err(|fault| failed("read", path, &fault))
    }

    fn load(&self) -> Result<Option<Kept>, StoreError> {
        let Some(checkpoint) = self.newest()? else {
            return Ok(None);
        };
        // Only a short cut: without it, or with one that is not readable, the log is
        // read again.
        let edge = read(&self.folder.join("edge.json"))?;
        let edge = edge.and_then(|text| serde_json::from_str::<KeptEdge>(&text).ok());
        Ok(Some(Kept { checkpoint, edge }))
    }

    fn store(&self, kept: &Kept) -> Result<(), StoreError> {
        let history = self.folder.join("history");
        fs::create_dir_all(&history).map_err(|error| failed("make", &history, &error))?;
        let note = kept.checkpoint.to_string();
        write(&self.path(kept.checkpoint.checkpoint().size), &note)?;
        if let Some(edge) = &kept.edge {
            let path = self.folder.join("edge.json");
            let text = serde_json::to_string(edge);
            write(
                &path,
                &text.map_err(|error| failed("write", &path, &error))?,
            )?;
        }
        // Last: from here on it is what was signed.
        write(&self.folder.join("latest"), &note)?;
        for size in superfluous(&self.sizes()?) {
            let path = self.path(size);
            fs::remove_file(&path).map_err(|error| failed("remove", &path, &error))?;
        }
        Ok(())
    }
}

/// Which of these sizes, in ascending order, need not be kept.
fn superfluous(sizes: &[u64]) -> Vec<u64> {
    let older = &sizes[..sizes.len().saturating_sub(KEPT)];
    let in_one_power = |a: u64, b: u64| a.checked_ilog2() == b.checked_ilog2();
    older
        .windows(2)
        .filter(|pair| in_one_power(pair[0], pair[1]))
        .map(|pair| pair[0])
        .collect()
}

#[async_trait]
impl CheckpointStore for FileCheckpoints {
    async fn latest(&self) -> Result<Option<Kept>, StoreError> {
        let files = self.clone();
        blocking(move || files.load()).await
    }

    async fn save(&self, kept: &Kept) -> Result<(), StoreError> {
        let (files, kept) = (self.clone(), kept.clone());
        blocking(move || files.store(&kept)).await
    }
}

/// Writing waits for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(StoreError {
            detail: error.to_string(),
        })
    })
}

fn read(path: &Path) -> Result<Option<String>, StoreError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// Writes a file whole and durably, or leaves what was there.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), StoreError> {
    let cannot = |error: std::io::Error| failed("write", path, &error);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)?;
    // Checkpoints are there to be seen.
    let everybody = fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(everybody).map_err(cannot)?;
    file.as_file().sync_all().map_err(cannot)?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    let folder = fs::File::open(folder).map_err(cannot)?;
    folder.sync_all().map_err(cannot)
}

fn failed(what: &str, path: &Path, why: &dyn std::fmt::Display) -> StoreError {
    StoreError {
        detail: format!("cannot {what} {}: {why}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::superfluous;

    #[test]
    fn the_newest_stay_and_one_of_each_power_of_two() {
        let few: Vec<u64> = (1..=1000).collect();
        assert!(superfluous(&few).is_empty());
        let many: Vec<u64> = (1..=5000).collect();
        let gone = superfluous(&many);
        let kept: Vec<u64> = many
            .iter()
            .copied()
            .filter(|size| !gone.contains(size))
            .collect();
        let (old, new) = kept.split_at(kept.len() - 1000);
        assert_eq!(new, (4001..=5000).collect::<Vec<_>>());
        assert_eq!(old, [1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4000]);
    }
}
