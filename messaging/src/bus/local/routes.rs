//! Who listens where: exact subjects by hash map, wildcards in a list.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::bus::{Headers, Message, Payload, Request};
use crate::subject::matches;

#[derive(Default)]
pub(super) struct Routes {
    exact: HashMap<Arc<str>, Node>,
    wildcards: Vec<(Box<str>, Node)>,
}

/// The listeners on one subject or pattern.
#[derive(Default)]
struct Node {
    subscribers: Vec<Subscriber>,
    groups: Vec<Group>,
}

struct Subscriber {
    id: u64,
    sender: Sender<Message>,
    /// Whether it has been warned about.
    slow: AtomicBool,
}

struct Group {
    queue: Box<str>,
    members: Vec<(u64, Sender<Request>)>,
    turn: AtomicUsize,
}

/// What became of a request.
pub(super) enum Offered {
    /// There is no queue group on the subject.
    Nobody,
    /// It is in the queue of a member of each group.
    Taken,
    /// All members are behind; this one is next.
    Busy(Sender<Request>, Request),
}

impl Routes {
    /// Delivers to every subscriber that has room; how many had none.
    pub(super) fn publish(&self, subject: &str, payload: &Payload, headers: &Headers) -> u64 {
        let mut shared: Option<Arc<str>> = None;
        let mut dropped = 0;
        let subscribers = self.nodes(subject).flat_map(|node| &node.subscribers);
        for subscriber in subscribers {
            let subject = shared.get_or_insert_with(|| subject.into());
            let message = Message {
                subject: Arc::clone(subject),
                payload: payload.clone(),
                headers: headers.clone(),
            };
            if let Err(TrySendError::Full(lost)) = subscriber.sender.try_send(message) {
                dropped += 1;
                if !subscriber.slow.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        subject = &*lost.subject,
                        capacity = subscriber.sender.max_capacity(),
                        "a slow subscriber loses messages"
                    );
                }
            }
        }
        dropped
    }

    /// Gives the request to one member of each queue group on the subject.
    pub(super) fn offer(&self, subject: &str, request: impl Fn() -> Request) -> Offered {
        let mut offered = Offered::Nobody;
        for group in self.nodes(subject).flat_map(|node| &node.groups) {
            match (group.offer(request()), &offered) {
                (Offered::Taken, _) => offered = Offered::Taken,
                (busy @ Offered::Busy(..), Offered::Nobody) => offered = busy,
                _ => {}
            }
        }
        offered
    }

    pub(super) fn add_subscriber(&mut self, pattern: &str, id: u64, sender: Sender<Message>) {
        self.node_mut(pattern).subscribers.push(Subscriber {
            id,
            sender,
            slow: AtomicBool::new(false),
        });
    }

    pub(super) fn add_member(
        &mut self,
        pattern: &str,
        queue: &str,
        id: u64,
        sender: Sender<Request>,
    ) {
        let groups = &mut self.node_mut(pattern).groups;
        match groups.iter_mut().find(|group| *group.queue == *queue) {
            Some(group) => group.members.push((id, sender)),
            None => groups.push(Group {
                queue: queue.into(),
                members: vec![(id, sender)],
                turn: AtomicUsize::new(0),
            }),
        }
    }

    pub(super) fn remove(&mut self, pattern: &str, id: u64) {
        if let Some(node) = self.exact.get_mut(pattern) {
            if node.remove(id) {
                self.exact.remove(pattern);
            }
        } else if let Some(at) = self.wildcards.iter().position(|(p, _)| **p == *pattern)
            && self.wildcards[at].1.remove(id)
        {
            self.wildcards.swap_remove(at);
        }
    }

    pub(super) fn len(&self) -> usize {
        let nodes = self.exact.values();
        nodes
            .chain(self.wildcards.iter().map(|(_, node)| node))
            .map(Node::len)
            .sum()
    }

    fn nodes(&self, subject: &str) -> impl Iterator<Item = &Node> {
        let wildcards = self
            .wildcards
            .iter()
            .filter(move |(pattern, _)| matches(pattern, subject))
            .map(|(_, node)| node);
        self.exact.get(subject).into_iter().chain(wildcards)
    }

    fn node_mut(&mut self, pattern: &str) -> &mut Node {
        if !pattern.contains(['*', '>']) {
            return self.exact.entry(pattern.into()).or_default();
        }
        let known = self.wildcards.iter().position(|(p, _)| **p == *pattern);
        let at = known.unwrap_or_else(|| {
            self.wildcards.push((pattern.into(), Node::default()));
            self.wildcards.len() - 1
        });
        &mut self.wildcards[at].1
    }
}

impl Node {
    fn len(&self) -> usize {
        let members = self.groups.iter().map(|group| group.members.len());
        self.subscribers.len() + members.sum::<usize>()
    }

    /// Removes a listener; whether none is left.
    fn remove(&mut self, id: u64) -> bool {
        self.subscribers.retain(|subscriber| subscriber.id != id);
        for group in &mut self.groups {
            group.members.retain(|(member, _)| *member != id);
        }
        self.groups.retain(|group| !group.members.is_empty());
        self.len() == 0
    }
}

impl Group {
    /// Round-robin over the members, skipping those that are behind or gone.
    fn offer(&self, mut request: Request) -> Offered {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut busy = None;
        for step in 0..self.members.len() {
            let (_, member) = &self.members[turn.wrapping_add(step) % self.members.len()];
            request = match member.try_send(request) {
                Ok(()) => return Offered::Taken,
                Err(TrySendError::Full(request)) => {
                    busy.get_or_insert(member);
                    request
                }
                Err(TrySendError::Closed(request)) => request,
            };
        }
        match busy {
            Some(member) => Offered::Busy(member.clone(), request),
            None => Offered::Nobody,
        }
    }
}
