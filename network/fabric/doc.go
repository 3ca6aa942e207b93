// Package fabric runs the consortium's real ledger: Hyperledger Fabric 3.1
// with BFT ordering, as native processes without Docker.
//
// In goes a folder (Config.Dir) and the pinned Fabric programs
// (EnsureBinaries); out comes a running channel that the stock fabric-gateway
// client talks to (Network.Conn) under identities of its organisations
// (Network.Enrol), with chaincode deployed by the full lifecycle
// (Network.Deploy). Five member organisations run one peer each, four ordering
// organisations one SmartBFT orderer each; TLS is used on every link; each
// organisation runs its own chaincode process. Everything a node needs lies in
// Dir/nodes/<name>, with relative paths, so that a node can be moved to a host
// of its own.
//
// Nodes are processes under supervision: Network.Node finds one by name to
// kill, stop and start it. When the program that started the network ends, for
// whatever reason, the kernel ends the nodes too. Detached nodes (Config.Detached)
// go on instead: Start heals what is missing of such a network, Open takes charge
// of it, View looks at it, Status tells how it is, Down ends it.
//
// Who is a member the channel's configuration says, whatever is planned: Members, Departed.
//
// With Config.Authorities each organisation has a Fabric CA on its own authority's
// key (StartAuthorities, EnrolAtCA).
//
// # What a chaincode program must do
//
// Deploy starts one process per organisation with these variables, and the
// program serves shim.ChaincodeServer accordingly:
//
//	CHAINCODE_ID              package id, for ChaincodeServer.CCID
//	CHAINCODE_SERVER_ADDRESS  host:port to listen on
//	CHAINCODE_TLS_DISABLED    "false"
//	CHAINCODE_TLS_KEY         file: private key of the TLS server, PEM
//	CHAINCODE_TLS_CERT        file: certificate of the TLS server, PEM
//	CHAINCODE_CLIENT_CA_CERT  file: authority that the peer's client certificate must come from, PEM
//
// The package must not import the gateway, the embedded ledger or any
// contract: it knows chaincode only as a program.
package fabric
