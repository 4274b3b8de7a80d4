//! The signing party: protocol engines, vault and worker.
