//! Connections to loopback ports, here or within a namespace.
//!
//! A namespace belongs to a thread: one that has entered it makes the connections and hands them out. A socket stays
//! in the namespace where it was made, whoever uses it.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream as Connected};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// How long a connection may take. On loopback it takes none: it is there, or refused.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Makes connections.
#[derive(Clone, Debug)]
pub enum Dialer {
    /// To this machine's loopback.
    Here,
    /// To that of a namespace.
    Within(mpsc::Sender<Call>),
}

/// A connection that is wanted.
#[derive(Debug)]
pub struct Call {
    port: u16,
    answer: oneshot::Sender<io::Result<Connected>>,
}

impl Dialer {
    /// One into the namespace that this file stands for.
    pub fn into(namespace: PathBuf) -> Dialer {
        let (calls, called) = mpsc::channel::<Call>();
        let file = File::open(&namespace).expect("the namespace was just made");
        // It ends with the last dialer.
        std::thread::spawn(move || {
            let entered = move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
            while let Ok(call) = called.recv() {
                let connected = entered.map_err(io::Error::from).and_then(|()| connect(call.port));
                let _ = call.answer.send(connected);
            }
        });
        Dialer::Within(calls)
    }

    /// Connects to a port.
    ///
    /// # Errors
    /// Of the system.
    pub async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        match self {
            Dialer::Here => {
                let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
                tokio::time::timeout(CONNECT_MAX, connecting).await?
            }
            Dialer::Within(calls) => {
                let (answer, answered) = oneshot::channel();
                let gone = || io::Error::other("the namespace is gone");
                calls.send(Call { port, answer }).map_err(|_| gone())?;
                let connected = answered.await.map_err(|_| gone())??;
                TcpStream::from_std(connected)
            }
        }
    }
}

fn connect(port: u16) -> io::Result<Connected> {
    let stream = Connected::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), CONNECT_MAX)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}
