//! Writes the client and the server of the service that peers offer each other. Its messages are in `peers::wire`.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str, request: &str, response: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type(format!("crate::peers::wire::{request}"))
            .output_type(format!("crate::peers::wire::{response}"))
            .codec_path("tonic_prost::ProstCodec")
    };
    let service = Service::builder()
        .name("Peers")
        .package("conclave")
        .method(method("append", "Append", "AppendRequest", "AppendResponse").build())
        .method(
            method("replicate", "Replicate", "AppendRequest", "ReplicateResponse")
                .client_streaming()
                .server_streaming()
                .build(),
        )
        .method(method("vote", "Vote", "VoteRequest", "VoteResponse").build())
        .method(method("transfer", "Transfer", "TransferRequest", "TransferResponse").build())
        .method(method("snapshot", "Snapshot", "SnapshotPart", "SnapshotResponse").client_streaming().build())
        .method(method("forward", "Forward", "ForwardRequest", "ForwardResponse").build())
        .method(method("read_index", "ReadIndex", "ReadIndexRequest", "ReadIndexResponse").build())
        .method(method("greet", "Greet", "Greeting", "Greeting").build())
        .method(method("join", "Join", "JoinRequest", "JoinResponse").build())
        .build();
    Builder::new().compile(&[service]);
}
