//! `countersign dev`: the embedded system, kept up until it is told to stop.

use serde_json::json;

use countersign_domain::quorum::MAX_PARTIES;

use crate::args::DevArgs;
use crate::embedded::{Addresses, DataDir, MasterKeys, System};
use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) fn run(args: &DevArgs, as_json: bool) -> Outcome {
    if !(2..=MAX_PARTIES).contains(&args.parties) {
        return Err(Failure::usage(format!(
            "--parties must be 2 to {MAX_PARTIES}, got {}",
            args.parties
        )));
    }
    crate::embedded::log_to_stderr();
    let master = MasterKeys::from_args(&args.master)?;
    let addresses = Addresses {
        commands: args.listen,
        reads: args.read_listen,
        webhooks: args.webhooks.webhooks_listen,
    };
    let directory = DataDir::open(&args.data_dir)?;
    let system = System::start(
        &directory,
        args.parties,
        &master,
        addresses,
        args.webhooks.sending(),
    )?;
    let signals = system.signals()?;
    let (commands, reads) = system.urls();
    let webhooks = system.webhooks_url();
    let console = format!("{reads}/console/");
    let parties: Vec<_> = system.parties().iter().map(ToString::to_string).collect();
    let roster = directory.roster_file().display().to_string();
    let ready = json!({
        "status": "ready",
        "url": commands,
        "read_url": reads,
        "webhooks_url": webhooks,
        "console_url": console,
        "data_dir": args.data_dir.display().to_string(),
        "roster": roster,
        "parties": parties,
    });
    output::either(as_json, &ready, |_| {
        format!(
            "Countersign is up: {} in {}\n  commands  {commands}\n  reads     {reads}\n  console   \
             {console}\n  webhooks  {webhooks}\n  roster    {roster}\n\nTry: countersign account \
             create --username alice --email \
             alice@example.com\nStop with Ctrl-C; everything is there at the next start.",
            parties.join(", "),
            args.data_dir.display(),
        )
    })?;
    system.run_until(signals)
}
