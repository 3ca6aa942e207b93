// Command service serves the conformance chaincode to a Fabric peer, with the
// address, package id and TLS files that package network/fabric hands to a
// chaincode program.
package main

import (
	"log"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"traceledger/network/conformance/chaincode"
)

func main() {
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	server := shim.ChaincodeServer{
		CCID:    os.Getenv("CHAINCODE_ID"),
		Address: os.Getenv("CHAINCODE_SERVER_ADDRESS"),
		CC:      chaincode.Chaincode{},
	}
	for variable, content := range map[string]*[]byte{
		"CHAINCODE_TLS_KEY":        &server.TLSProps.Key,
		"CHAINCODE_TLS_CERT":       &server.TLSProps.Cert,
		"CHAINCODE_CLIENT_CA_CERT": &server.TLSProps.ClientCACerts,
	} {
		var err error
		if *content, err = os.ReadFile(os.Getenv(variable)); err != nil {
			return err
		}
	}
	return server.Start()
}
