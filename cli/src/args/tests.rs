//! What the command line takes.

use clap::CommandFactory as _;

use super::Args;
use crate::check_arguments;

#[test]
fn the_command_line_contradicts_nothing() {
    Args::command().debug_assert();
}

#[test]
fn every_subcommand_has_help() {
    fn all(command: &clap::Command, path: &[String], into: &mut Vec<Vec<String>>) {
        for inner in command.get_subcommands() {
            let path = [path, &[inner.get_name().to_owned()]].concat();
            assert!(inner.get_about().is_some(), "{path:?} says what it is for");
            into.push(path.clone());
            all(inner, &path, into);
        }
    }
    let mut paths = vec![];
    all(&Args::command(), &[], &mut paths);
    for path in &paths {
        let help = path.iter().cloned().chain(["--help".to_owned()]);
        check_arguments(help).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    }
    let paths: Vec<_> = paths.iter().map(|path| path.join(" ")).collect();
    for role in [
        "migrate",
        "commands",
        "projector",
        "read-api",
        "party",
        "webhooks",
    ] {
        assert!(paths.iter().any(|path| path == role), "{role}");
    }
}

#[test]
fn roles_and_tools_take_their_arguments() {
    for line in [
        "migrate --check",
        "commands --listen 0.0.0.0:8080 --config c.toml --set log.format=json",
        "projector --config c.toml",
        "read-api --listen [::1]:8081",
        "party",
        "party --name a --vault v --roster r --master-key-file k",
        "party init --name a --vault v --identity-out i",
        "party identity --vault v",
        "party list --read-url http://localhost:1",
        "webhooks --listen 127.0.0.1:8082",
        "webhook add https://example.com/hook --type KeyActivated --from 1",
        "webhook list --url http://localhost:8082 --json",
        "webhook show 6c3c1ad6-3f0a-4bb1-9d0f-111111111111",
        "webhook replay 6c3c1ad6-3f0a-4bb1-9d0f-111111111111 --from 3",
        "webhook redeliver 6c3c1ad6-3f0a-4bb1-9d0f-111111111111 7",
        "webhook rotate-secret 6c3c1ad6-3f0a-4bb1-9d0f-111111111111 --grace-seconds 0",
        "dev --webhooks-allow-http --webhooks-allow-ports 80,8000-8999 --webhooks-allow-networks ::1",
        "roster assemble a b c --out r --force",
        "roster show r",
        "projections list",
        "projections status --json",
        "projections rebuild all",
        "projections verify",
        "projections verify keys",
        "config check --role read-api",
        "config show",
        "doctor --role party --json",
        "demo --url http://a --read-url http://b --roster r",
    ] {
        check_arguments(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn arguments_that_make_no_sense_together_are_refused() {
    for line in [
        "party --name a init",
        "commands --set log.format",
        "commands --listen 8080",
        "roster assemble --out r",
        "webhook replay 6c3c1ad6-3f0a-4bb1-9d0f-111111111111",
        "webhook add https://example.com --type Nothing",
        "dev --webhooks-allow-networks everything",
        "projections rebuild",
        "config check --role nobody",
        "demo --url http://a",
        "demo --url http://a --read-url http://b",
        "demo --url http://a --read-url http://b --roster r --data-dir d",
    ] {
        assert!(check_arguments(line.split(' ')).is_err(), "{line}");
    }
}
